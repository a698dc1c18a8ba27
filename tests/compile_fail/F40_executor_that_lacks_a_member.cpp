// expect first: an executor has check_memory(batch, outputs, options), arithmetic_holds(call) and run_call
// expect errors: 1
// expect lines: 15
#include <cppo/cppo.hpp>

struct hasty {
  template <class Real, class Region>
  cppo::status run_call(cppo::detail::task<Real, Region>&, cppo::report*) const;
};
float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const status = cppo::policy_loss(hasty{}, batch, cppo::ppo(), {.gradient = x});
