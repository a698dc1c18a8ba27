#include "rule.hpp"

rules::rows rules::of_binary_kl() {
  thresholds const t{0.02, 0.0027};  // a budget at about the mean of D, so that it runs out
  return {hard("binary_kl", cppo::binary_kl, t), soft("binary_kl", cppo::binary_kl, t),
          hard("binary_kl_reverse", cppo::binary_kl_reverse, t), soft("binary_kl_reverse", cppo::binary_kl_reverse, t)};
}
