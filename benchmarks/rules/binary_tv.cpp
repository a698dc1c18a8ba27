#include "rule.hpp"

rules::rows rules::of_binary_tv() {
  thresholds const t{0.15, 0.015};
  return {hard("binary_tv", cppo::binary_tv, t), soft("binary_tv", cppo::binary_tv, t)};
}
