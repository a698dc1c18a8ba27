// The prefix budget on registers, against the sums token by token: wherever the budget stands.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/prefix.hpp>

#include <cmath>
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
    detail::simd_prefix prefix(sums, slack);
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

namespace {

// One group of Z, w and w delta_b, and what its tokens see before them.
struct numbered_group {
  group plain;
  alignas(64) float weight[group_size];

  // The number of tokens that registers decide or see otherwise than the sums.
  int unlike(detail::simd_prefix& prefix, prefix_sums& sums, exact_sum delta) const {
    simd_lane z[group_registers], allowed[group_registers], w[group_registers];
    simd_lane::mask fits[group_registers];
    for (int u = 0; u < group_registers; ++u)
      z[u] = plain.at(plain.z, u), allowed[u] = plain.at(plain.allowance, u), w[u] = plain.at(weight, u);
    detail::prefix_values seen;
    prefix.advance(z, allowed, w, fits, seen);
    alignas(64) float got[3][group_size];
    for (int u = 0; u < group_registers; ++u) {
      detail::simd_ops::save(got[0] + u * simd_size, seen.drift[u].raw());
      detail::simd_ops::save(got[1] + u * simd_size, seen.weight[u].raw());
      detail::simd_ops::save(got[2] + u * simd_size, seen.allowance[u].raw());
    }
    std::uint64_t const fit = detail::lane_bits(fits);
    int wrong = 0;
    for (int k = 0; k < group_size; ++k) {
      float const want[3] = {static_cast<float>(sums.drift.value()), static_cast<float>(sums.weight.value()),
                             static_cast<float>(sums.allowance.value())};
      prefix_sums const step{detail::to_grid(plain.z[k]), detail::to_grid(weight[k]),
                             detail::to_grid(plain.allowance[k]), 1};
      bool same = (fit >> k & 1U) == (sums.admits(step.drift, delta) ? 1U : 0U);
      for (int j = 0; j < 3; ++j)
        same = same && detail::bits_as<std::uint32_t>(got[j][k]) == detail::bits_as<std::uint32_t>(want[j]);
      wrong += same ? 0 : 1;
      sums = sums + step;
    }
    return wrong;
  }
};

// A sum of about x, in limbs as a carry may hold them.
exact_sum about(double x, index_t low) {
  auto const high = static_cast<index_t>(x * 0x1p15);
  return {high - low / (index_t{1} << 25), low};
}

}  // namespace

TEST_CASE("a prefix on registers shows each token the numbers that the sums are, from any carry", "[execution][simd]") {
  std::mt19937_64 random(18);
  auto const uniform = [&random](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  int wrong = 0;
  for (int i = 0; i < 6000; ++i) {
    double const size = std::pow(10.0, static_cast<double>(i % 7) - 4.0);  // to 100, and beyond 3 and 128
    double const start = std::pow(2.0, static_cast<double>(i % 41)) - 1.0;  // beyond 2^8, and beyond 2^37
    float const slack = static_cast<float>(uniform(0.0, 0.3));
    prefix_sums sums{about(start, 1 << 20), about(2.0 * start, index_t{1} << (i % 54)),
                     about(i % 3 == 0 ? start : start * uniform(0.9, 1.1), 7), 3};
    detail::simd_prefix prefix(sums, slack);
    for (int n = 0; n < 6; ++n) {
      numbered_group g;
      for (int k = 0; k < group_size; ++k) {
        g.plain.z[k] = static_cast<float>(uniform(i % 5 == 1 ? -1.0 : 0.0, 2.0) * size);
        if (i % 11 == 0 && k == 5) g.plain.z[k] = 1000.0F;
        g.weight[k] = static_cast<float>(uniform(0.0, 1.0));
        g.plain.allowance[k] = g.weight[k] * static_cast<float>(size);
      }
      wrong += g.unlike(prefix, sums, detail::to_grid(slack));
    }
  }
  CHECK(wrong == 0);
}
