// Policies as tables: identities in fractions, double against them, the sums against a model that shares no code, and
// pairs that attain what is stated.
#include "support/catch_compat.hpp"
#include "theory/tables.hpp"

#include <cppo/theory/bound.hpp>
#include <cppo/theory/profile.hpp>

#include <memory>

namespace {

using namespace cppo_test;
using namespace cppo::theory;

struct shape {
  index_t V, T;
  int K, pairs;
};
constexpr shape shapes[] = {{2, 1, 12, 500}, {2, 2, 12, 2000}, {2, 3, 12, 2000}, {3, 2, 12, 2000}, {4, 2, 12, 1000},
                            {3, 4, 8, 200},  {2, 6, 8, 200},   {4, 4, 8, 80},     {4, 6, 8, 20}};

template <class Scalar>
numbers<Scalar> rewards_for(cppo::testing::random_source& random, index_t n) {
  numbers<Scalar> r(n);
  for (index_t y = 0; y < n; ++y) r(y) = Scalar(static_cast<int>(random.below(9)) - 4) / Scalar(4);
  return r;
}

// u_t, ell_t and lambda_t, from the model's prefixes.
template <int V, int T, class Comparison>
void check_prefixes(grid_pair<V, T> const& model, Comparison const& c) {
  std::array<double, T> u{}, ell{}, lambda{};
  for (std::size_t r = 0, t = 0; r < model.divergence.size(); ++r) {
    auto const i = static_cast<index_t>(r);
    if (static_cast<int>(r) == count_table<V, T>::first(static_cast<int>(t) + 1)) ++t;
    REQUIRE(std::fabs(c.divergence(i) - model.divergence[r]) <= 1e-15);
    REQUIRE(std::fabs(c.suffix(i) - model.suffix[r]) <= 1e-14);
    REQUIRE(std::fabs(c.reached(i) - model.weight[r]) <= 1e-15);
    u[t] += model.weight[r] * model.divergence[r];
    if (!model.reached[r]) continue;
    ell[t] = std::max(ell[t], model.divergence[r]);
    if (t > 0) lambda[t - 1] = std::max(lambda[t - 1], model.suffix[r]);
  }
  for (std::size_t t = 0; t < T; ++t) {
    auto const i = static_cast<index_t>(t);
    REQUIRE(std::fabs(c.u(i) - u[t]) <= 1e-14);
    REQUIRE(std::fabs(c.ell(i) - ell[t]) <= 1e-15);
    REQUIRE(std::fabs(c.lambda(i) - lambda[t]) <= 1e-14);
  }
}

template <int V, int T>
void against_the_model(int K, int pairs, std::uint64_t seed) {
  cppo::testing::random_source random(seed);
  for (int k = 0; k < pairs; ++k) {
    auto const rows = random_rows(random, V, T, K, k % 4 == 0 ? 0 : 1), other = random_rows(random, V, T, K);
    count_table<V, T> p{}, q{};
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::copy(other[r].begin(), other[r].end(), p.row[r].begin());
      std::copy(rows[r].begin(), rows[r].end(), q.row[r].begin());
    }
    auto const model = std::make_unique<grid_pair<V, T>>(p, q, K);
    auto const c = compare(table_of<double>(V, T, other, K), table_of<double>(V, T, rows, K));
    REQUIRE(model->identity);
    REQUIRE(std::fabs(c.largest_residual() - model->residual) <= 1e-13);
    REQUIRE(std::fabs(c.sum(c.surrogate.cwiseAbs()) - model->gain) <= 1e-13);
    REQUIRE(c.absolutely_continuous == model->absolutely_continuous);
    check_prefixes(*model, c);
  }
}

std::vector<double> as_vector(numbers<double> const& x) { return {x.data(), x.data() + x.size()}; }

}  // namespace

TEST_CASE("tables: Lemma 2 holds in fractions, response by response") {
  cppo::testing::random_source random(1);
  for (shape const& s : shapes) {
    for (int k = 0; k < s.pairs; ++k) {
      auto const mu = table_of<rational>(s.V, s.T, random_rows(random, s.V, s.T, s.K, k % 3 == 0 ? 0 : 1), s.K);
      auto const pi = table_of<rational>(s.V, s.T, random_rows(random, s.V, s.T, s.K, 0), s.K);
      REQUIRE((mu.check() && pi.check()));
      auto const c = compare(pi, mu);
      for (index_t y = 0; y < mu.responses(); ++y) REQUIRE(c.pi(y) - c.mu(y) == c.surrogate(y) - c.residual(y));
      auto const R = rewards_for<rational>(random, mu.responses());
      REQUIRE(c.value(c.pi, R) - c.value(c.mu, R) == c.value(c.surrogate, R) - c.value(c.residual, R));
      REQUIRE((c.sum(c.pi) == rational(1) && c.sum(c.mu) == rational(1)));
      REQUIRE((c.sum(c.surrogate) == rational(0) && c.sum(c.residual) == rational(0)));  // of a constant reward
    }
  }
}

TEST_CASE("tables: in double, Lemma 2 holds to 1e-12 and every value to the stated bound") {
  cppo::testing::random_source random(2);
  double worst = 0.0;
  for (shape const& s : shapes) {
    double const bound = tabular_error_bound(s.V, s.T);
    CHECK(bound < 2e-13);
    for (int k = 0; k < s.pairs; ++k) {
      int const K = s.T > 4 ? 8 : 16;  // dyadic, so that both see the same tables
      auto const mu_rows = random_rows(random, s.V, s.T, K), pi_rows = random_rows(random, s.V, s.T, K, 0);
      auto const exact = compare(table_of<rational>(s.V, s.T, pi_rows, K), table_of<rational>(s.V, s.T, mu_rows, K));
      auto mu = table_of<double>(s.V, s.T, mu_rows, K), pi = table_of<double>(s.V, s.T, pi_rows, K);
      auto const c = compare(pi, mu);
      auto const R = rewards_for<rational>(random, mu.responses());
      numbers<double> const r = R.unaryExpr([](rational x) { return static_cast<double>(x); });
      auto const check = [&](double value, rational truth) {
        worst = std::max(worst, std::fabs(value - static_cast<double>(truth)) / bound);
      };
      check(c.value(c.pi, r), exact.value(exact.pi, R));
      check(c.value(c.mu, r), exact.value(exact.mu, R));
      check(c.value(c.surrogate, r), exact.value(exact.surrogate, R));
      check(c.value(c.residual, r), exact.value(exact.residual, R));
      // Tables that double rounds: the identity needs no exact input.
      for (index_t row = 0; row < mu.table().rows(); ++row) {
        for (auto* table : {&mu.table(), &pi.table()}) {
          for (index_t a = 0; a < s.V; ++a) (*table)(row, a) = random.exponential();
          table->row(row) /= table->row(row).sum();
        }
      }
      REQUIRE((mu.check(1e-15) && pi.check(1e-15)));
      auto const d = compare(pi, mu);
      double const gained = d.value(d.pi, r) - d.value(d.mu, r);
      REQUIRE(std::fabs(gained - d.value(d.surrogate, r) + d.value(d.residual, r)) <= 1e-12);
    }
  }
  CHECK(worst <= 1.0);
}

TEST_CASE("tables: every sum equals that of a model in whole numbers") {
  against_the_model<2, 1>(12, 50, 1);
  against_the_model<2, 3>(12, 400, 2);
  against_the_model<3, 3>(12, 100, 3);
  against_the_model<4, 3>(12, 40, 4);
  against_the_model<2, 6>(12, 40, 5);
  against_the_model<4, 6>(12, 20, 6);
}

TEST_CASE("tables: what is no policy is seen") {
  tabular_policy<rational> p(3, 2);
  CHECK(p.check());
  CHECK(p.table().rows() == 4);
  p.table()(3, 0) = rational(1, 2);
  CHECK_FALSE(p.check());
  p.table()(3, 1) = rational(2, 3);
  p.table()(3, 2) = rational(-1, 6);
  CHECK_FALSE(p.check());
  p.table()(3, 1) = rational(1, 6);
  p.table()(3, 2) = rational(1, 3);
  CHECK(p.check());
  p.table().conservativeResize(3, 3);
  CHECK_FALSE(p.check());
  tabular_policy<double> q(2, 1);
  q.table() << 0.5, 0.4999;
  CHECK_FALSE(q.check());
  CHECK(q.check(1e-3));
  q.table() << 0.5, 0.5001;
  CHECK_FALSE(q.check());
}

TEST_CASE("tables: a mixture moves each prefix by its share (Eq. 21)") {
  cppo::testing::random_source random(3);
  for (int k = 0; k < 100; ++k) {
    auto const mu = table_of<rational>(3, 3, random_rows(random, 3, 3, 12, 0), 12);
    auto const pi = table_of<rational>(3, 3, random_rows(random, 3, 3, 12, 0), 12);
    numbers<rational> g(mu.table().rows());
    for (index_t r = 0; r < g.size(); ++r) g(r) = rational(random.below(9), 8);
    auto const mixed = mixture(mu, pi, g);
    REQUIRE(mixed.check());
    auto const whole = compare(pi, mu), part = compare(mixed, mu);
    for (index_t r = 0; r < g.size(); ++r) REQUIRE(part.divergence(r) == g(r) * whole.divergence(r));
  }
}

TEST_CASE("tables: the product of Lemma 3 is attained at every length, exactly") {
  // mu leaves the path 0 0 0 ... with probability ell at each step, pi never does; pi stays inside the support of mu.
  for (int eighths = 1; eighths <= 7; ++eighths) {
    index_t const T = 6;
    rational const ell(eighths, 8);
    tabular_policy<rational> mu(2, T), pi(2, T);
    for (index_t r = 0; r < mu.table().rows(); ++r) {
      mu.table().row(r) << rational(1) - ell, ell;
      pi.table().row(r) << rational(1), rational(0);
    }
    auto const c = compare(pi, mu);
    rational kept(1);
    for (index_t t = T; t-- > 0;) {
      kept *= rational(1) - ell;
      REQUIRE(c.suffix(mu.first_row(t)) == rational(1) - kept);
    }
    CHECK(c.absolutely_continuous);
  }
}

TEST_CASE("tables: Theorem 1 and Eq. 14 are attained by two tokens, exactly") {
  // D_1 = delta_b, D_2 = ell_max whatever came first: the residual is 4 ell_max delta_b, all of Eq. 6 for T = 2.
  for (int first = 1; first < 6; ++first) {
    for (int second = first; second < 6; ++second) {
      auto const mu = table_of<rational>(2, 2, {{6, 6}, {6, 6}, {6, 6}}, 12);
      auto const pi = table_of<rational>(
          2, 2, {{6 + first, 6 - first}, {6 + second, 6 - second}, {6 - second, 6 + second}}, 12);
      rational const residual = compare(pi, mu).largest_residual();
      CHECK(residual == rational(4 * first * second, 144));
      CHECK(prefix_residual(2, second / 12.0, first / 12.0) == approx(static_cast<double>(residual)).epsilon(1e-14));
    }
  }
}

TEST_CASE("tables: the profile of a pair bounds it, lambda below the product and the sum") {
  cppo::testing::random_source random(4);
  for (int k = 0; k < 200; ++k) {
    auto const mu = table_of<double>(3, 4, random_rows(random, 3, 4, 20), 20);
    auto const pi = table_of<double>(3, 4, random_rows(random, 3, 4, 20), 20);
    auto const c = compare(pi, mu);
    double const most = c.largest_residual();
    std::vector<double> const u = as_vector(c.u), ell = as_vector(c.ell), lambda = as_vector(c.lambda);
    double const measured = profile_residual(u, lambda), product = profile_residual(u, suffix_escapes(ell));
    REQUIRE(most <= measured * (1 + 1e-12));
    REQUIRE(measured <= product * (1 + 1e-12));
    REQUIRE(product <= profile_residual(u, suffix_sums(ell)) * (1 + 1e-12));
    auto const R = rewards_for<double>(random, mu.responses());
    double const gained = c.value(c.pi, R) - c.value(c.mu, R);
    REQUIRE(gained >= c.value(c.surrogate, R) - product - 1e-13);
  }
}
