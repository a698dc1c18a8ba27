// The closed forms of the bound, its profiles and its linear programs: against values written out by hand, long double
// logarithms, whole-number searches and fractions.
#include "support/catch_compat.hpp"

#include <cppo/theory/bound.hpp>
#include <cppo/theory/profile.hpp>
#include <cppo/theory/rational.hpp>
#include <cppo/weight.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace {

using namespace cppo::theory;
using cppo::index_t;

constexpr double infinity = std::numeric_limits<double>::infinity();
double const not_a_number = std::numeric_limits<double>::quiet_NaN();

bool near(double a, double b, double relative) { return std::fabs(a - b) <= relative * std::fabs(b); }

// In float alone: a schedule that double lanes cannot ask.
struct float_only {
  template <class V>
    requires std::is_same_v<typename V::value_type, float>
  constexpr V at(cppo::position<V> t, index_t) const {
    return V(1) / t.value();
  }
};
static_assert(cppo::weight_schedule<float_only>);

// w_t = ((T - t + 1)/T)^2: falls faster than T - t.
struct quadratic {
  template <class V>
  constexpr V at(cppo::position<V> t, index_t T) const {
    V const left = (V(static_cast<double>(T)) - t.before()) / V(static_cast<double>(T));
    return left * left;
  }
};
// w_t = (T - t)/T, and 1/(2T) for the last: the ratio is the same everywhere.
struct proportional {
  template <class V>
  constexpr V at(cppo::position<V> t, index_t T) const {
    V const left = V(static_cast<double>(T)) - t.value();
    return select(left > V(0), left, V(0.5)) / V(static_cast<double>(T));
  }
};
// w_t = t/T
struct rising {
  template <class V>
  constexpr V at(cppo::position<V> t, index_t T) const {
    return t.value() / V(static_cast<double>(T));
  }
};

}  // namespace

TEST_CASE("bound: each constant, against a value written out") {
  // T = 5, ell_max = delta = 1/4, delta_b = 1/8, w_min = w_1 = 1/2, eta = 1/4
  static_assert(prefix_residual(5, 0.25, 0.125) == 1.25);                    // Eq. 6: 2 * 20 / 32
  static_assert(prefix_residual(5, 0.25, 0.125, 3.0) == 3.75);
  static_assert(threshold_residual(5, 0.25, 0.125, 0.5) == 2.5);             // Eq. 7
  static_assert(implemented_residual(5, 0.25, 0.125, 0.25, 0.5) == 3.25);    // Eq. 17: 1.25 + 4 * 1/4 * 4 * 1/4 * 2
  static_assert(implemented_residual(5, 0.25, 0.125, 0.0) == prefix_residual(5, 0.25, 0.125));
  static_assert(terminal_residual(5, 0.25, 0.125) == 2.0);                   // Eq. 18: 4 * 16 / 32
  static_assert(classical_residual(5, 0.25) == 2.5);                         // 2 * 20 / 16
  static_assert(coupling_residual(5, 0.25) == 2.5);                          // 4 * 1/4 * (0 + 1/4 + 1/2 + 3/4 + 1)
  static_assert(coupling_residual(5, 0.5) == 7.0);                           // 4 * 1/2 * (0 + 1/2 + 1 + 1 + 1)
  static_assert(coupling_residual(5, 2.0, 0.5) == 8.0);                      // 4 * 4 / 2
  CHECK(near(pinsker_marginal_residual(4, 0.375, 2.0), 8.0, 1e-15));        // 4/3 * 8 * 3/8 * 2
  CHECK(near(mixed_residual(5, 0.25, 1.0, 3.0), 15.0, 1e-15));              // 2 * 5 * 1/2 * 3
}

TEST_CASE("bound: no token, one token, nothing known") {
  for (index_t const T : {0, 1}) {
    CHECK(prefix_residual(T, 1.0, 1.0) == 0.0);
    CHECK(threshold_residual(T, 1.0, 1.0, 0.5) == 0.0);
    CHECK(implemented_residual(T, 1.0, 1.0, 1.0) == 0.0);
    CHECK(terminal_residual(T, 1.0, 1.0) == 0.0);
    CHECK(classical_residual(T, 1.0) == 0.0);
    CHECK(coupling_residual(T, 1.0) == 0.0);
    std::vector<double> const one(static_cast<std::size_t>(T), 1.0);
    CHECK(profile_residual(one, suffix_sums(one)) == 0.0);
    CHECK(prefix_budget_residual(one, one, 1.0, 1.0) == 0.0);
    CHECK(terminal_budget_residual(one, one, 1.0) == 0.0);
    CHECK(ratio_falls(one, one));
  }
  CHECK(coupling_residual(100, 0.0) == 0.0);
  CHECK(coupling_residual(100, infinity) == 4.0 * 99.0);
  CHECK(std::isnan(coupling_residual(100, not_a_number)));
  CHECK(std::isnan(prefix_residual(100, not_a_number, 0.1)));
  CHECK(prefix_residual(100, infinity, 0.1) == infinity);
  std::vector<double> const two{0.5, 0.5}, three{0.5, not_a_number, 0.5};
  CHECK(std::isnan(profile_residual(two, three)));
  CHECK(std::isnan(prefix_budget_residual(two, three, 1.0)));
  CHECK(std::isnan(terminal_budget_residual(two, three, 1.0)));
  CHECK(std::isnan(prefix_budget_residual(three, std::vector<double>(3, 1.0), 1.0)));
  std::vector<double> const early{not_a_number, 1.0, 0.0}, flat(3, 1.0);
  CHECK(std::isnan(terminal_budget_residual(early, flat, 1.0)));
  CHECK_FALSE(ratio_falls(two, three));
  CHECK_FALSE(ratio_falls(two, std::vector<double>{0.0, 1.0}));
  CHECK(ratio_falls(two, std::vector<double>{1.0, 0.0}));  // nothing follows the last token
  CHECK_FALSE(ratio_falls(std::vector<double>{not_a_number, 0.0}, two));
}

TEST_CASE("bound: the prefix budget beats a uniform threshold by delta_b/delta or delta_b/(delta w_min)") {
  for (double const w_min : {1.0, 0.8, 0.5, 0.05}) {
    for (double const delta_b : {0.015, 0.1, 0.2}) {
      double const delta = 0.15, uniform = classical_residual(1000, delta);
      CHECK(near(prefix_residual(1000, delta, delta_b) / uniform, delta_b / delta, 1e-14));            // Corollary 6
      double const weighted = threshold_residual(1000, delta, delta_b, w_min);                         // Corollary 7
      CHECK(near(weighted / uniform, delta_b / (delta * w_min), 1e-14));
      CHECK((weighted < uniform) == (delta_b < delta * w_min));
    }
  }
  for (index_t T = 2; T < 4000; T += 37) {
    double const n = static_cast<double>(T);
    CHECK(near(terminal_residual(T, 0.3, 0.01) / prefix_residual(T, 0.3, 0.01), 2.0 - 2.0 / n, 1e-14));  // Eq. 18
  }
}

TEST_CASE("bound: the product over a long suffix keeps its digits") {
  for (double const ell : {1e-18, 1e-9, 1e-4, 0.15, 0.9}) {
    index_t const T = 32768;
    std::vector<double> const beta = suffix_escapes(std::vector<double>(static_cast<std::size_t>(T), ell));
    for (index_t t = 1; t < T; t += 97) {
      long double const step = std::log1p(-static_cast<long double>(ell));
      long double const exact = -std::expm1(static_cast<long double>(T - t) * step);
      double const bound = 4.0 * static_cast<double>(T - t) * 0x1p-53;
      REQUIRE(near(beta[static_cast<std::size_t>(t - 1)], static_cast<double>(exact), bound + 0x1p-53));
    }
    CHECK(beta.back() == 0.0);
  }
  CHECK(suffix_escapes(std::vector<double>{0.5, 7.0, 0.25})[0] == 1.0);
  // ell = delta everywhere: linear in T.
  std::vector<double> const flat = suffix_escapes(std::vector<double>(512, 0.15));
  double const sum = std::accumulate(flat.begin(), flat.end(), 0.0);
  CHECK(near(sum, 511.0 - (0.85 - std::pow(0.85, 512)) / 0.15, 1e-13));
  CHECK(sum <= 511.0);
}

TEST_CASE("bound: suffix sums, lengths and the adaptive suffix, against values written out") {
  CHECK(suffix_lengths(4) == std::vector<double>{3, 2, 1, 0});
  CHECK(suffix_sums(std::vector<double>{9, 1, 2, 4}) == std::vector<double>{7, 6, 4, 0});
  CHECK(suffix_escapes(std::vector<double>{0.875, 0.5, 0.25, 0.5}) == std::vector<double>{0.8125, 0.625, 0.5, 0});
  CHECK(suffix_adaptive(4, 0.25, infinity) == std::vector<double>{0.75, 0.5, 0.25, 0});
  CHECK(suffix_adaptive(4, 0.75, 0.125) == std::vector<double>{std::sqrt(3 * 0.0625), std::sqrt(0.125), 0.25, 0});
  CHECK(suffix_adaptive(4, 0.75, infinity) == std::vector<double>{1, 1, 0.75, 0});
  CHECK(std::isnan(suffix_adaptive(4, not_a_number, 1.0)[0]));
  CHECK(std::isnan(suffix_adaptive(4, 1.0, not_a_number)[0]));
  CHECK(profile_residual(std::vector<double>{1, 2, 3, 99}, std::vector<double>{3, 2, 1, 0}, 0.5) == 20.0);
}

TEST_CASE("bound: may Theorem 1 be applied to a schedule? (Proposition 5)") {
  for (index_t const T : {1, 2, 3, 4, 7, 64, 1000, 32768}) {
    CAPTURE(T);
    for (double const w_min : {1.0, 0.8, 0.25, 1e-3, 1e-6}) CHECK(tail_ratio_falls(cppo::linear_weight(w_min), T));
    CHECK(tail_ratio_falls(cppo::uniform_weight, T));
    CHECK(tail_ratio_falls(proportional{}, T));
    CHECK(tail_ratio_falls(rising{}, T));
    CHECK(tail_ratio_falls(quadratic{}, T) == (T <= 2));  // T = 3: 2/1 < 1/(4/9)
    if (T > 4) CHECK_FALSE(tail_ratio_falls(cppo::permuted(cppo::linear_weight(1e-3), 7), T));
    CHECK(tail_ratio_falls(cppo::reversed(cppo::linear_weight(1e-3)), T));  // it rises
  }
  CHECK(weights_of(float_only{}, 4) == std::vector<double>{1, 0.5, static_cast<double>(1.0F / 3.0F), 0.25});
  CHECK(weights_of(cppo::linear_weight(0.5), 5) == std::vector<double>{1, 0.875, 0.75, 0.625, 0.5});
  CHECK(weights_of(cppo::reversed(cppo::linear_weight(0.5)), 5) == std::vector<double>{0.5, 0.625, 0.75, 0.875, 1});
  CHECK(weights_of(cppo::linear_weight(0.8), 2)[1] == 0.8);  // in double, not rounded to float
}

TEST_CASE("bound: Proposition 5's difference is w_min/(w_t w_{t+1}), in fractions") {
  for (index_t T = 2; T <= 40; ++T) {
    for (index_t k = 1; k <= 20; ++k) {
      rational const w_min(k, 20);
      auto const w = [&](index_t t) { return rational(1) - (rational(1) - w_min) * rational(t - 1, T - 1); };
      for (index_t t = 1; t < T; ++t) {
        REQUIRE(rational(T - t) / w(t) - rational(T - t - 1) / w(t + 1) == w_min / (w(t) * w(t + 1)));
      }
    }
  }
}

namespace {

// Four positions before the last; everything in whole numbers. Over all z_t = w_t u_t with S_m <= eta + W_m (delta_b =
// 1) at every m, or at the last m alone: the largest 60 sum of lambda_t u_t, w_t dividing 60.
struct program {
  std::array<int, 4> lambda, w;
  int eta;
  bool every_prefix;
  int best = 0;

  void search(std::size_t t = 0, int drift = 0, int weight = 0, int value = 0) {
    if (t == 4) {
      best = std::max(best, value);
      return;
    }
    int const total = w[0] + w[1] + w[2] + w[3] + eta;
    int const room = every_prefix ? eta + weight + w[t] : total;
    for (int z = 0; drift + z <= room; ++z) search(t + 1, drift + z, weight + w[t], value + 60 * lambda[t] * z / w[t]);
  }
};

template <class F>
void each_of_four(std::vector<int> const& values, F const& f) {
  for (int const a : values) {
    for (int const b : values) {
      for (int const c : values) {
        for (int const d : values) f(std::array<int, 4>{a, b, c, d});
      }
    }
  }
}
std::vector<double> with_last(std::array<int, 4> const& x) {
  std::vector<double> all(x.begin(), x.end());
  all.push_back(1.0);
  return all;
}

}  // namespace

TEST_CASE("bound: the worst case under a budget is the largest of all, whatever the order of the ratios") {
  int falling = 0, others = 0;
  each_of_four({1, 2, 3}, [&](std::array<int, 4> const& w) {
    each_of_four({0, 1, 3}, [&](std::array<int, 4> const& lambda) {
      for (int const eta : {0, 2}) {
        program prefixes{lambda, w, eta, true}, terminal{lambda, w, 0, false};
        prefixes.search();
        double const all = prefix_budget_residual(with_last(lambda), with_last(w), 1.0, eta);
        REQUIRE(near(4.0 * prefixes.best / 60.0, all, 1e-14));
        if (eta > 0) continue;
        terminal.search();
        double const one = terminal_budget_residual(with_last(lambda), with_last(w), 1.0);
        REQUIRE(near(4.0 * terminal.best / 60.0, one, 1e-14));
        // Sharpness [App. B.10]: where the ratio falls nothing beats u = delta_b; elsewhere something does.
        bool falls = true, constant = true;
        for (std::size_t t = 0; t < 3; ++t) {
          falls = falls && lambda[t] * w[t + 1] >= lambda[t + 1] * w[t];
          constant = constant && lambda[t] * w[t + 1] == lambda[t + 1] * w[t];
        }
        int const at_budget = 60 * (lambda[0] + lambda[1] + lambda[2] + lambda[3]);
        REQUIRE(ratio_falls(with_last(lambda), with_last(w)) == falls);
        REQUIRE((prefixes.best == at_budget) == falls);
        // One budget at the end is never better, and as good only for w proportional to lambda [App. B.8].
        REQUIRE(terminal.best >= prefixes.best);
        REQUIRE((terminal.best == at_budget) == constant);
        ++(falls ? falling : others);
      }
    });
  });
  CHECK(falling == 796);
  CHECK(others == 5765);
}

TEST_CASE("bound: one budget over all T tokens lets more pass than Eq. 18 says") {
  // Five tokens, w = 1, lambda_t = T - t, delta_b = 1: a mean of 1 over five tokens, all of it at the first.
  std::array<double, 5> const u{5, 0, 0, 0, 0};
  CHECK(profile_residual(u, suffix_lengths(5)) == 80.0);
  CHECK(terminal_residual(5, 1.0, 1.0) == 64.0);
  CHECK(terminal_residual(5, 1.0, 5.0 / 4.0) == 80.0);
}

TEST_CASE("bound: App. B.9 does not cover the linear schedule on long responses") {
  // D_t <= delta/w_t: beta_t is 1 to all digits but for the end, so that beta_t/w_t rises with falling weights.
  std::vector<double> const w = weights_of(cppo::linear_weight(0.8), 1024);
  std::vector<double> ell;
  for (double const x : w) ell.push_back(0.15 / x);
  std::vector<double> const beta = suffix_escapes(ell);
  CHECK(tail_ratio_falls(cppo::linear_weight(0.8), 1024));
  CHECK_FALSE(ratio_falls(beta, w));
  // Nothing drifts before position 900. Then the whole allowance is used at once, and after that each allowance as it
  // comes.
  double const delta_b = 0.015;
  double sum_of_beta = 0.0, allowance = 0.0, drift = 0.0, value = 0.0;
  for (std::size_t t = 0; t + 1 < w.size(); ++t) {
    sum_of_beta += beta[t];
    allowance += delta_b * w[t];
    double const u = t < 899 ? 0.0 : (allowance - drift) / w[t];
    drift += w[t] * u;
    value += u * beta[t];
    REQUIRE(drift <= allowance * (1 + 1e-15));
  }
  CHECK(value > 1.05 * delta_b * sum_of_beta);
  CHECK(4.0 * value <= prefix_budget_residual(beta, w, delta_b));
  CHECK(prefix_budget_residual(beta, w, delta_b) <= 4.0 * delta_b * sum_of_beta / 0.8);
}

TEST_CASE("rational: exact, or not valid") {
  rational const a(1, 3), b(-1, 6), huge(std::numeric_limits<index_t>::max(), 1);
  static_assert(rational(6, -4) == rational(-3, 2));
  CHECK((a + b == rational(1, 6) && a - b == rational(1, 2) && a * b == rational(-1, 18) && a / b == rational(-2)));
  CHECK((-a == rational(-1, 3) && abs(b) == rational(1, 6) && a > b && b < rational(0) && a >= a && a <= a));
  CHECK(static_cast<double>(b) == -1.0 / 6.0);
  CHECK((a.numerator() == 1 && a.denominator() == 3));
  rational c = a;
  c += b;
  c *= rational(6);
  c -= rational(3);
  c /= rational(4);
  CHECK(c == rational(-1, 2));
  CHECK((huge * huge / huge == huge) == false);  // the product does not fit, and stays what it is
  CHECK_FALSE((huge + rational(1)).valid());
  CHECK_FALSE((huge + rational(1) - rational(1)).valid());
  CHECK_FALSE(rational(std::numeric_limits<index_t>::min(), 1).valid());
  CHECK((rational(1) / huge).valid());
  CHECK_FALSE((rational(1) / huge / rational(2)).valid());
  rational const none = a / rational(0);
  CHECK_FALSE(none.valid());
  CHECK(std::isnan(static_cast<double>(none)));
  CHECK_FALSE((none == none || none < a || none > a || a < none || (a / none).valid() || (-none).valid()));
  CHECK((huge - huge == rational(0) && huge / huge == rational(1)));
}
