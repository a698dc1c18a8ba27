#include "input/input_error.hpp"
#include "report/markup.hpp"
#include "report/report_html.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include <dispatch.hpp>

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

std::string list_of(std::vector<block> const& blocks) {
  std::string text;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    text += i == 0 ? "" : i + 1 == blocks.size() ? " and " : ", ";
    text += std::to_string(blocks[i].updates);
  }
  return text;
}

std::string head(study const& s, provenance const& from, training const* trained) {
  block const& first = s.blocks.front();
  bool const dated = first.updates != unknown_updates;
  std::string out = "<header><p class=\"brand\">cppo</p><h1>Which tokens may still teach?</h1><p class=\"lede\">";
  out +=
      fmt::format("A language model wrote {} responses and is now trained on them. With every update the policy that "
                  "learns moves away from the one that wrote. A <em>trust region</em> decides, token by token, "
                  "which updates still count. Here {} trust region{} decide{} about the same {} tokens{}.</p>",
                  first.responses, first.rows.size(), first.rows.size() == 1 ? "" : "s",
                  first.rows.size() == 1 ? "s" : "", grouped(first.drift.counts.tokens),
                  !dated                 ? ""
                  : s.blocks.size() == 1 ? fmt::format(" {}", after(first.updates))
                                         : fmt::format(" after {} updates", list_of(s.blocks)));
  if (trained != nullptr) {
    out += fmt::format("<p class=\"lede\">Then the model learns, from the same start, under {} of them: {}.</p>",
                       trained->settings.size(), "<a href=\"#learning\">what becomes of it</a>");
  }
  if (!from.sentence.empty()) out += fmt::format("<p class=\"aside\">{}</p>", from.sentence);
  return out + "</header>";
}

std::string terms() {
  return fmt::format(
      "<dl class=\"terms\"><div><dt>Two policies</dt><dd>\u03bc sampled the text and is frozen. \u03c0 is the same "
      "model "
      "some updates later. Their ratio is \u03c1 = \u03c0/\u03bc.</dd></div>"
      "<div><dt>Drift {}</dt><dd>How far \u03c0 has moved from \u03bc at token t. Binary-TV is the change in "
      "probability of "
      "the token that was sampled, |\u03c0\u2009\u2212\u2009\u03bc|, between 0 and 1.</dd></div>"
      "<div><dt>Masked</dt><dd>A masked token gives no gradient. PPO, DPPO and CPPO never mask a token whose update "
      "leads back toward \u03bc; TRM keeps or drops whole responses.</dd></div>"
      "<div><dt>Prefix budget</dt><dd>CPPO also adds up the drift so far, {} = \u03a3 {}\u00b7{}, and masks a "
      "token "
      "that takes the sum past \u03b4 + {}\u00b7{}. Early drift weighs more: {} falls from 1 to 0.8.</dd></div></dl>",
      symbol("D", "t"), symbol("S", "t"), symbol("w", "j"), symbol("D", "j"), symbol("\u03b4", "b"),
      symbol("W", "t\u22121"), symbol("w", "t"));
}

std::string section(std::string const& title, std::string const& lead, std::string const& body,
                    std::string const& id = "") {
  return fmt::format("<section{}><h2>{}</h2><p class=\"lead\">{}</p>{}</section>\n",
                     id.empty() ? "" : " id=\"" + id + "\"", title, lead, body);
}

std::string about_one(followed const& one, rollout const& r) {
  cppo::report const& d = one.steps.report;
  std::string text =
      fmt::format("This is {} of the rollouts, {}, under {}", r.place(), after(one.updates), escaped(one.what.label));
  if (!one.what.details.empty()) text += fmt::format(" ({})", parameters(one.what.details));
  text += fmt::format(". {} tokens", grouped(d.counts.tokens));
  auto const [low, high] = std::minmax_element(r.advantage.begin(), r.advantage.end());
  if (low != high && *low == *high)
    text += fmt::format(", advantage {}", with_minus(figure(static_cast<double>(*low))));
  text += fmt::format(", {}&#8239;% masked. ", escaped(percent(d.masked_fraction())));
  if (one.what.has_budget())
    text += fmt::format("Its budget is {} = {}. ", symbol("\u03b4", "b"), figure(d.mean_delta_b()));
  if (!one.chosen_by_user) {
    text += "It was picked because the most kinds of decision occur in it, not because it is typical.";
  }
  return text;
}

std::string notes(study const& s, provenance const& from) {
  std::string out = "<footer><h2>Read with care</h2><ul>";
  out += fmt::format("<li>Rollouts: {}. Every decision and every sum on this page is the library\u2019s, from that "
                     "file.</li>",
                     escaped(from.file));
  if (!s.only_trained.empty()) {
    out += fmt::format("<li>Trained, but not shown with the recorded rollouts, for they read what these do not have: "
                       "{}.</li>",
                       escaped(fmt::format("{}", fmt::join(s.only_trained, ", "))));
  }
  if (!s.in_their_place.empty())
    out += fmt::format("<li>Nobody asked for {}: it is shown in their place.</li>", escaped(s.in_their_place));
  if (!s.left_out.empty()) {
    out += fmt::format("<li>Left out, since not every response with <em>full_tv</em> has <em>full_kl</em>: {}.</li>",
                       escaped(fmt::format("{}", fmt::join(s.left_out, ", "))));
  }
  out += "<li>Binary and Top-K divergences are lower bounds of the divergence over the whole vocabulary, which the "
         "theory speaks about; and a mask does not restrain the tokens it keeps because they lead back toward "
         "\u03bc.</li>";
  out +=
      "<li>The thresholds of DPPO and CPPO are those published for models of billions of parameters; those of TRM were "
      "picked for this page. On other models they show the mechanism, not how well a method trains.</li>";
  out += fmt::format("<li>Times: nanoseconds per token on one thread of the machine that made this page, compiled for "
                     "{}, median of {} "
                     "runs that produce mask, gradient and report, with regions held as data.</li>",
                     dispatch::best_build().instruction_set, timed_runs);
  out += fmt::format("<li>The soft gate masks nothing outright: its column <em>masked</em> counts the tokens past the "
                     "boundary, <em>mean gate</em> what is left of the updates.</li></ul>"
                     "<p class=\"brand\">cppo {}.{}.{}</p></footer>",
                     CPPO_VERSION_MAJOR, CPPO_VERSION_MINOR, CPPO_VERSION_PATCH);
  return out;
}

std::string begin_page() {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>cppo: which tokens may still teach?</title>"
      "<style>";
  out += style_sheet;
  return out +
         "</style></head><body><svg width=\"0\" height=\"0\" class=\"defs\" aria-hidden=\"true\">"
         "<pattern id=\"hatch\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" "
         "patternTransform=\"rotate(45)\">"
         "<path class=\"hatch-ground\" d=\"M0 0h4v4H0z\"/><path class=\"hatch-line\" d=\"M0 0v4\"/></pattern>"
         "</svg><main>";
}

std::string divergence_section(study const& s) {
  return section(
      "Which divergence",
      std::string(
          "The finer the partition of the vocabulary, the more drift it sees: Binary looks at the sampled token, "
          "Top-K at the likeliest tokens too, Full at the whole vocabulary, as recorded with the rollouts. ") +
          fmt::format("On the {} tokens of the {} responses that have lists; the times are those of {}.",
                      grouped(s.comparisons.back().tokens), s.comparisons.back().responses,
                      escaped(s.comparisons.back().regions.back())),
      divergence_tables(s));
}

std::string page(study const& s, std::vector<rollout> const& rollouts, trainer::tokenizer const& words,
                 provenance const& from, training const* trained) {
  rollout const& r = rollouts[s.one.which];
  std::string out = begin_page() + head(s, from, trained) + terms();
  out += section("How much is masked",
                 s.blocks.size() > 1 ? "The older the rollouts, the more a trust region has to refuse."
                                     : "The share of tokens that each trust region refuses.",
                 overview(s));
  out += section("Where in the response",
                 fmt::format("The last column above, {}, by position in the response.", after(s.blocks.back().updates)),
                 positions(s.blocks.back().rows));
  out += section("One response, token by token", about_one(s.one, r),
                 drift_charts(s.one) + coloured_text(s.one, r, words));
  if (!s.comparisons.empty()) out += divergence_section(s);
  if (trained != nullptr) {
    out += section("Learning under each trust region", training_lead(*trained), training_charts(*trained),
                   "learning");
  }
  out += section("Every number", "Of the recorded rollouts above.", full_tables(s));
  return out + notes(s, from) + "</main></body></html>\n";
}

}  // namespace

void write_report(std::string const& path, study const& s, std::vector<rollout> const& rollouts,
                  trainer::tokenizer const& words, provenance const& from, training const* trained) {
  std::ofstream out(path, std::ios::binary);
  out << page(s, rollouts, words, from, trained);
  out.close();
  if (!out) throw input_error(fmt::format("{}: the report cannot be written", path));
}

}  // namespace demo
