// expect: cppo reads float, double, half and bfloat16 types, bool, std::byte and integers of up to 64 bits, in one block of memory
// expect: cppo reads arrays of rank 1, [N], and 2, [B, T]: lend a part of that rank
// expect: cu_seqlens are integers: lend int32, int64, std::size_t or the like
// expect: log-probs, advantages, divergences and weights are float, double, cppo::half or cppo::bfloat16
#include <cppo/cppo.hpp>

long double const wide[4] = {};
float const cube[2][3][4] = {};
float const cuts[3] = {};
std::byte const bytes[4] = {};
auto const named = cppo::log_prob(wide);
auto const array = cppo::advantage(cube);
auto const offsets = cppo::packed(cuts, 2);
auto const raw = cppo::rollout_log_prob(bytes);
