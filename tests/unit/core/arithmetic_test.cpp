// Relaxed arithmetic is noticed when a call is made: here by rounding modes, in tests/builds by flags.
#include "support/catch_compat.hpp"

#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/core/arithmetic.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>

#include <cfenv>
#include <vector>

namespace {

// The rounding mode while it lives.
class rounding {
 public:
  explicit rounding(int mode) : before_(std::fegetround()) { std::fesetround(mode); }
  ~rounding() { std::fesetround(before_); }

 private:
  int before_;
};

// An executor of a user's own, declared after the call it is for, on whose machine arithmetic does not hold.
struct doubtful_executor : cppo::host_executor<doubtful_executor> {
  template <class Real>
  bool arithmetic_holds(cppo::detail::checked_call<Real> const&) const {
    return false;
  }
  template <class Real, class Region>
  cppo::detail::outcome_fold execute(cppo::detail::task<Real, Region> const& t) const {
    return cppo::seq.execute(t);
  }
};

template <class Real, class Executor>
cppo::status call(Executor const& executor, int mode, std::vector<Real>& gradient) {
  std::vector<Real> const pi{Real(-0.5), Real(-1.5)}, mu{Real(-0.75), Real(-1)}, a{Real(1), Real(-1)};
  auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  rounding const during(mode);
  return policy_loss(executor, batch, cppo::fixed_cppo(), {.gradient = gradient});
}

}  // namespace

TEST_CASE("arithmetic keeps the contract in every lane type", "[core]") {
  CHECK(cppo::detail::keeps_arithmetic<cppo::float_lane>());
  CHECK(cppo::detail::keeps_arithmetic<cppo::double_lane>());
  CHECK(cppo::detail::keeps_arithmetic<cppo::simd_lane>());
}

TEMPLATE_TEST_CASE("a rounding mode other than to nearest is a status, and nothing is written", "", float, double) {
  auto const check = [](auto const& executor) {
    for (int const mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      std::vector<TestType> gradient(2, TestType(7));
      cppo::status const s = call(executor, mode, gradient);
      CHECK(s.code == cppo::status_code::arithmetic_relaxed);
      CHECK(s.nothing_written());
      CHECK(gradient == std::vector<TestType>(2, TestType(7)));
      CHECK(call(executor, FE_TONEAREST, gradient).ok());
      CHECK(gradient[0] != TestType(7));
    }
  };
  check(cppo::seq);
  check(cppo::simd);
  check(cppo::simd.with_threads(2, 1));
}

TEST_CASE("an executor's own word on its arithmetic is asked for, whatever was included first", "[core]") {
  std::vector<float> gradient(2, 7.0F);
  CHECK(call(doubtful_executor{}, FE_TONEAREST, gradient).code == cppo::status_code::arithmetic_relaxed);
  CHECK(gradient == std::vector<float>(2, 7.0F));
}

TEST_CASE("each lane type notices each rounding mode", "[core]") {
  for (int const mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    bool scalar = true, wide = true, registers = true;
    {
      rounding const during(mode);
      scalar = cppo::detail::keeps_arithmetic<cppo::float_lane>();
      wide = cppo::detail::keeps_arithmetic<cppo::double_lane>();
      registers = cppo::detail::keeps_arithmetic<cppo::simd_lane>();
    }
    CHECK_FALSE(scalar);
    CHECK_FALSE(wide);
    CHECK_FALSE(registers);
  }
}

TEMPLATE_TEST_CASE("pieces summed under a mode other than to nearest are refused when used", "", float, double) {
  using cppo::index_t;
  std::vector<TestType> const pi{TestType(-0.5), TestType(-1.5), TestType(-0.2), TestType(-0.3)};
  std::vector<TestType> const mu(4, TestType(-0.75)), a(4, TestType(1));
  auto const batch = cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  index_t const response_of[] = {0, 0}, order_of[] = {0, 1};
  auto const check = [&](auto const& region) {
    auto const used = [&](cppo::piece_plan const& plan) {
      std::vector<TestType> gradient(4, TestType(7));
      cppo::loss_options const in{.carries = plan.carries, .totals = plan.totals};
      cppo::status const s = policy_loss(cppo::seq, batch, region, {.gradient = gradient}, in);
      CHECK((s.ok() || gradient == std::vector<TestType>(4, TestType(7))));
      return s.code;
    };
    auto const valid = plan_pieces(batch, region, response_of, order_of, 1);
    CHECK(used(valid) == cppo::status_code::ok);
    for (int const mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      cppo::piece_plan all, first = valid, second = valid, budget = valid;
      std::vector<TestType> divergences;
      {
        rounding const during(mode);
        all = plan_pieces(batch, region, response_of, order_of, 1);
        cppo::response_summary piece, total;
        auto const relaxed = cppo::status_code::arithmetic_relaxed;
        CHECK(all.outcome.code == relaxed);
        CHECK(summarize_piece(batch, region, 0, piece, divergences).code == relaxed);
        first.totals[0] = first.totals[1] = combine(piece, valid.totals[1]);
        CHECK(sum_piece(batch, region, 0, valid.totals[0], 0, second.carries[1]).code == relaxed);
        CHECK(cppo::resolve_totals<TestType>(region, valid.totals[0], divergences, total).code == relaxed);
        budget.totals[0] = budget.totals[1] = total;
      }
      for (cppo::piece_plan const& plan : {all, first, second, budget}) {
        CHECK(used(plan) == cppo::status_code::carry_mismatch);
      }
    }
  };
  check(cppo::fixed_cppo());
  check(cppo::calibrated_cppo());
}
