#include "report/markup.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include <fmt/format.h>

namespace demo {

namespace {

/// The shares of all tokens that the prefix budget alone masked, and that something else masked.
std::pair<double, double> shares(cppo::report const& r) {
  auto const tokens = static_cast<double>(r.counts.tokens);
  auto const budget = static_cast<double>(r.masked_budget);
  return {(static_cast<double>(r.masked()) - budget) / tokens, budget / tokens};
}

std::string cell(cppo::report const& r) {
  auto const [own, budget] = shares(r);
  if (r.masked() == 0) return "<td class=\"none\">0</td>";
  return fmt::format("<td>{}<div class=\"bar\"><i class=\"own\" style=\"width:{:.2f}%\"></i>"
                     "<i class=\"budget\" style=\"width:{:.2f}%\"></i></div></td>",
                     escaped(percent(r.masked_fraction())), 100.0 * own, 100.0 * budget);
}

std::string heads(study const& s) {
  std::string first = "<tr><th scope=\"col\">Updates since sampling</th>";
  std::string second = fmt::format("<tr class=\"sub\"><th scope=\"row\">Mean drift {}</th>", symbol("D", "t"));
  for (block const& b : s.blocks) {
    first +=
        fmt::format("<th scope=\"col\">{}</th>", b.updates == unknown_updates ? "as given" : std::to_string(b.updates));
    second += fmt::format("<td>{}</td>", figure(b.drift.mean_divergence(), 2));
  }
  return first + "</tr>" + second + "</tr>";
}

/// The last number of updates up to which no trust region masks a token in a thousand; -2 if there is none.
int last_quiet(study const& s) {
  int quiet = -2;
  for (block const& b : s.blocks) {
    bool any = false;
    for (outcome const& o : b.rows) any = any || o.report.masked_fraction() >= 0.001;
    if (any) break;
    quiet = b.updates;
  }
  return quiet;
}

/// What the numbers show, in sentences that hold for any rollouts.
std::string findings(study const& s) {
  block const& last = s.blocks.back();
  std::string text;
  int const quiet = last_quiet(s);
  if (quiet >= 0 && quiet != last.updates) {
    text += fmt::format("Up to {} update{}, none of these trust regions masks as much as one token in a thousand. ",
                        quiet, quiet == 1 ? "" : "s");
  }
  double const drift = last.drift.mean_divergence();
  for (outcome const& o : last.rows) {
    double const budget = o.report.mean_delta_b();
    if (o.what.name == "cppo") {
      bool const over = drift > budget;
      text +=
          fmt::format("In the last column the mean drift of {} is {} the fixed budget of {} per token{}. ",
                      figure(drift), over ? "above" : "below", figure(budget),
                      over ? ": the average response goes beyond it, and from there on every token that moves further "
                             "away is masked"
                           : ", and only stretches that drift more than that meet it");
    }
    if (o.what.name == "cppo_calibrated") {
      text += fmt::format("Calibrated to each response, the budget becomes {} on average, and {}&#8239;% are masked. ",
                          figure(budget), escaped(percent(o.report.masked_fraction())));
    }
  }
  return text.empty() ? "" : "<p>" + text + "</p>";
}

}  // namespace

std::string overview(study const& s) {
  std::string out = "<div class=\"scroll\"><table class=\"overview\"><thead>" + heads(s) + "</thead><tbody>";
  for (std::size_t i = 0; i < s.blocks.front().rows.size(); ++i) {
    setting const& what = s.blocks.front().rows[i].what;
    out += fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", escaped(what.label), parameters(what.details));
    for (block const& b : s.blocks) out += cell(b.rows[i].report);
    out += "</tr>\n";
  }
  return out +
         "</tbody></table></div><p class=\"key\"><span class=\"item\">Percent of tokens masked; a full bar "
         "is 100&#8239;%</span><span class=\"item\"><i class=\"swatch own\"></i>by a threshold on token or "
         "response</span>"
         "<span class=\"item\"><i class=\"swatch budget\"></i>by the prefix budget alone</span></p>" +
         findings(s);
}

}  // namespace demo
