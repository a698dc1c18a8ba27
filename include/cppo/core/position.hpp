/// @file
/// The position of a token in its response.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The position t of a token, for one lane or several. It counts from 1 and counts valid tokens only.
template <class V>
class position {
 public:
  using value_type = typename V::value_type;  ///< float or double
  /// Positions first, first + 1, ..., one per lane.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr position(index_t first) noexcept : first_(first) {}
  /// Position of lane k.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr index_t operator[](index_t k) const noexcept { return first_ + k; }
  /// t of each lane, as a number that can be computed with.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V value() const noexcept { return V::from_raw(V::ops::iota(first_)); }
  /// t - 1 of each lane: the subtraction is done in integers, so that only the result is rounded.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V before() const noexcept {
    return V::from_raw(V::ops::iota(first_ - 1));
  }
  /// f(t), computed lane by lane: for a weight that exists for one position only.
  template <class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V map(F const& f) const noexcept {
    index_t const first = first_;
    return V::from_raw(V::ops::generate([&f, first](index_t k) { return static_cast<value_type>(f(first + k)); }));
  }

 private:
  index_t first_;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
