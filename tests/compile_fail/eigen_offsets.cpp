// expect first: packed takes the cumulative lengths of the responses, 0 first
#include <cppo/cppo.hpp>

// Shaped like a row of an Eigen::MatrixXi, whose elements do not lie beside each other.
struct row {
  int values[6];
  int const* data() const { return values; }
  long size() const { return 3; }
  long innerStride() const { return 2; }
};
row cuts;
auto const shape = cppo::packed(cuts);
