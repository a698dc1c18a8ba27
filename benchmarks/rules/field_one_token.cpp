#include "field.hpp"

rules::rows rules::of_one_token() {
  using namespace cppo;
  return {
      of_field("cispo", [] { return cispo_by_epsilon(); }),
      of_field("ppo_clip + kl_k3", [] { return ppo_clip() + penalty(kl_k3(), 0.001); }, token_mean,
               bench_reads_reference),
#if !defined(BENCH_FEW_RULES)
      of_field("ppo_clip", [] { return ppo_clip(); }),
      of_field("tr_ppo", [] { return tr_ppo(); }),
      of_field("truly_ppo", [] { return truly_ppo(); }),
      of_field("sapo", [] { return sapo(); }),
      of_field("dro", [] { return dro(); }),
#endif
  };
}
