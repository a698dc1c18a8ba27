#include "rule.hpp"

rules::rows rules::of_lent_divergences() {
  thresholds const t{0.15, 0.015};
  return {hard("precomputed", cppo::precomputed, t), soft("precomputed", cppo::precomputed, t)};
}
