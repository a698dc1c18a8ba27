// expect: what is lent is a pointer, an array, a container or a view of elements in memory
// expect errors: 1
// expect lines: 20
#include <cppo/cppo.hpp>

cppo::loss_outputs const out{.gradient = 4};
