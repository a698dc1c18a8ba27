#include "field.hpp"

rules::rows rules::of_batches() {
  using namespace cppo;
  return {
      of_field("entropy_top", [] { return entropy_top(); }, token_mean, bench_reads_entropy),
      of_field("kl_cov", [] { return kl_cov(); }),
#if !defined(BENCH_FEW_RULES)
      of_field("entropy_top_quantile", [] { return entropy_top_quantile(); }, token_mean, bench_reads_entropy),
      of_field("clip_cov", [] { return clip_cov(); }),
      of_field("m2po", [] { return m2po({.budget = 4e-4}); }),  // below the second moment, so that it binds
      of_field("m2po_mask", [] { return m2po_mask(4e-4); }),
#endif
  };
}
