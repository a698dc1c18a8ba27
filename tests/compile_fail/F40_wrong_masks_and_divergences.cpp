// expect: a mask takes the token as `cppo::token<V> const&`
// expect: a mask must take tokens on lanes of any type
// expect: a mask is a struct that is called with a token
// expect: excess(t) of a mask is const, takes a `cppo::token<V> const&` of any lanes V and returns a V
// expect: check() of a mask is const and returns a bool or a cppo::parameter_check
// expect: this is a part of another kind, not a mask
// expect: a number is no divergence
// expect: this is a part of another kind, not a divergence
// expect: check() of a divergence is const and returns a bool or a cppo::parameter_check, reads() is const and returns a cppo::argument
// expect: at(t) and between(log_p, log_q) of a divergence must be const
// expect: a divergence takes `cppo::token<V> const&`, or two lanes by value
// expect: a divergence must take lanes of any type
// expect: a divergence has the member `template <class V> constexpr V between(V log_p, V log_q) const`
// expect: at(t) and between(log_p, log_q) of a divergence return a V
// expect errors: 15
// expect lines: 150
#include <cppo/cppo.hpp>

using cppo::token;

struct near {
  template <class V>
  constexpr auto operator()(token<V> const& t) const { return t.ratio() < 1.2; }
};
struct by_reference {
  template <class V>
  constexpr auto operator()(token<V>& t) const { return t.ratio() < 1.2; }
};
struct in_float {
  constexpr auto operator()(token<cppo::float_lane> const& t) const { return t.ratio() < 1.2; }
};
class all_private {
  template <class V>
  constexpr auto operator()(token<V> const& t) const { return t.ratio() < 1.2; }
};
struct excess_in_float : near {
  template <class V>
  constexpr float excess(token<V> const&) const { return 1.0F; }
};
struct excess_not_const : near {
  template <class V>
  constexpr V excess(token<V> const&) { return 1; }
};
struct check_not_const : near {
  constexpr bool check() { return true; }
};
auto const masks =
    cppo::all_of(near{}, by_reference{}, in_float{}, all_private{}, excess_in_float{}, excess_not_const{});
auto const more = cppo::any_of(check_not_const{}, cppo::binary_tv);

struct gap {
  template <class V>
  constexpr V between(V p, V q) const { return q - p; }
};
struct reads_a_number : gap {
  constexpr double reads() const { return 1.0; }
};
struct gap_not_const {
  template <class V>
  constexpr V between(V p, V q) { return q - p; }
};
struct gap_by_reference {
  template <class V>
  constexpr V at(token<V>& t) const { return t.log_ratio(); }
};
struct gap_in_float {
  constexpr float between(float p, float q) const { return q - p; }
};
struct gap_called {
  template <class V>
  constexpr V operator()(V p, V q) const { return q - p; }
};
struct gap_that_returns_a_double {
  template <class V>
  constexpr double at(token<V> const&) const { return 0.5; }
};
auto const a = cppo::fixed_cppo({}, 0.15);
auto const b = cppo::calibrated_cppo({}, cppo::toward_rollout);
auto const c = cppo::dppo({}, reads_a_number{});
auto const d = cppo::trm_max({}, gap_not_const{});
auto const e = cppo::trm_mean({}, gap_by_reference{});
auto const f = cppo::presets::dense_base(gap_in_float{});
auto const g = cppo::trust_region(gap_called{}, cppo::uniform_weight, cppo::toward_rollout);
auto const h = cppo::cppo_with(0.1, 0.8, gap_that_returns_a_double{}, cppo::fixed_budget(0.01));
