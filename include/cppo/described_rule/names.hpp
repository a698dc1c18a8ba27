/// @file
/// The names that a rule's text may hold beside those of regions: what each makes, and its parameters; and the texts of
/// the regions and rules that have a name.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/table.hpp>
#include <cppo/described_rule/rule_tree.hpp>
#include <cppo/described_rule/table.hpp>
#include <cppo/described_rule/words.hpp>

#include <algorithm>
#include <iterator>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Hands names on to f(name, what it makes, its parameters with ", " between them).
template <class F>
class rule_names {
 public:
  rule_names(vocabulary const& words, F const& f) noexcept : words_(words), f_(f) {}
  void of_nodes() {
    each_row([this](auto, auto row) {
      using R = decltype(row);
      bool const word = !R::name.empty() && R::name[0] >= 'a' && R::name[0] <= 'z';
      bool const part = words_.where == known_in::regions && find_row(R::name) != nullptr;
      if (!word || part || is_spoken(R::name) || is_function(R::name)) return;
      if (!words_.holds(where_known<R>())) return;
      for (int p = 0; p < R::text.count; ++p) take(R::text.of[p].name);
      give(R::name, rule_tree::word_of(R::gives));
    });
  }
  void of_functions() {
    for (text_row const& row : words_.functions) {
      if (!row.preset.empty()) continue;
      for (int p = 0; p < row.parameters(); ++p) take(row.takes[p].name);
      give(row.name, row.makes);
    }
  }
  void of_words() {
    for (spoken_word const& w : spoken_words) {
      if (words_.holds(w.known)) take(w.parameters), give(w.name, w.makes);
    }
    for (std::string_view const name : statistic_words) {
      if (words_.holds(where_statistic(name))) take(parameters_of_statistic(name)), give(name, rule_word::statistic);
    }
  }

 private:
  static bool is_spoken(std::string_view name) noexcept {
    return std::any_of(std::begin(spoken_words), std::end(spoken_words),
                       [name](spoken_word const& w) { return w.name == name; });
  }
  bool is_function(std::string_view name) const noexcept {
    return std::any_of(words_.functions.begin(), words_.functions.end(),
                       [name](text_row const& row) { return row.name == name; });
  }
  void take(std::string_view parameter) noexcept {
    if (!std::string_view(parameters_).empty()) parameters_.append(std::string_view(", "));
    parameters_.append(parameter);
  }
  void give(std::string_view name, rule_word makes) {
    f_(name, rule_word_names[static_cast<int>(makes)], parameters_);
    parameters_ = {};
  }

  vocabulary words_;
  F const& f_;
  status_text parameters_;
};

/// Calls f(name, what it makes, its parameters, with ", " between them) for each. A name that has several forms comes
/// several times.
template <class F>
void each_rule_name(vocabulary const& words, F const& f) {
  rule_names<F> all(words, f);
  all.of_nodes();
  all.of_functions();
  all.of_words();
}

/// The names of the parameters of a row, with ", " between them.
template <class Row>
status_text parameters_of_row(Row const& row) noexcept {
  status_text all;
  for (int p = 0; p < row.parameters(); ++p) {
    if (p > 0) all.append(std::string_view(", "));
    all.append(row.takes[p].name);
  }
  return all;
}

}  // namespace detail

/// Calls f(text, parameters) for each region and rule of the field that has a name: `text` makes it with its defaults,
/// as "gspo" or "fipo(fipo_code_defaults)"; `parameters` are the names of its parameters, with ", " between them. Where
/// some parameter has no default, the text is the name alone, which makes nothing.
template <class F, class Draft = detail::rule_draft>
void each_named_rule(F const& f) {
  for (detail::part_row const& row : detail::part_rows) {
    status_text const parameters = detail::parameters_of_row(row);
    if (row.makes == detail::part_kind::region) f(row.name, std::string_view(parameters));
  }
  for (detail::text_row const& row : detail::text_table<Draft>) {
    if (row.makes != detail::rule_word::region) continue;
    status_text text;
    text.append(row.name);
    if (!row.preset.empty()) {
      text.append(std::string_view("("));
      text.append(row.preset);
      text.append(std::string_view(")"));
    }
    status_text const parameters = row.preset.empty() ? detail::parameters_of_row(row) : status_text();
    f(std::string_view(text), std::string_view(parameters));
  }
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
