#include "batch_pass.hpp"

#include "parallel.hpp"

#include <algorithm>

namespace trainer {

namespace {

/// The number of gradients that are summed apart, each over every eighth sequence, and then added in order.
constexpr std::size_t lanes = 8;
/// So many numbers of a gradient are added by one thread at a time.
constexpr std::size_t stretch = 16384;

}  // namespace

batch_pass::batch_pass(model_shape const& shape, std::size_t sequences, int threads, double temperature)
    : threads_(threads), temperature_(temperature), network_(shape), traces_(sequences),
      gradients_(lanes, parameters<float>(shape)) {}

std::vector<trained_policy> const& batch_pass::forward(parameters<float> const& weights,
                                                       std::span<sequence const* const> sequences,
                                                       policy_reader const& read) {
  turned_weights<float> const turned(weights);
  policies_.resize(sequences.size());
  parallel_for(sequences.size(), threads_, [&](std::size_t i) {
    network_.forward(turned, *sequences[i], traces_[i]);
    policies_[i] = read(i, traces_[i].logits);
  });
  return policies_;
}

parameters<float> const& batch_pass::backward(parameters<float> const& weights,
                                              std::span<sequence const* const> sequences,
                                              std::span<float const> dlog_prob) {
  std::vector<std::size_t> starts{0};
  for (sequence const* const s : sequences) {
    starts.push_back(starts.back() + static_cast<std::size_t>(s->response_length()));
  }
  parallel_for(lanes, threads_, [&](std::size_t lane) {
    std::vector<float>& sum = gradients_[lane].flat();
    std::fill(sum.begin(), sum.end(), 0.0F);
    for (std::size_t i = lane; i < sequences.size(); i += lanes) {
      auto const given = dlog_prob.subspan(starts[i], starts[i + 1] - starts[i]);
      bool const teaches = std::any_of(given.begin(), given.end(), [](float d) { return d != 0.0F; });
      if (!teaches) continue;
      matrix<float>& logits = traces_[i].logits;
      replace_by_gradient(logits, sequences[i]->response(), temperature_, policies_[i].log_sum_exp, given);
      network_.backward(weights, *sequences[i], traces_[i], logits, gradients_[lane]);
    }
  });
  add_up();
  return gradients_[0];
}

void batch_pass::add_up() {
  std::vector<float>& total = gradients_[0].flat();
  parallel_for((total.size() + stretch - 1) / stretch, threads_, [&](std::size_t part) {
    std::size_t const end = std::min((part + 1) * stretch, total.size());
    for (std::size_t lane = 1; lane < lanes; ++lane) {
      std::vector<float> const& more = gradients_[lane].flat();
      for (std::size_t i = part * stretch; i < end; ++i) total[i] += more[i];
    }
  });
}

}  // namespace trainer
