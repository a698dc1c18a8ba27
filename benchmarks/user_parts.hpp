// CPPO in parts that a user could have written.
#pragma once

#include <cppo/cppo.hpp>

namespace user {

struct shared_exponential_tv {
  template <class V>
  constexpr V at(cppo::token<V> const& t) const {
    return exp(max(t.log_prob(), t.rollout_log_prob())) * t.ratio_gap();
  }
};

struct textbook_tv {
  template <class V>
  constexpr V at(cppo::token<V> const& t) const {
    return abs(t.prob() - t.rollout_prob());
  }
};

struct falling_weight {
  double w_min;
  constexpr bool check() const { return w_min > 0.0 && w_min <= 1.0; }
  template <class V>
  constexpr V at(cppo::position<V> t, cppo::index_t length) const {
    return V(1) - V(length > 1 ? (1.0 - w_min) / static_cast<double>(length - 1) : 0.0) * t.before();
  }
};

struct toward {
  static constexpr cppo::clause kind = cppo::clause::toward;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.moves_toward_rollout();
  }
};

struct threshold {
  static constexpr cppo::clause kind = cppo::clause::divergence;
  double delta;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.weighted_divergence() <= V(delta);
  }
};

template <class Divergence>
constexpr auto cppo_in_parts(cppo::cppo_options o, Divergence divergence) {
  auto const within = all_of(threshold{o.delta}, cppo::prefix_budget(o.delta, cppo::fixed_budget(o.delta_b)));
  return cppo::trust_region(divergence, falling_weight{o.w_min}, any_of(toward{}, within));
}

}  // namespace user
