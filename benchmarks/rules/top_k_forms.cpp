#include "rule.hpp"

rules::rows rules::of_top_k_forms() {
  using namespace cppo;
  thresholds const tv{0.15, 0.017}, kl{0.02, 0.0029};  // budgets at about the mean of D
  return {hard("top_k_tv_replace_last", top_k_tv_replace_last, tv),
          hard("top_k_kl_replace_last", top_k_kl_replace_last, kl), hard("top_k_tv_list", top_k_tv_list, tv),
          hard("top_k_kl_list", top_k_kl_list, kl)};
}
