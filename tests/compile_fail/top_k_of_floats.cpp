// expect: top_k(k, ids, ...) takes ids first: lend integers
#include <cppo/cppo.hpp>

float ids[8], log_pi[8], log_mu[8];
auto const lists = cppo::top_k(2, ids, log_pi, log_mu);
