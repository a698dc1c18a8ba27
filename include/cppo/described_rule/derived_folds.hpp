/// @file
/// Folds that are made of others, for the vocabulary of a text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/text_rows.hpp>
#include <cppo/fold/deviation.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The fold of a statistic over a range.
template <fold_range Range>
constexpr rule_piece derived_over(rule_draft& d, derived_statistic_of s) noexcept {
  using quantities::over;
  using text_rows::piece;
  constexpr stand_in<0> q{};
  switch (s) {
    case derived_statistic_of::variance: return piece(d, over<Range>(variance(q)));
    case derived_statistic_of::population_variance: return piece(d, over<Range>(population_variance(q)));
    case derived_statistic_of::deviation: return piece(d, over<Range>(deviation(q)));
    case derived_statistic_of::weighted_mean: return piece(d, over<Range>(weighted_mean(q, stand_in<1>{})));
    default: return piece(d, over<Range>(mean_of_others(q)));
  }
}
/// The same, a template, so that only a unit that reads texts compiles the statistics.
template <class Draft>
constexpr rule_piece derived_fold(Draft& d, fold_range range, derived_statistic_of s) noexcept {
  if (range == fold_range::group) return derived_over<fold_range::group>(d, s);
  if (range == fold_range::response) return derived_over<fold_range::response>(d, s);
  return derived_over<fold_range::batch>(d, s);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
