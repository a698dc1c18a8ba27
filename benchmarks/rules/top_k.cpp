#include "rule.hpp"

rules::rows rules::of_top_k() {
  thresholds const tv{0.15, 0.017}, kl{0.02, 0.0029};  // budgets at about the mean of D
  return {hard("top_k_tv", cppo::top_k_tv, tv), soft("top_k_tv", cppo::top_k_tv, tv),
          hard("top_k_kl", cppo::top_k_kl, kl), soft("top_k_kl", cppo::top_k_kl, kl)};
}
