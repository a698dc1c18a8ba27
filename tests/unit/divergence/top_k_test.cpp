// Top-K divergences against sums over partitions of a small vocabulary, and the order of ever finer partitions.
#include "support/catch_compat.hpp"
#include "support/small_vocabulary.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/divergence.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/testing/random.hpp>

#include <algorithm>
#include <cmath>

namespace {

using namespace cppo;
using namespace cppo_test;

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

vocabulary draw_vocabulary(testing::random_source& random, std::size_t size) {
  vocabulary v{std::vector<double>(size), std::vector<double>(size)};
  for (std::size_t a = 0; a < size; ++a) {
    v.mu[a] = random.exponential() + 1e-3;
    v.pi[a] = random.chance(0.5) ? v.mu[a] * random.uniform(0.7, 1.3) : random.exponential() + 1e-3;
  }
  return vocabulary_of(v.pi, v.mu);
}

// f(vocabulary, k, sampled) for random vocabularies and every choice of the rest.
template <class F>
void for_each_case(F const& f) {
  testing::random_source random(1);
  for (int i = 0; i < 40; ++i) {
    vocabulary const v = draw_vocabulary(random, 3 + static_cast<std::size_t>(random.below(5)));
    for (std::size_t k = 1; k < v.size(); ++k) {
      for (std::size_t sampled = 0; sampled < v.size(); ++sampled) f(v, k, sampled);
    }
  }
}

}  // namespace

TEST_CASE("Top-K divergences are sums over their partitions, in all three forms", "[divergence]") {
  int wrong = 0;
  for_each_case([&](vocabulary const& v, std::size_t k, std::size_t sampled) {
    lists const l = list_of(v, k, sampled);
    bool const listed = sampled < k;
    auto with_own = first(k), overwritten = first(k);
    if (!listed) {
      with_own.push_back(sampled);
      overwritten.back() = sampled;
    }
    wrong += close(run_both<top_k_form::plus_sampled>(l), over_partition(v, with_own)) ? 0 : 1;
    wrong += close(run_both<top_k_form::replace_last>(l), over_partition(v, overwritten)) ? 0 : 1;
    wrong += close(run_both<top_k_form::list_only>(l), over_partition(v, first(k))) ? 0 : 1;
  });
  CHECK(wrong == 0);
}

TEST_CASE("Binary <= Top-K <= full, and a longer list never has less", "[divergence]") {
  int wrong = 0;
  for_each_case([&](vocabulary const& v, std::size_t k, std::size_t sampled) {
    lists const l = list_of(v, k, sampled);
    distance const binary{run(l, binary_tv), run(l, binary_kl)};
    distance const full = over_partition(v, first(v.size()));
    for (distance const& d : {run_both<top_k_form::plus_sampled>(l), run_both<top_k_form::replace_last>(l)}) {
      wrong += at_most(binary, d) && at_most(d, full) ? 0 : 1;
    }
    distance const longer = run_both<top_k_form::plus_sampled>(list_of(v, std::min(k + 1, v.size() - 1), sampled));
    wrong += at_most(run_both<top_k_form::plus_sampled>(l), longer) ? 0 : 1;
    if (k + 1 == v.size()) wrong += close(run_both<top_k_form::plus_sampled>(l), full) ? 0 : 1;
  });
  CHECK(wrong == 0);
}

TEST_CASE("the list alone may see less than the sampled token shows", "[divergence]") {
  vocabulary const v{{0.5, 0.4, 0.1}, {0.5, 0.3, 0.2}};
  lists const l = list_of(v, 1, 2);
  CHECK(run(l, top_k_tv_list) == cppo_test::approx(0.0).margin(1e-15));
  CHECK(run(l, binary_tv) == cppo_test::approx(0.1));
  CHECK(run(l, top_k_tv) == cppo_test::approx(0.1));
}

TEST_CASE("the list of the next token does not say what is listed here", "[divergence]") {
  vocabulary const v{{0.4, 0.35, 0.15, 0.1}, {0.3, 0.3, 0.3, 0.1}};
  lists const l = list_of(v, 2, 3);
  std::vector<std::int32_t> const ids{0, 1, 3, 2};  // the sampled id begins the second list
  std::vector<double> const x(2, l.log_p), y(2, l.log_q), a(2, 1.0);
  std::vector<double> log_pi(4), log_mu(4), d(2);
  for (std::size_t j = 0; j < 4; ++j) {
    log_pi[j] = std::log(v.pi[static_cast<std::size_t>(ids[j])]);
    log_mu[j] = std::log(v.mu[static_cast<std::size_t>(ids[j])]);
  }
  std::int32_t const sampled[] = {3, 3};
  auto const batch = rollout_batch(padded(1, 2), log_prob(x), rollout_log_prob(y), advantage(a), token_id(sampled),
                                   top_k(2, ids, log_pi, log_mu));
  REQUIRE(policy_loss(seq, batch, dppo({}, top_k_tv_replace_last), {.trace = {.divergence = d}}).ok());
  CHECK(d[0] == run(l, top_k_tv_replace_last));
  CHECK(d[0] == cppo_test::approx(over_partition(v, {0, 3}).tv));
}

TEST_CASE("the mass of other has a floor of 1e-12 inside the logarithm", "[divergence]") {
  for (double const rest : {1e-13, 9e-13, 1.2e-12, 1.8e-12, 1e-9}) {
    lists l = list_of({{0.5, 0.5}, {0.5, 0.5}}, 1, 0);
    l.log_p = l.log_pi[0] = std::log1p(-rest);
    double const want = 0.5 * std::log(0.5) + 0.5 * (std::log(0.5) - std::log(std::max(rest, 1e-12)));
    CHECK(run(l, top_k_kl) == cppo_test::approx(want).epsilon(1e-4));
  }
}

TEST_CASE("empty slots of a list are not read, wherever they stand", "[divergence]") {
  testing::random_source random(2);
  vocabulary const v = draw_vocabulary(random, 7);
  auto const close = [](double a, double b) { return std::fabs(a - b) <= 1e-15; };  // sums are grouped by place
  for (std::size_t const sampled : {std::size_t{1}, std::size_t{5}}) {
    lists const full = list_of(v, 3, sampled);
    lists gaps = full;
    for (std::ptrdiff_t const at : {3, 1, 0}) {
      gaps.ids.insert(gaps.ids.begin() + at, -1);
      gaps.log_pi.insert(gaps.log_pi.begin() + at, std::numeric_limits<double>::quiet_NaN());
      gaps.log_mu.insert(gaps.log_mu.begin() + at, 5.0);
    }
    CHECK(close(run(gaps, top_k_tv), run(full, top_k_tv)));
    CHECK(close(run(gaps, top_k_kl), run(full, top_k_kl)));
    CHECK(close(run(gaps, top_k_kl_list), run(full, top_k_kl_list)));
    lists filled = full;  // what follows the last entry changes no bit
    for (int i = 0; i < 3; ++i) {
      filled.ids.push_back(-1);
      filled.log_pi.push_back(std::numeric_limits<double>::quiet_NaN());
      filled.log_mu.push_back(5.0);
    }
    CHECK(run(filled, top_k_tv) == run(full, top_k_tv));
    CHECK(run(filled, top_k_kl) == run(full, top_k_kl));
    CHECK(run(filled, top_k_kl_list) == run(full, top_k_kl_list));
  }
  lists none = list_of(v, 1, 5);
  none.ids[0] = -1;  // nothing listed: the binary partition
  CHECK(run(none, top_k_tv) == cppo_test::approx(run(none, binary_tv)).epsilon(1e-12));
}

TEST_CASE("the sampled token counts with its own log-probs, not with those of its slot", "[divergence]") {
  testing::random_source random(3);
  vocabulary const v = draw_vocabulary(random, 6);
  lists const l = list_of(v, 4, 2);
  lists other = l;
  other.log_pi[2] = -0.01;
  CHECK(run(other, top_k_tv) == run(l, top_k_tv));
  CHECK(run(other, top_k_kl_replace_last) == run(l, top_k_kl_replace_last));
  CHECK(run(other, top_k_tv_list) != run(l, top_k_tv_list));
}

TEST_CASE("a token that a policy rules out: TV counts it, KL saturates only where pi rules it out", "[divergence]") {
  vocabulary const v{{0.6, 0.3, 0.1}, {0.5, 0.3, 0.2}};
  lists l = list_of(v, 2, 0);
  l.log_pi[1] = minus_infinity;
  CHECK(run(l, top_k_tv) == cppo_test::approx(0.5 * (0.1 + 0.3 + 0.2)));
  CHECK(run(l, top_k_kl) == 1000.0);
  l.log_mu[1] = minus_infinity;  // nor does mu allow it: its cell is empty, the mass is in the rest
  CHECK(run(l, top_k_tv) == cppo_test::approx(0.1));
  CHECK(run(l, top_k_kl) == cppo_test::approx(0.5 * std::log(0.5 / 0.6) + 0.5 * std::log(0.5 / 0.4)));
  l.log_pi[1] = std::log(0.25);  // pi allows what mu does not
  CHECK(std::isfinite(run(l, top_k_kl)));
  CHECK(run(l, top_k_kl) < 1000.0);
}

TEST_CASE("lists whose mass exceeds 1 leave nothing to the rest", "[divergence]") {
  lists const l{
      3, std::log(0.5), std::log(0.5), {0, 1}, {std::log(0.4), std::log(0.2)}, {std::log(0.3), std::log(0.3)}};
  CHECK(run(l, top_k_tv) == cppo_test::approx(0.1));
}

namespace {

// TV and KL of a row in float beside the sums over its cells in long double, from the same floats.
struct float_errors {
  double tv = 0.0, tv_relative = 0.0, kl = 0.0;
  double kl_relative = 0.0;  // where a thousandth of the mass is not listed, or more

  void see(float_errors const& e) {
    tv = std::max(tv, e.tv), tv_relative = std::max(tv_relative, e.tv_relative);
    kl = std::max(kl, e.kl), kl_relative = std::max(kl_relative, e.kl_relative);
  }
};
long double cell_mass(float x) { return std::exp(static_cast<long double>(x)); }
struct wide_sums {
  long double pi = 0.0L, mu = 0.0L, gap = 0.0L, kl = 0.0L;
  void add(float log_p, float log_q) {
    long double const p = cell_mass(log_p), q = cell_mass(log_q);
    pi += p, mu += q, gap += std::fabs(p - q), kl += q * (static_cast<long double>(log_q) - log_p);
  }
  distance all() const {
    long double const p = std::max(1.0L - pi, 0.0L), q = std::max(1.0L - mu, 0.0L);
    long double const rest = q > 0.0L ? q * std::log(std::max(q, 1e-12L) / std::max(p, 1e-12L)) : 0.0L;
    return {static_cast<double>((gap + std::fabs(p - q)) / 2.0L), static_cast<double>(kl + rest)};
  }
};
float_errors errors_of(testing::random_source& random, std::size_t k, double spread) {
  vocabulary v{std::vector<double>(k + 5), std::vector<double>(k + 5)};
  for (std::size_t a = 0; a < k + 5; ++a) {
    v.mu[a] = std::pow(random.exponential() + 1e-3, 3.0) + 1e-6;
    v.pi[a] = v.mu[a] * std::exp(random.uniform(-spread, spread));
  }
  v = vocabulary_of(v.pi, v.mu);
  std::vector<std::int32_t> ids;
  std::vector<float> pi, mu;
  wide_sums want;
  for (std::size_t a = 0; a < k; ++a) {
    ids.push_back(static_cast<std::int32_t>(a));
    pi.push_back(static_cast<float>(std::log(v.pi[a])));
    mu.push_back(static_cast<float>(std::log(v.mu[a])));
    want.add(pi.back(), mu.back());
  }
  float const one = 1.0F;
  std::int32_t const sampled = 0;
  float tv = -1.0F, kl = -1.0F;
  auto const batch = rollout_batch(padded(1, 1), log_prob(&pi[0]), rollout_log_prob(&mu[0]), advantage(&one),
                                   token_id(&sampled), top_k(static_cast<index_t>(k), ids, pi, mu));
  CHECK(policy_loss(seq, batch, dppo({}, top_k_tv), {.trace = {.divergence = &tv}}).ok());
  CHECK(policy_loss(seq, batch, dppo({}, top_k_kl), {.trace = {.divergence = &kl}}).ok());
  distance const d = want.all();
  double const tv_error = std::fabs(static_cast<double>(tv) - d.tv);
  double const kl_error = std::fabs(static_cast<double>(kl) - d.kl);
  bool const leaves_much = std::min(want.pi, want.mu) < 0.999L;
  return {tv_error, tv_error / d.tv, kl_error, leaves_much ? kl_error / d.kl : 0.0};
}

}  // namespace

TEST_CASE("Top-K in float: the error does not grow with K", "[divergence]") {
  testing::random_source random(8);
  float_errors worst;
  for (int i = 0; i < 3000; ++i) {
    auto const k = static_cast<std::size_t>(1 + random.below(i % 10 == 0 ? 256 : 40));
    worst.see(errors_of(random, k, std::pow(10.0, -(i % 4))));
  }
  INFO(worst.tv << ' ' << worst.tv_relative << ' ' << worst.kl << ' ' << worst.kl_relative);
  CHECK(worst.tv <= 1e-7);
  CHECK(worst.tv_relative <= 2e-5);
  CHECK(worst.kl <= 1e-6);
  CHECK(worst.kl_relative <= 2e-5);
}

TEST_CASE("lists are found at their slot in both layouts and by strides", "[divergence]") {
  constexpr index_t k = 2;
  std::vector<float> const mu{-1.0F, -2.0F, -0.5F, -1.5F}, pi{-1.1F, -1.7F, -0.6F, -1.4F}, a(4, 1.0F);
  std::vector<std::int64_t> const ids{2, 11, 5, 8};
  std::vector<std::int32_t> const listed{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> const listed_pi{-1.0F, -3.0F, -2.0F, -2.5F, -3.0F, -4.0F, -0.9F, -3.1F};
  std::vector<float> const listed_mu{-1.2F, -2.9F, -1.8F, -2.6F, -2.0F, -4.5F, -1.0F, -3.0F};
  std::vector<std::int32_t> const turned_ids{1, 3, 5, 7, 2, 4, 6, 8};  // column by column
  auto const run_batch = [&](layout const& l, auto const& top) {
    std::vector<float> d(4);
    auto const batch = rollout_batch(l, log_prob(pi), rollout_log_prob(mu), advantage(a), token_id(ids), top);
    CHECK(policy_loss(seq, batch, dppo({}, top_k_tv), {.trace = {.divergence = d}}).ok());
    return d;
  };
  std::int32_t const cuts[] = {0, 1, 4};
  auto const want = run_batch(padded(2, 2), top_k(k, listed, listed_pi, listed_mu));
  CHECK(want[0] != want[1]);
  CHECK(run_batch(packed(cuts, 2), top_k(k, listed, listed_pi, listed_mu)) == want);
  CHECK(run_batch(packed(cuts, 2), top_k(k, matrix_view<std::int32_t const>(turned_ids.data(), 4, k, 1, 4),
                                         matrix_view<float const>(listed_pi.data(), 4, k), listed_mu.data())) == want);
}

namespace {

// A user's mask that reads what was lent beside the lists.
struct lent_within {
  float limit;
  constexpr argument reads() const { return argument::divergence; }
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.lent_divergence() <= V(limit);
  }
};

}  // namespace

TEST_CASE("a mask may read lent divergences under a Top-K one, on every executor", "[divergence]") {
  constexpr std::size_t n = 40;
  std::vector<float> const pi(n, -0.9F), mu(n, -1.0F), a(n, 1.0F), listed(2 * n, -3.0F);
  std::vector<std::int32_t> const ids(2 * n, 5), sampled(n, 5);
  std::vector<float> lent(n);
  for (std::size_t i = 0; i < n; ++i) lent[i] = static_cast<float>(i) / 64.0F;
  auto const batch = rollout_batch(padded(1, static_cast<index_t>(n)), log_prob(pi), rollout_log_prob(mu), advantage(a),
                                   divergence_values(lent), token_id(sampled), top_k(2, ids, listed, listed));
  for (bool const by_name : {false, true}) {
    std::vector<std::uint8_t> plain(n, 9), fast(n, 9);
    auto const run = [&](auto const& divergence) {
      auto const region = trust_region(divergence, uniform_weight, lent_within{0.25F});
      CHECK(compute_mask(seq, batch, region, plain).ok());
      CHECK(compute_mask(simd, batch, region, fast).ok());
    };
    if (by_name) run(named_divergence::find("top_k_tv"));
    else run(top_k_tv);
    CHECK(plain == fast);
    for (std::size_t i = 0; i < n; ++i) CHECK(plain[i] == (lent[i] <= 0.25F ? 1 : 0));
  }
}

namespace {

// Keeps a token whose first listed symbol is more probable under pi than under mu.
struct first_listed_rises {
  constexpr argument reads() const { return argument::top_k; }
  template <class V>
    requires(V::size == 1)
  constexpr typename V::mask operator()(token<V> const& t) const {
    return V(t.top_k().log_prob(0)) > t.top_k().rollout_log_prob(0);
  }
};

}  // namespace

TEST_CASE("F30: what a mask says it reads must be lent, wherever it stands in the region", "[divergence]") {
  std::vector<float> const x(4, -1.0F), lent(4, 0.5F);
  std::vector<std::int32_t> const ids(8, 5);
  std::vector<float> const listed(8, -3.0F);
  auto const with = [&](auto const&... more) {
    return rollout_batch(padded(1, 4), log_prob(x), rollout_log_prob(x), advantage(x), more...);
  };
  auto const says = [&](auto const& batch, auto const& mask) {
    std::vector<std::uint8_t> kept(4, 7);
    status const s = compute_mask(seq, batch, trust_region(binary_tv, uniform_weight, mask), kept);
    if (s.code == status_code::missing_input) CHECK(kept == std::vector<std::uint8_t>(4, 7));
    else CHECK(s.ok());
    return s.code == status_code::missing_input ? s.where : argument::none;
  };
  lent_within const limit{0.25F};
  first_listed_rises const rises;
  CHECK(says(with(), limit) == argument::divergence);
  CHECK(says(with(), !(toward_rollout & limit)) == argument::divergence);
  CHECK(says(with(divergence_values(lent)), toward_rollout | limit) == argument::none);
  CHECK(says(with(divergence_values(lent)), all_of(limit, none_of(rises))) == argument::top_k);
  CHECK(says(with(divergence_values(lent), top_k(2, ids, listed, listed)), all_of(limit, none_of(rises))) ==
        argument::none);
}

TEST_CASE("F30: a mask that reads lists has them at tokens with bad input too", "[divergence]") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> const pi = {-1.0F, nan, -1.0F}, mu(3, -1.0F), high(6, -2.0F), low(6, -3.0F);
  std::vector<std::int32_t> const ids(6, 5);
  std::vector<std::uint8_t> kept(3, 7);
  auto const batch =
      rollout_batch(padded(1, 3), log_prob(pi), rollout_log_prob(mu), advantage(mu), top_k(2, ids, high, low));
  auto const region = trust_region(binary_tv, uniform_weight, first_listed_rises{});
  status const s = compute_mask(seq, batch, region, kept, {.bad_input = on_bad_input::propagate});
  CHECK(s.code == status_code::bad_input_propagated);
  CHECK(kept == std::vector<std::uint8_t>{1, 0, 1});
}
