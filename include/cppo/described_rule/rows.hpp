/// @file
/// What a row of the table of nodes consists of, and what rows have in common.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/gae_rule.hpp>
#include <cppo/advantage/rules.hpp>
#include <cppo/described/budget.hpp>
#include <cppo/described_rule/known.hpp>
#include <cppo/fold/deviation.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/quantity/hashed.hpp>
#include <cppo/surrogate/combinators.hpp>
#include <cppo/surrogate/forms.hpp>
#include <cppo/surrogate/kl.hpp>

#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Where a node is known: in regions, in rules of advantages, or in both.
enum class known_in : std::uint8_t { both, regions, advantages };
/// What a node takes, and what it leaves.
enum class operand : std::uint8_t { number, mask, loss };
/// The operands of a node, in the order of the struct that evaluates it.
struct operand_list {
  operand of[3] = {};
  int count = 0;
};
/// What is known of a parameter of a node in a text, whose names and order are those of the C++ function.
struct node_parameter {
  enum class is : std::uint8_t { operand, number };
  std::string_view name = {};
  int place = 0;                ///< among the operands, or among the numbers
  is what = is::operand;
  bool may_lack = false;        ///< a ratio that is the token's; a number that is the one before it
};
/// The parameters of a node in a text.
struct node_parameters {
  node_parameter of[4] = {};
  int count = 0;
};

/// A row says what its node leaves and takes, and how many numbers it holds. `node<Operands...>` evaluates it, or
/// `made(numbers, operands...)` makes what does. `differentiates`: the first operand must have a slope.
template <operand Gives, int Operands, int Numbers>
struct rule_row {
  static constexpr operand gives = Gives;
  static constexpr operand_list takes{{operand::number, operand::number, operand::number}, Operands};
  static constexpr int numbers = Numbers;
  static constexpr bool differentiates = false;
};
/// The parameters of a quantity, where its row says nothing else.
/// @{
template <int Operands>
inline constexpr node_parameters usual_parameters{};
template <>
inline constexpr node_parameters usual_parameters<1>{{{"q", 0}}, 1};
template <>
inline constexpr node_parameters usual_parameters<2>{{{"q", 0}, {"r", 1}}, 2};
template <>
inline constexpr node_parameters usual_parameters<3>{{{"q", 0}, {"low", 1}, {"high", 2}}, 3};
/// @}
template <int Operands, int Numbers = 0>
struct quantity_row : rule_row<operand::number, Operands, Numbers> {
  static constexpr node_parameters const& text = usual_parameters<Operands>;
};
/// A quantity that takes nothing.
template <class Input>
struct input_row : quantity_row<0> {
  using type = Input;
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr Input made(double const*) noexcept { return {}; }
};
template <class Operation>
struct binary_row : quantity_row<2> {
  template <class L, class R>
  using node = quantities::binary<Operation, L, R>;
};
template <class Operation>
struct unary_row : quantity_row<1> {
  template <class Q>
  using node = quantities::unary<Operation, Q>;
};
inline constexpr node_parameters spread_parameters{{{"squares", 0}, {"unit", 1}, {"items", 2}}, 3};
template <quantities::spread_form Form>
struct spread_row : quantity_row<3> {
  static constexpr node_parameters const& text = spread_parameters;
  template <class S, class U, class N>
  using node = quantities::spread<Form, S, U, N>;
};

/// A mask made of masks.
template <int Operands>
struct mask_row : rule_row<operand::mask, Operands, 0> {
  static constexpr operand_list takes{{operand::mask, operand::mask}, Operands};
  static constexpr node_parameters text{};
};
/// A clause of the library.
template <class Clause, int Numbers = 0>
struct clause_row : rule_row<operand::mask, 0, Numbers> {
  using type = Clause;
  static constexpr clause kind = clause_of<Clause>;
  static constexpr node_parameters text{};
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr Clause made([[maybe_unused]] double const* n) noexcept {
    if constexpr (Numbers == 0) return {};
    else if constexpr (Numbers == 2) return Clause(n[0], n[1]);
    else if constexpr (std::is_same_v<Clause, prefix_budget_t<described_budget>>) return Clause(n[0], {});
    else return Clause(n[0]);
  }
};
struct comparison_row : rule_row<operand::mask, 2, 0> {
  static constexpr node_parameters text{{{"q", 0}, {"x", 1}}, 2};
};

template <int Operands, int Numbers = 0>
struct loss_row : rule_row<operand::loss, Operands, Numbers> {};
/// A loss made of losses.
template <int Operands>
struct losses_row : loss_row<Operands> {
  static constexpr operand_list takes{{operand::loss, operand::loss}, Operands};
};
/// A loss that takes nothing.
template <class Loss>
struct plain_loss_row : loss_row<0> {
  using type = Loss;
  static constexpr node_parameters text{};
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr Loss made(double const*) noexcept { return {}; }
};
/// A loss of a ratio, which it differentiates.
template <int Operands, int Numbers = 0>
struct ratio_loss_row : loss_row<Operands, Numbers> {
  static constexpr bool differentiates = true;
};

/// A quantity of responses.
struct item_row : quantity_row<0> {
  static constexpr known_in known = known_in::advantages;
};

/// Where a row is known. What takes nothing says it by its type; what a policy alone gives is of regions.
template <class Row>
consteval known_in where_known() {
  if constexpr (requires { Row::known; }) {
    return Row::known;
  } else if constexpr (Row::gives == operand::loss) {
    return known_in::regions;
  } else if constexpr (requires { typename Row::type; }) {
    using type = typename Row::type;
    using namespace quantities;
    constexpr bool anywhere = std::is_same_v<type, keep_all_t> || std::is_same_v<type, keep_none_t> ||
                              std::is_same_v<type, position_value_t> || std::is_same_v<type, advantage_t> ||
                              std::is_same_v<type, length_t>;
    return anywhere ? known_in::both : known_in::regions;
  } else {
    return known_in::both;
  }
}
/// True if a row is evaluated on lanes V: tokens of a region, or items of an advantage rule.
template <class Row, class V>
inline constexpr bool runs_on = where_known<Row>() != (is_item<V> ? known_in::regions : known_in::advantages);

/// The struct that evaluates a node, of its operands.
template <class Row, class... Operands>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto node_of(double const* numbers, Operands const&... x) noexcept {
  if constexpr (requires { Row::made(numbers, x...); }) {
    return Row::made(numbers, x...);
  } else {
    using node = typename Row::template node<Operands...>;
    if constexpr (sizeof...(x) == 3) {
      return [](auto const& a, auto const& b, auto const& c) CPPO_INLINE_LAMBDA { return node{a, {b, c}}; }(x...);
    } else {
      return node{x...};
    }
  }
}

/// True if a node has a slope whose number operands have those slopes, as bits; its masks are known.
template <class Row, unsigned Bits, int... I>
consteval bool has_slope_with(std::integer_sequence<int, I...>) {
  using node = decltype(node_of<Row>(
      nullptr, std::conditional_t<Row::takes.of[I] == operand::mask, known_mask<float_lane>,
                                  std::conditional_t<(Bits >> I & 1U) != 0, known_number<float_lane>,
                                                     without_slope>>{}...));
  return has_slope<node>;
}
/// The operands that must have a slope so that a quantity has one, as bits; 8 where it never has.
template <class Row>
consteval unsigned slopes_asked() {
  using all = std::make_integer_sequence<int, Row::takes.count>;
  if (!has_slope_with<Row, 7U>(all{})) return 8U;
  return (has_slope_with<Row, 6U>(all{}) ? 0U : 1U) | (has_slope_with<Row, 5U>(all{}) ? 0U : 2U) |
         (has_slope_with<Row, 3U>(all{}) ? 0U : 4U);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
