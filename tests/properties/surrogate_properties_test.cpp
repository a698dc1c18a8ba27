// Random compositions of quantities and surrogates: every executor, width, cut and layout has the bits of seq, and a
// plain loop in double the values.
#include "support/catch_compat.hpp"
#include "support/chosen_surrogate.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/testing/host_block.hpp>
#include <cppo/testing/random.hpp>

namespace {

using namespace cppo;
using namespace cppo::quantities;  // operators on quantities of a test's own

// A quantity that is chosen at run time.
struct any_quantity {
  using left_type = quantities::entropy_t;
  using right_type = quantities::reference_log_prob_t;
  static constexpr bool made_of_quantities = true;
  static constexpr int kinds = 11;
  left_type left;
  right_type right;
  int which;
  double number;

  template <class V>
  constexpr V operator()(token<V> const& t) const noexcept {
    return visit(t, [&t](auto const& q) { return q(t); });
  }
  template <class V>
  constexpr V slope(token<V> const& t) const noexcept {
    return visit(t, [&t](auto const& q) {
      if constexpr (requires { q.slope(t); }) return q.slope(t);
      else return V(0);
    });
  }

 private:
  template <class V, class F>
  constexpr V visit(token<V> const&, F const& f) const noexcept {
    switch (which) {
      case 0: return f(ratio);
      case 1: return f(log_ratio);
      case 2: return f(prob);
      case 3: return f(rollout_prob);
      case 4: return f(advantage);
      case 5: return f(entropy);
      case 6: return f(divergence);
      case 7: return f(weighted_divergence);
      case 8: return f(kl_k2());
      case 9: return f(position_value / 100);
      default: return f(quantities::constant{number});
    }
  }
};

// Draws quantities, masks and a surrogate of depth 4 made of them.
struct rule_source {
  testing::random_source random;
  any_quantity leaf() {
    return {{}, {}, static_cast<int>(random.below(any_quantity::kinds)), 2.0 * random.normal()};
  }
  auto sum() { return leaf() * leaf() + leaf(); }
  auto mask() {
    return at_most(leaf(), leaf()) | (at_least(leaf() - leaf(), above(leaf())) & !between(leaf(), -1, leaf()));
  }
  auto bounded() { return clamped(exp(min(leaf(), 3)) / (1 + abs(leaf())), -5, max(leaf(), 0)); }
  auto surrogate() {
    auto const choice = static_cast<int>(random.below(6));
    auto const clip = clipped(0.8, 1 + abs(leaf()), where(mask(), bounded(), leaf()));
    return pick_surrogate(choice, clip + leaf() * penalty(sum(), leaf()), dual_clipped(clip, 2 + abs(leaf())),
                          where(mask(), clip, score_form(bounded())), leaf() * held(clip) + ratio_form(bounded()),
                          with_slope_of(rolled_back(0.7, 1.3, 0.2, leaf()), sigmoid_form(1.0, 2.0, sum())),
                          ratio_form + quadratic(bounded(), 3.0));
  }
};

}  // namespace

TEST_CASE("random compositions have the bits of seq on every executor", "[properties]") {
  constexpr testing::named_executor<testing::kernel_bodies<8>> bodies{"kernel bodies", {}};
  index_t compared = 0, too_close = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    rule_source draw{testing::random_source(seed)};
    auto const rule = draw.surrogate();
    auto const region = objective(trust_region(binary_tv, linear_weight(0.8), draw.mask()), rule) +
                        penalty(draw.leaf(), draw.leaf());
    testing::check_options const o{.batches = 4, .seed = 100 * seed, .threads = false, .generate = {.max_length = 40}};
    testing::check_result const r = testing::check_region(region, o, bodies);
    INFO("seed " << seed << ": " << r.message);
    REQUIRE(r.ok);
    compared += r.compared;
    too_close += r.too_close;
  }
  CHECK(compared > 1000000);
  CHECK(too_close * 50 < compared);
}
