// A rule as data: what is asked of a region, for its type.
#include "rule.hpp"

#include "region_calls.hpp"

#include <cppo/described_rule/rule.hpp>
#include <cppo/rules/folding.hpp>

c_api::compiled_region const& c_api::rule_object() noexcept {
  using calls = region_calls<cppo::described_rule>;
  static constexpr compiled_region offered{
      layout_tag(), "", 0, false, nullptr, calls::call, calls::diagnose, calls::summarize, calls::resolve,
      calls::sum, nullptr, calls::weigh};
  return offered;
}
