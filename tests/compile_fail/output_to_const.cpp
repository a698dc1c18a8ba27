// expect: an output must be writable
#include <cppo/cppo.hpp>

float const gradient[4] = {};
cppo::loss_outputs const out{.gradient = gradient};
