/// @file
/// The rows of the losses, a part of the table of nodes.hpp.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/rows.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

namespace rule_rows {

using is = node_parameter::is;

struct nothing : plain_loss_row<surrogates::nothing_t> { static constexpr std::string_view name = "nothing"; };
struct ratio_loss : plain_loss_row<surrogates::ratio_form_t> { static constexpr std::string_view name = "ratio_form"; };
struct ratio_form : ratio_loss_row<1> {
  static constexpr std::string_view name = "ratio_form";
  static constexpr node_parameters text{{{"r", 0}}, 1};
  template <class Q>
  using node = surrogates::ratio_form_of<Q>;
};
struct score_form : loss_row<1> {
  static constexpr std::string_view name = "score_form";
  static constexpr node_parameters text{{{"w", 0}}, 1};
  template <class Q>
  using node = surrogates::score_form_of<Q>;
};
struct clipped : ratio_loss_row<3> {
  static constexpr std::string_view name = "clipped";
  static constexpr node_parameters text{{{"low", 1}, {"high", 2}, {"r", 0, is::operand, true}}, 3};
  template <class Q, class L, class H>
  using node = surrogates::clipped_of<Q, L, H>;
};
struct rolled_back : ratio_loss_row<3, 1> {
  static constexpr std::string_view name = "rolled_back";
  static constexpr node_parameters text{
      {{"low", 1}, {"high", 2}, {"alpha", 0, is::number}, {"r", 0, is::operand, true}}, 4};
  template <class Q, class L, class H>
  using node = surrogates::rolled_back_of<Q, L, H>;
  template <class Q, class L, class H>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr node<Q, L, H> made(double const* n, Q const& r, L const& low,
                                                                          H const& high) noexcept {
    return {r, {low, high}, n[0]};
  }
  template <class Node>
  static constexpr double number(Node const& s, int) noexcept {
    return s.alpha;
  }
};
struct sigmoid_form : ratio_loss_row<1, 2> {
  static constexpr std::string_view name = "sigmoid_form";
  static constexpr node_parameters text{
      {{"tau_positive", 0, is::number}, {"tau_negative", 1, is::number}, {"r", 0, is::operand, true}}, 3};
  template <class Q>
  using node = surrogates::sigmoid_form_of<Q>;
  template <class Q>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr node<Q> made(double const* n, Q const& r) noexcept {
    return {r, n[0], n[1]};
  }
  template <class Node>
  static constexpr double number(Node const& s, int i) noexcept {
    return i == 0 ? s.positive : s.negative;
  }
};
struct quadratic : loss_row<1, 1> {
  static constexpr std::string_view name = "quadratic";
  static constexpr node_parameters text{{{"v", 0}, {"epsilon", 0, is::number}}, 2};
  template <class Q>
  using node = surrogates::quadratic_of<Q>;
  template <class Q>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr node<Q> made(double const* n, Q const& v) noexcept {
    return {v, n[0]};
  }
  template <class Node>
  static constexpr double number(Node const& s, int) noexcept {
    return s.epsilon;
  }
};
struct penalty : ratio_loss_row<2> {
  static constexpr std::string_view name = "penalty";
  static constexpr node_parameters text{{{"q", 0}, {"beta", 1}}, 2};
  template <class Q, class B>
  using node = surrogates::penalty_of<Q, B>;
};
struct value_form : loss_row<1> {
  static constexpr std::string_view name = "value_form";
  static constexpr node_parameters text{{{"q", 0}}, 1};
  template <class Q>
  using node = surrogates::value_form_of<Q>;
};
struct losses : losses_row<2> {
  static constexpr std::string_view name = "+";
  static constexpr node_parameters text{};
  template <class S, class P>
  using node = surrogates::sum_of<S, P>;
};
struct weighted : loss_row<2> {
  static constexpr std::string_view name = "*";
  static constexpr operand_list takes{{operand::number, operand::loss}, 2};
  static constexpr node_parameters text{};
  template <class Q, class S>
  using node = surrogates::weighted_by<Q, S>;
};
struct chosen_loss : loss_row<3> {
  static constexpr std::string_view name = "where";
  static constexpr operand_list takes{{operand::mask, operand::loss, operand::loss}, 3};
  static constexpr node_parameters text{{{"mask", 0}, {"s", 1}, {"p", 2}}, 3};
  template <class M, class S, class P>
  using node = surrogates::chosen_by<M, S, P>;
};
struct sloped_loss : losses_row<2> {
  static constexpr std::string_view name = "with_slope_of";
  static constexpr node_parameters text{{{"s", 0}, {"p", 1}}, 2};
  template <class S, class P>
  using node = surrogates::sloped_as<S, P>;
};
struct dual_clipped : loss_row<2> {
  static constexpr std::string_view name = "dual_clipped";
  static constexpr operand_list takes{{operand::loss, operand::number}, 2};
  static constexpr node_parameters text{{{"s", 0}, {"c", 1}}, 2};
  template <class S, class C>
  using node = surrogates::dual_clipped_of<S, C>;
};

}  // namespace rule_rows
}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
