/// @file
/// An advantage rule from its text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_advantage/rule.hpp>
#include <cppo/described_advantage/table.hpp>
#include <cppo/described_rule/builder.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// An advantage rule that was read from text, or why there is none.
struct parsed_advantage {
  described_advantage rule;  ///< the reward where the text is wrong
  status_text error;         ///< the column, what stands there and what was expected; empty where the text is right
  index_t column = 0;        ///< the column that it names, from 1; 0 where the text is right
  bool good = false;         ///< true if the text is right
  /// True if the text is right.
  explicit operator bool() const noexcept { return good; }
};

/// Reads an advantage rule from the C++ expression that makes it, as
///
///     where(at_least(reward, above(0)), 1, 0.5) * (reward - group(mean(reward)))
///
/// or by its name, `grpo(1e-6, overlong(4, 2))`, `gae(1, 0.95)`. Names and operators are those of C++: `reward`,
/// `response_length`, `position_value`, `advantage`, arithmetic, comparisons, `where`, and statistics over `group(...)`
/// and `batch(...)`. How tokens are whitened is an argument, `reinforce_pp(form = unbiased_plus)`, in place of C++'s
/// template argument. A parameter may be named; `$0`, `$1`, ... stand for those of `numbers`; JSON is as for
/// `parse_region`.
///
/// Everything is checked: names, kinds and numbers in range. Allocates and throws nothing. It is a template, so that a
/// unit that does not call it does not compile it.
template <class Draft = detail::rule_draft>
parsed_advantage parse_advantage(std::string_view text, std::span<double const> numbers = {}) noexcept {
  parsed_advantage result;
  detail::syntax_tree tree(detail::syntax_tree::capacity);
  Draft draft;
  detail::rule_piece whole;
  int const all = detail::read_syntax(tree, text, detail::grammar::rules);
  detail::rule_builder builder(tree, draft, numbers, detail::advantage_vocabulary<Draft>());
  result.good = all >= 0 && builder.build(all, whole);
  if (result.good) {
    described_advantage const made(draft, whole);
    parameter_check const found = made.check();
    result.good = static_cast<bool>(found);
    if (result.good) result.rule = made;
    else if (!made.fits()) {
      tree.fail(1, detail::too_large_of_advantage);
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
parsed_advantage parse_advantage(fixed_text<Capacity> const& text, std::span<double const> numbers = {}) noexcept {
  return parse_advantage(std::string_view(text), numbers);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
