// The statistic is folded over a response, and decides.
#include "../check.hpp"

#include <cppo/rules.hpp>

int main() {
  call const x;  // log ratios 0, 0.25, -0.5, 0.5: their width is 1
  auto const within = [](double bound) {
    return cppo::trust_region(cppo::no_divergence, cppo::uniform_weight,
                              cppo::at_most(cppo::response(cppo::width(cppo::log_ratio)), bound));
  };
  std::vector<std::uint8_t> const all = {1, 1, 1, 1}, none = {0, 0, 0, 0};
  return x.mask(cppo::seq, within(1.0)) == all && x.mask(cppo::simd, within(1.0)) == all &&
                 x.mask(cppo::seq, within(0.99)) == none && x.mask(cppo::simd, within(0.99)) == none
             ? 0
             : 1;
}
