// expect first: a mask of this trust region asks for the prefix budget, and there is none: put cppo::prefix_budget(delta, delta_b) into its mask
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

struct inside {
  static constexpr cppo::needs needed = cppo::needs::prefix_budget;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.within_prefix_budget();
  }
};
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::toward_rollout | inside{});
auto const soft = cppo::softened(region, cppo::reciprocal_gate);
float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const status = cppo::policy_loss(cppo::seq, batch, soft, {.gradient = x});
