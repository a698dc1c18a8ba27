// A token made by hand and filled in as an executor does.
#pragma once

#include <cppo/mask/combinators.hpp>

namespace cppo_test {

// The numbers of a token that a mask may read. Must outlive the token made from it.
struct hand_token {
  double log_prob = -1.0, rollout_log_prob = -1.0, advantage = 1.0;
  double divergence = 0.0, weight = 1.0;
  bool within_budget = true;
  double drift = 0.0, prefix_weight = 0.0, allowance = 0.0;
  cppo::response_summary response = {.length = 1, .max_divergence = 0.0, .divergence_sum = {}, .delta_b = 0.0,
                                     .bad_tokens = 0};

  template <class V = cppo::float_lane>
  cppo::token<V> make() const {
    cppo::token<V> t{V(log_prob), V(rollout_log_prob), V(advantage)};
    t.set_divergence(V(divergence));
    t.set_weight(cppo::position<V>(1), response, V(weight));
    t.set_within_prefix_budget(within_budget ? V(0) <= V(0) : V(0) < V(0));
    t.set_prefix(V(drift), V(prefix_weight), V(allowance));
    return t;
  }
};

// True if the mask keeps the token.
template <class Mask>
bool keeps(Mask const& mask, hand_token const& t) {
  return mask(t.make<cppo::float_lane>()).raw();
}
template <class Mask>
bool keeps_in_double(Mask const& mask, hand_token const& t) {
  return mask(t.make<cppo::double_lane>()).raw();
}
// How far beyond the mask's boundary the token is.
template <class Mask>
double excess(Mask const& mask, hand_token const& t) {
  return cppo::detail::excess_of(mask, t.make<cppo::double_lane>()).raw();
}

}  // namespace cppo_test
