// Compares simd with seq, region by region, for the tests of execution/simd.
#pragma once

#include "support/catch_compat.hpp"
#include "support/generated_cases.hpp"

#include <cppo/described/divergence.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>

namespace cppo_test {

using namespace cppo::testing;

// Compares seq and simd on one batch.
template <class T, class Region>
std::string seq_against_simd(generated_batch<T> const& batch, Region const& region, cppo::loss_options const& o,
                             int threads) {
  return seq_against(cppo::simd.with_threads(threads, 1), batch, region, o);
}

// Compares each region of a family on one divergence on `seeds` generated batches of element type T. A family is a
// value `f`: f(divergence, use) calls use(name, region) for each of its regions.
template <class T, class Family>
void check_family(Family const& family, std::string_view divergence, std::uint64_t first, std::uint64_t seeds,
                  generator_options o = {}) {
  o.top_k = divergence.starts_with("top_k") ? 5 : 0;
  o.divergence = divergence == "precomputed";
  family(cppo::named_divergence::find(divergence), [&](char const* name, auto const& region) {
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
      generated_batch<T> const batch = generate<T>(seed, o);
      INFO(name << " on " << std::string(divergence) << ", seed " << seed);
      std::string const wrong =
          seq_against_simd(batch, region, varied_options(seed, batch.packed), 1 + static_cast<int>(seed % 4));
      REQUIRE(wrong == "");
    }
  });
}

// Compares every length up to 70, and lengths near multiples of 256, the size of a chunk.
template <class Family>
void check_lengths(Family const& family, bool packed) {
  std::vector<index_t> lengths;
  for (index_t n = 0; n <= 70; ++n) lengths.push_back(n);
  for (index_t const n : {255, 256, 257, 271, 272, 273, 511, 512, 513, 528}) lengths.push_back(n);
  generated_batch<float> const batch = of_lengths(lengths, 7, packed);
  family(cppo::named_divergence::find("precomputed"), [&](char const* name, auto const& region) {
    INFO(name);
    REQUIRE(seq_against_simd(batch, region, {.aggregate = cppo::seq_mean_token_mean}, 1) == "");
  });
}

// Compares numbers of threads.
template <class Family>
void check_threads(Family const& family) {
  generated_batch<float> const batch = of_lengths(std::vector<index_t>(56, 600), 9, true);
  family(cppo::named_divergence::find("precomputed"), [&](char const* name, auto const& region) {
    auto const want = capture(cppo::seq, batch, region, {.aggregate = cppo::token_mean});
    for (int const threads : {2, 3, 4}) {
      auto const got = capture(cppo::simd.with_threads(threads, 1), batch, region, {.aggregate = cppo::token_mean});
      INFO(name << " on " << threads << " threads");
      REQUIRE(unlike_runs(got, want, batch.rows()) == "");
    }
  });
}

}  // namespace cppo_test
