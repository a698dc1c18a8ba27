#include "report/markup.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include "../trainer/story_task.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace demo {

namespace {

constexpr std::size_t curve_styles = 6;

/// The class of a region's curve in the style sheet.
std::string curve_style(std::size_t place) { return fmt::format("p{}", place % curve_styles); }

std::string curve_legend(training const& t, std::vector<training_summary> const& all) {
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    out += fmt::format("<span class=\"item\"><i class=\"stroke {}\"></i>{}</span>", curve_style(i),
                       escaped(t.settings[all[i].which].label));
  }
  if (t.asked.seeds > 1) out += "<span class=\"item\">shaded: lowest to highest seed</span>";
  return out;
}

/// One number over the steps, a curve for each region.
std::string curves(training const& t, std::vector<training_summary> const& all, step_value value,
                   std::string const& title, double least_top, std::string const& in_words) {
  double top = least_top;
  for (training_summary const& s : all) {
    for (spread const& p : curve(t, s.which, value)) top = std::max(top, 1.05 * p.high);
  }
  plot p(1.0, std::max(2.0, static_cast<double>(t.asked.steps)), 0.0, top);
  for (double const y : ticks(0.0, top, 5)) p.y_tick(y, fmt::format("{:g}", y));
  for (double const x : ticks(1.0, std::max(2.0, static_cast<double>(t.asked.steps)), 6)) {
    if (x == std::floor(x)) p.x_tick(x, fmt::format("{:g}", x));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<std::pair<double, double>> low, mean, high;
    for (spread const& s : curve(t, all[i].which, value)) {
      double const x = static_cast<double>(mean.size() + 1);
      low.emplace_back(x, s.low);
      mean.emplace_back(x, s.mean);
      high.emplace_back(x, s.high);
    }
    if (t.asked.seeds > 1) p.area(low, high, "band " + curve_style(i));
    p.line(mean, "curve " + curve_style(i));
  }
  return p.html(title + "<br>" + curve_legend(t, all), "step", in_words);
}

constexpr double panel_width = 200.0;
constexpr double panel_height = 84.0;

/// The area between two series over the steps, as path data.
std::string between(std::vector<spread> const& low, std::vector<spread> const& high, double scale) {
  auto const x = [&](std::size_t i) {
    return low.size() > 1 ? panel_width * static_cast<double>(i) / static_cast<double>(low.size() - 1)
                          : panel_width / 2;
  };
  auto const y = [&](double share) { return panel_height * (1.0 - std::min(share / scale, 1.0)); };
  std::string d;
  for (std::size_t i = 0; i < low.size(); ++i)
    d += fmt::format("{}{:.1f} {:.2f}", i == 0 ? 'M' : 'L', x(i), y(low[i].mean));
  for (std::size_t i = low.size(); i-- > 0;) d += fmt::format("L{:.1f} {:.2f}", x(i), y(high[i].mean));
  return d + "Z";
}

/// The masked share over the steps by clause, one small chart a region.
std::string causes(training const& t, std::vector<training_summary> const& all) {
  double scale = 0.0;
  for (training_summary const& s : all) {
    for (spread const& p : curve(t, s.which, masked_of)) scale = std::max(scale, p.mean);
  }
  if (scale <= 0.0) return "<p>Nothing was masked.</p>";
  scale = scale > 0.5 ? 1.0 : scale > 0.25 ? 0.5 : scale > 0.1 ? 0.25 : 0.1;
  std::string out = fmt::format("<h3>Masked over the steps, and why; axes up to {:.0f}&#8239;% of tokens</h3>"
                                "<div class=\"panels\">", 100.0 * scale);
  for (training_summary const& s : all) {
    std::vector<spread> const whole = curve(t, s.which, masked_of);
    std::vector<spread> const budget = curve(t, s.which, masked_by_budget_of);
    std::vector<spread> own = whole;
    for (std::size_t i = 0; i < own.size(); ++i) own[i].mean -= budget[i].mean;
    std::vector<spread> const none(own.size());
    std::string const label = escaped(t.settings[s.which].label);
    std::string const share = escaped(percent(s.report.masked_fraction()));
    out += fmt::format(
        "<figure class=\"panel\"><figcaption>{0}<b>{1}&#8239;%</b></figcaption><div class=\"frame\">"
        "<svg viewBox=\"0 0 {2:.0f} {3:.0f}\" role=\"img\" aria-label=\"{0}: {1} percent of tokens masked\">"
        "<path class=\"grid\" d=\"M0 .5H200M0 42H200\"/><path class=\"own\" d=\"{4}\"/>"
        "<path class=\"budget\" d=\"{5}\"/><path class=\"base\" d=\"M0 83.5H200\"/></svg>"
        "<span class=\"top\">{6:.0f}&#8239;%</span></div><div class=\"ends\"><span>step 1</span>"
        "<span>{7}</span></div></figure>\n",
        label, share, panel_width, panel_height, between(none, own, scale), between(own, whole, scale), 100.0 * scale,
        whole.size());
  }
  return out + "</div><p class=\"key\"><span class=\"item\"><i class=\"swatch own\"></i>by a threshold</span>"
               "<span class=\"item\"><i class=\"swatch budget\"></i>by the prefix budget alone</span></p>";
}

std::vector<outcome> as_outcomes(training const& t, std::vector<training_summary> const& all) {
  std::vector<outcome> rows;
  for (training_summary const& s : all) {
    outcome o;
    o.what = t.settings[s.which];
    o.report = s.report;
    o.by_position = s.positions;
    rows.push_back(std::move(o));
  }
  return rows;
}

std::string ranged(spread const& s, std::size_t seeds, int digits) {
  std::string const mean = fmt::format("{:.{}f}", s.mean, digits);
  if (seeds < 2) return "<td>" + mean + "</td>";
  return fmt::format("<td>{}<br><small>{:.{}f}\u2013{:.{}f}</small></td>", mean, s.low, digits, s.high, digits);
}

std::string table(training const& t, std::vector<training_summary> const& all) {
  bool const own = any_own_loss(t.settings);
  std::string out =
      "<div class=\"scroll\"><table class=\"full\"><thead><tr><th scope=\"col\">Trust region</th>"
      "<th scope=\"col\">final<br>success</th><th scope=\"col\">best<br>success</th>"
      "<th scope=\"col\">base NLL<br><small>nats</small></th><th scope=\"col\">masked<br><small>%</small></th>"
      "<th scope=\"col\">of these by<br>the budget <small>%</small></th>";
  out += fmt::format(
      "{}<th scope=\"col\">mean<br>{}</th><th scope=\"col\">worst<br>mean {}</th>"
      "<th scope=\"col\">a step<br><small>ms</small></th><th scope=\"col\">of it the<br>mask <small>ms</small></th>"
      "</tr></thead><tbody>",
      own ? "<th scope=\"col\">slope 0<br><small>%</small></th>" : "", symbol("\u03b4", "b"), symbol("D", "t"));
  for (training_summary const& s : all) {
    setting const& what = t.settings[s.which];
    auto const steps = static_cast<double>(s.steps);
    out += fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", escaped(what.label), parameters(what.details));
    out += ranged(s.final_success, s.seeds, 2) + ranged(s.best_success, s.seeds, 2) + ranged(s.final_nll, s.seeds, 2);
    out += fmt::format("<td>{}</td><td>{}</td>", escaped(percent(s.report.masked_fraction())),
                       what.has_budget() && s.report.masked() > 0 ? escaped(percent(s.report.budget_mask_share()))
                                                                : "\u2013");
    if (own) {
      out += fmt::format("<td>{}</td>", what.has_own_loss() ? escaped(percent(s.report.held_fraction())) : "\u2013");
    }
    out += fmt::format("<td>{}</td>", what.has_budget() ? fmt::format("{:.4f}", s.report.mean_delta_b()) : "\u2013");
    out += ranged(s.worst_drift, s.seeds, 4);
    out += fmt::format("<td>{:.0f}</td><td>{:.1f}</td></tr>\n", 1000.0 * s.time.total() / steps,
                       1000.0 * s.time.mask / steps);
  }
  return out + "</tbody></table></div>";
}

std::string verdict(trainer::story_verdict const& v) {
  std::string const words = fmt::format("{:.0f}&#8239;% words", 100.0 * v.known);
  if (v.name.empty()) return "names nobody, " + words;
  return fmt::format("{}: {} mention{}, {}{}{}", escaped(v.name), v.mentions, v.mentions == 1 ? "" : "s", words,
                     v.repeats ? ", repeats itself" : "", v.success ? "; rewarded" : "");
}

std::string story(training const& t, std::string const& label, std::string const& text) {
  return fmt::format("<figure class=\"tale\"><figcaption><b>{}</b> {}</figcaption><blockquote>{}</blockquote></figure>",
                     escaped(label), verdict(trainer::verdict_on(text, t.dictionary)), spelled_out(text));
}

std::string stories(training const& t, std::vector<training_summary> const& all) {
  std::string out = "<h3>A story before training, and after it: the same prompt and the same random numbers</h3>"
                    "<div class=\"tales\">" + story(t, "Before", t.story_before);
  for (training_summary const& s : all) out += story(t, t.settings[s.which].label, s.story);
  return out + "</div>";
}

}  // namespace

std::string training_lead(training const& t) {
  std::string text = fmt::format(
      "The same model, trained from the same weights and seeds for {} step{} under each trust region. In a step it "
      "continues four openings, {} times in all, with up to {} tokens; {} times over, the batch is learned from in {} "
      "updates (Adam, learning rate {:g}), while \u03bc stays what sampled it. ",
      t.asked.steps, t.asked.steps == 1 ? "" : "s", t.options.responses, t.tokens, t.options.epochs,
      t.options.minibatches, t.options.adam.learning_rate);
  text +=
      "A story is rewarded if it names somebody, mentions the name at least four times, repeats no three words in a "
      "row, and at least 85&#8239;% of its words are words of the recorded stories. ";
  text += fmt::format("{} seed{}.", t.asked.seeds, t.asked.seeds == 1 ? "" : "s");
  if (t.interrupted) text += " Training was interrupted: the curves end where it stood.";
  return text;
}

std::string training_charts(training const& t) {
  std::vector<training_summary> const all = summaries(t);
  if (all.empty()) return "<p>No step was finished.</p>";
  std::string out = curves(t, all, success_of, "success: share of rewarded stories", 1.0, "Success over the steps");
  out +=
      curves(t, all, drift_of,
             fmt::format("drift: mean {} over the updates of a step, {}", symbol("D", "t"), escaped(t.measure.label)),
             0.01, "Mean drift over the steps");
  out += curves(t, all, nll_of, "nats per token of the stories under the model as it was before training", 2.0,
                "Negative log-likelihood under the base model over the steps");
  out += table(t, all);
  out += causes(t, all);
  out += positions_together(as_outcomes(t, all), "Masked by position in the response, all steps together");
  out += seen_divergence_tables(t, all);
  out += stories(t, all);
  out +=
      "<p class=\"key\">What this shows and what it does not: a model of 260\u2009032 parameters on one task, with a "
      "learning rate chosen so that a batch is outgrown within a step. That an unbounded update destroys the "
      "language, and what each rule refuses on the way, can be seen here. Which trust region trains a large model "
      "best can not: the thresholds are those published for models of billions of parameters, and differences "
      "between the bounded regions of the size of the spread between seeds mean nothing.</p>";
  return out;
}

}  // namespace demo
