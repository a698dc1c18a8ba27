// The SIMD executor gives the bits of the plain definition: regions that look at the whole response first.
#include "support/simd_against_seq.hpp"

namespace {

using namespace cppo_test;

auto const family = [](cppo::named_divergence d, auto const& use) {
  use("calibrated", cppo::calibrated_cppo({}, d));
  use("calibrated, soft", softened(cppo::calibrated_cppo({}, d), cppo::reciprocal_gate));
  use("trm_max", cppo::trm_max({}, d));
  use("trm_mean", cppo::trm_mean({}, d));
};

}  // namespace

TEST_CASE("simd equals seq, whole responses: Binary-TV, float") {
  check_family<float>(family, "binary_tv", 1, 40);
  check_family<float>(family, "binary_tv", 500, 10, {.holes = false});
}

TEST_CASE("simd equals seq, whole responses: every divergence") {
  for (std::string_view const d : cppo::divergence_names()) check_family<float>(family, d, 100, 6);
}

TEST_CASE("simd equals seq, whole responses: half and bfloat16 inputs") {
  check_family<cppo::half>(family, "binary_tv", 200, 8);
  check_family<cppo::bfloat16>(family, "binary_tv", 300, 8);
  check_family<cppo::half>(family, "precomputed", 400, 4);
}

TEST_CASE("simd equals seq, whole responses: every length to 70, and those around blocks of 256") {
  check_lengths(family, true);
  check_lengths(family, false);
}

TEST_CASE("simd equals seq, whole responses: on as many threads as are asked for") {
  check_threads(family);
}

TEST_CASE("simd equals seq: bad input, whatever is to be done with it") {
  auto const how = GENERATE(cppo::on_bad_input::reject, cppo::on_bad_input::exclude, cppo::on_bad_input::propagate);
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::named_divergence::find("binary_tv"));
  int bad = 0;
  for (std::uint64_t seed = 600; seed < 660; ++seed) {
    generated_batch<float> batch = generate<float>(seed);
    random_source random(seed);
    for (int k = 0; k < 3 && batch.slots() > 0; ++k) {
      auto const slot = static_cast<std::size_t>(random.below(batch.slots()));
      float const x = poison<float>(static_cast<int>(random.below(4)));
      (k == 0 ? batch.log_prob : k == 1 ? batch.rollout_log_prob : batch.advantage)[slot] = x;
      bad += batch.valid[slot];
    }
    INFO("seed " << seed);
    REQUIRE(seq_against_simd(batch, region, {.bad_input = how}, 2) == "");
  }
  CHECK(bad > 30);
}

namespace {

/// delta_b is the median of D: asks for a quantile, and for no bounds on it.
struct median_budget {
  static constexpr cppo::needs needed = cppo::needs::quantile;
  constexpr bool check() const { return true; }
  template <class Statistics>
  constexpr double resolve(Statistics const& response) const {
    return response.quantile(0.5);
  }
};

}  // namespace

TEST_CASE("simd equals seq: a budget that asks for a quantile without bounds") {
  check_family<float>(
      [](cppo::named_divergence d, auto const& use) {
        use("median", cppo::trust_region(d, cppo::linear_weight(0.8),
                                         cppo::toward_rollout | (cppo::divergence_within(0.15) &
                                                                 cppo::prefix_budget(0.15, median_budget{}))));
      },
      "binary_tv", 800, 40);
}

TEST_CASE("simd in double is the plain definition") {
  auto const regions = [](auto const& f) {
    f(cppo::fixed_cppo());
    f(softened(cppo::calibrated_cppo(), cppo::reciprocal_gate));
  };
  regions([](auto const& region) {
    for (std::uint64_t seed = 700; seed < 720; ++seed) {
      generated_batch<double> const batch = generate<double>(seed);
      REQUIRE(seq_against_simd(batch, region, varied_options(seed, batch.packed), 2) == "");
    }
  });
}

TEST_CASE("F22_1000_runs_same_bits, on four threads") {
  generated_batch<float> const batch = of_lengths(std::vector<index_t>(24, 300), 10, true);
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::named_divergence::find("precomputed"));
  auto const slots = static_cast<std::size_t>(batch.slots());
  std::vector<float> loss(slots), gradient(slots), first_loss, first_gradient;
  std::vector<std::uint8_t> mask(slots), first_mask;
  cppo::report r, first;
  for (int run = 0; run < 1000; ++run) {
    cppo::loss_outputs const out{.loss = loss, .gradient = gradient, .mask = mask, .report = &r};
    REQUIRE(policy_loss(cppo::simd.with_threads(4, 1), batch.view(), region, out).ok());
    if (run == 0) {
      first_loss = loss;
      first_gradient = gradient;
      first_mask = mask;
      first = r;
    }
    REQUIRE(std::memcmp(loss.data(), first_loss.data(), slots * sizeof(float)) == 0);
    REQUIRE(std::memcmp(gradient.data(), first_gradient.data(), slots * sizeof(float)) == 0);
    REQUIRE(mask == first_mask);
    REQUIRE(unlike(r, first) == "");
  }
}

TEST_CASE("simd equals seq: one bad value anywhere in a long response") {
  auto const length = GENERATE(index_t{192}, index_t{200});  // whole groups, and a tail
  generated_batch<float> unspoiled = of_lengths({100, length, 5}, 4, true);
  unspoiled.token_weight.assign(unspoiled.valid.size(), 0.5F);
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  using batch_t = generated_batch<float>;
  for (std::size_t slot = 100; slot < 100 + static_cast<std::size_t>(length); ++slot) {
    for (auto const buffer : {&batch_t::log_prob, &batch_t::rollout_log_prob, &batch_t::advantage, &batch_t::divergence,
                              &batch_t::token_weight}) {
      batch_t batch = unspoiled;
      (batch.*buffer)[slot] =
          slot % 2 == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
      INFO("slot " << slot << " of the batch");
      REQUIRE_FALSE(capture(cppo::seq, batch, region, {}).outcome.ok());
      REQUIRE(seq_against_simd(batch, region, {}, 1) == "");
      REQUIRE(seq_against_simd(batch, region, {.aggregate = cppo::token_mean}, 1) == "");
    }
  }
}

TEST_CASE("simd equals seq: a hole of whole words of slots, as a tool's answer leaves, is +0 in every output") {
  index_t const length = 700, end = GENERATE(index_t{134}, index_t{400}, index_t{699});
  slot_rows rows(2);
  for (index_t i = 0; i < length; ++i) rows[0].push_back(i < 70 || i >= end ? i : -1);
  for (index_t i = 0; i < 90; ++i) rows[1].push_back(i);
  arrangement const how = GENERATE(arrangement::packed, arrangement::padded);
  generated_batch<float> const batch = rearranged(of_lengths({length}, 11, true), rows, how).batch;
  auto const fixed = cppo::fixed_cppo({.delta_b = 0.01});
  REQUIRE(std::count(batch.valid.begin(), batch.valid.end(), 0) >= end - 70);
  CHECK(seq_against_simd(batch, fixed, {}, 1) == "");
  CHECK(seq_against_simd(batch, softened(fixed, cppo::reciprocal_gate), {}, 1) == "");
}
