/// @file
/// A row of the table of functions that a rule's text may call: the function of the library, called with what the text
/// gives, defines what the row makes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/written.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What a piece of a rule's text stands for.
enum class rule_word : std::uint8_t {
  number, quantity, mask, loss, region, statistic, rank, bound, integer, whitening, whole,
};
inline constexpr std::string_view rule_word_names[] = {
    "number", "quantity", "mask", "loss", "region", "statistic", "rank", "bound", "whole number", "whitening",
    "whole rule"};
/// A parameter of a function of texts.
struct text_parameter {
  std::string_view name = {};
  rule_word kind = rule_word::number;
  bool must_be = false;
};
/// True if a parameter of this kind is a piece, which stands in the draft.
constexpr bool stands_in(rule_word kind) noexcept {
  return kind == rule_word::quantity || kind == rule_word::mask || kind == rule_word::loss;
}
/// What a text gives to a function, by the place of its parameters. Quantities, masks and losses stand in the draft:
/// see `stand_in`.
struct text_arguments {
  static constexpr int most = 10;
  bool given[most] = {};
  double number[most] = {};
  std::uint64_t integer = 0;
  int from[most] = {};  ///< which argument of the call it is
  constexpr double number_or(int i, double otherwise) const noexcept { return given[i] ? number[i] : otherwise; }
};
/// A function: its name, what it makes, how, and what it takes. `preset`: the word that stands for its parameters in
/// this row. `make` of a region puts it into the draft.
struct text_row {
  std::string_view name;
  rule_word makes;
  rule_piece (*make)(rule_draft&, text_arguments const&);
  text_parameter takes[text_arguments::most] = {};
  std::string_view preset = {};
  constexpr int parameters() const noexcept {
    int n = 0;
    while (n < text_arguments::most && !takes[n].name.empty()) ++n;
    return n;
  }
};

/// Statistics that are made of others.
enum class derived_statistic_of : std::uint8_t {
  none, variance, population_variance, deviation, weighted_mean, mean_of_others,
};
/// True if there is a place in a draft for each piece that a call of these functions is given.
constexpr bool all_stand(std::span<text_row const> functions) noexcept {
  for (text_row const& row : functions) {
    for (int p = rule_draft::most_stands; p < row.parameters(); ++p)
      if (stands_in(row.takes[p].kind)) return false;
  }
  return true;
}
/// What a text may name beside the rows of nodes.hpp, and where it stands.
struct vocabulary {
  std::span<text_row const> functions;
  known_in where;  ///< regions or advantages
  /// Makes a fold that is made of others, of what stands in the draft.
  rule_piece (*derived)(rule_draft&, fold_range, derived_statistic_of) = nullptr;
  /// True if what is known there may stand here.
  constexpr bool holds(known_in k) const noexcept { return k == known_in::both || k == where; }
};

/// What functions of rows are made of.
namespace text_rows {

using draft = rule_draft&;
using given = text_arguments const&;
inline constexpr auto quantity = rule_word::quantity;
inline constexpr auto number = rule_word::number;
inline constexpr bool always = true;

/// The piece of a quantity, mask or loss that the library has made.
template <class Q>
constexpr rule_piece piece(draft d, Q const& q) noexcept {
  return rule_description(d).of(q);
}
/// The same with what its parameters are found to be.
template <class Q>
constexpr rule_piece checked(draft d, Q const& q) noexcept {
  d.found = parameters_of(q);
  return piece(d, q);
}
/// Puts a region that the library has made into the draft.
template <class Region>
constexpr rule_piece rule(draft d, Region const& r) noexcept {
  d.take(r);
  return {};
}
/// The rows that both tables have.
/// @{
template <class Draft>
inline constexpr text_row when_positive{
    "positive_advantage", rule_word::mask, [](Draft& d, given) { return piece(d, positive_advantage); }};
template <class Draft>
inline constexpr text_row when_negative{
    "negative_advantage", rule_word::mask, [](Draft& d, given) { return piece(d, negative_advantage); }};
/// @}
/// A number that the text may leave out.
constexpr std::optional<double> maybe(given a, int i) noexcept {
  return a.given[i] ? std::optional<double>(a.number[i]) : std::nullopt;
}

}  // namespace text_rows
}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
