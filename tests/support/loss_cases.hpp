// policy_loss_from_logits to compare an executor with seq, bit for bit.
#pragma once

#include "logit_cases.hpp"

#include <cppo/cppo.hpp>

namespace cppo_test {

struct loss_case {
  std::size_t responses, slots, width;
  cppo::aggregation aggregate = cppo::token_mean;
  bool packed = false;
  bool in_place = false;
  double temperature = 1.0;
  std::uint64_t seed = 1;
};

// Inputs and outputs of a case, in vectors.
template <class Element>
struct loss_buffers {
  static constexpr std::size_t listed = 5;
  loss_case c;
  std::vector<Element> x;
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> ids, offsets;
  std::vector<float> mu, mu_listed, advantage;
  std::vector<std::uint8_t> mask;
  std::vector<Element> gradient;
  std::vector<float> loss, kept, measured;
  std::vector<double> log_prob, entropy;
  cppo::report report;

  explicit loss_buffers(loss_case const& of)
      : c(of), gradient(rows() * c.width, Element(9.0F)), loss(rows(), 9.0F), kept(rows(), 9.0F),
        measured(rows(), 9.0F), log_prob(rows(), 9.0), entropy(rows(), 9.0) {
    for (std::size_t b = 0; b <= c.responses; ++b) offsets.push_back(static_cast<std::int32_t>(b * c.slots));
    for (std::size_t i = 0; i < rows(); ++i) add_row(i);
    report.sum_loss = 9.0;
  }
  std::size_t rows() const { return c.responses * c.slots; }
  template <class F>
  void each_input(F const& f) {
    f(x), f(id), f(ids), f(mu), f(mu_listed), f(advantage), f(mask);
  }
  template <class F>
  void each_output(F const& f) {
    f(gradient), f(loss), f(kept), f(measured), f(log_prob), f(entropy);
  }

 private:
  void add_row(std::size_t i) {
    drawn_numbers draw(c.seed * 1000 + i);
    double sum = 0.0;
    std::vector<double> logit;
    for (std::size_t k = 0; k < c.width; ++k) {
      logit.push_back(2.0 * draw.normal());
      x.push_back(Element(static_cast<float>(logit.back())));
      sum += std::exp(logit.back() / c.temperature);
    }
    auto const mu_of = [&](std::size_t k) {
      double const near = logit[k] / c.temperature - std::log(sum) + 0.4 * draw.normal();
      return static_cast<float>(std::min(-1e-3, near));
    };
    add_token(draw, mu_of);
  }
  template <class F>
  void add_token(drawn_numbers& draw, F const& mu_of) {
    std::size_t const y = draw.bits() % c.width;
    id.push_back(static_cast<std::int64_t>(y)), mu.push_back(mu_of(y));
    for (std::size_t j = 0; j < listed; ++j) {
      std::size_t const k = (y + 1 + j * 7) % c.width;
      ids.push_back(static_cast<std::int32_t>(k)), mu_listed.push_back(mu_of(k));
    }
    advantage.push_back(static_cast<float>(draw.normal()));
    mask.push_back(draw.bits() % 6 != 0);
  }
};

// Runs a case by call(batch, outputs, options); there(vector) is where the executor finds it.
template <class Buffers, class There, class Call>
cppo::status run_case(Buffers& b, There const& there, cppo::layout const& l, cppo::report* report, Call const& call) {
  using namespace cppo;
  auto const v = static_cast<index_t>(b.c.width), k = static_cast<index_t>(b.listed);
  auto* const x = there(b.x);
  auto const batch = rollout_batch(l, logits(v, x).at_temperature(b.c.temperature), token_id(there(b.id)),
                                   rollout_log_prob(there(b.mu)), advantage(there(b.advantage)),
                                   response_mask(there(b.mask)), rollout_top_k(k, there(b.ids), there(b.mu_listed)));
  return call(batch, logit_loss_outputs{.logits_gradient = b.c.in_place ? x : there(b.gradient), .loss = there(b.loss),
                                        .mask = there(b.kept), .log_prob = there(b.log_prob),
                                        .entropy = there(b.entropy), .trace = {.divergence = there(b.measured)},
                                        .report = report},
              loss_options{.aggregate = b.c.aggregate});
}

// Compares run(got, region) with seq, which leaves its status in s and what it writes in `want`.
template <class Element, class Region, class Run>
std::string loss_unlike_seq(loss_buffers<Element>& want, loss_buffers<Element>& got, cppo::status& s,
                            Region const& region, Run const& run) {
  using namespace cppo;
  auto const b = static_cast<index_t>(want.c.responses), t = static_cast<index_t>(want.c.slots);
  layout const l = want.c.packed ? layout(packed(want.offsets.data(), b)) : layout(padded(b, t));
  s = run_case(want, [](auto& v) { return v.data(); }, l, &want.report,
               [&](auto const& batch, auto const& out, auto const& options) {
                 return policy_loss_from_logits(seq, batch, region, out, options);
               });
  std::string wrong = unlike(run(got, region), s);
  auto const same = [](auto const& x, auto const& y) {
    return std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0;
  };
  char const* const names[] = {"gradient", "loss", "mask", "divergence", "log_prob", "entropy"};
  bool const equal[] = {same(got.gradient, want.gradient) && same(got.x, want.x), same(got.loss, want.loss),
                        same(got.kept, want.kept), same(got.measured, want.measured),
                        same(got.log_prob, want.log_prob), same(got.entropy, want.entropy)};
  for (int k = 0; k < 6 && wrong.empty(); ++k) wrong = equal[k] ? "" : std::string(names[k]) + " differs";
  if (wrong.empty() && std::memcmp(&got.report, &want.report, sizeof want.report) != 0) wrong = "the report differs";
  return wrong.empty() ? "" : "loss, seed " + std::to_string(want.c.seed) + ": " + wrong;
}
// Compares run(buffers, region) with seq; change(buffers) makes both cases what they are.
template <class Element, class Region, class Run, class Change>
std::string loss_unlike_seq(loss_case const& c, Region const& region, Run const& run, Change const& change) {
  loss_buffers<Element> want(c), got(c);
  change(want), change(got);
  cppo::status s;
  return loss_unlike_seq(want, got, s, region, run);
}
// The same on inputs that seq takes, and of which it keeps a token.
template <class Element, class Region, class Run>
std::string loss_unlike_seq(loss_case const& c, Region const& region, Run const& run) {
  loss_buffers<Element> want(c), got(c);
  cppo::status s;
  std::string const wrong = loss_unlike_seq(want, got, s, region, run);
  if (!wrong.empty()) return wrong;
  if (!s.ok()) return std::string("seq refuses it: ") + cppo::describe(s).c_str();
  return std::count(want.kept.begin(), want.kept.end(), 1.0F) > 0 ? "" : "seq keeps no token";
}

// What can be wrong with a batch: in the logits, which ends the call, and after them.
template <class Region, class Run>
std::string loss_faults_unlike_seq(Region const& region, Run const& run) {
  using buffers = loss_buffers<float>;
  static constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  void (*const changes[])(buffers&) = {
      [](buffers& b) { b.x[7 * 33 + 5] = nan; },
      [](buffers& b) { b.id[3] = 33, b.mu[1] = nan; },
      [](buffers& b) { b.ids[12] = 40; },
      [](buffers& b) { b.mask[2] = 3; },
      [](buffers& b) { b.x[4 * 33 + static_cast<std::size_t>(b.id[4])] = no_logit; },
      [](buffers& b) {  // a log-prob that no region takes
        std::fill_n(b.x.begin() + 4 * 33, 33, 0.0F);
        b.x[4 * 33 + static_cast<std::size_t>(b.id[4])] = -20000.0F;
      },
      [](buffers& b) { b.mu[4] = 0.5F; },
      [](buffers& b) { b.advantage[6] = nan, b.mu[5] = nan; },
      [](buffers& b) { b.mask.assign(b.mask.size(), 0); },
  };
  int k = 0;
  for (auto const change : changes) {
    for (auto const aggregate : {cppo::token_mean, cppo::token_sum}) {
      loss_case const c{.responses = 2, .slots = 4, .width = 33, .aggregate = aggregate, .packed = k % 2 == 1,
                        .in_place = aggregate == cppo::token_sum};
      std::string const wrong = loss_unlike_seq<float>(c, region, run, [&](buffers& b) {
        b.mask.assign(b.mask.size(), 1);
        change(b);
      });
      if (!wrong.empty()) return "fault " + std::to_string(k) + ", " + wrong;
    }
    ++k;
  }
  return "";
}

}  // namespace cppo_test
