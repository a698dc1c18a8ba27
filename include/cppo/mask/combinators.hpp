/// @file
/// Masks form a Boolean algebra: all_of, any_of, none_of, and the operators & | ! on the library's own.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>

#include <limits>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The excess of a token that is out and cannot say by how much: finite, past every gate.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_limit() noexcept {
  return V(std::is_same_v<typename V::value_type, float> ? 3e38 : 1e308);
}

/// How far past its boundary a token is under `m`: at most 1 inside. 0 or the limit for masks that cannot say.
template <class M, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(M const& m, token<V> const& t) noexcept {
  if constexpr (has_excess<M, V>) return m.excess(t);
  else return select(m(t), V(0), excess_limit<V>());
}

}  // namespace detail

/// Keeps every token: the neutral element of `&`.
struct keep_all_t {
  /// true
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const&) const noexcept {
    return V(0) <= V(0);
  }
};
/// Keeps every token.
inline constexpr keep_all_t keep_all{};

/// Keeps no token: the neutral element of `|`.
struct keep_none_t {
  /// false
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const&) const noexcept {
    return V(0) < V(0);
  }
};
/// Keeps no token.
inline constexpr keep_none_t keep_none{};

/// Keeps what both keep. Excess: the larger.
template <token_mask A, token_mask B>
struct both_masks {
  using first_type = A;   ///< left
  using second_type = B;  ///< right
  static constexpr bool made_of_masks = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<A> | detail::needs_of<B>;  ///< union
  A first;   ///< left
  B second;  ///< right
  /// first(t) and second(t)
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return first(t) & second(t);
  }
  /// max of the excesses
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return max(detail::excess_of(first, t), detail::excess_of(second, t));
  }
  /// Are the parts' parameters in range?
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(first), detail::parameters_of(second)});
  }
};

/// Keeps what either keeps. Excess: the smaller.
template <token_mask A, token_mask B>
struct either_mask {
  using first_type = A;   ///< left
  using second_type = B;  ///< right
  static constexpr bool made_of_masks = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<A> | detail::needs_of<B>;  ///< union
  A first;   ///< left
  B second;  ///< right
  /// first(t) or second(t)
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return first(t) | second(t);
  }
  /// min of the excesses
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return min(detail::excess_of(first, t), detail::excess_of(second, t));
  }
  /// Are the parts' parameters in range?
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(first), detail::parameters_of(second)});
  }
};

/// Keeps what `A` does not. Has no excess of its own.
template <token_mask A>
struct not_mask {
  using negated_type = A;                               ///< what is negated
  static constexpr bool made_of_masks = true;           ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<A>;  ///< the inner mask's
  A inner;                                              ///< the mask that is negated
  /// not inner(t)
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return !inner(t);
  }
  /// Are the inner mask's parameters in range?
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(inner); }
};

/// Keeps what every mask keeps; everything for none.
constexpr keep_all_t all_of() noexcept { return {}; }
/// Keeps what every mask keeps.
template <token_mask A>
constexpr A all_of(A a) noexcept {
  return a;
}
/// Keeps what every mask keeps.
template <token_mask A, token_mask B, token_mask... Rest>
constexpr auto all_of(A a, B b, Rest... rest) noexcept {
  return all_of(both_masks<A, B>{a, b}, rest...);
}
/// Keeps what every mask keeps. Three, two of one type first: goes before std::all_of where both namespaces are used.
template <token_mask A, token_mask B>
constexpr auto all_of(A a, A b, B c) noexcept {
  return all_of(all_of(a, b), c);
}
/// Keeps what some mask keeps; nothing for none.
constexpr keep_none_t any_of() noexcept { return {}; }
/// Keeps what some mask keeps.
template <token_mask A>
constexpr A any_of(A a) noexcept {
  return a;
}
/// Keeps what some mask keeps.
template <token_mask A, token_mask B, token_mask... Rest>
constexpr auto any_of(A a, B b, Rest... rest) noexcept {
  return any_of(either_mask<A, B>{a, b}, rest...);
}
/// Keeps what some mask keeps. Three, two of one type first: goes before std::any_of where both namespaces are used.
template <token_mask A, token_mask B>
constexpr auto any_of(A a, A b, B c) noexcept {
  return any_of(any_of(a, b), c);
}
/// Keeps what no mask keeps.
template <token_mask... Ms>
constexpr auto none_of(Ms... masks) noexcept {
  return not_mask<decltype(any_of(masks...))>{any_of(masks...)};
}
/// Keeps what no mask keeps. Three, two of one type first: goes before std::none_of where both namespaces are used.
template <token_mask A, token_mask B>
constexpr auto none_of(A a, A b, B c) noexcept {
  return !any_of(a, b, c);
}

/// Never: they say which of the masks is none, and why.
/// @{
constexpr keep_all_t all_of(
    detail::mask_argument, detail::mask_argument = {}, detail::mask_argument = {},
    detail::mask_argument = {}, detail::mask_argument = {}, detail::mask_argument = {}) noexcept {
  return {};
}
constexpr keep_all_t any_of(
    detail::mask_argument, detail::mask_argument = {}, detail::mask_argument = {},
    detail::mask_argument = {}, detail::mask_argument = {}, detail::mask_argument = {}) noexcept {
  return {};
}
constexpr keep_all_t none_of(
    detail::mask_argument, detail::mask_argument = {}, detail::mask_argument = {},
    detail::mask_argument = {}, detail::mask_argument = {}, detail::mask_argument = {}) noexcept {
  return {};
}
/// @}

// Found by argument-dependent lookup where one side is the library's own; elsewhere `using namespace cppo::operators`.
/// Operators for masks of any namespace.
namespace operators {
/// all_of(a, b)
template <token_mask A, token_mask B>
constexpr auto operator&(A a, B b) noexcept {
  return both_masks<A, B>{a, b};
}
/// any_of(a, b)
template <token_mask A, token_mask B>
constexpr auto operator|(A a, B b) noexcept {
  return either_mask<A, B>{a, b};
}
/// none_of(a)
template <token_mask A>
constexpr auto operator!(A a) noexcept {
  return not_mask<A>{a};
}
/// Never: one side is a mask, and they say why the other is none.
/// @{
template <token_mask A>
constexpr A operator&(A a, detail::mask_argument) noexcept {
  return a;
}
template <token_mask A>
constexpr A operator&(detail::mask_argument, A a) noexcept {
  return a;
}
template <token_mask A>
constexpr A operator|(A a, detail::mask_argument) noexcept {
  return a;
}
template <token_mask A>
constexpr A operator|(detail::mask_argument, A a) noexcept {
  return a;
}
/// @}
}  // namespace operators
using operators::operator&;
using operators::operator|;
using operators::operator!;

}}  // namespace cppo

#include <cppo/macros_on.inc>
