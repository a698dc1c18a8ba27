// Comparisons of the device with seq that are compiled apart, so that they compile side by side.
#pragma once

#include "../support/generated_cases.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/cuda_copies.cuh>

#include <string>

namespace cppo_test {

std::string random_batches_float();
std::string random_batches_narrow();
std::string random_batches_double();
std::string every_divergence();
std::string bad_input();
std::string every_cut();
std::string what_is_rare();

// A few batches where each call takes long: under the tools of compute-sanitizer.
inline bool quick = false;

// One batch with options that depend on its seed.
template <class T, class Region>
std::string compare_one(generated_batch<T> const& batch, Region const& region, std::uint64_t seed) {
  std::string const wrong = seq_against(on_copies{}, batch, region, varied_options(seed, batch.packed));
  return wrong.empty() ? wrong : "seed " + std::to_string(seed) + ": " + wrong;
}

// `seeds` batches of element type T for each region on one divergence; the first difference.
template <class T, class D>
std::string compare_random(D const& divergence, std::uint64_t first, std::uint64_t seeds,
                           generator_options const& o = {}) {
  std::string wrong;
  every_need(divergence, [&](char const* name, auto const& region) {
    for (std::uint64_t seed = first; seed < first + (quick ? 2 : seeds) && wrong.empty(); ++seed) {
      wrong = compare_one(generate<T>(seed, o), region, seed);
      if (!wrong.empty()) wrong = std::string(name) + ", " + wrong;
    }
  });
  return wrong;
}

}  // namespace cppo_test
