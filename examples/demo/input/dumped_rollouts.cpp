#include "input/dumped_rollouts.hpp"

#include "input/input_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

/// Numbers with nine digits, from which the same floats are read back.
std::string numbers(std::vector<float> const& values) { return fmt::format("[{:.9g}]", fmt::join(values, ",")); }

std::vector<float> log_probs_now(trainer::learner const& learner, trainer::sequence const& s) {
  trainer::network_trace<float> trace;
  trainer::turned_weights<float> const weights(learner.weights());
  trainer::network<float>(weights.shape()).forward(weights, s, trace);
  return {trace.log_prob.begin(), trace.log_prob.end()};
}

}  // namespace

rollout_dump::rollout_dump(std::string const& path) : path_(path) {
  if (path.empty()) return;
  file_.open(path, std::ios::binary);
  if (!file_) throw input_error(fmt::format("{}: the file of rollouts cannot be written", path));
}

void rollout_dump::add(setting const& what, trainer::learning_options const& options, int step,
                       trainer::learner const& learner) {
  if (path_.empty()) return;
  int const updates = options.epochs * static_cast<int>(options.minibatches);
  for (std::size_t i = 0; i < learner.experiences().size(); ++i) {
    trainer::experience const& e = learner.experiences()[i];
    auto const first = e.tokens.ids.begin() + e.tokens.first;
    std::vector<int> const mask(e.rollout_log_prob.size(), 1);
    file_ << fmt::format(
        "{{\"region\":\"{}\",\"seed\":{},\"step\":{},\"prompt\":{},\"sample\":{},\"prompt_ids\":[{}],"
        "\"response_ids\":[{}],\"response_mask\":[{}],\"reward\":{},\"advantage\":{:.9g},\"rollout_log_prob\":{},"
        "\"log_prob\":{{\"{}\":{}}}}}\n",
        what.name, options.seed, step, i / options.group, i % options.group,
        fmt::join(e.tokens.ids.begin(), first, ","), fmt::join(first, e.tokens.ids.end(), ","), fmt::join(mask, ","),
        e.reward, e.advantage, numbers(e.rollout_log_prob), updates, numbers(log_probs_now(learner, e.tokens)));
  }
  if (!file_.flush()) throw input_error(fmt::format("{}: the file of rollouts cannot be written", path_));
}

}  // namespace demo
