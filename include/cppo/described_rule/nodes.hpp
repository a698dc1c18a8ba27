/// @file
/// The one table of what a rule as data computes with: each row has a node's name in texts, what it takes, and the
/// struct of the library that evaluates it.
///
/// To add a node write its row, here or in loss_rows.hpp, and its name in `CPPO_RULE_NODES`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/loss_rows.hpp>
#include <cppo/described_rule/rows.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/mask/toward_rollout.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The rows of numbers and masks. Those that take parts of the program, `constant` to `fold`, are evaluated in
/// evaluate.hpp.
namespace rule_rows {

// Numbers of a token.
struct constant : quantity_row<0, 1> { static constexpr std::string_view name = ""; };
struct hashed : quantity_row<0, 1> {
  static constexpr std::string_view name = "hashed";
  static constexpr known_in known = known_in::regions;
};
struct measured : quantity_row<0> {
  static constexpr std::string_view name = "";
  static constexpr known_in known = known_in::regions;
};
struct fold : quantity_row<0> { static constexpr std::string_view name = ""; };
struct ratio : input_row<quantities::ratio_t> { static constexpr std::string_view name = "ratio"; };
struct log_ratio : input_row<quantities::log_ratio_t> { static constexpr std::string_view name = "log_ratio"; };
struct prob : input_row<quantities::prob_t> { static constexpr std::string_view name = "prob"; };
struct rollout_prob : input_row<quantities::rollout_prob_t> {
  static constexpr std::string_view name = "rollout_prob";
};
struct divergence : input_row<quantities::divergence_t> { static constexpr std::string_view name = "divergence"; };
struct weighted_divergence : input_row<quantities::weighted_divergence_t> {
  static constexpr std::string_view name = "weighted_divergence";
};
struct position_value : input_row<quantities::position_value_t> {
  static constexpr std::string_view name = "position_value";
};
struct log_prob : input_row<quantities::log_prob_t> { static constexpr std::string_view name = "log_prob"; };
struct rollout_log_prob : input_row<quantities::rollout_log_prob_t> {
  static constexpr std::string_view name = "rollout_log_prob";
};
struct advantage : input_row<quantities::advantage_t> { static constexpr std::string_view name = "advantage"; };
struct entropy : input_row<quantities::entropy_t> { static constexpr std::string_view name = "entropy"; };
struct reference_log_prob : input_row<quantities::reference_log_prob_t> {
  static constexpr std::string_view name = "reference_log_prob";
};

struct response_length : input_row<quantities::length_t> {
  static constexpr std::string_view name = "response_length";
};

// Numbers of a response, in rules of advantages alone.
struct reward : item_row {
  using type = quantities::reward_t;
  static constexpr std::string_view name = "reward";
  CPPO_HOST_DEVICE static constexpr type made(double const*) noexcept { return {}; }
};
struct discount : item_row {
  static constexpr std::string_view name = "discount";
  static constexpr int numbers = 1;
  static constexpr node_parameters text{{{"gamma", 0, is::number}}, 1};
  CPPO_HOST_DEVICE static constexpr quantities::discount made(double const* n) noexcept { return {n[0]}; }
};
struct each_token : quantity_row<1> {
  static constexpr std::string_view name = "each_token";
  static constexpr known_in known = known_in::advantages;
  template <class Q>
  using node = quantities::of_tokens<Q>;
};
/// A whole rule, which is evaluated by its own call.
struct gae : item_row {
  static constexpr std::string_view name = "gae";
  static constexpr int numbers = 2;
  static constexpr node_parameters text{{{"gamma", 0, is::number}, {"lambda", 1, is::number}}, 2};
  CPPO_HOST_DEVICE static constexpr gae_rule made(double const* n) noexcept { return {n[0], n[1]}; }
};

// Arithmetic.
struct plus : binary_row<quantities::plus> { static constexpr std::string_view name = "+"; };
struct minus : binary_row<quantities::minus> { static constexpr std::string_view name = "-"; };
struct times : binary_row<quantities::times> { static constexpr std::string_view name = "*"; };
struct divide : binary_row<quantities::divide> { static constexpr std::string_view name = "/"; };
struct smaller : binary_row<quantities::smaller> { static constexpr std::string_view name = "min"; };
struct larger : binary_row<quantities::larger> { static constexpr std::string_view name = "max"; };
struct exponential : unary_row<quantities::exponential> { static constexpr std::string_view name = "exp"; };
struct logarithm : unary_row<quantities::logarithm> { static constexpr std::string_view name = "log"; };
struct magnitude : unary_row<quantities::magnitude> { static constexpr std::string_view name = "abs"; };
struct square_root : unary_row<quantities::square_root> { static constexpr std::string_view name = "sqrt"; };
struct k3_of_log_ratio : unary_row<quantities::k3_of_log_ratio> {
  static constexpr std::string_view name = "k3_of_log_ratio";
};
struct bounded : quantity_row<3> {
  static constexpr std::string_view name = "clamped";
  template <class Q, class L, class H>
  using node = quantities::bounded<Q, L, H>;
};
struct chosen : quantity_row<3> {
  static constexpr std::string_view name = "where";
  static constexpr operand_list takes{{operand::mask, operand::number, operand::number}, 3};
  static constexpr node_parameters text{{{"mask", 0}, {"q", 1}, {"r", 2}}, 3};
  template <class M, class Q, class R>
  using node = quantities::chosen<M, Q, R>;
};
struct sloped : quantity_row<2> {
  static constexpr std::string_view name = "with_slope_of";
  template <class Q, class R>
  using node = quantities::sloped_as<Q, R>;
};
struct squared_distance : quantity_row<3> {
  static constexpr std::string_view name = "squared_distance";
  static constexpr node_parameters text{{{"q", 0}, {"centre", 1}, {"unit", 2}}, 3};
  template <class Q, class C, class U>
  using node = quantities::squared_distance<Q, C, U>;
};
struct variance : spread_row<quantities::spread_form::variance> {
  static constexpr std::string_view name = "variance_of_squares";
};
struct population_variance : spread_row<quantities::spread_form::population_variance> {
  static constexpr std::string_view name = "population_variance_of_squares";
};
struct deviation : spread_row<quantities::spread_form::deviation> {
  static constexpr std::string_view name = "deviation_of_squares";
};

// Masks.
struct keep_all : clause_row<keep_all_t> { static constexpr std::string_view name = "keep_all"; };
struct keep_none : clause_row<keep_none_t> { static constexpr std::string_view name = "keep_none"; };
struct toward_rollout : clause_row<toward_rollout_t> { static constexpr std::string_view name = "toward_rollout"; };
struct ratio_within : clause_row<ratio_within_t, 2> {
  static constexpr std::string_view name = "ratio_within";
  static constexpr node_parameters text{{{"low", 0, is::number}, {"high", 1, is::number}}, 2};
};
struct divergence_within : clause_row<divergence_within_t, 2> {
  static constexpr std::string_view name = "divergence_within";
  static constexpr node_parameters text{{{"delta", 0, is::number}, {"delta_high", 1, is::number, true}}, 2};
};
struct prefix_budget : clause_row<prefix_budget_t<described_budget>, 1> {
  static constexpr std::string_view name = "prefix_budget";
};
struct response_max_within : clause_row<response_max_within_t, 1> {
  static constexpr std::string_view name = "response_max_within";
  static constexpr node_parameters text{{{"delta", 0, is::number}}, 1};
};
struct response_mean_within : clause_row<response_mean_within_t, 1> {
  static constexpr std::string_view name = "response_mean_within";
  static constexpr node_parameters text{{{"delta", 0, is::number}}, 1};
};
struct at_most : comparison_row {
  static constexpr std::string_view name = "at_most";
  template <class Q, class X>
  using node = quantities::at_most_t<Q, X, quantities::bound::inside>;
};
struct at_least : comparison_row {
  static constexpr std::string_view name = "at_least";
  template <class Q, class X>
  using node = quantities::at_least_t<Q, X, quantities::bound::inside>;
};
struct below : comparison_row {
  static constexpr std::string_view name = "below";
  template <class Q, class X>
  using node = quantities::at_most_t<Q, X, quantities::bound::outside>;
};
struct above : comparison_row {
  static constexpr std::string_view name = "above";
  template <class Q, class X>
  using node = quantities::at_least_t<Q, X, quantities::bound::outside>;
};
struct both : mask_row<2> { static constexpr std::string_view name = "&"; };
struct either : mask_row<2> { static constexpr std::string_view name = "|"; };
struct negated : mask_row<1> { static constexpr std::string_view name = "!"; };

}  // namespace rule_rows

/// The rows by name. The order is that of the numbers in a program.
#define CPPO_RULE_NODES(each)                                                                                       \
  each(constant) each(hashed) each(measured) each(fold) each(ratio) each(log_ratio) each(prob) each(rollout_prob)   \
  each(divergence) each(weighted_divergence) each(position_value) each(log_prob) each(rollout_log_prob)             \
  each(advantage) each(entropy) each(reference_log_prob) each(plus) each(minus) each(times) each(divide)            \
  each(smaller) each(larger) each(exponential) each(logarithm) each(magnitude) each(square_root)                    \
  each(k3_of_log_ratio) each(bounded) each(chosen) each(sloped) each(squared_distance) each(variance)               \
  each(population_variance) each(deviation) each(keep_all) each(keep_none) each(toward_rollout) each(ratio_within)  \
  each(divergence_within) each(prefix_budget) each(response_max_within) each(response_mean_within) each(at_most)    \
  each(at_least) each(below) each(above) each(both) each(either) each(negated) each(nothing) each(ratio_loss)       \
  each(ratio_form) each(score_form) each(clipped) each(rolled_back) each(sigmoid_form) each(quadratic)              \
  each(penalty) each(value_form) each(losses) each(weighted) each(chosen_loss) each(sloped_loss) each(dual_clipped) \
  each(response_length) each(reward) each(discount) each(each_token) each(gae)

/// What a node of a program does.
#define CPPO_DETAIL_NAME(row) row,
enum class rule_op : std::uint8_t { CPPO_RULE_NODES(CPPO_DETAIL_NAME) count };
#undef CPPO_DETAIL_NAME

/// The name of what a node does, which no other has: that of its row.
constexpr std::string_view name_of(rule_op what) noexcept {
#define CPPO_DETAIL_TEXT(row) #row,
  constexpr std::string_view names[] = {CPPO_RULE_NODES(CPPO_DETAIL_TEXT)};
#undef CPPO_DETAIL_TEXT
  return names[static_cast<int>(what)];
}

/// The rows as types, in the order of the ops.
#define CPPO_DETAIL_TYPE(row) , rule_rows::row
template <class, class... Rows>
struct row_list {};
using all_rows = row_list<void CPPO_RULE_NODES(CPPO_DETAIL_TYPE)>;
#undef CPPO_DETAIL_TYPE
/// The row of an op.
template <rule_op>
struct row_with;
#define CPPO_DETAIL_ROW(row) \
  template <>                \
  struct row_with<rule_op::row> { using type = rule_rows::row; };
CPPO_RULE_NODES(CPPO_DETAIL_ROW)
#undef CPPO_DETAIL_ROW

/// f(row) for the row of an op.
template <class F>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto with_row(rule_op op, F const& f) noexcept {
  switch (op) {
#define CPPO_DETAIL_CASE(row) \
  case rule_op::row: return f(std::integral_constant<rule_op, rule_op::row>{}, rule_rows::row{});
    CPPO_RULE_NODES(CPPO_DETAIL_CASE)
#undef CPPO_DETAIL_CASE
    default: return f(std::integral_constant<rule_op, rule_op::nothing>{}, rule_rows::nothing{});
  }
}
/// Calls f(op, row) for each row.
template <class F>
constexpr void each_row(F const& f) {
#define CPPO_DETAIL_CALL(row) f(std::integral_constant<rule_op, rule_op::row>{}, rule_rows::row{});
  CPPO_RULE_NODES(CPPO_DETAIL_CALL)
#undef CPPO_DETAIL_CALL
}
#undef CPPO_RULE_NODES

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
