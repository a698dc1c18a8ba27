// expect: prefix_weight() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::prefix_values;`
// expect: prefix_allowance() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::prefix_values | cppo::needs::prefix_budget;`
// expect: response_max() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::response;`
// expect: response_mean() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::response;`
// expect: response_delta_b() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::prefix_budget;`
// expect: lent_divergence() needs a declaration: write `constexpr cppo::argument reads() const { return cppo::argument::divergence; }` into the part
// expect: top_k() needs a declaration: write `constexpr cppo::argument reads() const { return cppo::argument::top_k; }` into the part
// expect: divergence() is not known yet where a divergence is measured
// expect: weight() is not known yet where a divergence is measured
// expect: at() is not known yet where a divergence is measured
// expect: length() is not known yet where a divergence is measured
// expect: prefix_drift() needs a declaration
// expect: quantile(q) needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::quantile;` into the budget
// expect: max_divergence() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::response;` into the budget
// expect: mean_divergence() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::response;` into the budget
// expect errors: 15
#include <cppo/cppo.hpp>

using cppo::needs;

template <class M>
struct asked {
  template <class V>
  constexpr typename V::mask operator()(cppo::token<V> const& t) const {  // a body that no type has to be deduced from
    return M::of(t) <= 1;
  }
};
struct weight_sum : asked<weight_sum> {
  template <class T>
  static constexpr auto of(T const& t) { return t.prefix_weight(); }
};
struct allowance : asked<allowance> {
  static constexpr needs needed = needs::prefix_values;
  template <class T>
  static constexpr auto of(T const& t) { return t.prefix_allowance(); }
};
struct largest : asked<largest> {
  static constexpr needs needed = needs::quantile;
  template <class T>
  static constexpr auto of(T const& t) { return t.response_max(); }
};
struct needs_not_static : asked<needs_not_static> {
  needs needed = needs::response;
  template <class T>
  static constexpr auto of(T const& t) { return t.response_mean(); }
};
struct delta_b : asked<delta_b> {
  template <class T>
  static constexpr auto of(T const& t) { return t.response_delta_b(); }
};
struct lent : asked<lent> {
  constexpr cppo::argument reads() const { return cppo::argument::top_k; }
  template <class T>
  static constexpr auto of(T const& t) { return t.lent_divergence(); }
};
// Each is checked on its own, whatever the others of a mask or of a region declare.
using namespace cppo::operators;
auto const drifted = cppo::prefix_budget(0.1, cppo::calibrated_budget(0.01));
auto const masks =
    (drifted & weight_sum{}) | allowance{} | !largest{} | needs_not_static{} | cppo::none_of(delta_b{}, lent{});

template <class D>
struct measured {
  template <class V>
  constexpr V at(cppo::token<V> const& t) const { return D::of(t); }
};
struct lists : measured<lists> {
  constexpr cppo::argument reads() const { return cppo::argument::divergence; }
  template <class V>
  static constexpr V of(cppo::token<V> const& t) { return t.top_k().k(); }
};
struct itself : measured<itself> {
  template <class V>
  static constexpr V of(cppo::token<V> const& t) { return t.divergence() + t.weight() + t.at().value() + t.length(); }
};
struct drift : measured<drift> {
  static constexpr needs needed = needs::prefix_values;
  template <class V>
  static constexpr V of(cppo::token<V> const& t) { return t.prefix_drift(); }
};
static_assert(cppo::divergence_score<lists> && cppo::divergence_score<itself> && cppo::divergence_score<drift>);

struct asks_for_all {
  template <class S>
  constexpr double resolve(S const& s) const {
    return s.length() == 0 ? 0.0 : s.quantile(0.5) + s.max_divergence() + s.mean_divergence();
  }
};
static_assert(cppo::budget<asks_for_all>);
