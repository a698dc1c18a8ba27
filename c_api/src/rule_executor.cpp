// The call on a rule as data, in float on registers, compiled once for each instruction set.
#include "rule_call.hpp"

#include "run_rule.hpp"

int c_api::call_rule(crossing const& c) noexcept {
  return ended(c, [&c] { run_rule_on_registers<float>(c); });
}
