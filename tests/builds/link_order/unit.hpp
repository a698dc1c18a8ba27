// What each unit answers: the name of the library's inline namespace there, and what a call gave.
#pragma once

#include <cstdint>

struct unit_answer {
  char const* abi;
  double loss;
  std::int64_t kept;
  std::uint64_t bits;
};
unit_answer plain_unit();
unit_answer wide_unit();
