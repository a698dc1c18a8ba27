#include "result_json.hpp"

#include "../trainer/hash.hpp"

#include <cmath>
#include <thread>

#include <fmt/format.h>

namespace study {

namespace {

std::string number(double x) { return std::isfinite(x) ? fmt::format("{}", x) : "null"; }

/// A list of what `value` says of each item.
template <class Items, class Value>
std::string list(Items const& items, Value const& value) {
  std::string all;
  for (auto const& item : items) all.append(all.empty() ? "" : ",").append(number(value(item)));
  return "[" + all + "]";
}

double share(double part, double whole) { return whole > 0.0 ? part / whole : 0.0; }

std::string curve(outcome const& o) {
  return fmt::format(R"("curve":{{"step":{},"success":{},"base_nll":{},"length":{}}})",
                     list(o.curve, [](point const& p) { return p.step; }),
                     list(o.curve, [](point const& p) { return p.on.success; }),
                     list(o.curve, [](point const& p) { return p.on.base_nll; }),
                     list(o.curve, [](point const& p) { return p.on.length; }));
}

std::string steps(outcome const& o) {
  using record = trainer::step_record;
  return fmt::format(R"("by_step":{{"success":{},"masked":{},"mean_divergence":{},"gradient":{}}})",
                     list(o.steps, [](record const& r) { return r.success; }),
                     list(o.steps, [](record const& r) { return r.report.masked_fraction(); }),
                     list(o.steps, [](record const& r) { return r.report.mean_divergence(); }),
                     list(o.steps, [](record const& r) { return r.largest_norm; }));
}

std::string positions(outcome const& o) {
  using bin = trainer::bin_counts;
  auto const& bins = o.total.positions;
  auto const tokens = [](bin const& b) { return static_cast<double>(b.tokens); };
  return fmt::format(
      R"("by_position":{{"divergence":{},"masked_by_threshold":{},"masked_by_budget":{}}})",
      list(bins, [&](bin const& b) { return share(b.divergence, tokens(b)); }),
      list(bins, [&](bin const& b) { return share(static_cast<double>(b.by_threshold), tokens(b)); }),
      list(bins, [&](bin const& b) { return share(static_cast<double>(b.by_budget), tokens(b)); }));
}

std::string seconds(outcome const& o) {
  trainer::time_spent const& t = o.total.time;
  return fmt::format(R"("seconds":{{"all":{:.3f},"sampling":{:.3f},"forward":{:.3f},"backward":{:.3f},)"
                     R"("mask":{:.3f},"other":{:.3f}}})",
                     o.seconds, t.sampling, t.forward, t.backward, t.mask, t.other);
}

double mean_binary_tv(outcome const& o) {
  return share(o.mean_drift() * static_cast<double>(o.total.report.counts.responses),
               static_cast<double>(o.total.report.counts.tokens));
}

}  // namespace

std::string plan_line(settings const& s, chosen_region const& region) {
  std::string const given = as_json(s, region);
  return fmt::format(R"({{"hash":"{}","settings":{}}})", trainer::hash_of(given), given);
}

std::string result_line(settings const& s, chosen_region const& region, outcome const& o) {
  cppo::report const& r = o.total.report;
  std::string line = plan_line(s, region);
  line.pop_back();
  line += fmt::format(R"(,"start":{},"final":{},"best":{},"area":{},"collapsed":{},)", number(o.start()),
                      number(o.final_success()), number(o.best()), number(o.area()), o.collapsed());
  line += fmt::format(R"("masked":{},"masked_by_budget":{},"teaching_masked":{},"held":{},)",
                      number(r.masked_fraction()), number(r.masked_fraction() * r.budget_mask_share()),
                      number(r.teaching_masked_fraction()), number(r.held_fraction()));
  line += fmt::format(R"("mean_divergence":{},"mean_binary_tv":{},"mean_drift":{},"kl_k3":{},"base_nll":{},)",
                      number(r.mean_divergence()), number(mean_binary_tv(o)), number(o.mean_drift()),
                      number(r.kl_k3()), number(o.curve.back().on.base_nll));
  return line + curve(o) + "," + steps(o) + "," + positions(o) + "," + seconds(o) + "}";
}

}  // namespace study
