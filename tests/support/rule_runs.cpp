#include "support/rule_runs.hpp"

#include <cppo/rules/folding.hpp>
#include <cppo/testing/host_block.hpp>

namespace cppo_test {

using namespace cppo::testing;
using cppo::described_rule;

namespace {
constexpr named_executor<kernel_bodies<8>> bodies{"kernel bodies", {}};
}

region_runner<float> rule_runner(described_rule const& rule) { return region_runner<float>(rule, bodies); }
check_result check_rule(described_rule const& rule, check_options const& options) {
  return check_region(rule, options, bodies);
}

}  // namespace cppo_test
