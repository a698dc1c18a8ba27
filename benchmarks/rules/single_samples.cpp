#include "rule.hpp"

rules::rows rules::of_single_samples() {
  thresholds const of_k1{0.1, 0.001}, t{0.004, 0.0004};
  return {hard("k1", cppo::k1, of_k1), soft("k1", cppo::k1, of_k1), hard("k2", cppo::k2, t),
          soft("k2", cppo::k2, t),        hard("k3", cppo::k3, t),        soft("k3", cppo::k3, t)};
}
