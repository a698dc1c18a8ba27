/// @file
/// A region from its text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/builder.hpp>
#include <cppo/described/shapes.hpp>

#include <span>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

/// A region that was read from text, or why there is none.
struct parsed_region {
  described_region region;  ///< keeps every token where the text is wrong
  status_text error;        ///< the column, what stands there and what was expected; empty where the text is right
  index_t column = 0;       ///< the column that it names, from 1: the character of the text; 0 where the text is right
  bool good = false;        ///< true if the text is right

  /// True if the text is right.
  explicit operator bool() const noexcept { return good; }
};

/// Reads a region from the C++ expression that makes it, as
///
///     trust_region(binary_tv, linear_weight(0.8),
///                  toward_rollout | (divergence_within(0.15) & prefix_budget(0.15, calibrated_budget(0.02))))
///
/// or from a named one, `fixed_cppo(delta = 0.15, divergence = top_k_tv)`. Arguments may be named; braces around
/// options, and `cppo::`, may be there or not. The same as JSON: a string that holds such an expression, or an object
/// with one member, whose name is what is called and whose value its arguments:
///
///     {"fixed_cppo": {"delta": 0.15, "divergence": "top_k_tv"}}
///
/// `$0`, `$1`, ... in the place of a number stand for those of `numbers`: one text for thresholds that change.
///
/// Everything is checked: names, kinds, numbers in range, and that the parts fit together. Cost: linear in the text.
/// Allocates and throws nothing.
inline parsed_region parse_region(std::string_view text, std::span<double const> numbers = {}) noexcept {
  parsed_region result;
  detail::syntax_tree tree;
  int const all = detail::read_syntax(tree, text);
  result.good = all >= 0 && detail::region_builder(tree, numbers).build(all, result.region);
  if (!result.good) result.error = tree.error(), result.column = tree.error_column();
  return result;
}
/// The same of a text that owns its characters, as one that `to_text` has returned.
template <std::size_t Capacity>
parsed_region parse_region(fixed_text<Capacity> const& text, std::span<double const> numbers = {}) noexcept {
  return parse_region(std::string_view(text), numbers);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
