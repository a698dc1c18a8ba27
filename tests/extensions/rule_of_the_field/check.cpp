// The rule gives the gradient that its formula says, the same on seq and simd.
#include "../check.hpp"

#include <cppo/rules.hpp>

#include <cmath>

int main() {
  call const x;
  auto const gradient_of = [&](auto const& executor) {
    std::vector<float> gradient(x.slots);
    cppo::status const s = cppo::policy_loss(executor, x.batch(), cppo::gentle(1.2), {.gradient = gradient});
    return s.ok() ? gradient : std::vector<float>();
  };
  std::vector<float> const is = gradient_of(cppo::seq);
  bool right = is.size() == x.slots && is == gradient_of(cppo::simd);
  for (std::size_t k = 0; right && k < x.slots; ++k) {
    double const rho = std::exp(static_cast<double>(x.pi[k] - x.mu[k]));
    right = std::abs(is[k] + std::sqrt(std::min(rho, 1.2))) < 1e-6;
  }
  return right ? 0 : 1;
}
