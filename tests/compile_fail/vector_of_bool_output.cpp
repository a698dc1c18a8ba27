// expect: std::vector<bool> keeps single bits, which cannot be lent: use std::vector<std::uint8_t> or bool[]
#include <cppo/cppo.hpp>

#include <vector>

std::vector<bool> kept(4);
cppo::loss_outputs const out{.mask = kept};
