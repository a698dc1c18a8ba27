// Rules that read what comes before or after a token.
#include "fold_calls.hpp"

#include <cppo/rules/batch_rules.hpp>
#include <cppo/rules/scan_rules.hpp>

namespace conformance {
namespace {

json minpro_case(auto const& c) {
  auto const region = cppo::minpro({c.params.number("low"), c.params.number("high")});
  auto const earlier = cppo::before(cppo::least(cppo::log_ratio));
  return fields_of(c, [&](int which) { return with_values(which, region, earlier); }, {"prefix_stat"});
}

/// The surrogate of CTPO that the parameters ask for.
auto ctpo_surrogate(object_reader const& p) {
  double const low = p.number("low"), high = p.number("high"), dual = p.number("dual_clip");
  double const cap = p.number("exponent_cap");
  cppo::ctpo_options const growing{
      .low = low, .high = high, .dual_clip = dual, .power = p.number("power"), .exponent_cap = cap};
  cppo::ppo_clip_options const fixed{.epsilon_low = low, .epsilon_high = high, .dual_clip = dual};
  int const which = (p.text("band") == "ratio" ? 2 : 0) + (p.flag("mean") ? 1 : 0);
  return pick_surrogate(which, cppo::ctpo(growing).surrogate(), cppo::ctpo_geometric(growing).surrogate(),
                        cppo::ctpo_in_band(fixed, cap).surrogate(),
                        cppo::ctpo_geometric_in_band(fixed, cap).surrogate());
}
json ctpo_case(auto const& c) {
  auto const region = cppo::objective(ctpo_surrogate(c.params));
  auto const prefix = pick_quantity(c.params.flag("mean") ? 1 : 0, cppo::upto(cppo::sum(cppo::log_ratio)),
                                    cppo::upto(cppo::mean(cppo::log_ratio)));
  return fields_of(c, [&](int which) { return with_values(which, region, prefix); }, {"prefix_stat"});
}

json fipo_case(auto const& c) {
  object_reader const& p = c.params;
  cppo::fipo_options const o{.half_life = p.number("half_life"), .weight_low = p.number("weight_low"),
                             .weight_high = p.number("weight_high"), .safe_ratio = p.number("safe_ratio"),
                             .veto = p.number("veto"), .clip = c.clip()};
  auto const region = cppo::fipo(o);
  auto const at = [&](int which) {
    auto const loss = pick_surrogate(which == 3 ? 1 : 0, region.surrogate(), cppo::mean_over_kept(region).surrogate());
    return with_values(which == 3 ? 0 : which, cppo::objective(region, loss), cppo::fipo_future(o),
                       cppo::fipo_weight(o));
  };
  json r = fields_of(c, at, {"suffix_stat", "weight"});
  r["scalars"]["token-mean-selected"] = to_json(c.calls().report(at(3), cppo::token_mean).loss());
  return r;
}

}  // namespace

json run_scan_case(fold_executor where, object_reader const& c, std::string const& method) {
  if (method == "minpro") return run_fold_case(where, c, [](auto const& x) { return minpro_case(x); });
  if (method == "ctpo") return run_fold_case(where, c, [](auto const& x) { return ctpo_case(x); });
  if (method == "fipo") return run_fold_case(where, c, [](auto const& x) { return fipo_case(x); });
  return {};
}

}  // namespace conformance
