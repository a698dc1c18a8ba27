// expect: top_k(k, ids, ...) takes both policies' log-probs last: float, double, cppo::half or cppo::bfloat16
#include <cppo/cppo.hpp>

int ids[8];
float log_pi[8];
std::uint16_t log_mu[8];
auto const lists = cppo::top_k(2, ids, log_pi, log_mu);
