// What is found in a mask and what is not: leaves under negations, and clauses of a user that take the kind of another.
#include "support/catch_compat.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/check_region.hpp>

namespace {

using namespace cppo;
using detail::leaves;

// Clauses of a user, counted under the library's kinds in reports; neither says a threshold or a budget.
struct my_divergence {
  static constexpr clause kind = clause::divergence;
  template <class V>
  CPPO_HOST_DEVICE constexpr auto operator()(token<V> const& t) const {
    return t.divergence() <= V(0.1);
  }
};
struct my_budget {
  static constexpr clause kind = clause::budget;
  template <class V>
  CPPO_HOST_DEVICE constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= V(0.05);
  }
};
static_assert(token_mask<my_divergence> && token_mask<my_budget>);

constexpr auto within = divergence_within(0.5);
constexpr auto within_budget = prefix_budget(0.15, 0.015);

template <class Find, class M>
consteval int count(M const&) {
  return leaves<M, Find>();
}

// The mask of one region on a response that drifts out of its budget and back.
template <class Executor, class M>
std::vector<std::uint8_t> kept_by(Executor const& executor, M const& mask) {
  std::vector<float> pi, mu, a;
  for (int i = 0; i < 300; ++i) {
    mu.push_back(-1.0F);
    pi.push_back(-1.0F + 0.001F * static_cast<float>((i * 37) % 101 - 50) * (i < 150 ? 2.0F : 0.2F));
    a.push_back(i % 3 == 0 ? -1.0F : 1.0F);
  }
  std::vector<std::uint8_t> kept(300, 9);
  auto const batch = rollout_batch(padded(1, 300), log_prob(pi), rollout_log_prob(mu), advantage(a));
  REQUIRE(compute_mask(executor, batch, trust_region(binary_tv, linear_weight(0.8), mask), kept).ok());
  return kept;
}

}  // namespace

TEST_CASE("a prefix budget is found under negations, a threshold is not") {
  CHECK(count<detail::is_prefix_budget>(within_budget) == 1);
  CHECK(count<detail::is_prefix_budget>(!within_budget) == 1);
  CHECK(count<detail::is_prefix_budget>(!!within_budget) == 1);
  CHECK(count<detail::is_prefix_budget>(none_of(within, within_budget & toward_rollout)) == 1);
  CHECK(count<detail::is_prefix_budget>(within & !within) == 0);
  CHECK(count<detail::is_prefix_budget>(within_budget & !within_budget) == 2);
  CHECK(count<detail::divergence_threshold>(within & !within) == 1);
  CHECK(count<detail::of_kind<clause::budget>>(!within_budget) == 0);
  CHECK(detail::leaf<detail::is_prefix_budget>(toward_rollout | none_of(within, within_budget)).delta() == 0.15);
  CHECK(trust_region(binary_tv, uniform_weight, !within_budget).budget_slack() == 0.15);
}

TEST_CASE("a negated prefix budget keeps what the budget does not, a doubly negated one what it does") {
  auto const check = [](auto executor) {
    std::vector<std::uint8_t> const plain = kept_by(executor, within_budget);
    std::vector<std::uint8_t> const negated = kept_by(executor, !within_budget);
    std::vector<std::uint8_t> const listed = kept_by(executor, none_of(keep_none, within_budget));
    CHECK(kept_by(executor, !!within_budget) == plain);
    CHECK(listed == negated);
    int kept = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      CHECK(plain[i] + negated[i] == 1);
      kept += plain[i];
    }
    CHECK(kept > 20);
    CHECK(kept < 280);
  };
  check(seq);
  check(simd);
  CHECK(kept_by(seq, toward_rollout | !within_budget) == kept_by(simd, toward_rollout | !within_budget));
}

TEST_CASE("a region with a negated prefix budget passes the checks of every region") {
  auto const hard = trust_region(binary_tv, linear_weight(0.8), toward_rollout | !within_budget);
  testing::check_result const soft = testing::check_region(softened(hard, reciprocal_gate), {.batches = 6});
  INFO(soft.message);
  CHECK(soft.ok);
  testing::check_result const calibrated = testing::check_region(
      trust_region(binary_tv, linear_weight(0.8), none_of(within, prefix_budget(0.15, calibrated_budget(0.02)))),
      {.batches = 6});
  INFO(calibrated.message);
  CHECK(calibrated.ok);
}

TEST_CASE("a user's clause may take the kind of a library clause") {
  auto const check = [](auto executor) {
    std::vector<float> const pi{-0.9F, -0.3F, -0.95F, -1.2F}, mu{-1.0F, -1.0F, -1.0F, -1.0F}, a(4, 1.0F);
    std::vector<float> threshold(4, 9.0F);
    std::vector<std::uint8_t> kept(4, 9), why(4, 9);
    auto const batch = rollout_batch(padded(1, 4), log_prob(pi), rollout_log_prob(mu), advantage(a));
    auto const rule = all_of(my_divergence{}, my_budget{});
    auto const region = trust_region(binary_tv, uniform_weight, any_of(toward_rollout, rule));
    report r;
    REQUIRE(policy_loss(executor, batch, region,
                        {.mask = kept, .trace = {.threshold = threshold, .decision = why}, .report = &r})
                .ok());
    CHECK(kept == std::vector<std::uint8_t>{1, 0, 1, 1});
    CHECK(why[1] == static_cast<std::uint8_t>(decision::masked_divergence));
    CHECK(r.masked_divergence == 1);
    CHECK(threshold == std::vector<float>(4, 1000.0F));  // neither clause says one
  };
  check(seq);
  check(simd);
  auto const mixed = trust_region(binary_tv, uniform_weight, my_budget{} & my_divergence{} & within & within_budget);
  CHECK(mixed.budget_slack() == 0.15);
  CHECK(decltype(mixed)::has_prefix_budget);
}
