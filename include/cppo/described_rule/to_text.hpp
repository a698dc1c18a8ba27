/// @file
/// A rule as text: the C++ expression that makes it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/parse.hpp>
#include <cppo/described_rule/program_text.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Writes the expression of a rule.
class rule_text_writer : public program_text {
 public:
  explicit rule_text_writer(described_rule const& r) noexcept : program_text(r.program(), r.budget()) {
    if (r.fits() && r.divergence().check()) write(r);
  }

 private:
  void write(described_rule const& r) noexcept {
    bool const open = r.divergence() == named_divergence(no_divergence) && !r.gate().is_soft() && keeps_all() &&
                      r.weight() == described_weight(uniform_weight);
    bool const own_loss = of_.loss.size > 1 || of_.begin(of_.loss)->what != rule_op::ratio_loss;
    bool const objective = own_loss || (open && r.has_penalty());
    if (objective) word("objective(");
    if (!objective || !open) region(r), word(objective ? ", " : "");
    if (objective) part(of_.loss), word(")");
    if (r.has_penalty()) word(" + "), part(of_.penalty);
  }
  bool keeps_all() const noexcept {
    return of_.mask.size == 1 && of_.begin(of_.mask)->what == rule_op::keep_all;
  }
  void region(described_rule const& r) noexcept {
    if (r.gate().is_soft()) word("softened(");
    if (r.reports_only()) word("reporting(");
    word("trust_region("), word(divergence_names[r.reports_only() ? 0 : r.divergence().index()]), word(", ");
    write_weight(text_, r.weight()), word(", "), part(of_.mask), word(")");
    if (r.reports_only()) word(", "), word(divergence_names[r.divergence().index()]), word(")");
    if (r.gate().is_soft()) word(", reciprocal_gate)");
  }
};

}  // namespace detail

/// The C++ expression that makes a rule, from which `parse_rule` makes the same one. Numbers have the fewest digits
/// that give them back. Two rules that are equal have the same text. Some of what functions of the library are made of
/// has a name that texts alone know: `counted`, `unit_of_distance`, `unit_of_size`, `squared_distance`,
/// `variance_of_squares` and its like, `k3_of_log_ratio`.
///
/// It is empty where no text makes the rule: if it did not fit, if a parameter is out of range, if it holds arithmetic
/// on numbers alone, which a text does at once, or if its text is too long for `parse_rule`: a fold that stands at
/// several places is written out at each.
template <class Draft = detail::rule_draft>
rule_text to_text(described_rule const& r) noexcept {
  rule_text const text = detail::rule_text_writer(r).text();
  parsed_rule const again = parse_rule<Draft>(std::string_view(text));
  return again.good && again.rule == r ? text : rule_text();
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
