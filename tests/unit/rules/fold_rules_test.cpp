// Rules that read more than their token: every executor has the bits of seq, and the plain loop the same numbers.
#include "support/catch_compat.hpp"
#include "support/chosen_quantity.hpp"
#include "support/chosen_surrogate.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/testing/host_block.hpp>

namespace {

using namespace cppo;

constexpr testing::named_executor<testing::kernel_bodies<8>> bodies{"kernel bodies", {}};

template <class Region>
void passes(Region const& region, int batches) {
  testing::check_result const r = testing::check_region(region, {.batches = batches}, bodies);
  INFO(r.message);
  CHECK(r.ok);
  CHECK(r.compared > 3000);
  CHECK(r.too_close * 5 < r.compared);
}

// 1 where the region keeps the token, else 0.
template <class Region>
auto kept_by(Region const& region) {
  return where(region.mask(), 1, 0);
}

}  // namespace

TEST_CASE("rules of responses and scans have the bits of seq on every executor") {
  for (int k = 0; k < 6; ++k) {
    auto const rule = pick_surrogate(k, gspo().surrogate(), gmpo().surrogate(), vespo().surrogate(),
                                     minpro().surrogate(), ctpo().surrogate(), fipo().surrogate());
    auto const kept = pick_quantity(k, kept_by(opsm(0.01)), kept_by(fipo({.clip = {.dual_clip = 1.2}})),
                                    detail::as_quantity(1));
    INFO("rule " << k);
    passes(objective(detail::keeping(at_least(kept, 1)), rule), 8);
  }
}

TEST_CASE("rules of the batch have the bits of seq on every executor") {
  for (int k = 0; k < 4; ++k) {
    auto const rule = pick_surrogate(k, mean_over_kept(entropy_top()).surrogate(), kl_cov({.share = 0.1}).surrogate(),
                                     m2po({.budget = 0.01}).surrogate(), vmpo().surrogate());
    auto const kept = pick_quantity(k, kept_by(entropy_top()), kept_by(clip_cov({.share = 0.1, .low = 0.1})),
                                    kept_by(m2po_mask()), detail::as_quantity(1));
    INFO("rule " << k);
    passes(objective(detail::keeping(at_least(kept, 1)), rule), 8);
  }
}
