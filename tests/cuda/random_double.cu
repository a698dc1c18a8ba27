// double: every kind of region.
#include "equality.hpp"

std::string cppo_test::random_batches_double() { return compare_random<double>(cppo::binary_tv, 400, 40); }
