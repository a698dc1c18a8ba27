// check_region passes every region that has a name, under every divergence.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/check_region.hpp>

using namespace cppo;

TEST_CASE("check_region passes every region under every divergence by name", "[testing]") {
  std::uint64_t seed = 1;
  for (std::string_view name : region_names()) {
    for (std::string_view divergence : divergence_names()) {
      bool const unbounded = divergence.find("kl") != std::string_view::npos || divergence[0] == 'k';
      region_config const c{.region = name, .divergence = divergence, .delta = unbounded ? 0.1 : 0.15,
                            .delta_b = unbounded ? 0.002 : 0.015, .seed = seed};
      bool const known = visit_region(c, [&](auto const& region) {
        auto const result = testing::check_region(region, {.batches = 6, .seed = seed, .threads = false});
        INFO(name << ", " << divergence << ": " << result.message);
        CHECK(result.ok);
        CHECK(result.compared > 10000);
        CHECK(result.too_close * 100 < result.compared);
      });
      CHECK(known);
      seed += 6;
    }
  }
}
