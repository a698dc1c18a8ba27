/// @file
/// Shuffled weights, for an ablation: each response has the same weights, in a random order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A permutation of {0, ..., n - 1} that `seed` selects: a Feistel network of six rounds on the next power of four,
/// applied until the result is below n. O(1) memory, constant expected time, the same on every machine. An i outside
/// {0, ..., n - 1} (a lane past the end of a response) is returned as it is.
CPPO_WRAPS CPPO_HOST_DEVICE constexpr index_t permute_index(index_t i, index_t n, std::uint64_t seed) noexcept {
  if (n <= 1 || i < 0 || i >= n) return i;  // equivalent: of one index the walk ends where it began: it saves time
  int half_bits = 1;
  while ((index_t{1} << (2 * half_bits)) < n) ++half_bits;
  std::uint64_t const low_mask = (std::uint64_t{1} << half_bits) - 1;
  auto x = static_cast<std::uint64_t>(i);
  do {
    std::uint64_t left = x >> half_bits;
    std::uint64_t right = x & low_mask;
    for (std::uint64_t round = 0; round < 6; ++round) {
      std::uint64_t h = right + 0x9e3779b97f4a7c15ULL * (round + 1) + seed;
      h ^= static_cast<std::uint64_t>(n) * 0xd1b54a32d192ed03ULL;
      h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
      h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
      h ^= h >> 31;
      std::uint64_t const next = left ^ (h & low_mask);
      left = right;
      right = next;
    }
    x = (left << half_bits) | right;
  } while (x >= static_cast<std::uint64_t>(n));
  return static_cast<index_t>(x);
}

}  // namespace detail

/// w'_t = w_{p(t)} with p a permutation of {1, ..., T} that depends on (seed, T) alone. [Fig. 5 middle]
///
/// T is the length that the weight is given: with `position_convention::fixed_horizon` it is the horizon, so that a
/// shorter response has some of the weights only.
template <weight_schedule W>
class permuted_weight {
 public:
  /// Use `permuted`.
  CPPO_HOST_DEVICE constexpr permuted_weight(W inner, std::uint64_t seed) noexcept : inner_(inner), seed_(seed) {}
  /// The weight that is shuffled.
  CPPO_HOST_DEVICE constexpr W const& inner() const noexcept { return inner_; }
  /// What selects the order.
  CPPO_HOST_DEVICE constexpr std::uint64_t seed() const noexcept { return seed_; }
  /// Checks the inner weight's parameters.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(inner_); }
  /// The weight of position t, which is the inner weight of position p(t).
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(position<V> t, index_t length) const noexcept {
    using one = lane<typename V::value_type>;
    return t.map([this, length](index_t k) {
      return inner_.at(position<one>(detail::permute_index(k - 1, length, seed_) + 1), length).raw();
    });
  }

 private:
  W inner_;
  std::uint64_t seed_;
};

/// Shuffles a weight within each response.
template <weight_schedule W>
constexpr auto permuted(W inner, std::uint64_t seed) noexcept {
  return permuted_weight<W>(inner, seed);
}
/// Chosen for an argument that is no weight: it does not compile, and says what is wrong.
constexpr uniform_weight_t permuted(detail::weight_argument, std::uint64_t) noexcept { return {}; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
