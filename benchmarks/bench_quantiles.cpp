#include "bench_api.hpp"

#include <cppo/core/quantile.hpp>
#include <cppo/execution/simd/selection.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

namespace {

/// Called as the calibrated budget calls it: values are followed by room that may be loaded, and there is room to work
/// in.
double clamped_quantile_under_test(float const* values, std::int64_t n, double q, double lo, double hi) {
  static thread_local std::vector<float> divergences, work;
  auto const room = static_cast<std::size_t>(n) + 64;
  if (divergences.size() < room) divergences.resize(room), work.resize(room);
  std::copy_n(values, n, divergences.begin());
  return cppo::detail::simd_clamped_quantile(divergences.data(), static_cast<cppo::index_t>(n), work.data(), q, 1.0, lo,
                                             hi);
}

double by_nth_element(float* values, std::int64_t n, double q) {
  double const place = q * static_cast<double>(n - 1);
  auto const k = static_cast<std::int64_t>(place);
  std::nth_element(values, values + k, values + n);
  double const a = static_cast<double>(values[k]);
  if (k + 1 == n) return a;
  double const b = static_cast<double>(*std::min_element(values + k + 1, values + n));
  return a + (b - a) * (place - static_cast<double>(k));
}

double one_row(std::int32_t method, float* values, std::int64_t n, double q, double lo, double hi) {
  switch (method) {
  case bench_nth_element: return std::clamp(by_nth_element(values, n, q), lo, hi);
  case bench_library_quantile: return std::clamp(cppo::quantile(values, static_cast<cppo::index_t>(n), q), lo, hi);
  default: return clamped_quantile_under_test(values, n, q, lo, hi);
  }
}

}  // namespace

void bench_quantiles(std::int32_t method, float const* values, std::int64_t rows, std::int64_t n, double q, double lo,
                     double hi, float* scratch, double* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    std::memcpy(scratch, values + r * n, sizeof(float) * static_cast<std::size_t>(n));
    out[r] = one_row(method, scratch, n, q, lo, hi);
  }
}
