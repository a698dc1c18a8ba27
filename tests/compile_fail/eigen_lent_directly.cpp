// expect: as_view
#include <cppo/cppo.hpp>

// Shaped like an Eigen::MatrixXf: column-major, so that data() and size() do not say where element (b, i) is.
struct matrix {
  float values[6];
  float const* data() const { return values; }
  long size() const { return 6; }
  long rowStride() const { return 1; }
  long innerStride() const { return 1; }
};
matrix mu, pi, a;
auto const batch = cppo::rollout_batch(cppo::padded(2, 3), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                       cppo::advantage(a));
