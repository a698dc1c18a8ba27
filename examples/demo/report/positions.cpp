#include "report/markup.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace demo {

namespace {

constexpr double chart_width = 200.0;
constexpr double chart_height = 84.0;
constexpr double bar_step = chart_width / cppo::report::bins;

double share(long part, long whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0; }

double masked_share(trainer::bin_counts const& b) { return share(b.by_threshold + b.by_budget, b.tokens); }

double tallest(outcome const& o) {
  double most = 0.0;
  for (trainer::bin_counts const& b : o.by_position) most = std::max(most, masked_share(b));
  return most;
}

std::string bars(outcome const& o, double scale) {
  std::string out;
  for (std::size_t i = 0; i < o.by_position.size(); ++i) {
    trainer::bin_counts const& b = o.by_position[i];
    double const low = chart_height * share(b.by_threshold, b.tokens) / scale;
    double const high = chart_height * share(b.by_budget, b.tokens) / scale;
    if (low + high <= 0.0) continue;
    double const from = 0.05 * static_cast<double>(i);
    out += fmt::format(
        "<g><title>t/T from {:.2f} to {:.2f}: {} % of {} tokens masked, {} % by the budget alone</title>", from,
        from + 0.05, escaped(percent(masked_share(b))), b.tokens, escaped(percent(share(b.by_budget, b.tokens))));
    auto const bar = [&](char const* style, double top, double height) {
      if (height <= 0.0) return;
      out += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.2f}\" width=\"{:.1f}\" height=\"{:.2f}\"/>", style,
                         bar_step * static_cast<double>(i) + 1.0, top, bar_step - 2.0, height);
    };
    bar("own", chart_height - low, low);
    bar("budget", chart_height - low - high, high);
    out += "</g>";
  }
  return out;
}

/// The outline of a region's bars, drawn over others for comparison.
std::string outline(outcome const& o, double scale) {
  std::string steps;
  for (std::size_t i = 0; i < o.by_position.size(); ++i) {
    double const y = chart_height * (1.0 - masked_share(o.by_position[i]) / scale);
    steps += i == 0 ? fmt::format("M0 {:.2f}", y) : fmt::format("V{:.2f}", y);
    steps += fmt::format("H{:.0f}", bar_step * static_cast<double>(i + 1));
  }
  return fmt::format("<path class=\"outline\" d=\"{}\"/>", steps);
}

std::string panel(outcome const& o, outcome const* reference, double scale) {
  bool const compare =
      reference != nullptr && reference != &o && tallest(*reference) <= scale && tallest(*reference) >= 0.2 * scale;
  return fmt::format("<figure class=\"panel\"><figcaption>{}<b>{}&#8239;%</b></figcaption><div class=\"frame\">"
                     "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}: {} percent of tokens masked\">"
                     "<path class=\"grid\" d=\"M0 .5H200M0 42H200\"/>{}{}<path class=\"base\" d=\"M0 83.5H200\"/></svg>"
                     "<span class=\"top\">{:.0f}&#8239;%</span></div><div class=\"ends\"><span>first "
                     "token</span><span>last</span></div>"
                     "</figure>\n",
                     escaped(o.what.label), escaped(percent(o.report.masked_fraction())), chart_width, chart_height,
                     escaped(o.what.label), escaped(percent(o.report.masked_fraction())), bars(o, scale),
                     compare ? outline(*reference, scale) : "", 100.0 * scale);
}

/// The smallest round number that is not below x.
double round_up(double x) {
  for (double const nice : {0.01, 0.02, 0.05, 0.1, 0.2, 0.5}) {
    if (x <= nice) return nice;
  }
  return 1.0;
}

std::string group(std::vector<outcome const*> const& members, outcome const* reference, std::string const& heading) {
  if (members.empty()) return "";
  double most = 0.0;
  for (outcome const* o : members) most = std::max(most, tallest(*o));
  double const scale = round_up(most);
  std::string out =
      fmt::format("<h3>{} up to {:.0f}&#8239;% of tokens</h3><div class=\"panels\">", heading, 100.0 * scale);
  for (outcome const* o : members) out += panel(*o, reference, scale);
  return out + "</div>";
}

/// What the bars mean, and which regions have none.
std::string key(std::vector<outcome> const& rows, bool compares) {
  std::string out =
      "<p class=\"key\">Height: percent of the tokens at that relative position t/T that are masked, in 20 bins."
      "</p><p class=\"key\"><span class=\"item\"><i class=\"swatch own\"></i>by a threshold</span>"
      "<span class=\"item\"><i class=\"swatch budget\"></i>by the prefix budget alone</span>";
  if (compares) {
    out += "<span class=\"item\"><i class=\"swatch outline\"></i>DPPO, where it is large enough to compare</span>";
  }
  std::string unmasked;
  for (outcome const& o : rows) {
    if (o.report.masked() == 0) unmasked += (unmasked.empty() ? "" : "; ") + escaped(o.what.label);
  }
  if (!unmasked.empty()) out += "<span class=\"item\">Not drawn, since nothing is masked: " + unmasked + "</span>";
  return out + "</p>";
}

}  // namespace

std::string positions(std::vector<outcome> const& rows) {
  std::vector<outcome const*> small;
  std::vector<outcome const*> large;
  outcome const* reference = nullptr;
  for (outcome const& o : rows) {
    if (o.what.name == "dppo") reference = &o;
    if (o.report.masked() > 0) (tallest(o) <= 0.1 ? small : large).push_back(&o);
  }
  return group(small, reference, "Axes") + group(large, reference, "Axes") + key(rows, reference != nullptr);
}

std::string positions_together(std::vector<outcome> const& rows, std::string const& heading) {
  std::vector<outcome const*> members;
  for (outcome const& o : rows) {
    if (o.report.masked() > 0) members.push_back(&o);
  }
  return group(members, nullptr, heading + "; axes") + key(rows, false);
}

}  // namespace demo
