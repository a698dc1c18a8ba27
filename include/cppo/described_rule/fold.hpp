/// @file
/// A fold of a program, as executors ask for it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/evaluate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A number that a statistic takes.
struct statistic_parameter {
  double parameter;
};
/// A fold of a program over a range. `Statistic`: `described_statistic`, `described_order` or `quantities::halved`.
template <fold_range Range, class Statistic>
struct described_fold {
  using statistic = Statistic;
  static constexpr fold_range range = Range;
  rule_program const* program;
  int slot, state;
  statistic_parameter left;

  CPPO_HOST_DEVICE described_fold() = delete;
  CPPO_HOST_DEVICE constexpr described_fold(rule_program const& of, int k) noexcept
      : program(&of), slot(k), state(of.folds[k].state), left{of.numbers[of.folds[k].number]} {}
  /// The statistic.
  CPPO_HOST_DEVICE constexpr Statistic how() const noexcept {
    fold_statistic const s = program->folds[slot].statistic;
    if constexpr (std::is_same_v<Statistic, described_order>) return {s, s == fold_statistic::capped};
    else if constexpr (std::is_same_v<Statistic, described_statistic>) return {s};
    else return {};
  }
  /// What is folded.
  CPPO_HOST_DEVICE constexpr rule_quantity of() const noexcept { return {program, program->folds[slot].of}; }
};

/// f(fold k of a program), with its range and the kind of its statistic as a type.
template <class F>
CPPO_HOST_DEVICE constexpr void with_fold(rule_program const& of, int k, F const& f) noexcept {
  rule_fold const& fold = of.folds[k];
  auto const over = [&]<fold_range Range>(std::integral_constant<fold_range, Range>) {
    constexpr bool whole = Range == fold_range::response || Range == fold_range::batch;
    if constexpr (whole) {
      if (is_order(fold.statistic)) return f(described_fold<Range, described_order>(of, k));
    }
    if constexpr (Range == fold_range::from) {
      if (!is_plain(fold.statistic)) return f(described_fold<Range, quantities::halved>(of, k));
    }
    f(described_fold<Range, described_statistic>(of, k));
  };
  switch (fold.range) {
    case fold_range::before: return over(std::integral_constant<fold_range, fold_range::before>{});
    case fold_range::upto: return over(std::integral_constant<fold_range, fold_range::upto>{});
    case fold_range::from: return over(std::integral_constant<fold_range, fold_range::from>{});
    case fold_range::response: return over(std::integral_constant<fold_range, fold_range::response>{});
    default: return over(std::integral_constant<fold_range, fold_range::batch>{});
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
