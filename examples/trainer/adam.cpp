#include "adam.hpp"

#include "kernels.hpp"

#include <cmath>

namespace trainer {

double adam::step(parameters<float>& weights, parameters<float> const& gradient) {
  double squared = 0.0;
  for (float const g : gradient.flat()) squared += static_cast<double>(g) * static_cast<double>(g);
  double const norm = std::sqrt(squared);
  if (!(norm > 0.0) || !std::isfinite(norm)) return norm;
  ++steps_;
  auto const shrink = static_cast<float>(norm > options_.largest_norm ? options_.largest_norm / norm : 1.0);
  auto const beta1 = static_cast<float>(options_.beta1);
  auto const beta2 = static_cast<float>(options_.beta2);
  // The corrections for starting at zero are put into the rate and into epsilon.
  double const correction1 = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  double const correction2 = std::sqrt(1.0 - std::pow(options_.beta2, static_cast<double>(steps_)));
  auto const rate = static_cast<float>(options_.learning_rate * correction2 / correction1);
  auto const epsilon = static_cast<float>(options_.epsilon * correction2);
  kernels::adam(static_cast<long>(weights.flat().size()), {shrink, beta1, beta2, rate, epsilon},
                gradient.flat().data(), first_.flat().data(), second_.flat().data(), weights.flat().data());
  return norm;
}

}  // namespace trainer
