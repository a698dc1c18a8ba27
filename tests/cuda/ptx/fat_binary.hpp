// The PTX that nvcc puts into an object file (-gencode arch=compute_N,code=compute_N -no-compress).
#pragma once

#include "value.hpp"

#include <vector>

namespace ptx {

struct embedded {
  int architecture = 0;
  std::string text;
};
// All of them, from what a program registers.
std::vector<embedded> embedded_in(void const* wrapper);

}  // namespace ptx
