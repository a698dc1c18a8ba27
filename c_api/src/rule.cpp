// A rule as data: what is asked of a region, for its type.
#include "rule.hpp"

#include "region_calls.hpp"
#include "run_rule.hpp"

namespace {

/// The call in double, and by the plain definition.
template <class Real>
void run(c_api::errand const& c) {
  if (c.on_seq) c_api::run_rule<Real>(cppo::seq, c);
  else c_api::run_rule_on_registers<Real>(c);
}
int call(c_api::errand const& c) noexcept {
  return c_api::ended(c, [&c] { c.in_double ? run<double>(c) : run<float>(c); });
}

}  // namespace

c_api::compiled_region const& c_api::rule_object() noexcept {
  using calls = region_calls<cppo::described_rule>;
  static constexpr compiled_region offered{
      layout_tag(), "", 0, false, nullptr, call, calls::diagnose, calls::summarize, calls::resolve,
      calls::sum, nullptr, calls::weigh};
  return offered;
}
