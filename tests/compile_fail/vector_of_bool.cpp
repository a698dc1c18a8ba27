// expect: std::vector<bool> keeps single bits, which cannot be lent: use std::vector<std::uint8_t> or bool[]
#include <cppo/cppo.hpp>

#include <vector>

std::vector<bool> const valid(4);
auto const named = cppo::response_mask(valid);
