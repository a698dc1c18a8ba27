/// @file
/// A rule from its text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/builder.hpp>
#include <cppo/described_rule/derived_folds.hpp>
#include <cppo/described_rule/rule.hpp>
#include <cppo/described_rule/table.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// What the text of a rule may name.
template <class Draft = rule_draft>
constexpr vocabulary rule_vocabulary() noexcept {
  static_assert(all_stand(text_table<Draft>), "a piece is given beyond the last place of a draft");
  return {text_table<Draft>, known_in::regions, &derived_fold<Draft>};
}
}  // namespace detail

/// A rule that was read from text, or why there is none.
struct parsed_rule {
  described_rule rule;      ///< keeps every token where the text is wrong
  status_text error;        ///< the column, what stands there and what was expected; empty where the text is right
  index_t column = 0;       ///< the column that it names, from 1; 0 where the text is right
  bool good = false;        ///< true if the text is right
  /// True if the text is right.
  explicit operator bool() const noexcept { return good; }
};

/// Reads a rule from the C++ expression that makes it, as
///
///     objective(trust_region(binary_tv, uniform_weight, toward_rollout | at_most(abs(log_ratio), 0.3)),
///               clipped(0.8, 1.28)) + penalty(kl_k3(), 0.1)
///
/// or by its name, `gspo(epsilon_low = 3e-4)`; a region's text is a rule's, too. Names and operators are those of C++:
/// quantities with + - * / and the functions of `quantities`, comparisons, `where`, folds such as
/// `response(mean(log_ratio))`, losses with + and `*`. Arithmetic on numbers alone is done at once, in double. A
/// parameter may be named; `$0`, `$1`, ... stand for those of `numbers`; JSON is as for `parse_region`.
///
/// Everything is checked: names, kinds, numbers in range, slopes, and that the parts fit together. Allocates and throws
/// nothing. It is a template, so that a unit that does not call it does not compile it.
template <class Draft = detail::rule_draft>
parsed_rule parse_rule(std::string_view text, std::span<double const> numbers = {}) noexcept {
  parsed_rule result;
  detail::syntax_tree tree(detail::syntax_tree::capacity);
  Draft draft;
  int const all = detail::read_syntax(tree, text, detail::grammar::rules);
  result.good = all >= 0 && detail::rule_builder(tree, draft, numbers, detail::rule_vocabulary<Draft>()).build(all);
  if (result.good) {
    described_rule const made(draft);
    parameter_check const found = made.check();
    result.good = static_cast<bool>(found);
    if (result.good) result.rule = made;
    else if (!made.fits()) {
      tree.fail(1, detail::too_large_of_region);
    } else {
      std::string_view const name = found.name, range = found.range;
      tree.fail(1, name, " is ", found.value, ", but must be ", range);
    }
  }
  if (!result.good) result.error = tree.error(), result.column = tree.error_column();
  return result;
}
/// The same of a text that owns its characters, as one that `to_text` has returned.
template <std::size_t Capacity>
parsed_rule parse_rule(fixed_text<Capacity> const& text, std::span<double const> numbers = {}) noexcept {
  return parse_rule(std::string_view(text), numbers);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
