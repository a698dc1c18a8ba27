// expect: a number is no weight: write cppo::uniform_weight or linear_weight(0.8)
// expect: a weight is copied byte by byte
// expect: check() of a weight is const and returns a bool or a cppo::parameter_check
// expect: at(t, T) of a weight must be const
// expect: a weight must take positions on lanes of any type
// expect: at(t, T) of a weight returns a V, the lanes of `cppo::position<V>`
// expect: a number is no gate: write cppo::reciprocal_gate
// expect: a gate is copied byte by byte
// expect: operator() of a gate must be const
// expect: a gate must take lanes of any type
// expect: a gate is a struct that is called with an excess
// expect: operator() of a gate returns a V, the lane it is given: no float, no double, no mask
// expect: softened takes a region, as trust_region makes it, and a gate, in this order
// expect: this is a part of another kind, not a budget
// expect: resolve(statistics) of a budget must be const
// expect: a budget has the member `template <class Statistics> constexpr double resolve(Statistics const& s) const`
// expect: resolve(statistics) of a budget returns a double
// expect errors: 17
// expect lines: 170
#include <cppo/cppo.hpp>

#include <string>

using cppo::index_t;
using cppo::position;

struct flat {
  template <class V>
  constexpr V at(position<V>, index_t) const { return 1; }
};
struct named_weight : flat {
  std::string name;
};
struct check_as_text : flat {
  constexpr char const* check() { return "ok"; }
};
struct at_not_const {
  template <class V>
  constexpr V at(position<V>, index_t) { return 1; }
};
struct at_of_numbers {
  constexpr double at(index_t t, index_t) const { return 1.0 / static_cast<double>(t); }
};
struct at_in_double {
  template <class V>
  constexpr double at(position<V>, index_t) const { return 1.0; }
};
auto const w1 = cppo::trust_region(cppo::binary_tv, 0.8, cppo::toward_rollout);
auto const w2 = cppo::permuted(named_weight{}, 7);
auto const w3 = cppo::reversed(check_as_text{});
auto const w4 = cppo::permuted(at_not_const{}, 7);
auto const w5 = cppo::permuted(at_of_numbers{}, 7);
auto const w6 = cppo::reversed(at_in_double{});

struct inverse {
  template <class V>
  constexpr V operator()(V x) const { return select(x > 1, 1 / x, 1); }
};
struct named_gate : inverse {
  std::string name;
};
struct gate_not_const {
  template <class V>
  constexpr V operator()(V x) { return 1 / x; }
};
struct gate_in_float {
  constexpr float operator()(float x) const { return 1 / x; }
};
struct gate_with_a_name {
  template <class V>
  constexpr V value(V x) const { return 1 / x; }
};
struct gate_of_truth {
  template <class V>
  constexpr auto operator()(V x) const { return x <= 1; }
};
auto const g1 = cppo::softened(cppo::ppo(), 0.5);
auto const g2 = cppo::softened(cppo::ppo(), named_gate{});
auto const g3 = cppo::softened(cppo::ppo(), gate_not_const{});
auto const g4 = cppo::softened(cppo::ppo(), gate_in_float{});
auto const g5 = cppo::softened(cppo::ppo(), gate_with_a_name{});
auto const g6 = cppo::softened(cppo::ppo(), gate_of_truth{});
auto const g7 = cppo::softened(inverse{}, cppo::ppo());

struct resolve_not_const {
  template <class S>
  constexpr double resolve(S const&) { return 0.01; }
};
struct budget_by_call {
  template <class S>
  constexpr double operator()(S const&) const { return 0.01; }
};
struct resolve_in_words {
  template <class S>
  constexpr char const* resolve(S const&) const { return "0.01"; }
};
auto const b1 = cppo::prefix_budget(0.1, cppo::divergence_within(0.1));
auto const b2 = cppo::prefix_budget(0.1, resolve_not_const{});
auto const b3 = cppo::prefix_budget(0.1, budget_by_call{});
auto const b4 = cppo::prefix_budget(0.1, resolve_in_words{});
