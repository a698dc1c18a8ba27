// expect: lend float, double, cppo::half or cppo::bfloat16, an element for each slot
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

int y[1];
cppo::slot_input const slope = y;
