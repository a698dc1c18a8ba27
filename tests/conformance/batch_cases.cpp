// Rules that read the whole batch.
#include "fold_calls.hpp"

#include <cppo/rules/batch_rules.hpp>

namespace conformance {
namespace {

json clip_cov_case(auto const& c) {
  object_reader const& p = c.params;
  auto const region = cppo::clip_cov(
      {.share = p.number("ratio"), .low = p.number("low"), .high = p.number("high"), .clip = c.clip()});
  return fields_of(c, [&](int) { return region; }, {});
}

json kl_cov_case(auto const& c) {
  cppo::kl_cov_options const o{c.params.number("ratio"), c.params.number("coefficient")};
  auto const selected = cppo::where(cppo::kl_cov_selected(o), 1, 0);
  return fields_of(c, [&](int which) { return with_values(which, cppo::kl_cov(o), selected); }, {"selected_tokens"});
}

json entropy_case_of(auto const& c, auto const& region) {
  auto const at = [&](int which) {
    return cppo::objective(region, pick_surrogate(which, region.surrogate(), cppo::mean_over_kept(region).surrogate()));
  };
  json r = fields_of(c, at, {});
  r["scalars"]["token-mean-selected"] = to_json(c.calls().report(at(1), cppo::token_mean).loss());
  return r;
}
json entropy_case(auto const& c) {
  cppo::entropy_top_options const o{.share = c.params.number("fraction"), .clip = c.clip()};
  if (c.params.text("rule") == "count") return entropy_case_of(c, cppo::entropy_top(o));
  return entropy_case_of(c, cppo::entropy_top_quantile(o));
}

/// The range is one number for the batch; without a token it is that of an empty sum.
json m2po_case(auto const& c) {
  object_reader const& p = c.params;
  cppo::m2po_options const o{p.number("budget"), p.number("floor_low"), p.number("floor_high")};
  auto const at = [&](int which) {
    return with_values(which, cppo::m2po(o), cppo::m2po_low(o), cppo::m2po_high(o));
  };
  json r = fields_of(c, at, {});
  double low = 0.0, high = 1e5;
  for (double const x : c.by_response(c.calls().everything(at(1)).loss, 0.0)) low = x > 0.0 ? x : low;
  for (double const x : c.by_response(c.calls().everything(at(2)).loss, 1e5)) high = x < 1e5 ? x : high;
  r["metrics"] = {{"clip_low", to_json(low)}, {"clip_high", to_json(high)}};
  return r;
}

json m2po_mask_case(auto const& c) {
  return {{"mask", to_json(c.calls().everything(cppo::m2po_mask(c.params.number("threshold"))).mask)}};
}

json vmpo_case(auto const& c) {
  double const eta = c.params.number("eta");
  auto const at = [&](int which) { return with_values(which, cppo::vmpo(eta), cppo::vmpo_weight(eta)); };
  return fields_of(c, at, {"weight"});
}

}  // namespace

json run_batch_case(fold_executor where, object_reader const& c, std::string const& method) {
  if (method == "clip_cov") return run_fold_case(where, c, [](auto const& x) { return clip_cov_case(x); });
  if (method == "kl_cov") return run_fold_case(where, c, [](auto const& x) { return kl_cov_case(x); });
  if (method == "entropy_top") return run_fold_case(where, c, [](auto const& x) { return entropy_case(x); });
  if (method == "m2po_clip") return run_fold_case(where, c, [](auto const& x) { return m2po_case(x); });
  if (method == "m2po_mask") return run_fold_case(where, c, [](auto const& x) { return m2po_mask_case(x); });
  if (method == "vmpo") return run_fold_case(where, c, [](auto const& x) { return vmpo_case(x); });
  return {};
}

}  // namespace conformance
