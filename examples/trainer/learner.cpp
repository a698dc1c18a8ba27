#include "learner.hpp"

#include "advantages.hpp"
#include "parallel.hpp"
#include "sampler.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <stdexcept>

namespace trainer {

namespace {

/// The number of responses that are sampled in one call. It is fixed, so that arithmetic does not depend on threads.
constexpr std::size_t rows_in_step = 8;

/// What a stream of random numbers is used for.
enum class purpose : std::uint64_t { sampling, order };

/// Adds the seconds from its construction to its destruction to a sum.
class stopwatch {
 public:
  explicit stopwatch(double& sum) : sum_(sum) {}
  stopwatch(stopwatch const&) = delete;
  stopwatch& operator=(stopwatch const&) = delete;
  ~stopwatch() { sum_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  double& sum_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::size_t responses_in_update(learning_options const& o) {
  return o.minibatches > 0 ? o.responses / o.minibatches : 0;
}

}  // namespace

time_spent& time_spent::operator+=(time_spent const& more) {
  sampling += more.sampling;
  forward += more.forward;
  backward += more.backward;
  mask += more.mask;
  other += more.other;
  return *this;
}

learner::learner(parameters<float> const& start, task const& t, learning_options const& options)
    : task_(t), options_(options), further_(further_inputs_of(options.region)), base_(start), weights_(start),
      network_(start.shape()),
      pass_(start.shape(), responses_in_update(options), options.threads, options.temperature),
      optimiser_(start.shape(), options.adam) {
  if (cppo::parameter_check const p = std::visit([](auto const& r) { return r.check(); }, options.region); !p) {
    throw std::invalid_argument(std::string(p.name) + " is out of range: it must be " + p.range);
  }
  if (options.source == evidence::given) throw std::invalid_argument("a learner has no divergences from elsewhere");
  if (options.group == 0 || options.group % rows_in_step != 0 || options.responses % options.group != 0 ||
      options.minibatches == 0 || options.responses % options.minibatches != 0) {
    throw std::invalid_argument("a group must be a multiple of 8, and responses one of group and minibatches");
  }
  more_ = {.entropy = further_.entropy, .full_divergences = options.source == evidence::exact_tv ||
                                                            options.source == evidence::exact_kl};
}

bool learner::step(std::atomic<bool> const& stop, step_record& record) {
  if (stop) return false;
  sample(record);
  give_rewards(record);
  std::size_t const size = options_.responses / options_.minibatches;
  for (int epoch = 0; epoch < options_.epochs; ++epoch) {
    std::vector<std::size_t> const order = shuffled(epoch);
    for (std::size_t first = 0; first < order.size(); first += size) {
      if (stop) return false;
      update(std::span(order).subspan(first, size), record);
    }
  }
  ++steps_;
  return true;
}

void learner::sample(step_record& record) {
  stopwatch const time(record.time.sampling);
  parameters<float> const rounded = rounded_to_bfloat16(past_.empty() ? weights_ : past_.front());
  sampler const engine(rounded);
  sampling const how{task_.tokens, task_.end_token, false, options_.temperature};
  experiences_.assign(options_.responses, {});
  parallel_for(options_.responses / rows_in_step, options_.threads, [&](std::size_t block) {
    std::size_t const first = block * rows_in_step;
    std::size_t const group = steps_ * (options_.responses / options_.group) + first / options_.group;
    auto const& prompt = task_.prompts[group % task_.prompts.size()];
    std::vector<random_stream> streams;
    for (std::size_t r = 0; r < rows_in_step; ++r) {
      streams.emplace_back(random_stream({options_.seed, static_cast<std::uint64_t>(purpose::sampling), steps_,
                                          static_cast<std::uint64_t>(first + r)}));
    }
    std::vector<sampled_response> responses = engine.run(prompt, streams, how);
    for (std::size_t r = 0; r < rows_in_step; ++r) {
      experience& e = experiences_[first + r];
      e.tokens.ids = prompt;
      e.tokens.first = static_cast<Index>(prompt.size());
      e.tokens.ids.insert(e.tokens.ids.end(), responses[r].ids.begin(), responses[r].ids.end());
      e.mu = std::move(responses[r].mu);
      if (options_.source == evidence::top_k) add_lists(e.mu, options_.temperature);
    }
  });
}

void learner::give_rewards(step_record& record) {
  stopwatch const time(record.time.other);
  std::vector<double> rewards(experiences_.size());
  std::vector<double> surprise(experiences_.size());
  parallel_for(experiences_.size(), options_.threads, [&](std::size_t i) {
    experience& e = experiences_[i];
    sequence const& s = e.tokens;
    std::vector<std::int32_t> const prompt(s.ids.begin(), s.ids.begin() + s.first);
    rewards[i] = task_.reward(prompt, {s.ids.begin() + s.first, s.ids.end()});
    network_trace<float> trace;
    network_.forward(base_turned_, s, trace);
    e.reference_log_prob = trained_policy_of(trace.logits, s.response(), options_.temperature).log_prob;
    surprise[i] = -std::accumulate(e.reference_log_prob.begin(), e.reference_log_prob.end(), 0.0);
  });
  std::vector<float> const advantages = group_relative(rewards, options_.group);
  double tokens = 0.0;
  for (std::size_t i = 0; i < experiences_.size(); ++i) {
    experiences_[i].reward = rewards[i];
    experiences_[i].advantage = advantages[i];
    tokens += static_cast<double>(experiences_[i].tokens.response_length());
  }
  auto const n = static_cast<double>(experiences_.size());
  record.success = std::accumulate(rewards.begin(), rewards.end(), 0.0) / n;
  record.base_nll = std::accumulate(surprise.begin(), surprise.end(), 0.0) / tokens;
  record.length = tokens / n;
}

std::vector<std::size_t> learner::shuffled(int epoch) const {
  std::vector<std::size_t> order(experiences_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random_stream random(
      {options_.seed, static_cast<std::uint64_t>(purpose::order), steps_, static_cast<std::uint64_t>(epoch)});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

void learner::update(std::span<std::size_t const> picked, step_record& record) {
  std::vector<sequence const*> sequences;
  for (std::size_t const i : picked) sequences.push_back(&experiences_[i].tokens);
  if (options_.stale > 0) {
    if (past_.size() == options_.stale) past_.pop_front();
    past_.push_back(weights_);
  }
  apply_region(picked, policies(picked, sequences, record), record);
  stopwatch const time(record.time.backward);
  parameters<float> const& gradient = pass_.backward(weights_, sequences, dlog_prob_);
  record.largest_norm = std::max(record.largest_norm, optimiser_.step(weights_, gradient));
}

std::vector<trained_policy> const& learner::policies(std::span<std::size_t const> picked,
                                                     std::span<sequence const* const> sequences,
                                                     step_record& record) {
  stopwatch const time(record.time.forward);
  return pass_.forward(weights_, sequences, [&](std::size_t i, matrix<float> const& logits) {
    return policy_in(logits, experiences_[picked[i]], more_);
  });
}

trained_policy learner::policy_in(matrix<float> const& logits, experience const& e, also_read more) const {
  return trained_policy_of(logits, e.tokens.response(), options_.temperature, e.mu, more);
}

std::vector<trained_policy> learner::policy_now() {
  std::vector<trained_policy> all(experiences_.size());
  turned_weights<float> const turned(weights_);
  parallel_for(all.size(), options_.threads, [&](std::size_t i) {
    experience& e = experiences_[i];
    if (e.mu.list_id.empty()) add_lists(e.mu, options_.temperature);
    network_trace<float> trace;
    network_.forward(turned, e.tokens, trace);
    all[i] = policy_in(trace.logits, e, {.full_divergences = true});
  });
  return all;
}

/// Uses the library: buffers are lent, and one call gives mask, loss, gradient and report.
void learner::apply_region(std::span<std::size_t const> picked, std::vector<trained_policy> const& pi,
                           step_record& record) {
  stopwatch const time(record.time.mask);
  lent_minibatch const minibatch(experiences_, picked, pi, options_.source, further_);
  dlog_prob_.resize(minibatch.slots());
  decisions_.resize(minibatch.slots());
  cppo::report report;
  cppo::status const ended =
      dispatch::policy_loss(dispatch::executor::simd, minibatch.lend(), options_.region,
                            {.gradient = dlog_prob_, .trace = {.decision = decisions_}, .report = &report},
                            {.aggregate = cppo::token_mean});
  if (!ended.ok()) throw std::runtime_error(describe(ended).c_str());
  record.report = record.report + report;
  count_positions(minibatch.cu_seqlens(), decisions_, record.positions, minibatch.binary_tv());
}

}  // namespace trainer
