// Each clause at its boundary: toward_rollout, ratio_within, divergence_within, response_within.
#include "support/catch_compat.hpp"
#include "support/hand_token.hpp"

#include <cppo/divergence/precomputed.hpp>
#include <cppo/mask.hpp>

#include <cmath>
#include <limits>

namespace {

using cppo_test::hand_token;
using cppo_test::keeps;
using cppo_test::keeps_in_double;

double const not_a_number = std::numeric_limits<double>::quiet_NaN();
double const infinity = std::numeric_limits<double>::infinity();

// The next number of the lane's own type, in float.
double above(double x) { return static_cast<double>(std::nextafterf(static_cast<float>(x), 1e30F)); }
double below(double x) { return static_cast<double>(std::nextafterf(static_cast<float>(x), -1e30F)); }

}  // namespace

TEST_CASE("toward_rollout: A (rho - 1) <= 0 by signs") {
  for (double const a : {-2.0, -1e-30, -0.0, 0.0, 1e-30, 2.0}) {
    for (double const d : {-5.0, -0.5, 0.0, 0.5, 5.0}) {
      hand_token const t{.log_prob = -6.0 + d, .rollout_log_prob = -6.0, .advantage = a};
      bool const toward = a == 0.0 || d == 0.0 || (a > 0.0) != (d > 0.0);
      CHECK(keeps(cppo::toward_rollout, t) == toward);
      CHECK(keeps_in_double(cppo::toward_rollout, t) == toward);
    }
  }
}

TEST_CASE("toward_rollout: products that underflow are still decided") {
  // A d = 1e-45 * 1e-45 would be 0 in any float.
  for (double const a : {1e-45, -1e-45}) {
    hand_token up{.log_prob = -0.0, .rollout_log_prob = -1e-45, .advantage = a};
    CHECK(keeps(cppo::toward_rollout, up) == (a < 0.0));
    hand_token down{.log_prob = -1e-45, .rollout_log_prob = 0.0, .advantage = a};
    CHECK(keeps(cppo::toward_rollout, down) == (a > 0.0));
  }
}

TEST_CASE("toward_rollout: a ratio of 1 is kept for either sign of zero and of A") {
  for (double const zero : {0.0, -0.0}) {
    for (double const a : {1.0, -1.0, 0.0, -0.0}) {
      CHECK(keeps(cppo::toward_rollout, {.log_prob = zero, .rollout_log_prob = 0.0, .advantage = a}));
      CHECK(keeps(cppo::toward_rollout, {.log_prob = 0.0, .rollout_log_prob = zero, .advantage = a}));
    }
  }
}

TEST_CASE("ratio_within: both ends belong to it") {
  // rho = 1 exactly where the log-probs agree.
  hand_token const same{};
  CHECK(keeps(cppo::ratio_within(1.0, 1.0), same));
  CHECK(keeps(cppo::ratio_within(1.0, 2.0), same));
  CHECK(keeps(cppo::ratio_within(0.5, 1.0), same));
  CHECK_FALSE(keeps(cppo::ratio_within(above(1.0), 2.0), same));
  CHECK_FALSE(keeps(cppo::ratio_within(0.5, below(1.0)), same));
  // And at whatever rho another token has.
  hand_token const up{.log_prob = -0.25, .rollout_log_prob = -1.0};
  auto const rho = static_cast<double>(up.make().ratio().raw());
  CHECK(rho == cppo_test::approx(std::exp(0.75)).epsilon(1e-6));
  CHECK(keeps(cppo::ratio_within(rho, rho), up));
  CHECK_FALSE(keeps(cppo::ratio_within(0.5, below(rho)), up));
  CHECK_FALSE(keeps(cppo::ratio_within(above(rho), 9.0), up));
}

TEST_CASE("ratio_within: Clip-Higher is wider above than below") {
  auto const mask = cppo::ratio_within(0.8, 1.28);
  auto const at = [&mask](double rho) {
    return keeps(mask, {.log_prob = -1.0 + std::log(rho), .rollout_log_prob = -1.0});
  };
  CHECK(at(1.279));
  CHECK_FALSE(at(1.281));
  CHECK(at(0.801));
  CHECK_FALSE(at(0.799));
}

TEST_CASE("ratio_within: excess is rho/high or low/rho, whichever is larger") {
  auto const mask = cppo::ratio_within(0.5, 2.0);
  CHECK(cppo_test::excess(mask, {}) == 0.5);
  hand_token const up{.log_prob = -1.0, .rollout_log_prob = -1.0 - std::log(8.0)};
  CHECK(cppo_test::excess(mask, up) == cppo_test::approx(4.0).epsilon(1e-12));
  hand_token const down{.log_prob = -1.0 - std::log(8.0), .rollout_log_prob = -1.0};
  CHECK(cppo_test::excess(mask, down) == cppo_test::approx(4.0).epsilon(1e-12));
}

TEST_CASE("divergence_within: w D <= delta, inclusive, in the lane's own type") {
  for (double const delta : {0.25, 0.5, 1.0, 1000.0}) {
    auto const mask = cppo::divergence_within(delta);
    for (double const w : {1.0, 0.5, 0.25}) {
      CHECK(keeps(mask, {.divergence = std::min(delta / w, 1000.0), .weight = w}));
      CHECK(keeps(mask, {.divergence = below(delta) / w > 1000.0 ? 1000.0 : below(delta) / w, .weight = w}));
      if (above(delta) / w <= 1000.0) CHECK_FALSE(keeps(mask, {.divergence = above(delta) / w, .weight = w}));
    }
  }
  CHECK(keeps(cppo::divergence_within(0.25), {.divergence = -0.0}));
  CHECK(keeps(cppo::divergence_within(0.25), {.divergence = -1.0}));
  CHECK(keeps(cppo::divergence_within(0.25), {.divergence = 1e-45}));
  CHECK_FALSE(keeps(cppo::divergence_within(0.25), {.divergence = infinity}));
}

TEST_CASE("divergence_within: a threshold is rounded to float as the divergence is") {
  CHECK(keeps(cppo::divergence_within(0.15), {.divergence = 0.15}));
  CHECK(keeps_in_double(cppo::divergence_within(0.15), {.divergence = 0.15}));
  CHECK_FALSE(keeps(cppo::divergence_within(0.15), {.divergence = above(0.15)}));
  CHECK_FALSE(keeps_in_double(cppo::divergence_within(0.15), {.divergence = std::nextafter(0.15, 1.0)}));
}

TEST_CASE("divergence_within: the high threshold holds for A > 0, the low one for A <= 0") {
  auto const mask = cppo::divergence_within(0.25, 0.5);
  for (double const a : {1e-45, 1.0}) {
    CHECK(keeps(mask, {.advantage = a, .divergence = 0.5}));
    CHECK_FALSE(keeps(mask, {.advantage = a, .divergence = above(0.5)}));
    CHECK(cppo_test::excess(mask, {.advantage = std::max(a, 1e-300), .divergence = 1.0}) == 2.0);
  }
  for (double const a : {-1.0, -1e-45, 0.0, -0.0}) {
    CHECK(keeps(mask, {.advantage = a, .divergence = 0.25}));
    CHECK_FALSE(keeps(mask, {.advantage = a, .divergence = above(0.25)}));
    CHECK(cppo_test::excess(mask, {.advantage = a, .divergence = 1.0}) == 4.0);
  }
}

TEST_CASE("response_max_within and response_mean_within: inclusive, for every token of the response") {
  hand_token t;
  t.response = {.length = 4, .max_divergence = 0.5, .divergence_sum = cppo::detail::to_grid(1.0), .delta_b = 0.0,
                .bad_tokens = 0};
  CHECK(keeps(cppo::response_max_within(0.5), t));
  CHECK_FALSE(keeps(cppo::response_max_within(below(0.5)), t));
  CHECK(keeps(cppo::response_mean_within(0.25), t));
  CHECK_FALSE(keeps(cppo::response_mean_within(below(0.25)), t));
  CHECK(cppo_test::excess(cppo::response_max_within(0.125), t) == 4.0);
  CHECK(cppo_test::excess(cppo::response_mean_within(0.125), t) == 2.0);
  // Neither looks at the token itself.
  t.divergence = 900.0;
  t.log_prob = -0.1;
  CHECK(keeps(cppo::response_max_within(0.5), t));
  CHECK(keeps(cppo::response_mean_within(0.25), t));
}

// A response of `length` tokens whose divergence is `d` each.
template <class T>
hand_token all_alike(T d, int length) {
  hand_token t;
  for (int i = 0; i < length; ++i) t.response.divergence_sum = t.response.divergence_sum + cppo::detail::to_grid(d);
  t.response.length = length;
  return t;
}

TEST_CASE("response_mean_within: a mean of values that are each delta is delta") {
  constexpr double unit = 0x1p-39;  // two units of the grid
  for (int length : {1, 2, 3, 7, 1000}) {
    for (int k = 1; k <= 400; ++k) {
      double const delta = k % 2 == 0 ? k * 0.0123 : k * 3.3e-9;
      CHECK(keeps_in_double(cppo::response_mean_within(delta), all_alike(delta, length)));
      CHECK_FALSE(keeps_in_double(cppo::response_mean_within(delta - unit), all_alike(delta, length)));
      auto const d = static_cast<float>(delta);
      CHECK(keeps(cppo::response_mean_within(delta), all_alike(d, length)));
      CHECK_FALSE(keeps(cppo::response_mean_within(std::min(below(d), d - unit)), all_alike(d, length)));
    }
  }
}

TEST_CASE("response_mean_within: so is a mean of large values, whose sum a double no longer holds") {
  for (int length : {81, 120, 141, 997, 3000, 100003}) {
    for (int k = 1; k <= 400; ++k) {
      double const delta = k * 2.4676909;
      INFO(length << ' ' << delta);
      CHECK(keeps_in_double(cppo::response_mean_within(delta), all_alike(delta, length)));
      CHECK_FALSE(keeps_in_double(cppo::response_mean_within(delta - 0x1p-39), all_alike(delta, length)));
    }
  }
}

TEST_CASE("clauses refuse parameters outside their range") {
  for (double const bad : {0.0, 1e-38, 1e-50, -1.0, 1000.5, not_a_number, infinity}) {
    CHECK_FALSE(cppo::divergence_within(bad).check());
    CHECK_FALSE(cppo::divergence_within(bad, 0.1).check());
    CHECK_FALSE(cppo::divergence_within(0.1, bad).check());
    CHECK_FALSE(cppo::response_max_within(bad).check());
    CHECK_FALSE(cppo::response_mean_within(bad).check());
    CHECK_FALSE(cppo::prefix_budget(bad, 0.1).check());
  }
  for (double const bad : {-1e-9, 1000.5, not_a_number, infinity}) CHECK_FALSE(cppo::prefix_budget(0.1, bad).check());
  for (double const good : {0x1p-126, 1e-9, 0.15, 1000.0}) {
    CHECK(cppo::divergence_within(good).check());
    CHECK(cppo::response_max_within(good).check());
    CHECK(cppo::response_mean_within(good).check());
    CHECK(cppo::prefix_budget(good, 0.0).check());
  }
  CHECK(cppo::ratio_within(0.8, 1.28).check());
  CHECK(cppo::ratio_within(1.0, 1.0).check());
  CHECK(cppo::ratio_within(1e-9, 1e30).check());
  CHECK_FALSE(cppo::ratio_within(0.8, 1.1e30).check());
  CHECK_FALSE(cppo::ratio_within(0.0, 1.2).check());
  CHECK_FALSE(cppo::ratio_within(1.3, 1.2).check());
  CHECK_FALSE(cppo::ratio_within(0.8, infinity).check());
  CHECK_FALSE(cppo::ratio_within(not_a_number, 1.2).check());
  CHECK_FALSE(cppo::ratio_within(0.8, not_a_number).check());
}
