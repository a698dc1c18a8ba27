/// @file
/// A region as text: the C++ expression that makes it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/table.hpp>
#include <cppo/core/describe.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// A text that holds any region.
using region_text = fixed_text<4095>;

namespace detail {

/// Writes a number; 0 for -0, which is equal to it.
template <class Text>
void write_number(Text& to, double x) noexcept {
  to.append_exactly(x == 0.0 ? 0.0 : x);
}
/// Writes the expression of a weight.
template <class Text>
void write_weight(Text& to, described_weight const& w) noexcept {
  auto const word = [&to](std::string_view x) { to.append(x); };
  if (w.is_shuffle_reversed()) word("reversed(");
  if (w.is_shuffled()) word("permuted(");
  if (w.is_reversed()) word("reversed(");
  if (w.is_linear()) word("linear_weight("), write_number(to, w.w_min()), word(")");
  else word("uniform_weight");
  if (w.is_reversed()) word(")");
  if (w.is_shuffled()) word(", "), to.append_exactly(w.seed()), word(")");
  if (w.is_shuffle_reversed()) word(")");
}
/// Writes that of a budget.
template <class Text>
void write_budget(Text& to, described_budget const& b) noexcept {
  auto const word = [&to](std::string_view x) { to.append(x); };
  if (!b.calibrated()) return write_number(to, b.delta_b());
  calibration const &c = b.how(), usual;
  word("calibrated_budget("), write_number(to, b.delta_b());
  bool const as_usual = c.quantile == usual.quantile && c.scale == usual.scale &&
                        c.ceiling_factor == usual.ceiling_factor;
  if (!as_usual) {
    word(", {"), write_number(to, c.quantile), word(", "), write_number(to, c.scale), word(", ");
    write_number(to, c.ceiling_factor), word("}");
  }
  word(")");
}

/// Writes the expression of a region.
class region_writer {
 public:
  explicit region_writer(described_region const& r) noexcept : region_(r) {
    if (r.fits() && r.mask().complete() && r.divergence().check()) write(r);
  }
  region_text const& text() const noexcept { return text_; }

 private:
  void write(described_region const& r) noexcept {
    if (r.gate().is_soft()) word("softened(");
    if (r.reports_only()) word("reporting(");
    word("trust_region(");
    word(divergence_names[r.reports_only() ? 0 : r.divergence().index()]);
    word(", "), write_weight(text_, r.weight()), word(", "), mask(r.mask().size() - 1, mask_step::either), word(")");
    if (r.reports_only()) word(", "), word(divergence_names[r.divergence().index()]), word(")");
    if (r.gate().is_soft()) word(", reciprocal_gate)");
  }
  void word(std::string_view w) noexcept { text_.append(w); }
  void number(double x) noexcept { write_number(text_, x); }
  /// The first step of the operand that ends with step k.
  int first_of(int k) const noexcept {
    for (int missing = 1;; --k) {
      missing += described_mask::operands(region_.mask()[k].what) - 1;
      if (missing == 0) return k;
    }
  }
  /// The mask that ends with step k, as the whole or as an operand of `around`.
  void mask(int k, mask_step around) noexcept {
    described_mask::step const& s = region_.mask()[k];
    if (s.what == mask_step::negated) {
      bool const simple = described_mask::operands(region_.mask()[k - 1].what) < 2;
      word(simple ? "!" : "!("), mask(k - 1, s.what), word(simple ? "" : ")");
    } else if (described_mask::operands(s.what) == 2) {
      bool const enclosed = s.what == mask_step::both && around == mask_step::either && k + 1 < region_.mask().size();
      word(enclosed ? "(" : ""), operand(first_of(k - 1) - 1, s.what, 0);
      word(s.what == mask_step::both ? " & " : " | ");
      operand(k - 1, s.what, 1), word(enclosed ? ")" : "");
    } else {
      clause(s);
    }
  }
  /// An operand of a binary operator. The right one is enclosed if it has the same operator, which binds from the left.
  void operand(int k, mask_step around, int place) noexcept {
    mask_step const own = region_.mask()[k].what;
    bool const enclosed = (own == mask_step::either && (around == mask_step::both || place == 1)) ||
                          (own == mask_step::both && around == mask_step::both && place == 1);
    word(enclosed ? "(" : ""), mask(k, around), word(enclosed ? ")" : "");
  }
  void clause(described_mask::step const& s) noexcept {
    word(name_of(s.what));
    if (s.what == mask_step::keep_all || s.what == mask_step::keep_none || s.what == mask_step::toward_rollout) return;
    word("("), number(s.low);
    if (s.what == mask_step::ratio_within || s.high != s.low) word(", "), number(s.high);
    if (s.what == mask_step::prefix_budget) word(", "), write_budget(text_, region_.budget());
    word(")");
  }
  described_region const& region_;
  region_text text_;
};

}  // namespace detail

/// The C++ expression that makes a region, from which `parse_region` makes the same one. Numbers have the fewest digits
/// that give them back. Two regions that are equal have the same text. It is empty if the mask did not fit or is not
/// whole, or if the divergence is unknown.
inline region_text to_text(described_region const& r) noexcept { return detail::region_writer(r).text(); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
