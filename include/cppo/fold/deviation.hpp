/// @file
/// Statistics that are made of others: variance and deviation, means with weights, the mean of the others.
///
/// They ask for two passes: the first gives the mean, rounded once, and the extremes; the second sums what is measured
/// from it. Those terms are divided by a power of two that the extremes give, so that none leaves the exact grid and
/// none is lost on it, however wide or narrow the values lie.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/ranges.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/quantity/root.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// Statistic Kind of Q over a range.
template <fold_range Range, class Kind, class Q>
constexpr auto folded_as(Q q) noexcept {
  return over<Range>(statistic_over<Kind>(q));
}
/// What that gives.
template <fold_range Range, class Kind, class Q>
using folded_to = decltype(folded_as<Range, Kind>(std::declval<Q>()));

/// The square of (q - centre) / unit.
template <class Q, class Centre, class Unit>
struct squared_distance {
  using left_type = Q;                    ///< what is measured
  using right_type = both<Centre, Unit>;  ///< centre and unit
  static constexpr bool made_of_quantities = true;      ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< the quantity's
  Q left;            ///< what is measured
  right_type right;  ///< centre and unit
  /// At most 1.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    V const distance = (left(t) - right.left(t)) / right.right(t);
    return distance * distance;
  }
  /// Checks the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};
/// The squares of Q over a range.
template <fold_range Range, class Q>
constexpr auto squares_of(Q q) noexcept {
  using centre = folded_to<Range, averaged, Q>;
  using unit = folded_to<Range, unit_of_distance, Q>;
  return squared_distance<Q, centre, unit>{q, {folded_as<Range, averaged>(q), folded_as<Range, unit_of_distance>(q)}};
}

/// What is made of the sum of squares.
enum class spread_form : std::uint8_t { variance, population_variance, deviation };

/// A variance or deviation, of the sum of squares, their unit and the number of items.
template <spread_form Form, class Squares, class Unit, class Items>
struct spread {
  using left_type = Squares;             ///< the sum of squares
  using right_type = both<Unit, Items>;  ///< unit and items
  static constexpr bool made_of_quantities = true;            ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Squares>;  ///< the quantity's
  left_type left;    ///< the sum of squares
  right_type right;  ///< unit and items
  /// The sum of squares over its divisor, or the root of that.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    V const unit = right.left(t), n = right.right(t);
    V const divisor = max(Form == spread_form::population_variance ? n : n - V(1), V(1));
    V const variance = left(t) * (unit * unit) / divisor;
    if constexpr (Form != spread_form::deviation) return variance;
    else return select(n >= V(2), square_root::value(variance), V(1));
  }
  /// Checks the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};
/// A variance or deviation of Q that no range has been given yet.
template <class Q, spread_form Form>
struct spread_of {
  static constexpr bool is_unfinished = true;  ///< no number before a range takes it
  Q of;  ///< of what
  /// It over a range.
  template <fold_range Range>
  constexpr auto over() const noexcept {
    auto const squares = folded_as<Range, summed>(squares_of<Range>(of));
    using sum = std::remove_const_t<decltype(squares)>;
    using unit = folded_to<Range, unit_of_distance, Q>;
    using items = folded_to<Range, counted, Q>;
    return spread<Form, sum, unit, items>{
        squares, {folded_as<Range, unit_of_distance>(of), folded_as<Range, counted>(of)}};
  }
};

/// x brought between the smallest and the largest Q of a range.
template <fold_range Range, class X, class Q>
constexpr auto within_extremes(X x, Q q) noexcept {
  return clamped(x, folded_as<Range, smallest>(q), folded_as<Range, largest>(q));
}

/// The mean of Q with weights W; 0 where they add up to 0.
template <class Q, class W>
struct weighted_mean_of {
  static constexpr bool is_unfinished = true;  ///< no number before a range takes it
  Q of;       ///< of what
  W weights;  ///< not below 0
  /// Both sums, with the weights divided by a power of two.
  template <fold_range Range>
  constexpr auto over() const noexcept {
    auto share = weights / folded_as<Range, unit_of_size>(weights);
    auto total = folded_as<Range, summed>(share);
    auto quotient = folded_as<Range, summed>(of * share) / total;
    return where(at_least(total, above(0)), within_extremes<Range>(quotient, of), 0);
  }
};
/// The mean of Q over the other items; 0 of none.
template <class Q>
struct mean_of_others_of {
  static constexpr bool is_unfinished = true;  ///< no number before a range takes it
  Q of;  ///< of what
  /// The sum without the item's own value, over one item less.
  template <fold_range Range>
  constexpr auto over() const noexcept {
    auto others = folded_as<Range, counted>(of) - 1;
    auto quotient = (folded_as<Range, summed>(of) - of) / others;
    return where(at_least(others, 1), within_extremes<Range>(quotient, of), 0);
  }
};

}  // namespace quantities

/// The variance of q with divisor n - 1; 0 of one item or none.
template <detail::quantity_operand Q>
constexpr auto variance(Q q) noexcept {
  return quantities::spread_of<detail::quantity_of<Q>, quantities::spread_form::variance>{detail::as_quantity(q)};
}
/// The variance of q with divisor n.
template <detail::quantity_operand Q>
constexpr auto population_variance(Q q) noexcept {
  using quantities::spread_form;
  return quantities::spread_of<detail::quantity_of<Q>, spread_form::population_variance>{detail::as_quantity(q)};
}
/// The square root of `variance(q)`; 1 over a single item, so that dividing by it changes nothing.
template <detail::quantity_operand Q>
constexpr auto deviation(Q q) noexcept {
  return quantities::spread_of<detail::quantity_of<Q>, quantities::spread_form::deviation>{detail::as_quantity(q)};
}
/// The mean of q in which an item counts as its weight says, a quantity not below 0; 0 where the weights add up to 0.
template <detail::quantity_operand Q, detail::quantity_operand W>
constexpr auto weighted_mean(Q q, W weights) noexcept {
  return quantities::weighted_mean_of<detail::quantity_of<Q>, detail::quantity_of<W>>{detail::as_quantity(q),
                                                                                      detail::as_quantity(weights)};
}
/// The mean of q over all items of the range but the one that reads it; 0 where there is no other.
template <detail::quantity_operand Q>
constexpr auto mean_of_others(Q q) noexcept {
  return quantities::mean_of_others_of<detail::quantity_of<Q>>{detail::as_quantity(q)};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
