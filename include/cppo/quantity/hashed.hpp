/// @file
/// A number of a token that looks random: rules that choose tokens at random compare it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/token.hpp>
#include <cppo/quantity/quantity.hpp>

#include <cstdint>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// A hash of a seed and a token.
struct hashed_t {
  static constexpr bool made_of_quantities = true;  ///< nothing to check
  std::uint64_t seed;                               ///< another seed, another hash
  /// In [0, 1), the same in float and double.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    V const place = mixed(mixed(t.rollout_log_prob(), 0) + mixed(t.at().value(), 1), 2);
    return mixed(place + mixed(t.advantage(), 3), 4);
  }

 private:
  /// The bits of each x as a float, mixed: multiples of 2^-23 in [0, 1), of which floats hold any sum of two.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V mixed(V x, std::uint64_t step) const noexcept {
    using number = typename V::value_type;
    std::uint64_t const from = seed * 8 + step;
    return detail::map_lanes(x, [from](number y) {
      return number(0x1p-23) * static_cast<number>(hash(static_cast<float>(y), from));
    });
  }
  /// The upper 23 bits of SplitMix64's finaliser, on the bits of x and a number. 32 bits: registers convert these.
  CPPO_HOST_DEVICE static constexpr std::int32_t hash(float x, std::uint64_t from) noexcept {
    std::uint64_t z = detail::bits_as<std::uint32_t>(x + 0.0F) + from * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return static_cast<std::int32_t>((z ^ (z >> 31U)) >> 41U);
  }
};

}  // namespace quantities

/// A number in [0, 1) that looks random. It depends on the seed and on the token's log mu, position and advantage
/// alone: not on the order of responses, nor on pieces, threads and ranks; and the updates on one batch draw the same
/// number. Tokens that agree in all three have the same number. Draw a seed for each batch.
constexpr auto hashed(std::uint64_t seed) noexcept { return quantities::hashed_t{seed}; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
