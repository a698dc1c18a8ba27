// Masks are a Boolean algebra, by enumeration.
#include "support/catch_compat.hpp"
#include "support/hand_token.hpp"

#include <cppo/mask.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/emulated_lanes.hpp>

#include <cstdint>

namespace somebody_else {

// Three user masks, each reading one bit of the position; none of them knows the library's operators.
struct first_bit {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.weight() >= V(1);
  }
};
struct second_bit {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.divergence() >= V(1);
  }
};
struct third_bit {
  static constexpr cppo::needs needed = cppo::needs::response;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.advantage() > V(0);
  }
};
// A user mask that can say how far.
struct measured {
  double excess_value;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return excess(t) <= V(1);
  }
  template <class V>
  constexpr V excess(cppo::token<V> const&) const {
    return V(excess_value);
  }
};

// Operators from here need the using-directive.
constexpr auto composed() {
  using namespace cppo::operators;
  return (first_bit{} & second_bit{}) | !third_bit{};
}

}  // namespace somebody_else

namespace {

using cppo::all_of, cppo::any_of, cppo::none_of;
using cppo_test::hand_token;
using cppo_test::keeps;
using somebody_else::first_bit, somebody_else::second_bit, somebody_else::third_bit, somebody_else::measured;

constexpr first_bit a{};
constexpr second_bit b{};
constexpr third_bit c{};

// A token on which a, b and c are the bits of `bits`.
hand_token with_bits(unsigned bits) {
  return {.advantage = (bits & 4U) != 0 ? 1.0 : -1.0, .divergence = (bits & 2U) != 0 ? 1.0 : 0.0,
          .weight = (bits & 1U) != 0 ? 1.0 : 0.5};
}

// The truth table of a mask over a, b, c: bit k is its value on with_bits(k).
template <class M>
unsigned table(M const& mask) {
  unsigned t = 0;
  for (unsigned bits = 0; bits < 8; ++bits) t |= keeps(mask, with_bits(bits)) ? 1U << bits : 0U;
  return t;
}

}  // namespace

TEST_CASE("all_of, any_of and none_of are and, or and nor") {
  CHECK(table(a) == 0xaaU);
  CHECK(table(b) == 0xccU);
  CHECK(table(c) == 0xf0U);
  CHECK(table(all_of(a, b)) == (0xaaU & 0xccU));
  CHECK(table(any_of(a, b)) == (0xaaU | 0xccU));
  CHECK(table(none_of(a)) == 0x55U);
  CHECK(table(all_of(a, b, c)) == (0xaaU & 0xccU & 0xf0U));
  CHECK(table(any_of(a, b, c)) == (0xaaU | 0xccU | 0xf0U));
  CHECK(table(none_of(a, b, c)) == 0x01U);
}

TEST_CASE("neutral and absorbing elements") {
  CHECK(table(all_of()) == 0xffU);
  CHECK(table(any_of()) == 0x00U);
  CHECK(table(none_of()) == 0xffU);
  CHECK(table(all_of(a)) == table(a));
  CHECK(table(any_of(a)) == table(a));
  CHECK(table(all_of(a, cppo::keep_all)) == table(a));
  CHECK(table(any_of(cppo::keep_none, a)) == table(a));
  CHECK(table(all_of(a, cppo::keep_none)) == 0x00U);
  CHECK(table(any_of(a, cppo::keep_all)) == 0xffU);
}

TEST_CASE("De Morgan, double negation, distribution, associativity, commutativity") {
  CHECK(table(none_of(none_of(a))) == table(a));
  CHECK(table(none_of(all_of(a, b))) == table(any_of(none_of(a), none_of(b))));
  CHECK(table(none_of(any_of(a, b))) == table(all_of(none_of(a), none_of(b))));
  CHECK(table(all_of(a, any_of(b, c))) == table(any_of(all_of(a, b), all_of(a, c))));
  CHECK(table(any_of(a, all_of(b, c))) == table(all_of(any_of(a, b), any_of(a, c))));
  CHECK(table(all_of(all_of(a, b), c)) == table(all_of(a, all_of(b, c))));
  CHECK(table(any_of(any_of(a, b), c)) == table(any_of(a, any_of(b, c))));
  CHECK(table(all_of(a, b)) == table(all_of(b, a)));
  CHECK(table(any_of(a, b)) == table(any_of(b, a)));
  CHECK(table(any_of(a, none_of(a))) == 0xffU);
  CHECK(table(all_of(a, none_of(a))) == 0x00U);
}

TEST_CASE("several lanes decide as each alone does") {
  using V = cppo::testing::emulated_lane;
  using cppo::testing::four_floats;
  cppo::token<V> t(V(-1), V(-1), V::from_raw(four_floats{{1, 1, -1, -1}}));
  cppo::response_summary const response{};
  t.set_divergence(V::from_raw(four_floats{{1, 0, 1, 0}}));
  t.set_weight(cppo::position<V>(1), response, V::from_raw(four_floats{{1, 1, 1, 0.5F}}));
  auto const both = all_of(a, b, c)(t).raw();
  auto const either = any_of(all_of(a, b), c)(t).raw();
  auto const neither = none_of(b, c)(t).raw();
  bool const want_both[] = {true, false, false, false}, want_either[] = {true, true, true, false};
  bool const want_neither[] = {false, false, false, true};
  for (int k = 0; k < 4; ++k) {
    CHECK(both.at[k] == want_both[k]);
    CHECK(either.at[k] == want_either[k]);
    CHECK(neither.at[k] == want_neither[k]);
  }
}

TEST_CASE("operators are found for the library's own masks, alone or on one side") {
  auto const within = cppo::divergence_within(0.25);  // !b on these tokens
  CHECK(table(within & a) == (0x33U & 0xaaU));
  CHECK(table(a & within) == (0x33U & 0xaaU));
  CHECK(table(within | c) == (0x33U | 0xf0U));
  CHECK(table(!within) == 0xccU);
  CHECK(table(!(within & !within)) == 0xffU);
  CHECK(table(cppo::keep_all & within) == 0x33U);
  CHECK(table((a & within) | c) == table(any_of(all_of(a, within), c)));
}

TEST_CASE("operators for masks of another namespace come with cppo::operators") {
  CHECK(table(somebody_else::composed()) == ((0xaaU & 0xccU) | 0x0fU));
  CHECK(table(somebody_else::composed()) == table(any_of(all_of(a, b), none_of(c))));
}

TEST_CASE("excess: the larger under &, the smaller under |") {
  for (double const x : {0.5, 1.0, 3.0}) {
    for (double const y : {0.25, 1.0, 7.0}) {
      CHECK(cppo_test::excess(all_of(measured{x}, measured{y}), {}) == std::max(x, y));
      CHECK(cppo_test::excess(any_of(measured{x}, measured{y}), {}) == std::min(x, y));
      // Kept exactly where the excess is at most 1.
      CHECK(keeps(all_of(measured{x}, measured{y}), {}) == (std::max(x, y) <= 1.0));
      CHECK(keeps(any_of(measured{x}, measured{y}), {}) == (std::min(x, y) <= 1.0));
    }
  }
}

TEST_CASE("a mask that cannot say how far counts 0 inside and a finite limit outside") {
  CHECK(cppo_test::excess(a, with_bits(1)) == 0.0);
  CHECK(cppo_test::excess(a, with_bits(0)) == 1e308);
  CHECK(cppo_test::excess(none_of(a), with_bits(0)) == 0.0);
  CHECK(cppo_test::excess(none_of(measured{2.0}), {}) == 0.0);
  CHECK(cppo_test::excess(none_of(measured{0.5}), {}) == 1e308);
  auto const in_float = cppo::detail::excess_of(a, with_bits(0).make());
  CHECK(in_float.raw() == 3e38F);
  CHECK(cppo_test::excess(all_of(a, measured{2.0}), with_bits(1)) == 2.0);
  CHECK(cppo_test::excess(any_of(a, measured{2.0}), with_bits(0)) == 2.0);
}

TEST_CASE("a toward clause in an or brings the excess to 0") {
  auto const mask = cppo::toward_rollout | cppo::divergence_within(0.25);
  hand_token const away{.log_prob = -0.5, .divergence = 1.0};
  hand_token const toward{.log_prob = -1.5, .divergence = 1.0};
  CHECK(cppo_test::excess(mask, away) == 4.0);
  CHECK(cppo_test::excess(mask, toward) == 0.0);
}

TEST_CASE("what a composite needs is what its parts need") {
  using cppo::needs;
  auto const needs_of = []<class M>(M const&) { return cppo::detail::needs_of<M>; };
  auto const budget = cppo::prefix_budget(0.1, 0.1);
  auto const calibrated = cppo::prefix_budget(0.1, cppo::calibrated_budget(0.1));
  auto const whole = cppo::response_max_within(0.1);
  CHECK(needs_of(cppo::divergence_within(0.1) & cppo::toward_rollout) == needs::none);
  CHECK(needs_of(budget) == needs::prefix_budget);
  CHECK(needs_of(calibrated) == (needs::prefix_budget | needs::quantile));
  CHECK(needs_of(budget & whole) == (needs::prefix_budget | needs::response));
  CHECK(needs_of(calibrated | whole) == (needs::prefix_budget | needs::quantile | needs::response));
  CHECK(needs_of(!whole) == needs::response);
  CHECK(needs_of(all_of(a, c)) == needs::response);
  CHECK(cppo::any(needs::response | needs::quantile, needs::quantile));
  CHECK_FALSE(cppo::any(needs::response | needs::quantile, needs::prefix_budget));
}

TEST_CASE("leaves are counted by kind, those under a negation are nobody's") {
  using cppo::clause;
  using namespace cppo::detail;
  auto const count = []<clause K, class M>(std::integral_constant<clause, K>, M const&) { return leaves<M, K>(); };
  std::integral_constant<clause, clause::divergence> const divergence;
  std::integral_constant<clause, clause::other> const other;
  auto const within = cppo::divergence_within(0.5);
  CHECK(count(divergence, within) == 1);
  CHECK(count(divergence, within & (cppo::toward_rollout | within)) == 2);
  CHECK(count(divergence, !within) == 0);
  CHECK(count(other, !within) == 1);
  CHECK(count(divergence, within & !within) == 1);
  CHECK(count(other, all_of(a, b, within)) == 2);
}

TEST_CASE("passes asks only the leaves of one kind, outside negations") {
  using cppo::clause;
  hand_token const far{.log_prob = -0.5, .divergence = 0.75};  // moves away
  auto const t = far.make();
  auto const within = cppo::divergence_within(0.5);
  CHECK_FALSE(cppo::detail::clauses_keep<clause::divergence>(cppo::toward_rollout | within, t).raw());
  CHECK_FALSE(cppo::detail::clauses_keep<clause::toward>(cppo::toward_rollout | within, t).raw());
  CHECK(cppo::detail::clauses_keep<clause::ratio>(cppo::toward_rollout | within, t).raw());
  CHECK(cppo::detail::clauses_keep<clause::divergence>(cppo::toward_rollout | !within, t).raw());
  CHECK(cppo::detail::clauses_keep<clause::divergence>(cppo::divergence_within(0.8) & !within, t).raw());
  CHECK_FALSE(cppo::detail::clauses_keep<clause::divergence>(cppo::divergence_within(0.8) & within, t).raw());
}

TEST_CASE("parameters are checked through every combinator") {
  auto const bad = cppo::divergence_within(-1.0);
  auto const good = cppo::divergence_within(1.0);
  CHECK((good & good).check());
  CHECK_FALSE((good & bad).check());
  CHECK_FALSE((bad & good).check());
  CHECK((good | good).check());
  CHECK_FALSE((good | bad).check());
  CHECK_FALSE((bad | good).check());
  CHECK_FALSE((!bad).check());
  CHECK((!good).check());
  CHECK(all_of(a, good).check());
}

namespace both_namespaces {

using namespace std;
using namespace cppo;

// Of one type, of two, and the algorithms of the standard library.
constexpr bool kept(auto const& mask) { return mask(token<float_lane>(-1, -1, 1)).raw(); }
constexpr auto small = ratio_within(0.5, 0.9), around = ratio_within(0.9, 1.1);
constexpr somebody_else::measured inside{0.5}, outside{2.0};
static_assert(!kept(all_of(small, small, around)) && kept(any_of(small, small, around)) &&
              !kept(none_of(small, small, around)));
static_assert(kept(all_of(around, around, around)) && !kept(any_of(small, small, small)) &&
              kept(none_of(small, small, small)));
static_assert(kept(all_of(inside, inside, inside)) && kept(any_of(outside, outside, inside)) &&
              kept(none_of(outside, outside, small)));
static_assert(kept(all_of(around, inside, around)) && kept(any_of(small, outside, inside, small)) &&
              kept(none_of(small, outside)));
constexpr int numbers[] = {1, 2, 3};
constexpr auto positive = [](int x) { return x > 0; };
static_assert(all_of(begin(numbers), end(numbers), positive) && any_of(numbers, numbers + 3, positive) &&
              !none_of(numbers, numbers + 3, positive));

}  // namespace both_namespaces

TEST_CASE("F45: all_of, any_of and none_of mean masks where both namespaces are used", "[mask]") {
  cppo_test::hand_token const t{.log_prob = -1.0, .rollout_log_prob = -1.0};
  CHECK(cppo_test::keeps(
      both_namespaces::all_of(both_namespaces::around, both_namespaces::around, both_namespaces::inside), t));
  CHECK_FALSE(cppo_test::keeps(
      both_namespaces::all_of(both_namespaces::around, both_namespaces::around, both_namespaces::outside), t));
}
