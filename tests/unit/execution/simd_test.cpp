// The SIMD executor gives the bits of the plain definition: PPO, DPPO, CPPO with a fixed budget.
#include "support/scarce_thread.hpp"
#include "support/simd_against_seq.hpp"
#include "support/unchecked_token.hpp"

namespace {

using namespace cppo_test;

auto const family = [](cppo::named_divergence d, auto const& use) {
  use("unrestricted", cppo::trust_region(d, cppo::uniform_weight, cppo::keep_all));
  use("ppo", cppo::trust_region(d, cppo::uniform_weight, cppo::ppo().mask()));
  use("dppo", cppo::dppo({.delta_low = 0.1, .delta_high = 0.15}, d));
  use("cppo", cppo::fixed_cppo({.delta_b = 0.01}, d));
};

}  // namespace

TEST_CASE("simd equals seq, token rules: Binary-TV, float") {
  check_family<float>(family, "binary_tv", 1, 40);
  check_family<float>(family, "binary_tv", 500, 10, {.holes = false});
}

TEST_CASE("simd equals seq, token rules: every divergence") {
  for (std::string_view const d : cppo::divergence_names()) check_family<float>(family, d, 100, 6);
}

TEST_CASE("simd equals seq, token rules: half and bfloat16 inputs") {
  check_family<cppo::half>(family, "binary_tv", 200, 8);
  check_family<cppo::bfloat16>(family, "binary_tv", 300, 8);
  check_family<cppo::half>(family, "precomputed", 400, 4);
}

TEST_CASE("simd equals seq, token rules: every length to 70, and those around blocks of 256") {
  check_lengths(family, true);
  check_lengths(family, false);
}

TEST_CASE("simd equals seq, token rules: on as many threads as are asked for") {
  check_threads(family);
}

TEST_CASE("simd equals seq: a hole at each slot of a block") {
  generated_batch<float> whole = of_lengths({300}, 8, true);
  whole.lends_mask = true;
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  for (std::size_t hole = 0; hole < 300; hole += hole < 40 || hole > 240 ? 1 : 13) {
    generated_batch<float> batch = whole;
    batch.valid[hole] = 0;
    batch.seal();
    batch.refill_excluded(1);
    INFO("hole " << hole);
    REQUIRE(seq_against_simd(batch, region, {}, 1) == "");
  }
}

TEST_CASE("simd equals seq: divergences that are zeros of both signs") {
  every_need(cppo::named_divergence::find("precomputed"), [](char const* name, auto const& region) {
    for (std::size_t const keep : {std::size_t{2}, std::size_t{9}, std::size_t{1000}}) {
      INFO(name << ", one kept of " << keep);
      REQUIRE(seq_against_simd(of_zeros(keep, keep), region, {}, 1) == "");
    }
  });
}

TEST_CASE("threads: none for little work, never more than responses") {
  using cppo::detail::useful_threads;
  CHECK(useful_threads(8, 100, 999, 1000) == 1);
  CHECK(useful_threads(8, 100, 2999, 1000) == 2);
  CHECK(useful_threads(8, 100, 3000, 1000) == 3);
  CHECK(useful_threads(8, 2, 3000, 1000) == 2);
  CHECK(useful_threads(4, 100, 9000, 1000) == 4);
  CHECK(useful_threads(1, 100, 9000, 1000) == 1);
  CHECK(useful_threads(0, 100, 9000, 1000) >= 1);
  CHECK(useful_threads(8, 0, 0, 1) == 1);
  CHECK(useful_threads(-3, 100, 9000, 1000) == 1);
  CHECK(cppo::detail::slots_worth_a_thread(1) == 4096);
  CHECK(cppo::detail::slots_worth_a_thread(4) == 32768);
  CHECK(cppo::detail::slots_worth_a_thread(16) == 131072);
  CHECK(cppo::simd.threads() == 1);
  CHECK(cppo::simd.with_threads(3).threads() == 3);
}

TEST_CASE("threads that cannot be started are missed by nobody") {
  cppo::layout const shape = cppo::padded(64, 8192);
  for (int const given : {0, 1, 3, 7}) {
    scarce_thread::left = given;
    scarce_thread::joined = 0;
    std::vector<int> visits(64, 0);
    cppo::detail::work_memory<float> memory;
    auto const visit = [&](index_t b, std::vector<float>&, cppo::detail::response_outcome& into) {
      ++visits[static_cast<std::size_t>(b)];
      cppo::detail::response_outcome o;
      o.report.counts = {b, 1};
      into.add(o);
    };
    auto fold = cppo::detail::over_responses<float, scarce_thread>(8, 1, shape, 0, memory,
                                                                   cppo::detail::response_body<float>(visit));
    fold.settle();
    CHECK(visits == std::vector<int>(64, 1));
    CHECK(fold.report.counts.tokens == 63 * 64 / 2);
    CHECK(fold.report.counts.responses == 64);
    CHECK(scarce_thread::joined == given);
  }
}

TEST_CASE("a mask of bool is written as one of bytes") {
  generated_batch<float> const batch = of_lengths({300, 17}, 3, true);
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  std::vector<std::uint8_t> bytes(317, 9);
  bool bits[317];
  std::fill(std::begin(bits), std::end(bits), true);
  REQUIRE(compute_mask(cppo::simd, batch.view(), region, bytes).ok());
  REQUIRE(compute_mask(cppo::simd, batch.view(), region, bits).ok());
  int wrong = 0, masked = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    wrong += bits[i] == (bytes[i] == 1) ? 0 : 1;
    masked += bits[i] ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(masked > 0);
}

TEST_CASE("lanes count from any index") {
  for (index_t const first :
       {index_t{-20}, index_t{-1}, index_t{0}, index_t{5}, index_t{0x7fffffff}, index_t{1} << 40}) {
    float lanes[cppo::simd_lane::size];
    cppo::simd_lane::ops::save(lanes, cppo::simd_lane::ops::iota(first));
    for (int k = 0; k < cppo::simd_lane::size; ++k) CHECK(lanes[k] == static_cast<float>(first + k));
  }
}

TEMPLATE_TEST_CASE("outputs of any type are those of seq, in dense slots and between holes", "", cppo::half,
                   cppo::bfloat16, double) {
  for (bool const holes : {false, true}) {
    generated_batch<float> batch = of_lengths({300, 17, 1}, 4, true);
    batch.lends_mask = holes;
    for (std::size_t i = 5; holes && i < 318; i += 7) batch.valid[i] = 0;
    for (std::size_t i = 70; holes && i < 250; ++i) batch.valid[i] = 0;  // words without a token
    batch.seal();
    batch.refill_excluded(1);
    auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
    std::vector<TestType> want(318), got(318);
    REQUIRE(policy_loss(cppo::seq, batch.view(), region, {.gradient = want}).ok());
    REQUIRE(policy_loss(cppo::simd, batch.view(), region, {.gradient = got}).ok());
    CHECK(std::memcmp(want.data(), got.data(), want.size() * sizeof(TestType)) == 0);
    std::vector<TestType> const zeros(318);
    CHECK(std::memcmp(want.data(), zeros.data(), want.size() * sizeof(TestType)) != 0);
  }
}

namespace {

/// Reads what it does not declare, past the check of types.
struct undeclared_reader {
  template <class V>
  auto operator()(cppo::token<V> const& t) const {
    auto const& u = cppo_test::unchecked(t);
    return (cppo_test::as<V>(u.prefix_drift()) <= 0.1F) & (cppo_test::as<V>(u.prefix_weight()) <= 3) &
           !typename V::mask(u.within_prefix_budget().raw()) & (cppo_test::as<V>(u.response_max()) <= 0.1F);
  }
};

}  // namespace

TEST_CASE("a mask that reads what it does not declare sees nothing, on every executor, traced or not") {
  std::vector<float> mu(600, -0.2F), pi, a(600, 1.0F), excess(600);
  for (int i = 0; i < 600; ++i) pi.push_back(-0.1F - 0.001F * static_cast<float>(i));
  auto const batch = cppo::rollout_batch(cppo::padded(2, 300), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, undeclared_reader{});
  std::vector<std::uint8_t> plain(600, 7), fast(600, 7), traced(600, 7), traced_fast(600, 7);
  REQUIRE(compute_mask(cppo::seq, batch, region, plain).ok());
  REQUIRE(compute_mask(cppo::simd, batch, region, fast).ok());
  REQUIRE(policy_loss(cppo::seq, batch, region, {.mask = traced, .trace = {.excess = excess}}).ok());
  REQUIRE(policy_loss(cppo::simd, batch, region, {.mask = traced_fast, .trace = {.excess = excess}}).ok());
  CHECK(plain == std::vector<std::uint8_t>(600, 1));
  CHECK(fast == plain);
  CHECK(traced == plain);
  CHECK(traced_fast == plain);
}

TEST_CASE("simd equals seq: a response mask with a stride") {
  generated_batch<float> batch = of_lengths({300}, 8, true);
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  std::vector<std::uint8_t> spread(900, 7), dense(300), want(300), got(300), from_dense(300);
  for (std::size_t i = 0; i < 300; ++i) spread[3 * i] = dense[i] = i % 9 == 4 ? 0 : 1;
  auto const masked = [&](auto const& executor, auto const& mask, std::vector<std::uint8_t>& out) {
    auto const view = cppo::rollout_batch(
        cppo::padded(1, 300), cppo::log_prob(batch.log_prob), cppo::rollout_log_prob(batch.rollout_log_prob),
        cppo::advantage(batch.advantage), cppo::divergence_values(batch.divergence), cppo::response_mask(mask));
    return compute_mask(executor, view, region, out).ok();
  };
  cppo::matrix_view<std::uint8_t const> const strided(spread.data(), 1, 300, 900, 3);
  REQUIRE(masked(cppo::seq, strided, want));
  REQUIRE(masked(cppo::simd, strided, got));
  REQUIRE(masked(cppo::simd, dense, from_dense));
  CHECK(got == want);
  CHECK(from_dense == want);
  CHECK(std::count(want.begin(), want.end(), std::uint8_t{1}) > 100);

  std::vector<std::uint8_t> every_third(900, 7);
  REQUIRE(
      compute_mask(cppo::simd,
                   cppo::rollout_batch(cppo::padded(1, 300), cppo::log_prob(batch.log_prob),
                                       cppo::rollout_log_prob(batch.rollout_log_prob), cppo::advantage(batch.advantage),
                                       cppo::divergence_values(batch.divergence), cppo::response_mask(dense)),
                   region, cppo::matrix_view<std::uint8_t>(every_third.data(), 1, 300, 900, 3))
          .ok());
  for (std::size_t i = 0; i < 900; ++i) {
    INFO(i);
    REQUIRE(every_third[i] == (i % 3 == 0 ? want[i / 3] : 7));
  }
}

TEST_CASE("simd equals seq: a piece that follows two thousand million tokens") {
  generated_batch<float> const batch = of_lengths({300, 40}, 8, true);
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  index_t const before = index_t{0x7fffffff} - 400;
  std::vector<cppo::prefix_sums> carries(2);
  std::vector<cppo::response_summary> totals(2);
  carries[0].count = before;           // ends below 2^31
  carries[1].count = before + 390;     // and above
  for (auto& total : totals) total.length = before + 500, total.delta_b = 0.01;
  REQUIRE(seq_against_simd(batch, region, {.carries = carries, .totals = totals}, 1) == "");
}

TEST_CASE("simd equals seq: a batch larger than the caches, gradients aligned and not") {
  index_t const responses = 513, width = 8192;
  auto const row = static_cast<std::size_t>(width), n = static_cast<std::size_t>(responses) * row;
  std::vector<float> pi(n), mu(n), a(n), want(row), got(n + 64);
  for (std::size_t i = 0; i < n; ++i) {  // every row alike
    auto const x = static_cast<float>(i % row * 7919 % 1000) / 1000.0F;
    mu[i] = -x - 0.1F;
    pi[i] = mu[i] - 0.2F * (static_cast<float>(i % row % 13) - 6.0F) / 13.0F;
    a[i] = i % row % 3 == 0 ? -1.0F : 1.0F;
  }
  auto const batch = [&](index_t rows) {
    return cppo::rollout_batch(cppo::padded(rows, width), cppo::log_prob(pi.data()), cppo::rollout_log_prob(mu.data()),
                               cppo::advantage(a.data()));
  };
  REQUIRE(policy_loss(cppo::seq, batch(1), cppo::fixed_cppo(), {.gradient = want}).ok());
  std::size_t const skew = (64 - reinterpret_cast<std::uintptr_t>(got.data()) % 64) % 64 / sizeof(float);
  for (std::size_t const from : {skew, skew + 1}) {
    for (index_t const rows : {index_t{2}, responses}) {
      std::fill(got.begin(), got.end(), 7.0F);
      REQUIRE(policy_loss(cppo::simd, batch(rows), cppo::fixed_cppo(), {.gradient = got.data() + from}).ok());
      std::size_t unlike = 0;
      for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
        unlike += std::memcmp(want.data(), got.data() + from + r * row, row * sizeof(float)) == 0 ? 0 : 1;
      }
      CHECK(unlike == 0);
      CHECK(got[from + static_cast<std::size_t>(rows) * row] == 7.0F);
    }
  }
}
