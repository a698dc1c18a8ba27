// Batches of rewards for the tests of advantages: drawn from codes, so that a failing one shrinks; cut and permuted.
#pragma once

#include "support/reference_advantage.hpp"

#include <cppo/advantage/response_batch.hpp>

#include <numeric>

namespace cppo_test {

inline cppo::response_batch_view lend(rewarded const& r) {
  auto const shape = cppo::padded(static_cast<cppo::index_t>(r.size()), static_cast<cppo::index_t>(r.width));
  return cppo::response_batch(shape, cppo::reward(r.reward), cppo::group_id(r.group), cppo::response_mask(r.mask));
}

// A response a code: its reward is one of 7 sixteenths, its prompt one of 4, of 6 slots 0 to 6 are tokens.
inline rewarded drawn_rewards(std::vector<int> const& codes) {
  rewarded r;
  r.width = 6;
  for (int const code : codes) {
    auto const c = static_cast<unsigned>(code) % 10000U;
    r.reward.push_back((static_cast<double>(c % 7) - 2.0) / 16.0);
    r.group.push_back(static_cast<std::int64_t>(c / 7 % 4) * 1000 - 7);
    for (unsigned i = 0; i < 6; ++i) r.mask.push_back((c / 28 + i * 5) % 6 < c / 28 % 7 ? 1 : 0);
  }
  return r;
}

// The responses in another order: response k of the result is response order[k].
inline rewarded in_order(rewarded const& r, std::vector<std::size_t> const& order) {
  rewarded out;
  out.width = r.width;
  for (std::size_t const b : order) {
    out.reward.push_back(r.reward[b]);
    out.group.push_back(r.group[b]);
    auto const first = r.mask.begin() + static_cast<std::ptrdiff_t>(b * r.width);
    out.mask.insert(out.mask.end(), first, first + static_cast<std::ptrdiff_t>(r.width));
  }
  return out;
}
// Responses first to last - 1.
inline rewarded part_of(rewarded const& r, std::size_t first, std::size_t last) {
  std::vector<std::size_t> order(last - first);
  std::iota(order.begin(), order.end(), first);
  return in_order(r, order);
}

// How many numbers a rule writes for a batch: one a response, or one a slot.
inline std::size_t numbers_of(rewarded const& r, bool per_token) { return per_token ? r.mask.size() : r.size(); }

}  // namespace cppo_test
