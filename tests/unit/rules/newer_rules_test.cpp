// Rules that are newer than the library, as a user writes them from what their abstracts say: thresholds that grow with
// entropy, ratios measured against their prefix, a smooth regulariser.
#include "support/catch_compat.hpp"
#include "support/chosen_surrogate.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/testing/generators.hpp>
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

// Four clauses: one under a negation, one that is true everywhere.
template <class Toward, class Within, class Budget, class Top>
auto joined(Toward toward, Within within, Budget budget, Top top) {
  return trust_region(binary_tv, linear_weight(0.8), any_of(toward, all_of(within, budget)) & !top);
}
auto const unsure_half = at_least(entropy, batch(kth_largest(entropy, share(0.5))));
auto const four = joined(toward_rollout, divergence_within(0.05), prefix_budget(0.05, 0.01), unsure_half);

template <class Region>
std::vector<std::uint8_t> mask_of(testing::generated_batch<float> const& b, Region const& region) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(b.slots()));
  REQUIRE(compute_mask(seq, b.view(), region, mask).ok());
  return mask;
}
// The tokens that the one region keeps and the other does not.
template <class Region, class Other>
index_t more(testing::generated_batch<float> const& b, Region const& one, Other const& other) {
  auto const x = mask_of(b, one), y = mask_of(b, other);
  index_t n = 0;
  for (std::size_t i = 0; i < x.size(); ++i) n += x[i] != 0 && y[i] == 0 ? 1 : 0;
  return n;
}
template <class M>
auto alone(M mask) {
  return trust_region(binary_tv, linear_weight(0.8), mask);
}

}  // namespace

TEST_CASE("each clause of a mask: how many tokens it speaks against, and how many it decides") {
  index_t decided = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto const b = testing::generate<float>(seed, {.entropy = true});
    std::vector<clause_count> n, on_registers;
    if (status const s = count_clauses(seq, b.view(), four, n); !s.ok()) {
      CHECK(n.empty());
      continue;
    }
    REQUIRE(count_clauses(simd, b.view(), four, on_registers).ok());
    REQUIRE((n.size() == 4 && on_registers.size() == 4));
    auto const all = alone(keep_all);
    auto const within = divergence_within(0.05);
    auto const budget = prefix_budget(0.05, 0.01);
    index_t const refused[] = {more(b, all, alone(toward_rollout)), more(b, all, alone(within)),
                               more(b, all, alone(budget)), more(b, all, alone(!unsure_half))};
    index_t const decides[] = {more(b, joined(keep_all, within, budget, unsure_half), four),
                               more(b, joined(toward_rollout, keep_all, budget, unsure_half), four),
                               more(b, joined(toward_rollout, within, keep_all, unsure_half), four),
                               more(b, joined(toward_rollout, within, budget, keep_none), four)};
    constexpr clause kinds[] = {clause::toward, clause::divergence, clause::budget, clause::other};
    for (std::size_t k = 0; k < 4; ++k) {
      INFO("seed " << seed << ", clause " << k);
      CHECK(n[k].kind == kinds[k]);
      CHECK(n[k].refused == refused[k]);
      CHECK(n[k].decided == decides[k]);
      CHECK((on_registers[k].refused == n[k].refused && on_registers[k].decided == n[k].decided));
      decided += n[k].decided > 0 ? 1 : 0;
    }
  }
  CHECK(decided > 60);
  auto const without = testing::generate<float>(1);
  std::vector<clause_count> n(3);
  CHECK(count_clauses(seq, without.view(), four, n).code == status_code::missing_input);
  CHECK(n.empty());
}

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
