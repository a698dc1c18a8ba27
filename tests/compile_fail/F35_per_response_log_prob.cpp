// expect: per_response(...) repeats one value for all tokens of a response: an advantage, a response_mask or a token_weight
// expect: per_response_log_prob.cpp:9:
// expect: per_response_log_prob.cpp:10:
// expect: per_response_log_prob.cpp:11:
// expect: per_response_log_prob.cpp:12:
#include <cppo/cppo.hpp>

float x[3];
auto const a = cppo::log_prob(cppo::per_response(x));
auto const b = cppo::rollout_log_prob(cppo::per_response(x));
auto const c = cppo::divergence_values(cppo::per_response(x));
auto const d = cppo::token_id(cppo::per_response("ab"));
