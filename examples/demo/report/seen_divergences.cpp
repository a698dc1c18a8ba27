#include "report/divergence_columns.hpp"
#include "report/markup.hpp"
#include "report/report_parts.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace demo {

namespace {

std::string table_of_kind(training const& t, std::vector<training_summary> const& all, bool kl) {
  std::string names = "<tr><th scope=\"col\" rowspan=\"2\">Trust region</th>", labels = "<tr>", rows;
  auto const is_shown = [kl](seen_divergence const& d) { return d.measure.is_kl == kl; };
  for (divergence_column const& c : divergence_columns) {
    auto const width = std::count_if(all.front().seen.begin(), all.front().seen.end(), is_shown);
    names += fmt::format("<th scope=\"colgroup\" colspan=\"{}\">{}</th>", width, c.name);
    for (seen_divergence const& d : all.front().seen) {
      if (is_shown(d)) labels += fmt::format("<th scope=\"col\"><small>{}</small></th>", d.measure.label);
    }
  }
  for (training_summary const& s : all) {
    rows += fmt::format("<tr><th scope=\"row\">{}</th>", escaped(t.settings[s.which].label));
    for (divergence_column const& c : divergence_columns) {
      for (seen_divergence const& d : s.seen) {
        if (is_shown(d)) rows += fmt::format("<td>{}</td>", escaped(c.number(d)));
      }
    }
    rows += "</tr>\n";
  }
  return "<div class=\"scroll\"><table class=\"full\"><thead>" + names + "</tr>" + labels + "</tr></thead><tbody>" +
         rows + "</tbody></table></div>";
}

}  // namespace

std::string seen_divergence_tables(training const& t, std::vector<training_summary> const& all) {
  std::string out = "<h3>What each divergence sees in the same tokens: the last responses, after the updates</h3>";
  for (bool const kl : {false, true}) out += table_of_kind(t, all, kl);
  return out + fmt::format("<p class=\"key\">First seed. P90: nine tenths of the tokens have no larger D. Masked: by "
                           "CPPO, {} on TV, {} on KL. Top-K lists the {} ids that \u03bc ranks highest.</p>",
                           parameters(masking_region(full_tv).details), parameters(masking_region(full_kl).details),
                           trainer::listed);
}

}  // namespace demo
