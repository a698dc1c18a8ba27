// check_region passes the library's regions as data, under every divergence that has a name.
#include "support/catch_compat.hpp"
#include "support/chosen_region.hpp"
#include "support/described_runs.hpp"

using namespace cppo;

TEST_CASE("check_region passes every described region under every divergence", "[testing]") {
  std::uint64_t seed = 1;
  for (std::string_view name : cppo_test::region_names) {
    for (std::string_view divergence : divergence_names()) {
      bool const unbounded = divergence.find("kl") != std::string_view::npos || divergence[0] == 'k';
      cppo_test::chosen_region const c{.region = name, .divergence = divergence, .delta = unbounded ? 0.1 : 0.15,
                                       .delta_b = unbounded ? 0.002 : 0.015, .seed = seed};
      auto const result = cppo_test::check_described(described(c), {.batches = 6, .seed = seed, .threads = false});
      INFO(name << ", " << divergence << ": " << result.message);
      CHECK(result.ok);
      CHECK(result.compared > 10000);
      CHECK(result.too_close * 100 < result.compared);
      seed += 6;
    }
  }
}
