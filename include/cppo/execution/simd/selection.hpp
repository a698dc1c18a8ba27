/// @file
/// Order statistics on registers: a clamped quantile by counting, exact selection only inside its bounds.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/quantile.hpp>
#include <cppo/core/token.hpp>
#include <cppo/execution/simd/bits.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

#include <algorithm>
#include <cmath>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Values that are looked at together: up to 63 of the last ones lie past the end, and must be there to be loaded.
inline constexpr int selection_word = 64;

/// Bit k, for k < 64, is set if x[k] meets the condition.
template <class Condition>
CPPO_ALWAYS_INLINE std::uint64_t where(float const* x, Condition const& met) noexcept {
  std::uint64_t bits = 0;
  for (int k = 0; k < 64; k += simd_size) bits |= lane_bits(met(simd_lane::from_raw(simd_ops::load(x + k)))) << k;
  return bits;
}
/// f(first, live) for each 64 of n values, `live` a bit for each that exists.
template <class F>
CPPO_ALWAYS_INLINE void each_word(index_t n, F const& f) noexcept {
  index_t k = 0;
  for (; k + 64 <= n; k += 64) f(k, ~std::uint64_t{0});
  if (k < n) f(k, (std::uint64_t{1} << (n - k)) - 1);
}

/// Smaller scales take products out of the normal numbers.
inline constexpr double least_scale = 0x1p-512;

/// Whether a limit itself is below it.
enum class limit_is : std::uint8_t { in, out };
/// Largest float x in [-1001, 1001] with scale * x <= limit, or < limit if the limit is out; scale >= `least_scale`.
/// Products are monotone, and floats so far apart that the one past the quotient's nearest is past the limit too.
inline float largest_below(double scale, double limit, limit_is itself) noexcept {
  auto const below = [&](float x) {
    double const y = scale * static_cast<double>(x);
    return itself == limit_is::out ? y < limit : y <= limit;
  };
  auto x = static_cast<float>(std::min(std::max(limit / scale, -1001.0), 1001.0));
  while (!below(x) && x > -1001.0F) x = std::nextafterf(x, -2000.0F);  // equivalent: the same direction
  return x;
}

/// The values of x[0 .. n) in (low, high], one after the other; `out` may be x.
inline void keep_between(float const* x, index_t n, float low, float high, float* out) noexcept {
  simd_lane const above(low), most(high);
  each_word(n, [&](index_t k, std::uint64_t live) {
    std::uint64_t const bits = where(x + k, [=](simd_lane v) { return (v > above) & (v <= most); }) & live;
    compress(out, x + k, bits);
    out += std::popcount(bits);
  });
}

/// Two order statistics beside each other. (Not std::pair: some compilers remark on how that is returned.)
struct order_pair {
  float first, second;
};

/// Order statistics r and r + 1 of x[0 .. n), for r + 1 < n and few values: each is compared with each, which no branch
/// depends on. Loads up to `simd_size` - 1 floats past the end.
inline order_pair neighbours_of_few(float const* x, index_t n, index_t r) noexcept {
  using V = simd_lane;
  V const none(std::numeric_limits<float>::lowest());
  V first = none, second = none;  // the largest value that has at most r below it, or r + 1
  for (index_t k = 0; k < n; k += simd_size) {
    V const v = V::from_raw(simd_ops::load(x + k));
    V below(0);
    for (index_t j = 0; j < n; ++j) below = below + only(V(x[j]) < v, V(1));
    auto const there = position<V>(k + 1).before() < V(static_cast<float>(n));
    first = max(first, select(there & (below <= V(static_cast<float>(r))), v, none));
    second = max(second, select(there & (below <= V(static_cast<float>(r + 1))), v, none));
  }
  alignas(64) float a[simd_size], b[simd_size];
  simd_ops::save(a, first.raw());
  simd_ops::save(b, second.raw());
  return {*std::max_element(a, a + simd_size), *std::max_element(b, b + simd_size)};
}

/// The same for any number of values; reorders x.
inline order_pair by_division(float* x, index_t n, index_t r) noexcept {
  std::nth_element(x, x + r, x + n);
  return {x[r], *std::min_element(x + r + 1, x + n)};
}

/// Order statistics r and r + 1 of x[0 .. n), all in (low, high], 0 <= r, r + 1 < n; reorders x, and loads up to 63
/// floats past the end. Counts against eight values at a time and keeps what lies between two, before it selects.
inline order_pair neighbours(float* x, index_t n, index_t r, float low, float high) noexcept {
  constexpr int pivots = 8;
  while (n > selection_word) {
    float bounds[pivots + 2];
    // elsewhere: written one past its end: AddressSanitizer sees that, and the killers are built without it
    index_t counts[pivots + 2] = {};
    for (int i = 0; i < pivots + 2; ++i) bounds[i] = low + (high - low) * (static_cast<float>(i) / (pivots + 1));
    bounds[pivots + 1] = high;
    counts[pivots + 1] = n;
    each_word(n, [&](index_t k, std::uint64_t live) {
      for (int i = 1; i <= pivots; ++i) {
        simd_lane const bound(bounds[i]);
        counts[i] += std::popcount(where(x + k, [=](simd_lane v) { return v <= bound; }) & live);
      }
    });
    int from = pivots, to = 1;
    while (counts[from] > r) --from;
    while (counts[to] <= r + 1) ++to;
    if (counts[to] - counts[from] > n / 2) return by_division(x, n, r);
    keep_between(x, n, bounds[from], bounds[to], x);
    n = counts[to] - counts[from];
    r -= counts[from];
    low = bounds[from];
    high = bounds[to];
  }
  return neighbours_of_few(x, n, r);
}

/// clamp(scale times the q-quantile of x[0 .. n), low, high), as `cppo::quantile` defines it, for |x| <= 1000; up to 63
/// floats past the end are loaded. Counts how many values put it past a bound, and selects only if neither is enough.
inline double simd_clamped_quantile(float const* x, index_t n, float* work, double q, double scale, double low,
                                    double high) noexcept {
  auto const clamped = [=](double value) {
    double const wanted = scale * value;
    return wanted < low ? low : wanted > high ? high : wanted;
  };
  auto const exactly = [=] {
    std::copy_n(x, n, work);
    return clamped(cppo::quantile(work, n, q));
  };
  if (n < 2 || scale < least_scale) return exactly();  // equivalent: a slower way to the same number
  quantile_place const place(q, n);
  index_t const r = place.rank, last = place.next;
  float const least = largest_below(scale, low, limit_is::in);
  float const most = largest_below(scale, high, limit_is::out);
  simd_lane const under(least), short_of(most);
  index_t at_low = 0, below_high = 0;
  each_word(n, [&](index_t k, std::uint64_t live) {
    at_low += std::popcount(where(x + k, [=](simd_lane v) { return v <= under; }) & live);
    below_high += std::popcount(where(x + k, [=](simd_lane v) { return v <= short_of; }) & live);
  });
  if (last < at_low) return low;
  if (r >= below_high) return high;
  if (last == r) return exactly();
  if (r < at_low || last >= below_high) {  // the two lie on both sides of a bound
    if (n > selection_word) return exactly();
    auto const [a, b] = neighbours_of_few(x, n, r);
    return clamped(place.between(static_cast<double>(a), static_cast<double>(b)));
  }
  keep_between(x, n, least, most, work);
  auto const [a, b] = neighbours(work, below_high - at_low, r - at_low, least, most);
  return clamped(place.between(static_cast<double>(a), static_cast<double>(b)));
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
