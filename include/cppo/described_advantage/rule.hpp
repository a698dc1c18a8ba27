/// @file
/// An advantage rule as data, made of the library's own parts. One type for all of them.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_advantage/asked.hpp>
#include <cppo/described_rule/checks.hpp>
#include <cppo/described_rule/writer.hpp>
#include <cppo/described_rule/written.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class P>
inline constexpr bool is_measured = false;
template <class D>
inline constexpr bool is_measured<quantities::measured<D>> = true;
/// Finds what only tokens of a policy have, inside folds too.
struct is_of_policy {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = [] {
    if constexpr (is_measured<P> || std::is_same_v<P, quantities::hashed_t>) {
      return true;
    } else if constexpr (made_of_operands<P>) {
      return false;
    } else {
      constexpr rule_op op = op_of<P>();
      if constexpr (op == rule_op::count) return false;
      else return where_known<typename row_with<op>::type>() == known_in::regions;
    }
  }();
};

}  // namespace detail

/// An advantage rule as data: it gives the numbers that the rule written out does, bit for bit, on every executor, of
/// one batch and of states of many. Trivially copyable: it holds no pointer.
///
/// `parse_advantage(text)` makes one of text, `to_text(rule)` writes it, and it can be made of any rule that consists
/// of the library's own parts, `gae` too. It holds up to 128 nodes, 32 numbers and 16 folds, one inside
/// the other or not. States are those of the rule as data: do not add them to states of the rule written out, which may
/// number its folds in another way.
class described_advantage {
 public:
  /// The reward.
  constexpr described_advantage() noexcept : described_advantage(reward) {}
  /// The same rule as data. It must consist of the library's own parts, and fit: see `fits`.
  template <advantage_rule Rule>
    requires(!detail::rule_as_data<Rule>)
  explicit constexpr described_advantage(Rule const& rule) noexcept {
    detail::refuse_rule<Rule>();
    static_assert(!detail::mentions<Rule, detail::is_of_policy>(),
                  "an advantage rule reads reward, response_length, position_value, advantage and folds of them: "
                  "policies and divergences are known in a region");
    detail::rule_draft draft;
    detail::rule_piece const all = detail::rule_description(draft).part(rule);
    *this = described_advantage(draft, all);
    parameter_check const found = detail::parameters_of(rule);
    in_range_ = found.in_range, out_of_range_ = found.value;
  }
  /// Generalized advantage estimation as data.
  explicit constexpr described_advantage(gae_rule const& rule) noexcept {
    detail::rule_draft draft;
    detail::rule_piece const all = draft.node(detail::rule_op::gae, {}, {rule.gamma, rule.lambda});
    *this = described_advantage(draft, all);
  }
  /// What was put together.
  constexpr described_advantage(detail::rule_draft const& draft, detail::rule_piece const& all) noexcept {
    fits_ = detail::rule_writer(draft, program_).write_alone(all);
  }

  /// True if it is `gae`, which reads values; its call is one of its own.
  constexpr bool is_gae() const noexcept { return root() == detail::rule_op::gae; }
  /// The numbers of `gae`. Pre: it is.
  constexpr gae_rule gae() const noexcept { return detail::rule_rows::gae::made(program_.numbers + numbers_at()); }
  /// True if it gives one number a token, and takes no output `per_response(x)`.
  constexpr bool is_of_tokens() const noexcept { return is_gae() || asked().of_tokens(); }
  /// True if it is a mask, whose numbers are 1 and 0.
  constexpr bool is_mask() const noexcept { return asked().is_mask(); }
  /// The states of its folds for each group, and for the batch.
  constexpr int states() const noexcept { return asked().states(); }
  /// True if all that it was made of fitted.
  constexpr bool fits() const noexcept { return fits_; }
  /// The first parameter out of range.
  constexpr parameter_check check() const noexcept {
    parameter_check const room{fits_, "fits() of a described_advantage", 0.0,
                               "1, which is at most 128 nodes, 32 numbers and 16 folds: compute an inner rule first, "
                               "lend what it gives as advantage, and read that"};
    parameter_check const made{in_range_, "a number of the rule that was made data", out_of_range_,
                               "in range: check() of the rule written out names it"};
    return detail::first_fault({room, made, detail::check_program(program_)});
  }
  /// What it computes.
  constexpr detail::rule_program const& program() const noexcept { return program_; }
  /// What a call asks of it. It refers to this rule.
  constexpr detail::asked_program asked() const noexcept { return {program_, check()}; }
  /// True if both are made of the same parts with the same numbers.
  friend constexpr bool operator==(described_advantage const& a, described_advantage const& b) noexcept {
    return a.fits_ == b.fits_ && a.in_range_ == b.in_range_ && a.program_ == b.program_;
  }
  /// Calls f(argument) for each input that a call reads. The response mask is one where lengths or tokens count.
  template <class F>
  friend constexpr void each_input_of(described_advantage const& r, F const& f) {
    detail::rule_reads const reads = r.asked().reads();
    bool const values = r.is_gae();
    if (reads.tokens || values) f(argument::response_mask);
    if (reads.reward || values) f(argument::reward);
    if (reads.group) f(argument::group_id);
    if (reads.advantage) f(argument::advantage);
    if (values) f(argument::value), f(argument::bootstrap_value);
  }

 private:
  constexpr detail::rule_op root() const noexcept {
    return program_.begin(program_.mask)[program_.mask.size - 1].what;
  }
  constexpr int numbers_at() const noexcept { return program_.begin(program_.mask)->number; }

  detail::rule_program program_;
  double out_of_range_ = 0.0;
  bool fits_ = true, in_range_ = true;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
