// expect first: rollout_batch takes buffers by their names: rollout_batch(padded(B, T), log_prob(pi),
// expect: rollout_batch begins with the layout, padded(B, T) or packed(offsets)
// expect: what is lent is a pointer, an array, a container or a view of elements in memory
// expect: packed takes the cumulative lengths of the responses, 0 first
// expect errors: 6
// expect lines: 95
#include <cppo/cppo.hpp>

float x[4];
auto const shape = cppo::padded(1, 4);
auto const a = cppo::rollout_batch(shape, x, x, x);
auto const b = cppo::rollout_batch();
auto const c = cppo::log_prob(4);
auto const d = cppo::token_id(4L);
auto const e = cppo::response_mask(4.0);
auto const f = cppo::packed(4);
