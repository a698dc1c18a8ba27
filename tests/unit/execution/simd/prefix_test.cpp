// The prefix budget on registers, against the sums token by token: wherever the budget stands.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/prefix.hpp>

#include <random>

namespace {

using namespace cppo;
using detail::group_registers;
using detail::group_size;
using detail::simd_size;

// One group of Z and w delta_b, as plain numbers.
struct group {
  alignas(64) float z[group_size];
  alignas(64) float allowance[group_size];

  simd_lane at(float const* x, int u) const { return simd_lane::from_raw(detail::simd_ops::load(x + u * simd_size)); }
  std::uint64_t on_registers(detail::simd_prefix& prefix) const {
    simd_lane drift[group_registers], allowed[group_registers];
    simd_lane::mask fits[group_registers];
    for (int u = 0; u < group_registers; ++u) drift[u] = at(z, u), allowed[u] = at(allowance, u);
    prefix.advance(drift, allowed, fits);
    return detail::lane_bits(fits);
  }
  std::uint64_t one_by_one(prefix_sums& sums, exact_sum delta) const {
    std::uint64_t fits = 0;
    for (int k = 0; k < group_size; ++k) {
      prefix_sums const step{detail::to_grid(z[k]), {}, detail::to_grid(allowance[k]), 1};
      fits |= std::uint64_t{sums.admits(step.drift, delta)} << k;
      sums = sums + step;
    }
    return fits;
  }
};

}  // namespace

TEST_CASE("a prefix on registers fits token by token what the sums fit, from any carry", "[execution][simd]") {
  std::mt19937_64 random(17);
  auto const uniform = [&random](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  int wrong = 0, all = 0, none = 0, some = 0;
  for (int i = 0; i < 4000; ++i) {
    double const delta_b = uniform(0.0, 1.0) * std::pow(10.0, static_cast<double>(i % 5) - 2.0);
    float const slack = static_cast<float>(uniform(0.0, 0.3));
    bool const has_negative = i % 3 == 1, over_delta_b = i % 3 == 2;  // what no bound on the group holds for
    // What is left at the start: about nothing, or past what 32 bits hold in units of 2^-15, on either side.
    double const left = i % 4 == 0 ? 20000.0 : i % 4 == 1 ? -20000.0 : uniform(-1.0, 1.0);
    prefix_sums sums;
    for (double rest = std::abs(left); rest > 0.0; rest -= divergence_limit) {
      (left > 0.0 ? sums.allowance : sums.drift) =
          (left > 0.0 ? sums.allowance : sums.drift) + detail::to_grid(std::min(rest, divergence_limit));
    }
    detail::simd_prefix prefix(sums, slack, delta_b);
    for (int n = 0; n < 6; ++n) {
      group g;
      for (int k = 0; k < group_size; ++k) {
        g.z[k] = static_cast<float>(uniform(has_negative ? -1.0 : 0.0, 2.0) * delta_b);
        if (i % 7 == 0 && k == 5) g.z[k] = 1000.0F;
        g.allowance[k] = static_cast<float>(uniform(0.0, over_delta_b ? 2.0 : 1.0)) * static_cast<float>(delta_b);
      }
      std::uint64_t const want = g.one_by_one(sums, detail::to_grid(slack)), got = g.on_registers(prefix);
      std::uint64_t const every = ~std::uint64_t{0} >> (64 - group_size);
      wrong += got == want ? 0 : 1;
      (want == every ? all : want == 0 ? none : some) += 1;
    }
  }
  CHECK(wrong == 0);
  CHECK(std::min({all, none, some}) > 1000);
}
