// Certificates: against what summing over every response says, and against values written out; what is not one.
#include "support/catch_compat.hpp"
#include "theory/tables.hpp"

#include <cppo/described/divergence.hpp>
#include <cppo/region.hpp>
#include <cppo/theory/certificate.hpp>
#include <cppo/weight.hpp>

#include <limits>

namespace {

using namespace cppo;
using namespace cppo_test;
using namespace cppo::theory;

constexpr double infinity = std::numeric_limits<double>::infinity();

double of(certificate_result const& c, bound_kind k) { return c.bounds[static_cast<int>(k)]; }

// Two responses of four slots, with a hole and an end: D = 0.1, 0.3, 0.2 and 0.2, 0.5; the rest is never read.
struct two_responses {
  double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> mu = {-1, nan, -2, -3, -1, -2, nan, nan}, pi = {-1.5, nan, -2, -2.5, -1, -1, nan, nan};
  std::vector<double> a = {1, nan, 1, 2, -1, -1, nan, nan}, d = {0.1, nan, 0.3, 0.2, 0.2, 0.5, nan, nan};
  std::vector<std::uint8_t> valid = {1, 0, 1, 1, 1, 1, 0, 0};
  auto batch(layout const& l) const {
    return rollout_batch(l, log_prob(pi), rollout_log_prob(mu), advantage(a), divergence_values(d),
                         response_mask(valid));
  }
};

auto lent(double w_min) { return trust_region(precomputed, linear_weight(w_min), divergence_within(0.15)); }

// A user's, which is no divergence.
struct signed_divergence {
  template <class V>
  constexpr V at(token<V> const& t) const {
    return t.log_ratio();
  }
};

using cppo::theory::detail::kind_of;
using cppo::theory::detail::divergence_kind;
static_assert(kind_of(top_k_kl) == divergence_kind::kl && kind_of(top_k_kl_list) == divergence_kind::kl);
static_assert(kind_of(named_divergence::find("top_k_kl_list")) == divergence_kind::kl);
static_assert(kind_of(top_k_tv) == divergence_kind::total_variation);
static_assert(kind_of(named_divergence::find("top_k_tv")) == divergence_kind::total_variation);

// Falls faster than T - t.
struct steep {
  template <class V>
  constexpr V at(position<V> t, index_t) const {
    return V(1) / (t.value() * t.value() * t.value());
  }
};

}  // namespace

TEST_CASE("certificate: every number, against values written out") {
  two_responses const x;
  std::vector<std::int32_t> const offsets{0, 4, 8};
  for (layout const& l : {padded(2, 4), layout(packed(offsets.data(), 2))}) {
    certificate_options const options{.divergence = measured::total_variation, .xi = 2.0};
    certificate_result const c = certificate(x.batch(l), lent(0.5), options);
    REQUIRE(c.outcome.ok());
    CHECK(c.certifies);
    CHECK((c.responses == 2 && c.horizon == 3));
    CHECK(c.max_divergence == 0.5);
    CHECK(c.surrogate_gain ==
          approx((std::expm1(-0.5) + 2 * std::expm1(0.5) - std::expm1(1.0)) / 2).epsilon(1e-14));
    // u = 0.15, 0.4, 0.1; ell = 0.2, 0.5, 0.2; w = 1, 0.75, 0.5
    CHECK(of(c, bound_kind::product) == approx(8 * (0.15 * 0.6 + 0.4 * 0.2)).epsilon(1e-14));
    CHECK(of(c, bound_kind::suffix_sum) == approx(8 * (0.15 * 0.7 + 0.4 * 0.2)).epsilon(1e-14));
    CHECK(of(c, bound_kind::adaptive) == approx(8 * (0.15 * 1.0 + 0.4 * 0.5)).epsilon(1e-14));
    CHECK(of(c, bound_kind::coupling) == approx(8 * 0.5 * (0 + 0.5 + 1.0)).epsilon(1e-14));
    CHECK((of(c, bound_kind::pinsker_marginal) == infinity && of(c, bound_kind::mixed) == infinity));
    CHECK(c.prefix_average == approx(0.45 / 1.75).epsilon(1e-14));
    CHECK(of(c, bound_kind::prefix) == approx(4 * 6 * 0.5 * 0.45 / 1.75).epsilon(1e-14));
    CHECK(c.terminal_average == approx(0.275).epsilon(1e-14));
    CHECK(of(c, bound_kind::terminal) == approx(8 * 0.5 * 4 * 0.275).epsilon(1e-14));
    CHECK(of(c, bound_kind::classical) == approx(4 * 6 * 0.25).epsilon(1e-14));
    CHECK(c.tightest == bound_kind::product);
    CHECK(c.residual == of(c, bound_kind::product));
    CHECK_FALSE(c.improves());
  }
}

TEST_CASE("certificate: KL is read through Pinsker, and brings the bounds that need it") {
  two_responses const x;
  certificate_result const c = certificate(x.batch(padded(2, 4)), lent(1.0), {.divergence = measured::kl});
  REQUIRE(c.certifies);
  auto const tv = [](double kl) { return std::sqrt(kl / 2); };
  CHECK(c.max_divergence == approx(tv(0.5)).epsilon(1e-14));
  double const first = (tv(0.1) + tv(0.2)) / 2, second = (tv(0.3) + tv(0.5)) / 2;
  CHECK(of(c, bound_kind::suffix_sum) == approx(4 * (first * (tv(0.5) + tv(0.2)) + second * tv(0.2))).epsilon(1e-14));
  CHECK(of(c, bound_kind::adaptive) == approx(4 * (first * std::sqrt(0.5) + second * 0.5)).epsilon(1e-14));
  CHECK(of(c, bound_kind::pinsker_marginal) == approx(4.0 / 3.0 * std::pow(3.0, 1.5) * 0.5).epsilon(1e-14));
  CHECK(of(c, bound_kind::mixed) == approx(2 * 3 * std::sqrt(0.5 * 0.65)).epsilon(1e-14));
}

TEST_CASE("certificate: it bounds what summing over every response says") {
  cppo::testing::random_source random(1);
  int improved = 0;
  bool seen[bound_kinds] = {};
  for (int k = 0; k < 600; ++k) {
    index_t const V = 2 + k % 2, T = 2 + k % 3;
    tabular_policy<double> const mu(V, T);  // uniform, so that a batch of every response weighs them rightly
    auto pi = mu;
    double const spread = k % 5 == 0 ? 1.0 : 0.05;
    for (index_t r = 0; r < pi.table().rows(); ++r) {
      for (index_t a = 0; a < V; ++a) pi.table()(r, a) = 1.0 + spread * random.uniform(-1.0, 1.0);
      pi.table().row(r) /= pi.table().row(r).sum();
    }
    auto const exact = compare(pi, mu);
    numbers<double> R(mu.responses());
    std::vector<double> advantages;
    for (index_t y = 0; y < R.size(); ++y) {
      R(y) = k % 2 == 0 ? (exact.residual(y) > 0 ? 1.0 : -1.0) : (exact.surrogate(y) > 0 ? 1.0 : -1.0);
      advantages.insert(advantages.end(), static_cast<std::size_t>(T), R(y));
    }
    every_response_of const all(pi, mu);
    certificate_result const c =
        certificate(all.batch(advantages), lent(0.8), {.divergence = measured::total_variation});
    REQUIRE((c.outcome.ok() && c.certifies));
    REQUIRE(c.surrogate_gain == approx(exact.value(exact.surrogate, R)).margin(1e-12));
    for (double const bound : c.bounds) REQUIRE(exact.largest_residual() <= bound * (1 + 1e-12));
    double const gained = exact.value(exact.pi, R) - exact.value(exact.mu, R);
    REQUIRE(gained >= c.surrogate_gain - c.residual - 1e-13);
    if (c.improves()) REQUIRE(gained > 0.0);
    improved += c.improves() ? 1 : 0;
    seen[static_cast<int>(c.tightest)] = true;
  }
  CHECK(improved > 100);
  CHECK(seen[static_cast<int>(bound_kind::product)]);
}

TEST_CASE("certificate: lower bounds of the divergence certify nothing") {
  tabular_policy<double> const mu(4, 2);
  auto pi = mu;
  for (index_t r = 0; r < pi.table().rows(); ++r) pi.table().row(r) << 0.35, 0.35, 0.15, 0.15;
  every_response_of const all(pi, mu);
  std::vector<double> const advantages(32, 1.0);
  auto const batch = all.batch(advantages);
  certificate_result const seen = certificate(batch, trust_region(binary_tv, uniform_weight, divergence_within(1.0)));
  CHECK(seen.outcome.ok());
  CHECK_FALSE(seen.certifies);
  CHECK_FALSE(seen.improves());
  CHECK(compare(pi, mu).largest_residual() > 3.0 * seen.residual);  // and rightly so
  CHECK_FALSE(certificate(batch, lent(1.0)).certifies);             // nobody said what was lent
  certificate_result const kl = certificate(batch, trust_region(binary_kl, uniform_weight, divergence_within(1.0)));
  CHECK_FALSE(kl.certifies);
  CHECK(of(kl, bound_kind::mixed) < infinity);  // read as KL
  auto const ppo_region = trust_region(no_divergence, uniform_weight, ratio_within(0.8, 1.2));
  CHECK_FALSE(certificate(batch, ppo_region, {.divergence = measured::total_variation}).certifies);  // no D
  certificate_result const reports = certificate(batch, reporting(ppo_region, binary_kl));
  CHECK(reports.max_divergence == kl.max_divergence);  // read as KL where it is only reported, too
}

TEST_CASE("certificate: a divergence by name is the one of its type") {
  two_responses const x;
  auto const compared = [&x](char const* name, auto divergence) {
    INFO(name);
    auto const region = [](auto d) { return trust_region(d, linear_weight(0.5), keep_all); };
    for (measured const said : {measured::unknown, measured::total_variation, measured::kl}) {
      certificate_result const typed = certificate(x.batch(padded(2, 4)), region(divergence), {.divergence = said});
      certificate_result const named =
          certificate(x.batch(padded(2, 4)), region(named_divergence::find(name)), {.divergence = said});
      REQUIRE((typed.outcome.ok() && named.outcome.ok()));
      CHECK(typed.certifies == named.certifies);
      CHECK(std::equal(std::begin(typed.bounds), std::end(typed.bounds), named.bounds));
      CHECK((typed.max_divergence == named.max_divergence && typed.residual == named.residual));
      if (std::string_view(name) == "no_divergence") CHECK_FALSE((named.certifies || named.improves()));
    }
  };
  compared("no_divergence", no_divergence);
  compared("binary_tv", binary_tv);
  compared("binary_kl", binary_kl);
  compared("binary_kl_reverse", binary_kl_reverse);
  compared("precomputed", precomputed);
  compared("k1", k1);
  compared("k2", k2);
  compared("k3", k3);
}

TEST_CASE("certificate: neither estimates nor divergences below 0 certify, and none makes a bound NaN") {
  two_responses const x;
  auto const none_of = [&x](auto divergence) {
    for (measured const said : {measured::unknown, measured::total_variation, measured::kl}) {
      certificate_result const c =
          certificate(x.batch(padded(2, 4)), trust_region(divergence, uniform_weight, keep_all), {.divergence = said});
      REQUIRE(c.outcome.ok());
      CHECK_FALSE((c.certifies || c.improves()));
      for (double const bound : c.bounds) CHECK(bound >= 0.0);
    }
  };
  none_of(k1);
  none_of(k2);
  none_of(k3);
  none_of(signed_divergence{});
}

TEST_CASE("certificate: KL(pi || mu) is not taken for KL(mu || pi), whatever is said") {
  two_responses const x;
  auto const of_kl = [&x](auto divergence) {
    return certificate(x.batch(padded(2, 4)), trust_region(divergence, uniform_weight, keep_all),
                       {.divergence = measured::kl});
  };
  CHECK(of(of_kl(binary_kl), bound_kind::mixed) < infinity);
  certificate_result const back = of_kl(binary_kl_reverse);
  CHECK((back.certifies && of(back, bound_kind::mixed) == infinity &&
         of(back, bound_kind::pinsker_marginal) == infinity));
}

TEST_CASE("certificate: KL in either direction bounds TV, and KL(pi || mu) is not the KL of the KL bounds") {
  two_responses const x;
  auto const of_kl = [&x](auto divergence) {
    return certificate(x.batch(padded(2, 4)), trust_region(divergence, uniform_weight, keep_all));
  };
  certificate_result const tv = of_kl(binary_tv), there = of_kl(binary_kl), back = of_kl(binary_kl_reverse);
  CHECK((there.max_divergence > tv.max_divergence && back.max_divergence > tv.max_divergence));  // Pinsker
  CHECK((of(there, bound_kind::mixed) < infinity && of(there, bound_kind::pinsker_marginal) < infinity));
  CHECK((of(back, bound_kind::mixed) == infinity && of(back, bound_kind::pinsker_marginal) == infinity));
}

TEST_CASE("certificate: none for an xi that bounds no reward") {
  two_responses const x;
  for (double const xi : {-1.0, -1e-300, infinity, std::numeric_limits<double>::quiet_NaN()}) {
    certificate_result const c =
        certificate(x.batch(padded(2, 4)), lent(0.5), {.divergence = measured::total_variation, .xi = xi});
    CHECK(c.outcome.code == status_code::bad_parameter);
    CHECK(c.outcome.where == argument::options);
    CHECK((!c.certifies && !c.improves() && c.residual == infinity));
  }
  certificate_result const none =
      certificate(x.batch(padded(2, 4)), lent(0.5), {.divergence = measured::total_variation, .xi = 0.0});
  CHECK((none.certifies && none.residual == 0.0));  // rewards of 0 are bounded
}

TEST_CASE("certificate: Eq. 6 is left out where the schedule does not allow it") {
  std::vector<double> const p(5, -1.0), d{0.1, 0.1, 0.1, 0.1, 0.1};
  auto const batch = rollout_batch(padded(1, 5), log_prob(p), rollout_log_prob(p), advantage(p), divergence_values(d));
  auto const falls = certificate(batch, trust_region(precomputed, uniform_weight, keep_all));
  auto const rises = certificate(batch, trust_region(precomputed, steep{}, keep_all));
  CHECK(of(falls, bound_kind::prefix) == approx(2 * 20 * 0.01).epsilon(1e-14));
  CHECK(of(rises, bound_kind::prefix) == infinity);
  CHECK(rises.residual == falls.residual);
}

TEST_CASE("certificate: bad input, bad shapes and empty batches give none") {
  two_responses x;
  x.d[2] = -1.0;
  certificate_result c = certificate(x.batch(padded(2, 4)), lent(0.5), {.divergence = measured::total_variation});
  CHECK(c.outcome.code == status_code::divergence_invalid);
  CHECK((!c.certifies && c.residual == infinity && !c.improves()));
  c = certificate(x.batch(padded(3, 4)), lent(0.5), {.divergence = measured::total_variation});
  CHECK(c.outcome.nothing_written());
  CHECK((!c.certifies && c.residual == infinity));
  x = two_responses();
  x.valid.assign(8, 0);
  c = certificate(x.batch(padded(2, 4)), lent(0.5), {.divergence = measured::total_variation});
  CHECK(c.outcome.code == status_code::no_active_tokens);
  CHECK((!c.certifies && c.horizon == 0 && c.responses == 0));
  for (double const bound : c.bounds) CHECK_FALSE(std::isnan(bound));
  std::vector<double> const nobody;
  c = certificate(rollout_batch(padded(0, 4), log_prob(nobody), rollout_log_prob(nobody), advantage(nobody),
                                divergence_values(nobody)),
                  lent(0.5), {.divergence = measured::total_variation});
  CHECK(!c.certifies);
  for (double const bound : c.bounds) CHECK_FALSE(std::isnan(bound));
}

TEST_CASE("certificate: packed responses that do not begin at 0, in float") {
  std::vector<std::int32_t> const offsets{2, 4, 5};
  std::vector<float> const mu(5, -1.0F), pi(5, -1.5F), a(5, 1.0F), d{9.0F, 9.0F, 0.25F, 0.5F, 0.75F};
  auto const batch = rollout_batch(packed(offsets.data(), 2).part_of(5), log_prob(pi), rollout_log_prob(mu),
                                   advantage(a), divergence_values(d));
  certificate_result const c = certificate(batch, lent(1.0), {.divergence = measured::total_variation});
  REQUIRE(c.certifies);
  CHECK((c.responses == 2 && c.horizon == 2));
  CHECK(of(c, bound_kind::suffix_sum) == 4 * 0.5 * 0.5);
  CHECK(c.surrogate_gain == approx(1.5 * std::expm1(-0.5)).epsilon(1e-7));
}

TEST_CASE("certificate: each bound has a name of its own") {
  for (int i = 0; i < bound_kinds; ++i) {
    CHECK_FALSE(name(static_cast<bound_kind>(i)).empty());
    for (int j = 0; j < i; ++j) CHECK(name(static_cast<bound_kind>(i)) != name(static_cast<bound_kind>(j)));
  }
}
