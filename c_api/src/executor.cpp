// The call in float on registers, compiled once for each instruction set.
#include "region_call.hpp"
#include "row_call.hpp"
#include "rule_call.hpp"

CPPO_C_BUILD int CPPO_C_CALL(CPPO_C_ISA)(c_api::crossing const& c) noexcept {
  if (c.rows != c_api::row_call::none) return c_api::call_on_rows(c);
  if (c.on_rule) return c_api::call_rule(c);
  return c_api::ended(c, [&c] { c_api::call_on_registers<float, cppo::described_region>(c); });
}
