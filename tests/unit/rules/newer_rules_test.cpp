// Rules that are newer than the library, as a user writes them from what their abstracts say: thresholds that grow with
// entropy, ratios measured against their prefix, a smooth regulariser.
#include "support/catch_compat.hpp"
#include "support/chosen_surrogate.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/testing/host_block.hpp>

namespace {

using namespace cppo;

// Where the policy is unsure it may move farther: D <= delta H / (mean H), within a factor of two.
auto entropy_scaled(double delta) {
  auto const unsure = clamped(entropy / max(batch(mean(entropy)), 1e-3), 0.5, 2);
  return trust_region(binary_tv, uniform_weight, toward_rollout | at_most(divergence, delta * unsure));
}

// The ratio over the geometric mean of the earlier ones: drift that the whole prefix shares is not clipped.
auto prefix_normalised(double epsilon) {
  return clipped(1 - epsilon, 1 + epsilon, exp(log_ratio - before(mean(log_ratio))));
}

// A quantity of one's own: x / (1 + |x|), with its derivative.
template <class Q>
struct squashed {
  using left_type = Q;
  using right_type = quantities::constant;
  static constexpr needs needed = cppo::detail::needs_of<Q>;
  Q left;
  quantities::constant right{0.0};
  template <class V>
  constexpr V operator()(token<V> const& t) const noexcept {
    return left(t) / (V(1) + abs(left(t)));
  }
  template <class V>
  constexpr V slope(token<V> const& t) const noexcept {
    V const size = V(1) + abs(left(t));
    return left.slope(t) / (size * size);
  }
};

// No edge: a pseudo-Huber penalty on d, as strong as the response has drifted.
auto smooth(double beta) {
  using namespace cppo::quantities;
  auto const drifted = response(mean(abs(squashed<log_ratio_t>{log_ratio})));
  return ratio_form + penalty(sqrt(1 + log_ratio * log_ratio) - 1, beta * drifted);
}
// The same with the squashed ratio differentiated.
auto bounded(double beta) {
  using namespace cppo::quantities;
  return ratio_form(squashed<ratio_t>{ratio}) + penalty(abs(squashed<log_ratio_t>{log_ratio}), beta);
}

}  // namespace

TEST_CASE("newer rules: user code has the bits of seq on every executor") {
  for (int k = 0; k < 3; ++k) {
    auto const rule = pick_surrogate(k, prefix_normalised(0.2), smooth(0.5), bounded(0.1));
    INFO("rule " << k);
    testing::check_result const r = testing::check_region(
        objective(entropy_scaled(0.05), rule), {.batches = 8},
        testing::named_executor<testing::kernel_bodies<8>>{"kernel bodies", {}});
    INFO(r.message);
    CHECK(r.ok);
    CHECK(r.compared > 3000);
  }
}
