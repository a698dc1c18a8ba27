#include "report/markup.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace demo {

namespace {

/// One valid token, with the sums that the library computed.
struct step {
  double t, weighted_divergence, drift, allowance, threshold;
  cppo::decision why;
};

std::vector<step> steps_of(followed const& one) {
  trace const& x = one.steps;
  double const delta_b = x.report.mean_delta_b();
  double const slack = one.what.ask([](auto const& r) { return r.budget_slack(); });
  std::vector<step> steps;
  for (std::size_t i = 0; i < x.decision.size(); ++i) {
    if (x.at(i) == cppo::decision::excluded) continue;
    auto const before = static_cast<double>(x.drift[i]);
    auto const z = static_cast<double>(x.weighted_divergence[i]);
    steps.push_back({static_cast<double>(steps.size() + 1), z, before + z,
                     slack + delta_b * static_cast<double>(x.prefix_weight[i]),
                     static_cast<double>(x.threshold[i]), x.at(i)});
  }
  return steps;
}

/// The holes: the number of the token before each, and its length.
std::vector<std::pair<double, int>> holes_of(trace const& x) {
  std::vector<std::pair<double, int>> holes;
  int tokens = 0;
  bool open = false;
  for (std::size_t i = 0; i < x.decision.size(); ++i) {
    bool const hole = x.at(i) == cppo::decision::excluded;
    if (!hole) ++tokens;
    else if (open) ++holes.back().second;
    else holes.emplace_back(tokens + 0.5, 1);
    open = hole;
  }
  return holes;
}

void time_axis(plot& p, std::vector<step> const& steps) {
  for (double const t : ticks(0.0, static_cast<double>(steps.size()), 5)) {
    if (t == std::floor(t)) p.x_tick(t, fmt::format("{:g}", t));
  }
}

void mark_holes(plot& p, trace const& x, double low, double high, bool named) {
  auto const valid = static_cast<double>(x.report.counts.tokens);
  for (auto const& [t, length] : holes_of(x)) {
    p.stem(t, low, high, "hole");
    if (!named) continue;
    p.note(t, high, fmt::format("hole of {}", length), t > 0.8 * valid ? "hole-label left" : "hole-label");
  }
}

using points = std::vector<std::pair<double, double>>;

/// Drift and allowance, and between them what is left and what is over.
void draw_drift(plot& p, followed const& one, std::vector<step> const& steps, double top) {
  points drift, allowed, lower, upper;
  for (step const& s : steps) {
    drift.emplace_back(s.t, s.drift);
    allowed.emplace_back(s.t, s.allowance);
    lower.emplace_back(s.t, std::min(s.drift, s.allowance));
    upper.emplace_back(s.t, std::max(s.drift, s.allowance));
  }
  if (one.what.has_budget()) {
    p.area(lower, allowed, "room");
    p.area(allowed, upper, "over");
  }
  mark_holes(p, one.steps, 0.0, top, true);
  if (one.what.has_budget()) p.line(allowed, "allowed");
  p.line(drift, "drift");
}

std::string drift_chart(followed const& one, std::vector<step> const& steps) {
  double most = steps.back().drift;
  if (one.what.has_budget()) most = std::max(most, steps.back().allowance);
  double const top = 1.06 * most;
  plot p(0.0, static_cast<double>(steps.size()) + 1.0, 0.0, top);
  for (double const y : ticks(0.0, top, 4)) p.y_tick(y, fmt::format("{:g}", y));
  time_axis(p, steps);
  draw_drift(p, one, steps, top);
  step const& end = steps.back();
  bool const above = !one.what.has_budget() || end.drift > end.allowance;
  p.note(end.t, end.drift, "drift", above ? "end up" : "end below");
  if (one.what.has_budget())
    p.note(end.t, end.allowance, "allowed", above ? "end below budget-ink" : "end up budget-ink");
  std::string const legend = fmt::format(
      "<span class=\"item\"><i class=\"stroke drift\"></i>drift {}</span>{}", symbol("S", "t"),
      one.what.has_budget() ? fmt::format("<span class=\"item\"><i class=\"stroke allowed\"></i>drift allowed "
                                        "\u03b4 + {}\u00b7{}</span>"
                                        "<span class=\"item\"><i class=\"swatch room\"></i>room left</span>"
                                        "<span class=\"item\"><i class=\"swatch over\"></i>over the budget</span>",
                                        symbol("\u03b4", "b"), symbol("W", "t\u22121"))
                          : std::string());
  return p.html(legend, "token t of the response; dotted: holes, which take no position",
                fmt::format("The drift along the response ends at {}", figure(end.drift)));
}

/// What the marks of the second chart mean, for those that occur in it.
std::string marks(trace const& x) {
  std::string out;
  for (auto const d : {cppo::decision::masked_ratio, cppo::decision::masked_divergence, cppo::decision::masked_response,
                       cppo::decision::masked_budget, cppo::decision::masked_other, cppo::decision::kept_toward}) {
    if (std::find(x.decision.begin(), x.decision.end(), static_cast<std::uint8_t>(d)) == x.decision.end()) continue;
    appearance const look = appearance_of(d);
    out += fmt::format("<span class=\"item\"><i class=\"mark {}\"></i>{}</span>", look.style, look.name);
  }
  return out;
}

/// Weighted drift of each token; where its limits are.
points draw_decisions(plot& p, std::vector<step> const& steps) {
  points threshold;
  for (step const& s : steps) {
    std::string const style = appearance_of(s.why).style;
    p.stem(s.t, 0.0, s.weighted_divergence, "stem " + style);
    if (s.why > cppo::decision::kept_toward) p.dot(s.t, s.weighted_divergence, "dot " + style);
    if (s.threshold < 900.0) {
      threshold.emplace_back(s.t - 0.5, s.threshold);
      threshold.emplace_back(s.t + 0.5, s.threshold);
    }
  }
  return threshold;
}

std::string decision_chart(followed const& one, std::vector<step> const& steps) {
  double high = 0.0;
  double low = 0.0;
  for (step const& s : steps) {
    high = std::max(high, s.weighted_divergence);
    if (s.threshold < 900.0) {
      low = std::min(low, s.threshold);
      high = std::max(high, s.threshold);
    }
  }
  double const top = 1.08 * high;
  double const bottom = std::max(1.05 * low, -1.6 * top);
  plot p(0.0, static_cast<double>(steps.size()) + 1.0, bottom, top);
  for (double const y : ticks(bottom, top, 5)) p.y_tick(y, fmt::format("{}{:g}", y < 0.0 ? "\u2212" : "", std::abs(y)));
  time_axis(p, steps);
  mark_holes(p, one.steps, bottom, top, false);
  points const threshold = draw_decisions(p, steps);
  p.line(threshold, "limit");
  if (bottom > 1.05 * low) {
    p.note(0.0, bottom, fmt::format("the limit goes down to \u2212{}", figure(-low)), "clipped");
  }
  std::string legend = fmt::format("<span class=\"item\">weighted divergence {}\u00b7{} of each token</span>",
                                   symbol("w", "t"), symbol("D", "t"));
  if (!threshold.empty()) {
    legend += fmt::format("<span class=\"item\"><i class=\"stroke limit\"></i>its limit {}</span>", symbol("c", "t"));
  }
  legend += marks(one.steps);
  return p.html(legend, "token t of the response", "Weighted drift of each token against its limit");
}

}  // namespace

appearance appearance_of(cppo::decision d) {
  switch (d) {
  case cppo::decision::excluded: return {"outside", "not the policy\u2019s token"};
  case cppo::decision::kept: return {"kept", "kept"};
  case cppo::decision::kept_toward: return {"toward", "kept, moves back toward \u03bc"};
  case cppo::decision::masked_ratio: return {"own", "masked by its ratio"};
  case cppo::decision::masked_divergence: return {"own", "masked by its own divergence"};
  case cppo::decision::masked_budget: return {"budget", "masked by the prefix budget"};
  case cppo::decision::masked_response: return {"own", "masked with the whole response"};
  case cppo::decision::masked_other: break;
  }
  return {"own", "masked"};
}

std::string drift_charts(followed const& one) {
  std::vector<step> const steps = steps_of(one);
  if (steps.empty() || steps.back().drift <= 0.0) return "<p>This response has no drift to show.</p>";
  std::string out = drift_chart(one, steps) + decision_chart(one, steps);
  if (one.what.has_budget()) {
    out += "<p class=\"key\">The limit is the smaller of \u03b4 and what the prefix has left. Where it is below zero, "
           "only "
           "tokens that move back toward \u03bc are kept, however little the others drift.</p>";
  }
  return out;
}

}  // namespace demo
