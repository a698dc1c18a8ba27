/// @file
/// Public codes that the library has by name: on the cases that such a code has made, the name gives what the region of
/// the case's parameters gives, which the checker compares with what the code itself gave.
#pragma once

#include "calls.hpp"

#include <cppo/rules/parity.hpp>

namespace conformance {

/// Checks that a named code gives the numbers of a result, on `seq`.
template <class Real, class Code>
void require_same(json const& r, lent_case<Real> const& lent, Code const& code) {
  cppo::loss_options options = code.options;
  options.aggregate = cppo::token_sum;
  outcome<Real> o(lent.shape.elements());
  cppo::loss_outputs const out{.loss = o.loss, .gradient = o.gradient, .mask = o.mask};
  require_ok(cppo::policy_loss(cppo::seq, lent.all(), code.region, out, options));
  bool const same = r.at("mask") == to_json(o.mask) && r.at("loss_per_token") == to_json(o.loss) &&
                    r.at("grad_logp") == to_json(o.gradient);
  if (!same) throw rejected("the public code that made this case has a name here, which gives other numbers");
}

/// The public code that a case was made by, if its parameters are those that the code has.
inline std::string public_code(object_reader const& c) {
  if (!c.has("source") || !c.object("source").has("id")) return "";
  std::string const code = c.object("source").text("id");
  object_reader const p = c.object("params");
  bool const linear = p.text("position_weight") == "linear" && p.flag("prefix_budget");
  bool const plain = linear && p.text("gate") == "hard" && p.text("divergence") == "binary_tv";
  bool const ratio = p.text("loss_form") == "ratio", padded = p.text("horizon") == "padded";
  bool const paper = p.number("quantile") == 0.9 && p.number("quantile_scale") == 1.0 && p.number("ceiling") == 2.0;
  if (code == "unirl" && plain && ratio && !padded && paper) return code;
  if (code == "verl-pr6731" && plain && !ratio && padded) return code;
  return code == "vcpo-port" && plain && !ratio && !padded ? code : "";
}
/// The same of the CPPO code that a case was made by, if it was made by one.
template <class Real>
void require_named_cppo(json const& r, object_reader const& c, lent_case<Real> const& lent) {
  using namespace cppo::parity;
  object_reader const p = c.object("params");
  std::string const code = public_code(c);
  double const delta = p.number("delta"), delta_b = p.number("delta_b"), w_min = p.number("w_min");
  if (code == "unirl") return require_same(r, lent, unirl_cppo({delta, delta_b, w_min}));
  if (code.empty()) return;
  double const ceiling = p.number("ceiling");
  verl_cppo_options const o{delta, delta_b, w_min, p.number("quantile"), p.number("quantile_scale"),
                            p.number("ratio_cap")};
  if (code == "vcpo-port") return require_same(r, lent, mask_count_cppo(o, ceiling));
  require_same(r, lent, ceiling == 5.0 ? verl_cppo(o) : verl_cppo_2x(o));
}

/// The same of verl's DPPO.
template <class Real>
void require_named_dppo(json const& r, object_reader const& p, lent_case<Real> const& lent) {
  using namespace cppo::parity;
  dppo_code_options const o{p.number("clip_low"), p.number("clip_high"), p.number("clip_c")};
  if (p.text("method") == "dppo_tv") return require_same(r, lent, verl_dppo_tv(o));
  require_same(r, lent, verl_dppo_kl(o));
}

}  // namespace conformance
