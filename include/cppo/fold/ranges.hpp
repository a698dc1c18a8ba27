/// @file
/// A fold: a statistic over a range, itself a quantity. `group(mean(reward))`, `before(least(log_ratio))`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/levels.hpp>
#include <cppo/fold/statistics.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// A statistic over a range.
template <fold_range Range, class Statistic>
struct fold {
  using left_type = Statistic;   ///< the statistic
  using right_type = constant;   ///< nothing
  using statistic = typename Statistic::kind;    ///< which statistic
  using folded = typename Statistic::left_type;  ///< of what
  static constexpr bool is_fold = true;             ///< known by this
  static constexpr bool made_of_quantities = true;  ///< the statistic's has been checked on its own
  static constexpr fold_range range = Range;        ///< over which items
  static constexpr clause kind = Range == fold_range::response ? clause::response : clause::other;  ///< counted under
  static constexpr needs needed = Statistic::needed;  ///< the quantity's
  Statistic left;                ///< the statistic
  constant right{0.0};           ///< nothing
  int slot = -1;                 ///< which value of the rule's it is, set by `detail::with_slots`
  int state = -1;                ///< which state it is read from: folds of one quantity over one range share it
  /// The fold's value for this item. The executor has set it before.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    if constexpr (Range <= fold_range::from) return t.token_fold(slot);
    else return t.response_fold(slot);
  }
  /// That of the folded quantity at the token: a rule that differentiates a fold has the value of the fold and the
  /// slope of the token. Of a fold over earlier tokens it is 0. For sums and means within a response.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires(Range <= fold_range::response && requires { requires statistic::is_linear; } &&
             detail::has_slope<folded>)
  {
    if constexpr (Range == fold_range::before) return V(0);
    else return left.left.slope(t);
  }
  /// The statistic.
  CPPO_HOST_DEVICE static constexpr statistic how() noexcept { return {}; }
  /// What is folded.
  CPPO_HOST_DEVICE constexpr folded const& of() const noexcept { return left.left; }
  /// Checks the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

/// A statistic that is not made of others: a range makes a fold of it.
template <class S>
concept plain_statistic = requires { typename S::kind; typename S::left_type; };
/// A statistic that is made of others: it says what it is over a range.
template <class S>
concept derived_statistic = requires(S const& s) { s.template over<fold_range::batch>(); };
/// Either.
template <class S>
concept statistic = plain_statistic<S> || derived_statistic<S>;

/// A statistic over a range.
template <fold_range Range, statistic S>
constexpr auto over(S s) noexcept {
  if constexpr (derived_statistic<S>) {
    // Their terms are measured from a mean or divided by a unit of the range, which must be one for all of them.
    static_assert(Range >= fold_range::response,
                  "a variance, a deviation, a weighted mean and a mean of others are taken over response(...), "
                  "batch(...) or group(...): before, upto and from differ from token to token; fold sums over them, "
                  "such as upto(sum(q * w)) / upto(sum(w))");
    return s.template over<Range>();
  } else {
    constexpr bool from_the_end = requires { requires S::kind::goes_from_the_end; };
    static_assert(Range == fold_range::from || !from_the_end, "a halving_sum is taken over from(...)");
    constexpr bool takes_all = requires { requires S::kind::takes_all; };
    static_assert(Range == fold_range::response || Range == fold_range::batch || !takes_all,
                  "a k-th value, and a trimmed or capped one, is taken over response(...) or batch(...)");
    constexpr needs too_early = needs::prefix_budget | needs::prefix_values | needs::response | needs::quantile;
    static_assert(!any(S::needed, too_early),
                  "a fold is computed before prefix sums and statistics of the divergence: fold what the token itself "
                  "is given, or other folds, such as response(most(divergence))");
    return fold<Range, S>{s};
  }
}

}  // namespace quantities

/// The statistic over the earlier tokens of the response; of none for the first.
template <quantities::statistic S>
constexpr auto before(S s) noexcept {
  return quantities::over<fold_range::before>(s);
}
/// The statistic over the earlier tokens of the response and the token itself.
template <quantities::statistic S>
constexpr auto upto(S s) noexcept {
  return quantities::over<fold_range::upto>(s);
}
/// The statistic over the token itself and the later ones.
template <quantities::statistic S>
constexpr auto from(S s) noexcept {
  return quantities::over<fold_range::from>(s);
}
/// The statistic over all tokens of the response.
template <quantities::statistic S>
constexpr auto response(S s) noexcept {
  return quantities::over<fold_range::response>(s);
}
/// The statistic over all responses to the same prompt.
template <quantities::statistic S>
constexpr auto group(S s) noexcept {
  return quantities::over<fold_range::group>(s);
}
/// The statistic over all items of the batch.
template <quantities::statistic S>
constexpr auto batch(S s) noexcept {
  return quantities::over<fold_range::batch>(s);
}

namespace detail {
/// A statistic, or a value given in place of one.
struct statistic_argument {
  template <class S>
  constexpr statistic_argument(S const&) noexcept {
    static_assert(quantities::statistic<S>, "a range takes a statistic of a quantity: response(mean(q)), before(least("
                                            "q)), batch(count(mask))");
  }
};
}  // namespace detail

/// Chosen where an argument is no statistic: it does not compile, and says what to write.
/// @{
constexpr quantities::constant before(detail::statistic_argument) noexcept { return {0.0}; }
constexpr quantities::constant upto(detail::statistic_argument) noexcept { return {0.0}; }
constexpr quantities::constant from(detail::statistic_argument) noexcept { return {0.0}; }
constexpr quantities::constant response(detail::statistic_argument) noexcept { return {0.0}; }
constexpr quantities::constant group(detail::statistic_argument) noexcept { return {0.0}; }
constexpr quantities::constant batch(detail::statistic_argument) noexcept { return {0.0}; }
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
