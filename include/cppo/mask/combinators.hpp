/// @file
/// Combines masks: all_of, any_of and none_of, and the operators &, | and ! where one side is the library's own.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>

#include <limits>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The excess of a masked token under a mask without `excess`: a finite number at which no gate lets anything through.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_limit() noexcept {
  return V(std::is_same_v<typename V::value_type, float> ? 3e38 : 1e308);
}

/// How far beyond its boundary a token is under `m`: at most 1 inside. Without `excess`: 0 inside, `excess_limit`
/// outside.
template <class M, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(M const& m, token<V> const& t) noexcept {
  if constexpr (has_excess<M, V>) return m.excess(t);
  else return select(m(t), V(0), excess_limit<V>());
}

}  // namespace detail

/// Keeps every token: the neutral element of `&`.
struct keep_all_t {
  /// True.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const&) const noexcept {
    return V(0) <= V(0);
  }
};
/// Keeps every token.
inline constexpr keep_all_t keep_all{};

/// Keeps no token: the neutral element of `|`.
struct keep_none_t {
  /// False.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const&) const noexcept {
    return V(0) < V(0);
  }
};
/// Keeps no token.
inline constexpr keep_none_t keep_none{};

/// Keeps the tokens that both masks keep. Its excess is the larger of the two.
template <token_mask A, token_mask B>
struct both_masks {
  using first_type = A;   ///< left
  using second_type = B;  ///< right
  static constexpr bool made_of_masks = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<A> | detail::needs_of<B>;  ///< union
  A first;   ///< left
  B second;  ///< right
  /// first(t) and second(t).
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return first(t) & second(t);
  }
  /// The larger excess.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return max(detail::excess_of(first, t), detail::excess_of(second, t));
  }
  /// Checks the parameters of both masks.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(first), detail::parameters_of(second)});
  }
};

/// Keeps the tokens that at least one mask keeps. Its excess is the smaller of the two.
template <token_mask A, token_mask B>
struct either_mask {
  using first_type = A;   ///< left
  using second_type = B;  ///< right
  static constexpr bool made_of_masks = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<A> | detail::needs_of<B>;  ///< union
  A first;   ///< left
  B second;  ///< right
  /// first(t) or second(t).
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return first(t) | second(t);
  }
  /// The smaller excess.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return min(detail::excess_of(first, t), detail::excess_of(second, t));
  }
  /// Checks the parameters of both masks.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(first), detail::parameters_of(second)});
  }
};

/// Keeps the tokens that `A` masks. It has no `excess`.
template <token_mask A>
struct not_mask {
  using negated_type = A;                               ///< what is negated
  static constexpr bool made_of_masks = true;           ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<A>;  ///< the inner mask's
  A inner;                                              ///< the mask that is negated
  /// not inner(t).
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return !inner(t);
  }
  /// Checks the parameters of the inner mask.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(inner); }
};

/// Keeps the tokens that every mask keeps; all tokens if no mask is given.
constexpr keep_all_t all_of() noexcept { return {}; }
/// Keeps the tokens that every mask keeps.
template <token_mask A>
constexpr A all_of(A a) noexcept {
  return a;
}
/// Keeps the tokens that every mask keeps.
template <token_mask A, token_mask B, token_mask... Rest>
constexpr auto all_of(A a, B b, Rest... rest) noexcept {
  return all_of(both_masks<A, B>{a, b}, rest...);
}
/// Keeps the tokens that all three masks keep. An overload that is preferred to std::all_of where both namespaces are
/// used.
template <token_mask A, token_mask B>
constexpr auto all_of(A a, A b, B c) noexcept {
  return all_of(all_of(a, b), c);
}
/// Keeps the tokens that at least one mask keeps; no token if no mask is given.
constexpr keep_none_t any_of() noexcept { return {}; }
/// Keeps the tokens that at least one mask keeps.
template <token_mask A>
constexpr A any_of(A a) noexcept {
  return a;
}
/// Keeps the tokens that at least one mask keeps.
template <token_mask A, token_mask B, token_mask... Rest>
constexpr auto any_of(A a, B b, Rest... rest) noexcept {
  return any_of(either_mask<A, B>{a, b}, rest...);
}
/// Keeps the tokens that one of three masks keeps. An overload that is preferred to std::any_of where both namespaces
/// are used.
template <token_mask A, token_mask B>
constexpr auto any_of(A a, A b, B c) noexcept {
  return any_of(any_of(a, b), c);
}
/// Keeps the tokens that no mask keeps.
template <token_mask... Ms>
constexpr auto none_of(Ms... masks) noexcept {
  return not_mask<decltype(any_of(masks...))>{any_of(masks...)};
}
/// Keeps the tokens that none of three masks keeps. An overload that is preferred to std::none_of where both namespaces
/// are used.
template <token_mask A, token_mask B>
constexpr auto none_of(A a, A b, B c) noexcept {
  return !any_of(a, b, c);
}

/// Chosen where an argument is no mask: it does not compile, and says which one and why.
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

// Found by argument-dependent lookup if one side is the library's own; else write `using namespace cppo::operators`.
/// Operators for masks of any namespace.
namespace operators {
/// all_of(a, b).
template <token_mask A, token_mask B>
constexpr auto operator&(A a, B b) noexcept {
  return both_masks<A, B>{a, b};
}
/// any_of(a, b).
template <token_mask A, token_mask B>
constexpr auto operator|(A a, B b) noexcept {
  return either_mask<A, B>{a, b};
}
/// none_of(a).
template <token_mask A>
constexpr auto operator!(A a) noexcept {
  return not_mask<A>{a};
}
/// Chosen if only one side is a mask. The error that follows says why the other side is not a mask.
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
/// Chosen for && and || of masks: they do not compile, and say what to write.
template <class A, class B>
  requires(token_mask<A> || token_mask<B>)
constexpr keep_all_t operator&&(A const&, B const&) noexcept {
  static_assert(detail::never<A, B>, "masks are joined by & and |, or by all_of(a, b) and any_of(a, b)");
  return {};
}
template <class A, class B>
  requires(token_mask<A> || token_mask<B>)
constexpr keep_all_t operator||(A const&, B const&) noexcept {
  static_assert(detail::never<A, B>, "masks are joined by & and |, or by all_of(a, b) and any_of(a, b)");
  return {};
}
/// @}
}  // namespace operators
using operators::operator&;
using operators::operator|;
using operators::operator!;
using operators::operator&&;
using operators::operator||;

}}  // namespace cppo

#include <cppo/macros_on.inc>
