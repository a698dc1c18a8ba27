// Rows of logits drawn from a seed, and what must come out of them: log-probs in long double, written from the
// definition. Only the types of elements are the library's.
#pragma once

#include <cppo/core/half.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace cppo_test {

inline constexpr float no_logit = -std::numeric_limits<float>::infinity();

// splitmix64, as numbers in [0, 1) and normal ones.
class drawn_numbers {
 public:
  explicit drawn_numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double normal() {
    double const radius = std::sqrt(-2.0 * std::log(1.0 - uniform())), angle = 6.283185307179586 * uniform();
    return radius * std::cos(angle);
  }

 private:
  std::uint64_t state_;
};

// Shapes that rows of language models have, and shapes that are hard.
enum class row_shape { broad, usual, peaked, one_hot, equal, two_levels, rising, falling, far, masked, coarse, count };

inline std::vector<float> drawn_row(row_shape shape, std::size_t n, std::uint64_t seed) {
  drawn_numbers draw(seed * 1000 + static_cast<std::uint64_t>(shape));
  std::vector<float> x(n);
  double const spread = shape == row_shape::broad ? 0.5 : shape == row_shape::far ? 6.0 : 3.0;
  double const level = 9.0 + 4.0 * draw.uniform();
  for (std::size_t j = 0; j < n; ++j) {
    double const r = spread * draw.normal(), share = static_cast<double>(j) / static_cast<double>(n);
    double y = r;
    if (shape == row_shape::equal) y = -3.3;
    if (shape == row_shape::two_levels) y = -level;
    if (shape == row_shape::rising) y = 40.0 * share + 0.1 * r;
    if (shape == row_shape::falling) y = -40.0 * share + 0.1 * r;
    if (shape == row_shape::far) y = 1000.0 + r;
    if (shape == row_shape::coarse) y = std::round(r);
    x[j] = static_cast<float>(y);
    if (shape == row_shape::one_hot || (shape == row_shape::masked && draw.uniform() < 0.7)) x[j] = no_logit;
  }
  std::size_t const at = static_cast<std::size_t>(draw.uniform() * static_cast<double>(n));
  if (shape == row_shape::peaked) x[at] = 31.0F;
  if (shape == row_shape::one_hot || shape == row_shape::two_levels) x[at] = 0.0F;
  if (shape == row_shape::masked) x[at] = 5.0F;
  return x;
}

// log pi of every id, log-sum-exp and entropy of softmax(x / temperature).
struct exact_log_probs {
  std::vector<long double> log_prob;
  long double log_sum_exp = 0, entropy = 0;

  exact_log_probs(std::vector<float> const& x, double temperature) : log_prob(x.size()) {
    auto const top = static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin());
    auto const below = [&](std::size_t j) {
      return (static_cast<long double>(x[j]) - static_cast<long double>(x[top])) / temperature;
    };
    long double rest = 0;
    for (std::size_t j = 0; j < x.size(); ++j) rest += j == top ? 0.0L : std::exp(below(j));
    long double const log_total = std::log1p(rest);
    log_sum_exp = static_cast<long double>(x[top]) / temperature + log_total;
    for (std::size_t j = 0; j < x.size(); ++j) {
      log_prob[j] = below(j) - log_total;
      if (x[j] != no_logit) entropy -= std::exp(log_prob[j]) * log_prob[j];
    }
  }
};

// Ids of the k largest, of equals the lower first; -1 past the last that is not masked.
inline std::vector<int> exact_largest(std::vector<float> const& x, std::size_t k) {
  std::vector<int> ids;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (x[j] != no_logit) ids.push_back(static_cast<int>(j));
  }
  std::stable_sort(ids.begin(), ids.end(), [&x](int a, int b) {
    return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)];
  });
  ids.resize(k, -1);
  return ids;
}

// The same logits as elements of another type, and what numbers these are.
template <class Element>
std::vector<Element> as_elements(std::vector<float> const& x) {
  std::vector<Element> y;
  for (float const a : x) y.push_back(Element(a));
  return y;
}
inline float number_of(float x) { return x; }
inline float number_of(cppo::half x) {
  int const exponent = x.bits >> 10 & 31, fraction = x.bits & 1023;
  float size = std::ldexp(static_cast<float>(exponent == 0 ? fraction : 1024 + fraction), std::max(exponent, 1) - 25);
  if (exponent == 31) size = fraction == 0 ? -no_logit : std::numeric_limits<float>::quiet_NaN();
  return (x.bits & 0x8000) == 0 ? size : -size;
}
inline float number_of(cppo::bfloat16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }
template <class Element>
std::vector<float> numbers_of(std::vector<Element> const& x) {
  std::vector<float> y;
  for (Element const a : x) y.push_back(number_of(a));
  return y;
}

}  // namespace cppo_test
