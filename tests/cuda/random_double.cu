// double: all that kernels have for it, with a region of each kind of budget. The regions of float would take as long
// again.
#include "equality.hpp"

std::string cppo_test::random_batches_double() {
  auto const compare = [](auto const& region) {
    std::string wrong;
    for (std::uint64_t seed = 400; seed < (quick ? 402U : 440U) && wrong.empty(); ++seed)
      wrong = compare_one(generate<double>(seed), region, seed);
    return wrong;
  };
  std::string wrong = compare(softened(cppo::fixed_cppo({.delta_b = 0.01}), cppo::reciprocal_gate));
  if (wrong.empty()) wrong = compare(cppo::calibrated_cppo({.delta_b = 0.02}));
  return wrong.empty() ? wrong : "double, " + wrong;
}
