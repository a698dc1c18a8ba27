#include "terminal/training_table.hpp"

#include "terminal/divergence_table.hpp"
#include "terminal/terminal.hpp"
#include "report/wording.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace demo {

namespace {

std::string ranged(spread const& s, std::size_t seeds, int digits) {
  std::string const mean = fmt::format("{:.{}f}", s.mean, digits);
  return seeds > 1 ? fmt::format("{} ({:.{}f}-{:.{}f})", mean, s.low, digits, s.high, digits) : mean;
}

/// The column of rules with a loss of their own.
std::string flat(setting const& what, cppo::report const& r) {
  return fmt::format("{:>11}", dash_or(what.has_own_loss(), percent(r.held_fraction())));
}

void print_results(printer const& out, training const& t, std::vector<training_summary> const& all) {
  bool const own = any_own_loss(t.settings);
  out.quiet(fmt::format("  {:<24}{:>19}{:>19}{:>18}{:>10}{:>13}{:>10}{:>25}{}", "region", "final success",
                        "best success", "base NLL", "masked %", "by budget %", "mean \u03b4_b", "worst mean D",
                        own ? fmt::format("{:>11}", "slope 0 %") : ""));
  for (training_summary const& s : all) {
    setting const& what = t.settings[s.which];
    std::string const share = s.report.masked() > 0 ? percent(s.report.budget_mask_share()) : "-";
    out.line(fmt::format("  {:<24}{:>19}{:>19}{:>18}{:>10}{:>13}{:>10}{:>25}{}", what.label,
                         ranged(s.final_success, s.seeds, 2), ranged(s.best_success, s.seeds, 2),
                         ranged(s.final_nll, s.seeds, 2), percent(s.report.masked_fraction()),
                         dash_or(what.has_budget(), share),
                         dash_or(what.has_budget(), fmt::format("{:.4f}", s.report.mean_delta_b())),
                         ranged(s.worst_drift, s.seeds, 4), own ? flat(what, s.report) : ""));
  }
  out.blank();
}

void print_times(printer const& out, training const& t, std::vector<training_summary> const& all) {
  out.heading(
      fmt::format("Where the time goes: milliseconds a step, {} thread{}", t.threads, t.threads == 1 ? "" : "s"));
  out.quiet(fmt::format("  {:<24}{:>10}{:>10}{:>10}{:>10}{:>10}{:>14}", "region", "sampling", "forward", "backward",
                        "other", "mask", "mask share %"));
  for (training_summary const& s : all) {
    auto const each = [&s](double seconds) { return 1000.0 * seconds / static_cast<double>(s.steps); };
    out.line(fmt::format("  {:<24}{:>10.0f}{:>10.0f}{:>10.0f}{:>10.0f}{:>10.2f}{:>14.3f}", t.settings[s.which].label,
                         each(s.time.sampling), each(s.time.forward), each(s.time.backward), each(s.time.other),
                         each(s.time.mask), 100.0 * s.time.mask / s.time.total()));
  }
  out.blank();
}

void print_notes(printer const& out, training const& t) {
  int const steps = std::min(static_cast<int>(window), t.asked.steps);
  out.quiet(fmt::format("final, best success: share of rewarded stories, mean of the last and of the best {} steps{}.",
                        steps, t.asked.seeds > 1 ? "; mean over seeds, lowest and highest" : ""));
  out.quiet("base NLL: nats per token of the stories (same last steps) under the model as it was: high where the "
            "language is broken.");
  out.quiet("worst mean D: the largest mean drift of a step. mask: the library's calls, buffers and report included.");
  out.blank();
}

void print_stories(printer const& out, training const& t, std::vector<training_summary> const& all) {
  out.heading("A story before training, and after it under each region (same prompt, same random numbers)");
  out.line("  before");
  out.paragraph("  " + t.story_before);
  for (training_summary const& s : all) {
    out.line("  " + t.settings[s.which].label);
    out.paragraph("  " + s.story);
  }
  out.blank();
}

}  // namespace

void print_training_plan(training_request const& asked, bool styled) {
  printer const out(styled);
  out.heading(fmt::format("Training: {} step{}, {} seed{}", asked.steps, asked.steps == 1 ? "" : "s", asked.seeds,
                          asked.seeds == 1 ? "" : "s"));
  out.quiet(
      "Rewarded: a story that names somebody, mentions the name at least 4 times, repeats no three words in a row, and "
      "at least 85 % of whose words are words of the recorded stories.");
  std::fflush(stdout);
}

void print_training(training const& t, bool styled) {
  printer const out(styled);
  std::vector<training_summary> const all = summaries(t);
  out.quiet(
      fmt::format("{} responses of up to {} tokens a step, groups of {}, {} epoch{} of {} minibatches, Adam {:g}; "
                  "\u03bc: the weights rounded to bfloat16.",
                  t.options.responses, t.tokens, t.options.group, t.options.epochs, t.options.epochs == 1 ? "" : "s",
                  t.options.minibatches, t.options.adam.learning_rate));
  if (t.interrupted) out.line("Interrupted: what follows is what had been done by then.");
  if (all.empty()) {
    out.line("No step was finished.");
    return;
  }
  for (training_summary const& s : all) {
    if (static_cast<int>(s.fewest_steps) < t.asked.steps || static_cast<int>(s.seeds) < t.asked.seeds) {
      out.line(fmt::format("  {}: {} of {} seeds, at least {} of {} steps", t.settings[s.which].label, s.seeds,
                           t.asked.seeds, s.fewest_steps, t.asked.steps));
    }
  }
  print_results(out, t, all);
  print_divergences(t, all, styled);
  print_times(out, t, all);
  print_stories(out, t, all);
  print_notes(out, t);
}

}  // namespace demo
