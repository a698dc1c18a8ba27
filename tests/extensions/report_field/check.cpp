// Every executor counts it, reports add it up, and it stands in the list of fields.
#include "../check.hpp"

#include <cppo/testing/host_block.hpp>

#include <string_view>

int main() {
  call const x;
  auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::divergence_within(0.1));
  auto const counted = [&](auto const& executor) {
    cppo::report r;
    cppo::status const s = cppo::policy_loss(executor, x.batch(), region, {.report = &r});
    r += r;
    cppo::index_t listed = -1;
    auto const see = [&](char const* name, auto n) { listed = std::string_view(name) == "kept_away" ? n : listed; };
    cppo::report::each_count(see, r);
    return s.ok() && listed == r.kept_away ? listed : -1;
  };
  bool const right = counted(cppo::seq) == 2 && counted(cppo::simd) == 2;
  return right && counted(cppo::testing::kernel_bodies<4>{}) == 2 ? 0 : 1;
}
