/// @file
/// How a piece of a text that is of another kind than what is wanted becomes one that fits.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/text_rows.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// In the text of a region.
constexpr std::string_view remedy_of_region(rule_word wanted, rule_word found) noexcept {
  using is = rule_word;
  if (found == is::statistic) return ": take it over a range, as response(mean(log_ratio))";
  if (found == is::bound) return ": it stands in a comparison, as at_most(ratio, below(1.2))";
  if (found == is::rank) return ": it is the place of a value, as kth_largest(entropy, share(0.2))";
  if (found == is::region && wanted == is::loss) return ": a loss comes second, as objective(ppo(), ratio_form)";
  if (found == is::loss && wanted == is::region) return ": write objective(loss), or objective(region, loss)";
  if (found == is::loss && wanted == is::quantity) return ": only + and a weight in front, q * loss, join losses";
  if (found == is::quantity && wanted == is::loss) return ": score_form(q) is a loss, and ratio_form(q)";
  if (found == is::quantity && wanted == is::mask) return ": compare it, as at_most(ratio, 1.2)";
  if (found == is::mask && wanted == is::quantity) return ": where(mask, 1, 0) is a number";
  if (found == is::mask && wanted == is::region) return ": write trust_region(divergence, weight, mask)";
  return "";
}
/// In that of an advantage rule.
constexpr std::string_view remedy_of_advantage(rule_word wanted, rule_word found) noexcept {
  using is = rule_word;
  if (found == is::statistic) return ": take it over a range, as group(mean(reward))";
  if (found == is::bound) return ": it stands in a comparison, as at_least(reward, above(0))";
  if (found == is::quantity && wanted == is::mask) return ": compare it, as at_least(reward, 1)";
  if (found == is::mask && wanted == is::quantity) return ": where(mask, 1, 0) is a number";
  if (found == is::whole) return ": it stands alone";
  if (wanted == is::whitening) return ": write population_floor or unbiased_plus";
  return "";
}

/// What is said of a text whose rule has no room.
/// @{
inline constexpr std::string_view too_large_of_region =
    "this rule is too large: a described_rule holds at most 128 nodes, 32 numbers, and 16 folds in 3 levels: write it "
    "out as a type";
inline constexpr std::string_view too_large_of_advantage =
    "this rule is too large: a described_advantage holds at most 128 nodes, 32 numbers and 16 folds: compute an inner "
    "rule first, lend what it gives as advantage, and read that";
/// @}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
