// expect: in the braces of policy_loss a member has a wrong name, or a value of a wrong type
// expect: outputs are {.loss, .gradient, .mask, .gate, .trace = {...}, .report = &r}
// expect: in the braces of compute_mask a member has a wrong name, or a value of a wrong type
// expect: in the braces of diagnose a member has a wrong name, or a value of a wrong type
// expect lines: 70
#include <cppo/cppo.hpp>

float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const region = cppo::ppo();
auto const a = cppo::policy_loss(cppo::seq, batch, region, {.nonsense = x});
auto const b = cppo::policy_loss(cppo::seq, batch, region, {.trace = {.divergense = x}});
auto const c = cppo::policy_loss(cppo::seq, batch, region, {.report = x});
auto const d = cppo::policy_loss(cppo::seq, batch, region, {.gradient = x}, {.agregate = cppo::token_mean});
auto const e = cppo::compute_mask(cppo::seq, batch, region, x, {.agregate = cppo::token_mean});
auto const f = cppo::diagnose(batch, {.log_prob_flor = -100.0});
auto const g = cppo::diagnose(batch, region, {.log_prob_flor = -100.0});
