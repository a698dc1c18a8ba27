#include "field.hpp"

rules::rows rules::of_responses() {
  using namespace cppo;
  return {
      of_field("gspo", [] { return gspo(); }, seq_mean_token_mean),
#if !defined(BENCH_FEW_RULES)
      of_field("gmpo", [] { return gmpo(); }, seq_mean_token_mean),
      of_field("vespo", [] { return vespo(); }),
      of_field("opsm", [] { return opsm(1e-4); }),
#endif
  };
}
