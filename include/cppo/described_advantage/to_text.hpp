/// @file
/// An advantage rule as text: the C++ expression that makes it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_advantage/parse.hpp>
#include <cppo/described_rule/program_text.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The C++ expression that makes an advantage rule, from which `parse_advantage` makes the same one. Numbers have the
/// fewest digits that give them back. Two rules that are equal have the same text. Some of what functions of the
/// library are made of has a name that texts alone know: `counted`, `unit_of_distance`, `unit_of_size`,
/// `squared_distance`, `variance_of_squares` and its like.
///
/// It is empty where no text makes the rule: if it did not fit, if a parameter is out of range, if it holds arithmetic
/// on numbers alone, which a text does at once, or if its text is too long for `parse_advantage`: a fold that stands at
/// several places is written out at each.
template <class Draft = detail::rule_draft>
rule_text to_text(described_advantage const& r) noexcept {
  detail::program_text writer(r.program());
  if (r.check()) writer.part(r.program().mask);
  rule_text const text = writer.text();
  parsed_advantage const again = parse_advantage<Draft>(std::string_view(text));
  return again.good && again.rule == r ? text : rule_text();
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
