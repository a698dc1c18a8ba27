// expect: as_view
#include <cppo/cppo.hpp>

struct matrix {
  float values[6];
  float* data() { return values; }
  long size() const { return 6; }
  long innerStride() const { return 1; }
};
matrix gradient;
cppo::loss_outputs const out{.gradient = gradient};
