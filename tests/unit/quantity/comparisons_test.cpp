// Comparisons of quantities, which are masks: every pair of a small grid, NaN, both zeros, infinities.
#include "support/catch_compat.hpp"
#include "support/hand_token.hpp"

#include <cppo/mask.hpp>
#include <cppo/quantity.hpp>
#include <cppo/region.hpp>

#include <limits>

namespace {

using namespace cppo;
using cppo_test::hand_token;
using cppo_test::keeps;
using cppo_test::keeps_in_double;

// A number that a token holds where no mask of the library checks it.
struct held_advantage {
  template <class V>
  constexpr V operator()(token<V> const& t) const {
    return t.advantage();
  }
};

}  // namespace

TEST_CASE("comparisons: closed and open bounds over a grid of numbers") {
  double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  double const grid[] = {-infinity, -1.5, -0.0, 0.0, 1e-30, 0.25, 1.5, infinity, nan};
  for (double const x : grid) {
    for (double const y : grid) {
      hand_token const t{.advantage = x};
      INFO(x << " against " << y);
      CHECK(keeps(at_most(held_advantage{}, y), t) == (x <= y));
      CHECK(keeps(at_most(held_advantage{}, below(y)), t) == (x < y));
      CHECK(keeps(at_least(held_advantage{}, y), t) == (x >= y));
      CHECK(keeps(at_least(held_advantage{}, above(y)), t) == (x > y));
      CHECK(keeps_in_double(at_most(held_advantage{}, y), t) == (x <= y));
      for (double const z : grid) {
        CHECK(keeps(between(held_advantage{}, y, z), t) == (y <= x && x <= z));
        CHECK(keeps(between(held_advantage{}, above(y), below(z)), t) == (y < x && x < z));
      }
    }
  }
}

TEST_CASE("comparisons: the library's clauses as comparisons of quantities") {
  for (double const d : {0.0, 0.1, 0.15, 0.2}) {
    hand_token const t{.log_prob = -1.0 - d, .divergence = d, .weight = 0.5};
    CHECK(keeps(at_most(weighted_divergence, 0.075), t) == keeps(divergence_within(0.075), t));
    CHECK(keeps(between(ratio, 0.875, 1.2), t) == keeps(ratio_within(0.875, 1.2), t));
  }
  CHECK(keeps(positive_advantage, {.advantage = 1e-30}));
  CHECK(!keeps(positive_advantage, {.advantage = 0.0}));
  CHECK(keeps(negative_advantage, {.advantage = -1e-30}));
  CHECK(!keeps(negative_advantage, {.advantage = -0.0}));
}

TEST_CASE("comparisons: they combine with masks, and are counted under the clause of what they compare") {
  auto const mask = toward_rollout | (at_most(ratio, 1.2) & !at_most(divergence, 0.5) & at_least(prob, 0.1));
  static_assert(token_mask<decltype(mask)>);
  static_assert(detail::leaves<decltype(mask), clause::ratio>() == 1);
  static_assert(detail::leaves<decltype(at_least(divergence, 0.1)), clause::divergence>() == 1);
  static_assert(detail::leaves<decltype(at_least(prob, 0.1)), clause::other>() == 1);
  static_assert(detail::clause_of<decltype(at_most(ratio, 1.2))> == clause::ratio);
  static_assert(detail::clause_of<decltype(at_most(abs(log_ratio), 1.2))> == clause::other);
  CHECK(keeps(mask, {.log_prob = -1.0, .rollout_log_prob = -1.1, .divergence = 0.6}));
  CHECK(!keeps(mask, {.log_prob = -1.0, .rollout_log_prob = -1.1, .divergence = 0.4}));
  CHECK(!keeps(mask, {.log_prob = -1.0, .rollout_log_prob = -1.3, .divergence = 0.6}));
}
