/// @file
/// Reversed weights, for an ablation: each response has the same weights, in the opposite order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// n - 1 - i. An i outside {0, ..., n - 1} (a lane past the end of a response) is returned as it is.
CPPO_HOST_DEVICE constexpr index_t reverse_index(index_t i, index_t n) noexcept {
  return i < 0 || i >= n ? i : n - 1 - i;
}

}  // namespace detail

/// w'_t = w_{T+1-t}: with `linear_weight`, weights that rise from w_min to 1. An ablation of our own, not the paper's.
///
/// T is the length that the weight is given: with `position_convention::fixed_horizon` it is the horizon, so that a
/// shorter response has the last of the inner weights only. Each w'_t has the bits of w_{T+1-t}.
template <weight_schedule W>
class reversed_weight {
 public:
  /// Use `reversed`.
  CPPO_HOST_DEVICE explicit constexpr reversed_weight(W inner) noexcept : inner_(inner) {}
  /// The weight that is reversed.
  CPPO_HOST_DEVICE constexpr W const& inner() const noexcept { return inner_; }
  /// Checks the inner weight's parameters.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(inner_); }
  /// The weights of one response, as a function of t.
  template <class Schedule>
  struct backwards {
    Schedule inner;  ///< the weights that are reversed
    index_t length;  ///< T
    /// w'_t.
    template <class V>
    CPPO_HOST_DEVICE constexpr V operator()(position<V> t) const noexcept {
      using one = lane<typename V::value_type>;
      return t.map([this](index_t k) { return inner(position<one>(detail::reverse_index(k - 1, length) + 1)).raw(); });
    }
  };
  /// The weights of a response of `length` tokens.
  CPPO_HOST_DEVICE constexpr auto for_length(index_t length) const noexcept {
    auto const inner = detail::schedule_for(inner_, length);
    return backwards<std::remove_const_t<decltype(inner)>>{inner, length};
  }
  /// The weight of position t, which is the inner weight of position T + 1 - t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(position<V> t, index_t length) const noexcept {
    return for_length(length)(t);
  }

 private:
  W inner_;
};

/// Reverses a weight within each response: the last token has the weight that the first had.
template <weight_schedule W>
constexpr auto reversed(W inner) noexcept {
  return reversed_weight<W>(inner);
}
/// Reversed twice: the weight itself.
template <weight_schedule W>
constexpr W reversed(reversed_weight<W> twice) noexcept {
  return twice.inner();
}
/// Chosen for an argument that is no weight: it does not compile, and says what is wrong.
constexpr uniform_weight_t reversed(detail::weight_argument) noexcept { return {}; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
