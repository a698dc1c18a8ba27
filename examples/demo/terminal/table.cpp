#include "terminal/table.hpp"

#include "terminal/terminal.hpp"
#include "report/wording.hpp"

#include <dispatch.hpp>

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

void print_settings(printer const& out, study const& s) {
  out.heading(fmt::format("Trust regions, on {}", s.measure.label));
  for (outcome const& o : s.blocks.front().rows) {
    out.line(fmt::format("  {:<24}{}", o.what.label, o.what.details.empty() ? "masks nothing" : o.what.details));
  }
  out.blank();
}

/// The columns of rules with a loss of their own.
std::string own_loss(outcome const& o) {
  return fmt::format("{:>11}{:>11}", dash_or(o.what.has_own_loss(), percent(o.report.held_fraction())),
                     figure(o.report.loss()));
}

void print_block(printer const& out, block const& b) {
  cppo::report const& d = b.drift;
  out.heading(fmt::format("{}: mean D {}, worst D {}, k3 KL {}", capital(after(b.updates)), figure(d.mean_divergence()),
                          figure(d.max_divergence), figure(d.kl_k3())));
  bool const own = any_own_loss(b.rows);
  out.quiet(fmt::format("  {:<24}{:>10}{:>13}{:>10}{:>8}{:>10}{:>9}{:>9}{}", "region", "masked %", "by budget %",
                        "toward %", "gate", "mean \u03b4_b", "seq ns", "simd ns",
                        own ? fmt::format("{:>11}{:>11}", "slope 0 %", "loss") : ""));
  for (outcome const& o : b.rows) {
    cppo::report const& r = o.report;
    bool const one_sided = o.what.is_one_sided();
    std::string const share = r.masked() > 0 ? percent(r.budget_mask_share()) : "-";
    out.line(fmt::format("  {:<24}{:>10}{:>13}{:>10}{:>8.3f}{:>10}{:>9.1f}{:>9.1f}{}", o.what.label,
                         percent(r.masked_fraction()), dash_or(o.what.has_budget(), share),
                         dash_or(one_sided, percent(r.toward_fraction())), r.mean_gate(),
                         dash_or(o.what.has_budget(), fmt::format("{:.4f}", r.mean_delta_b())), o.seq_ns, o.simd_ns,
                         own ? own_loss(o) : ""));
  }
  out.blank();
}

void print_comparison(printer const& out, comparison const& c) {
  out.heading(fmt::format("{}, by divergence: masked % of {} tokens in the {} responses with Top-K lists",
                          capital(after(c.updates)), grouped(c.tokens), c.responses));
  std::string head = fmt::format("  {:<14}{:>10}{:>10}", "divergence", "mean D", "worst D");
  for (std::string const& label : c.regions) head += fmt::format("{:>18}", label);
  out.quiet(head + fmt::format("{:>9}{:>9}", "seq ns", "simd ns"));
  for (comparison::row const& row : c.rows) {
    cppo::report const& d = row.outcomes.front().report;
    std::string text =
        fmt::format("  {:<14}{:>10}{:>10}", row.measure.label, figure(d.mean_divergence()), figure(d.max_divergence));
    for (outcome const& o : row.outcomes) text += fmt::format("{:>18}", percent(o.report.masked_fraction()));
    outcome const& last = row.outcomes.back();
    out.line(text + fmt::format("{:>9.1f}{:>9.1f}", last.seq_ns, last.simd_ns));
  }
  out.blank();
}

void print_notes(printer const& out, study const& s) {
  out.quiet(
      "masked: share of tokens that give no gradient. by budget: share of those that the prefix budget alone rejects.");
  out.quiet(
      "toward: tokens kept because they move back toward the rollout policy. gate: mean factor on a token's update.");
  if (any_own_loss(s.blocks.front().rows)) {
    out.quiet("slope 0: share of the kept tokens that teach on which the loss is flat, as where a clip holds it. loss: "
              "mean over tokens.");
  }
  out.quiet(fmt::format(
      "ns: per token on one thread, for {}, median of {} runs that make mask, gradient and report; regions as data.",
      dispatch::best_build().instruction_set, timed_runs));
  bool trm = false;
  for (outcome const& o : s.blocks.front().rows) trm = trm || o.what.name.starts_with("trm_");
  if (trm) out.quiet("TRM keeps or drops whole responses, and measures KL.");
  if (!s.only_trained.empty()) {
    out.quiet(fmt::format("Trained below, but not shown here, for they read what the rollouts do not have: {}.",
                          fmt::join(s.only_trained, ", ")));
  }
  if (!s.in_their_place.empty()) {
    out.quiet(fmt::format("Nobody asked for {}: it is shown in their place.", s.in_their_place));
  }
  if (!s.left_out.empty()) {
    out.quiet(fmt::format("Left out, since not every response with \"full_tv\" has \"full_kl\": {}.",
                          fmt::join(s.left_out, ", ")));
  }
  out.blank();
}

}  // namespace

void print_table(study const& s, std::vector<rollout> const& rollouts, std::string const& file, bool styled) {
  printer const out(styled);
  std::size_t slots = 0;
  for (rollout const& r : rollouts) slots += r.size();
  auto const tokens = static_cast<std::size_t>(s.blocks.front().drift.counts.tokens);
  out.heading(fmt::format("cppo: {} responses, {} tokens", s.blocks.front().responses,
                          grouped(static_cast<long long>(tokens))));
  std::string const holes = slots > tokens && s.blocks.front().responses == rollouts.size()
                                ? fmt::format("; slots in holes, left out: {}", slots - tokens)
                                : "";
  out.quiet(fmt::format("{}{}", file, holes));
  out.blank();
  print_settings(out, s);
  for (block const& b : s.blocks) print_block(out, b);
  for (comparison const& c : s.comparisons) print_comparison(out, c);
  print_notes(out, s);
}

}  // namespace demo
