// Group-relative advantages: how much better a response did than others to the same prompt.
#pragma once

#include <cmath>
#include <span>
#include <vector>

namespace trainer {

/// (R - mean) / (deviation + 1e-6) within each group of `size` consecutive rewards; the deviation divides by size - 1
/// (GRPO). A group of one, or of equal rewards, gets 0.
inline std::vector<float> group_relative(std::span<double const> rewards, std::size_t size) {
  std::vector<float> advantages(rewards.size());
  for (std::size_t first = 0; first < rewards.size(); first += size) {
    auto const group = rewards.subspan(first, std::min(size, rewards.size() - first));
    double mean = 0.0;
    for (double const r : group) mean += r / static_cast<double>(group.size());
    double squares = 0.0;
    for (double const r : group) squares += (r - mean) * (r - mean);
    if (group.size() < 2 || squares <= 1e-12) continue;
    double const deviation = std::sqrt(squares / static_cast<double>(group.size() - 1));
    for (std::size_t i = 0; i < group.size(); ++i) {
      advantages[first + i] = static_cast<float>((group[i] - mean) / (deviation + 1e-6));
    }
  }
  return advantages;
}

}  // namespace trainer
