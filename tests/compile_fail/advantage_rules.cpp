// expect: an advantage rule reads reward, response_length, position_value, advantage and folds
// expect: an advantage rule folds over group(...) and batch(...): before, upto, from and response are ranges of tokens
// expect: reward is known where advantages are computed: use it in a rule for compute_advantage
// expect: at() needs a declaration where advantages are computed: write `static constexpr bool reads_tokens = true;`
// expect: a part of your own does not see the lent advantage where advantages are computed
#include <cppo/cppo.hpp>
#include <cppo/advantage.hpp>

float x[4];
int ids[4];
auto const batch = cppo::response_batch(cppo::padded(1, 4), cppo::reward(x), cppo::group_id(ids));
auto const a = cppo::compute_advantage(cppo::seq, batch, cppo::reward * cppo::ratio, x);
auto const b = cppo::compute_advantage(cppo::seq, batch, cppo::reward - cppo::upto(cppo::sum(cppo::reward)), x);
auto const tokens =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::at_least(cppo::reward, 0));
auto const c = cppo::compute_mask(cppo::seq, tokens, region, ids);

struct asks_undeclared {
  template <class V>
  constexpr V operator()(cppo::token<V> const& t) const { return t.at().value(); }
};
struct asks_for_the_advantage {
  static constexpr bool reads_tokens = true;
  template <class V>
  constexpr V operator()(cppo::token<V> const& t) const { return t.advantage(); }
};
auto const d = cppo::compute_advantage(cppo::seq, batch, cppo::reward * asks_undeclared{}, x);
auto const e = cppo::compute_advantage(cppo::seq, batch, cppo::reward * asks_for_the_advantage{}, x);
