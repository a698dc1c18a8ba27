#include "report/markup.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include <fmt/format.h>

namespace demo {

namespace {

std::string number_cell(std::string const& text) { return fmt::format("<td>{}</td>", escaped(text)); }

std::string dash_or(bool there, std::string const& text) { return there ? text : "\u2013"; }

enum class losses : bool { usual, own };

std::string row(outcome const& o, losses shown) {
  cppo::report const& r = o.report;
  bool const one_sided = o.what.is_one_sided();
  std::string out =
      fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", escaped(o.what.label), parameters(o.what.details));
  out += number_cell(percent(r.masked_fraction()));
  out += number_cell(dash_or(o.what.has_budget() && r.masked() > 0, percent(r.budget_mask_share())));
  out += number_cell(dash_or(one_sided, percent(r.toward_fraction())));
  out += number_cell(fmt::format("{:.3f}", r.mean_gate()));
  out += number_cell(dash_or(o.what.has_budget(), fmt::format("{:.4f}", r.mean_delta_b())));
  out += number_cell(figure(r.mean_divergence())) + number_cell(figure(r.max_divergence));
  out += number_cell(figure(r.kl_k3()));
  if (shown == losses::own) {
    out += number_cell(dash_or(o.what.has_own_loss(), percent(r.held_fraction()))) + number_cell(figure(r.loss()));
  }
  out += number_cell(fmt::format("{:.0f}", o.seq_ns));
  out += number_cell(fmt::format("{:.0f}", o.simd_ns));
  return out + "</tr>\n";
}

std::string columns(losses shown) {
  std::string out = "<thead><tr><th scope=\"col\">Trust region</th>";
  for (char const* name : {"masked<br><small>%</small>", "of these by<br>the budget <small>%</small>",
                           "kept as<br>toward \u03bc <small>%</small>", "mean<br>gate"}) {
    out += fmt::format("<th scope=\"col\">{}</th>", name);
  }
  out += fmt::format(
      "<th scope=\"col\">mean<br>{}</th><th scope=\"col\">mean<br>{}</th><th scope=\"col\">worst<br>{}</th>",
      symbol("\u03b4", "b"), symbol("D", "t"), symbol("D", "t"));
  out += "<th scope=\"col\">k3 KL<br><small>nats</small></th>";
  if (shown == losses::own) {
    out += "<th scope=\"col\" title=\"of the kept tokens that teach\">slope 0<br><small>%</small></th>"
           "<th scope=\"col\">loss<br><small>mean over tokens</small></th>";
  }
  return out + "<th scope=\"col\">seq<br><small>ns/token</small></th><th scope=\"col\">simd<br><small>ns/token</small>"
               "</th></tr></thead>";
}

}  // namespace

std::string full_tables(study const& s) {
  std::string out;
  for (std::size_t i = 0; i < s.blocks.size(); ++i) {
    block const& b = s.blocks[i];
    losses const shown = any_own_loss(b.rows) ? losses::own : losses::usual;
    out += fmt::format("<details{}><summary>{}<small>{} tokens, mean {} {}</small></summary><div class=\"scroll\">"
                       "<table class=\"full\">{}<tbody>",
                       i + 1 == s.blocks.size() ? " open" : "", capital(after(b.updates)),
                       grouped(b.drift.counts.tokens), symbol("D", "t"), figure(b.drift.mean_divergence()),
                       columns(shown));
    for (outcome const& o : b.rows) out += row(o, shown);
    out += "</tbody></table></div></details>\n";
  }
  return out;
}

std::string divergence_tables(study const& s) {
  if (s.comparisons.empty()) return "";
  std::string out =
      fmt::format("<div class=\"scroll\"><table class=\"full\"><thead><tr><th scope=\"col\">Divergence</th>"
                  "<th scope=\"col\">mean {}</th><th scope=\"col\">worst {}</th>",
                  symbol("D", "t"), symbol("D", "t"));
  for (std::string const& label : s.comparisons.front().regions) {
    out += fmt::format("<th scope=\"col\">{}<br><small>masked %</small></th>", escaped(label));
  }
  out += "<th scope=\"col\">seq<br><small>ns/token</small></th><th scope=\"col\">simd<br><small>ns/token</small></th>"
         "</tr></thead>";
  for (comparison const& c : s.comparisons) {
    out += fmt::format("<tbody><tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{}\">{}</th></tr>",
                       5 + c.regions.size(), capital(after(c.updates)));
    for (comparison::row const& r : c.rows) {
      cppo::report const& d = r.outcomes.front().report;
      out += fmt::format("<tr><th scope=\"row\">{}</th>", escaped(r.measure.label));
      out += number_cell(figure(d.mean_divergence())) + number_cell(figure(d.max_divergence));
      for (outcome const& o : r.outcomes) out += number_cell(percent(o.report.masked_fraction()));
      outcome const& last = r.outcomes.back();
      out += number_cell(fmt::format("{:.0f}", last.seq_ns));
      out += number_cell(fmt::format("{:.0f}", last.simd_ns)) + "</tr>\n";
    }
    out += "</tbody>";
  }
  return out + "</table></div>";
}

}  // namespace demo
