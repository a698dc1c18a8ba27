// expect: this region has a divergence, which it reports: reporting(region, divergence) is for one without
#include <cppo/cppo.hpp>

auto const region = cppo::reporting(cppo::dppo(), cppo::binary_kl);
