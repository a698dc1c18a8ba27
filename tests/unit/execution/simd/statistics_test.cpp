// The totals of a response on registers, against the totals token by token.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/statistics.hpp>

#include <cmath>
#include <random>
#include <vector>

namespace {

using namespace cppo;

struct totals {
  response_summary on_registers, one_by_one;
};
totals totals_of(std::vector<float> const& d) {
  totals of;
  std::vector<float> scratch;
  detail::simd_statistics s(of.on_registers, scratch);
  std::copy(d.begin(), d.end(), s.reserve(static_cast<index_t>(d.size())));
  s.observe(of.on_registers);
  for (float const x : d) detail::observe(of.one_by_one, x);
  return of;
}

}  // namespace

TEST_CASE("largest divergence and exact sum on registers, of every length and size", "[execution][simd]") {
  std::mt19937_64 random(4);
  std::vector<int> lengths{255, 256, 257, 511, 512, 513, 1024, 5000};
  for (int n = 0; n < 140; ++n) lengths.push_back(n);
  for (int const n : lengths) {
    for (float const size : {1e-9F, 0.02F, 1.0F, 1000.0F}) {
      for (float const low : {-1.0F, 0.0F, 1.0F}) {  // 1: all the largest there is
        std::vector<float> d;
        std::uniform_real_distribution<float> uniform(low, 1.0F);
        for (int k = 0; k < n; ++k) d.push_back(low == 1.0F ? size : size * uniform(random));
        totals const of = totals_of(d);
        CHECK(of.on_registers.max_divergence == of.one_by_one.max_divergence);
        CHECK(of.on_registers.divergence_sum == of.one_by_one.divergence_sum);
      }
    }
  }
}

TEST_CASE("the largest of zeros of both signs is +0, of negative divergences the nearest to 0", "[execution][simd]") {
  for (std::size_t n = 1; n < 40; ++n) {
    CHECK(!std::signbit(totals_of(std::vector<float>(n, -0.0F)).on_registers.max_divergence));
    std::vector<float> d(n, -1000.0F);
    CHECK(totals_of(d).on_registers.max_divergence == -1000.0);
    d[n / 2] = -3.0F;
    CHECK(totals_of(d).on_registers.max_divergence == -3.0);
  }
}
