// The call on a rule as data, in float on registers, compiled once for each instruction set.
#include "rule_call.hpp"

#include "region_call.hpp"

#include <cppo/described_rule/rule.hpp>
#include <cppo/rules/folding.hpp>

int c_api::call_rule(crossing const& c) noexcept {
  return ended(c, [&c] { call_on_registers<float, cppo::described_rule>(c); });
}
