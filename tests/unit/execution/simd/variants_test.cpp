// The SIMD executor gives the bits of the plain definition: ablations of CPPO, and the soft gate.
#include "support/simd_against_seq.hpp"

namespace {

using namespace cppo_test;

auto const family = [](cppo::named_divergence d, auto const& use) {
  auto const full = cppo::fixed_cppo({.delta_b = 0.01}, d);
  use("no budget", cppo::trust_region(d, full.weight(), cppo::toward_rollout | cppo::divergence_within(0.15)));
  use("no weight", cppo::trust_region(d, cppo::uniform_weight, full.mask()));
  use("shuffled", cppo::trust_region(d, cppo::permuted(full.weight(), 5), full.mask()));
  use("reversed", cppo::trust_region(d, cppo::reversed(full.weight()), full.mask()));
  use("soft", softened(full, cppo::reciprocal_gate));
};

}  // namespace

TEST_CASE("simd equals seq, variants: Binary-TV, float") {
  check_family<float>(family, "binary_tv", 1, 40);
  check_family<float>(family, "binary_tv", 500, 10, {.holes = false});
}

TEST_CASE("simd equals seq, variants: every divergence") {
  for (std::string_view const d : cppo::divergence_names()) check_family<float>(family, d, 100, 6);
}

TEST_CASE("simd equals seq, variants: half and bfloat16 inputs") {
  check_family<cppo::half>(family, "binary_tv", 200, 8);
  check_family<cppo::bfloat16>(family, "binary_tv", 300, 8);
  check_family<cppo::half>(family, "precomputed", 400, 4);
}

TEST_CASE("simd equals seq, variants: every length to 70, and those around blocks of 256") {
  check_lengths(family, true);
  check_lengths(family, false);
}

TEST_CASE("simd equals seq, variants: on as many threads as are asked for") {
  check_threads(family);
}
