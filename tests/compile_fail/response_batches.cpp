// expect: response_batch takes reward(r), group_id(g), response_mask(m), value(v)
// expect: response_batch begins with the layout, padded(B, T) or packed(offsets)
// expect: response_batch takes each input once
// expect: rollout_batch takes buffers by their names
// expect: rewards and values are float, double, cppo::half or cppo::bfloat16: convert integers
// expect: group_id(...) takes an integer for each response: number the prompts
// expect: value(...) takes a number for each token
#include <cppo/cppo.hpp>
#include <cppo/advantage.hpp>

float x[4];
int ids[4];
auto const shape = cppo::padded(1, 4);
auto const a = cppo::response_batch(shape, x, cppo::group_id(ids));
auto const b = cppo::response_batch(cppo::reward(x), cppo::group_id(ids));
auto const c = cppo::response_batch(shape, cppo::reward(x), cppo::reward(x));
auto const d = cppo::rollout_batch(shape, cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::reward(x));
auto const e = cppo::response_batch(shape, cppo::reward(ids));
auto const f = cppo::response_batch(shape, cppo::reward(x), cppo::group_id(x));
auto const g = cppo::response_batch(shape, cppo::value(cppo::per_response(x)));
