// The bodies of kernels on a block made of loops: the bits of the plain definition.
#include "simd_against_seq.hpp"

#include <cppo/testing/host_block.hpp>

namespace {

using namespace cppo_test;

// seq against kernel bodies on `Threads` threads: with everything, without trace, and with a report alone.
template <int Threads, class T, class Region>
std::string seq_against_bodies(generated_batch<T> const& batch, Region const& region, cppo::loss_options const& o) {
  kernel_bodies<Threads> const bodies;
  auto const rows = batch.rows();
  auto const want = capture(cppo::seq, batch, region, o);
  std::string wrong = unlike_runs(capture(bodies, batch, region, o), want, rows);
  if (!wrong.empty()) return wrong;
  auto const brief = capture(bodies, batch, region, o, false);
  wrong = unlike(brief, want, rows);
  if (!wrong.empty()) return "without trace: " + wrong;
  cppo::report alone;
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(batch.slots()), 9);
  auto const outcome = policy_loss(bodies, batch.view(), region, {.mask = mask, .report = &alone}, o);
  if (!same_status(outcome, want.outcome)) return "report alone: status";
  wrong = unlike(alone, want.diagnostics);
  return wrong.empty() ? wrong : "report alone: " + wrong;
}

auto const regions = [](cppo::named_divergence d, auto const& use) {
  auto const fixed = cppo::fixed_cppo({.delta_b = 0.01}, d);
  auto const calibrated = cppo::calibrated_cppo({.delta_b = 0.02}, d);
  use("ppo", cppo::trust_region(d, cppo::uniform_weight, cppo::ppo().mask()));
  use("fixed", fixed);
  use("fixed, soft", softened(fixed, cppo::reciprocal_gate));
  use("calibrated", calibrated);
  use("shuffled", cppo::trust_region(d, cppo::permuted(fixed.weight(), 5), fixed.mask()));
  use("trm_mean", cppo::trm_mean({}, d));
};

template <class T>
void check(std::string_view divergence, std::uint64_t first, std::uint64_t seeds, generator_options o = {}) {
  o.top_k = divergence.starts_with("top_k") ? 5 : 0;
  o.divergence = divergence == "precomputed";
  regions(cppo::named_divergence::find(divergence), [&](char const* name, auto const& region) {
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
      generated_batch<T> const batch = generate<T>(seed, o);
      INFO(name << " on " << std::string(divergence) << ", seed " << seed);
      auto const options = varied_options(seed, batch.packed);
      REQUIRE(seq_against_bodies<4>(batch, region, options) == "");
      if (seed % 4 == 0) REQUIRE(seq_against_bodies<64>(batch, region, options) == "");
    }
  });
}

}  // namespace

TEST_CASE("kernel bodies equal seq: Binary-TV, float", "[block]") {
  check<float>("binary_tv", 1, 30);
  check<float>("binary_tv", 500, 8, {.holes = false});
}

TEST_CASE("kernel bodies equal seq: every divergence", "[block]") {
  for (std::string_view const d : cppo::divergence_names()) check<float>(d, 100, 5);
}

TEST_CASE("kernel bodies equal seq: double, half and bfloat16 inputs", "[block]") {
  check<double>("binary_tv", 200, 6);
  check<cppo::half>("binary_tv", 300, 6);
  check<cppo::bfloat16>("precomputed", 400, 4);
}
