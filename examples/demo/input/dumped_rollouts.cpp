#include "input/dumped_rollouts.hpp"

#include "input/input_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

/// Numbers with nine digits, from which the same floats are read back.
std::string numbers(std::vector<float> const& values) { return fmt::format("[{:.9g}]", fmt::join(values, ",")); }

}  // namespace

rollout_dump::rollout_dump(std::string const& path) : path_(path) {
  if (path.empty()) return;
  file_.open(path, std::ios::binary);
  if (!file_) throw input_error(fmt::format("{}: the file of rollouts cannot be written", path));
}

void rollout_dump::add(setting const& what, trainer::learning_options const& options, int step,
                       std::vector<trainer::experience> const& responses,
                       std::vector<trainer::trained_policy> const& pi) {
  if (path_.empty()) return;
  int const updates = options.epochs * static_cast<int>(options.minibatches);
  for (std::size_t i = 0; i < responses.size(); ++i) {
    trainer::experience const& e = responses[i];
    auto const first = e.tokens.ids.begin() + e.tokens.first;
    std::vector<int> const mask(e.mu.log_prob.size(), 1);
    file_ << fmt::format(
        "{{\"region\":\"{}\",\"seed\":{},\"step\":{},\"prompt\":{},\"sample\":{},\"prompt_ids\":[{}],"
        "\"response_ids\":[{}],\"response_mask\":[{}],\"reward\":{},\"advantage\":{:.9g},\"rollout_log_prob\":{},"
        "\"log_prob\":{{\"{}\":{}}}}}\n",
        what.name, options.seed, step, i / options.group, i % options.group,
        fmt::join(e.tokens.ids.begin(), first, ","), fmt::join(first, e.tokens.ids.end(), ","), fmt::join(mask, ","),
        e.reward, e.advantage, numbers(e.mu.log_prob), updates, numbers(pi[i].log_prob));
  }
  if (!file_.flush()) throw input_error(fmt::format("{}: the file of rollouts cannot be written", path_));
}

}  // namespace demo
