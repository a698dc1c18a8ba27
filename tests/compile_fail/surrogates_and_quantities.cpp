// expect: a number is no surrogate
// expect: objective takes a region, as trust_region makes it, and a surrogate, in this order
// expect: operator() of a surrogate returns a cppo::surrogate_value<V>{loss, slope}
// expect: this is a part of another kind, not a surrogate
// expect: a surrogate takes the token as `cppo::token<V> const&`
// expect: this is differentiated, and has no slope
// expect: this is a part of another kind, not a quantity
// expect: a bool is no quantity
// expect: operator() of a quantity must be const
// expect: ratio_form(r) differentiates r
// expect: this surrogate asks for the prefix budget, and the region has none
// expect: entropy() needs a declaration
// expect: penalty takes what is differentiated and then its coefficient
// expect errors: 13
// expect lines: 175
#include <cppo/cppo.hpp>
#include <cppo/quantity.hpp>
#include <cppo/surrogate.hpp>
#include <cppo/rules.hpp>

using cppo::ppo, cppo::token;

auto const a = cppo::objective(ppo(), 1.0);
auto const b = cppo::objective(cppo::clipped(0.8, 1.2), ppo());
auto const c = cppo::objective(ppo(), cppo::ratio);
auto const d = ppo() + cppo::toward_rollout;

struct by_reference {
  template <class V>
  constexpr cppo::surrogate_value<V> operator()(token<V>& t) const { return cppo::ratio_form(t); }
};
auto const e = cppo::held(by_reference{});
auto const f = cppo::penalty(cppo::divergence, 0.1);
auto const swapped = cppo::penalty(0.1, cppo::kl_k3());
auto const g = cppo::score_form(cppo::toward_rollout);
auto const h = cppo::clamped(cppo::ratio, true, 1.2);

struct not_const {
  template <class V>
  constexpr V operator()(token<V> const& t) { return t.ratio(); }
};
auto const i = cppo::at_most(not_const{}, 1);
auto const j = cppo::ratio_form(cppo::divergence);

struct asks_for_the_budget {
  static constexpr cppo::needs needed = cppo::needs::prefix_budget;
  template <class V>
  constexpr cppo::surrogate_value<V> operator()(token<V> const& t) const { return {t.response_delta_b(), V(0)}; }
};
auto const k = cppo::objective(ppo(), asks_for_the_budget{});

struct reads_undeclared {
  template <class V>
  constexpr V operator()(token<V> const& t) const { return t.entropy(); }
};
static_assert(cppo::quantity<reads_undeclared>);
