#include "field.hpp"

rules::rows rules::of_scans() {
  using namespace cppo;
  return {
      of_field("fipo", [] { return fipo(); }),
#if !defined(BENCH_FEW_RULES)
      of_field("minpro", [] { return minpro(); }),
      of_field("ctpo", [] { return ctpo(); }),
#endif
  };
}
