// Gradients of rows of logits and divergences of two of them in long double, from their definitions; and rows to try
// calls with. Only the types of elements are the library's.
#pragma once

#include "support/drawn_logits.hpp"

#include <cstring>

namespace cppo_test {

inline constexpr float not_a_logit = std::numeric_limits<float>::quiet_NaN();

// The policy softmax(x / T).
struct exact_policy : exact_log_probs {
  exact_policy(std::vector<float> const& x, double temperature) : exact_log_probs(x, temperature), t(temperature) {}
  // Row i of [N, V] logits.
  exact_policy(std::vector<float> const& x, std::size_t i, std::size_t width, double temperature)
      : exact_policy(row_of(x, i, width), temperature) {}
  static std::vector<float> row_of(std::vector<float> const& x, std::size_t i, std::size_t width) {
    auto const first = x.begin() + static_cast<std::ptrdiff_t>(i * width);
    return {first, first + static_cast<std::ptrdiff_t>(width)};
  }

  long double p(std::size_t v) const { return std::exp(log_prob[v]); }
  // slope (1{v = y} - p_v) / T - entropy_slope p_v (log p_v + H) / T
  long double gradient(std::size_t v, std::size_t y, double slope, double entropy_slope) const {
    long double const hit = v == y ? 1.0L - p(v) : -p(v);
    long double const by_entropy = p(v) > 0.0L ? p(v) * (log_prob[v] + entropy) : 0.0L;
    return (static_cast<long double>(slope) * hit - static_cast<long double>(entropy_slope) * by_entropy) /
           static_cast<long double>(t);
  }
  double t;
};

// TV and KL(mu || pi) of two policies.
struct exact_divergence {
  long double tv = 0.0L, kl = 0.0L;

  exact_divergence(exact_policy const& pi, exact_policy const& mu) {
    for (std::size_t v = 0; v < pi.log_prob.size(); ++v) {
      tv += std::fabs(pi.p(v) - mu.p(v)) / 2.0L;
      if (mu.p(v) > 0.0L) kl += mu.p(v) * (mu.log_prob[v] - pi.log_prob[v]);
    }
  }
};

// `rows` rows of n logits: a few ids stand out, as in a language model; a share `masked` of all but the first is -inf.
inline std::vector<float> random_logits(std::uint64_t seed, std::size_t rows, std::size_t n, double masked = 0.0) {
  drawn_numbers draw(seed);
  std::vector<float> x(rows * n);
  for (std::size_t i = 0; i < x.size(); ++i) {
    double const peak = draw.uniform() < 0.02 ? 12.0 * draw.uniform() : 0.0, level = 2.5 * draw.normal();
    bool const none = draw.uniform() < masked && i % n != 0;
    x[i] = none ? no_logit : static_cast<float>(level + peak);
  }
  return x;
}
// The same with noise, for the other policy.
inline std::vector<float> moved_logits(std::uint64_t seed, std::vector<float> const& from, double drift) {
  drawn_numbers draw(seed);
  std::vector<float> x = from;
  for (float& y : x) y += static_cast<float>(drift * draw.normal());
  return x;
}

// True if both hold the same bits.
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}
// True if n elements from `first` on are +0.
template <class T>
bool all_zero_bits(std::vector<T> const& x, std::size_t first, std::size_t n) {
  std::vector<T> const zeros(n);
  return std::memcmp(x.data() + first, zeros.data(), n * sizeof(T)) == 0;
}

}  // namespace cppo_test
