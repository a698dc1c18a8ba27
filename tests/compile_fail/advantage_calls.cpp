// expect: compute_advantage begins with an executor of this host: cppo::seq, or cppo::simd
// expect: the second argument of compute_advantage is a batch of responses, as cppo::response_batch(...) makes it
// expect: the third argument of compute_advantage is a rule: cppo::grpo(), cppo::gae() or another by name
// expect: the fourth argument of compute_advantage is what it writes: elements that are not const
// expect: the last argument of compute_advantage is advantage_states, or {.returns = r}
// expect errors: 7
#include <cppo/cppo.hpp>
#include <cppo/advantage.hpp>

float x[4];
float const fixed[4] = {};
int ids[4];
auto const batch = cppo::response_batch(cppo::padded(1, 4), cppo::reward(x), cppo::group_id(ids));
auto const a = cppo::compute_advantage(batch, cppo::seq, cppo::grpo(), x);
auto const b = cppo::compute_advantage(cppo::simd, batch, cppo::grpo(), x);
auto const c = cppo::compute_advantage(cppo::seq, x, cppo::grpo(), x);
auto const d = cppo::compute_advantage(cppo::seq, batch, 1.0, x);
auto const e = cppo::compute_advantage(cppo::seq, batch, cppo::grpo, x);
auto const f = cppo::compute_advantage(cppo::seq, batch, cppo::grpo(), fixed);
auto const g = cppo::compute_advantage(cppo::seq, batch, cppo::grpo(), x, 3);
