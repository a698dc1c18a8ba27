#include "terminal/divergence_table.hpp"

#include "report/divergence_columns.hpp"
#include "terminal/terminal.hpp"

#include <fmt/format.h>

namespace demo {

namespace {

/// A text for each divergence of a kind.
template <class Text>
std::string by_divergence(std::vector<seen_divergence> const& seen, bool kl, Text const& text_of) {
  std::string text;
  for (seen_divergence const& d : seen) {
    if (d.measure.is_kl == kl) text += fmt::format("{:>11}", text_of(d));
  }
  return text;
}

void print_kind(printer const& out, training const& t, std::vector<training_summary> const& all, bool kl) {
  std::string names(26, ' '), labels = fmt::format("  {:<24}", "region");
  for (divergence_column const& c : divergence_columns) {
    names += fmt::format("{:>33}", c.name);
    labels += by_divergence(all.front().seen, kl, [](seen_divergence const& d) { return d.measure.label; });
  }
  out.quiet(names);
  out.quiet(labels);
  for (training_summary const& s : all) {
    std::string row = fmt::format("  {:<24}", t.settings[s.which].label);
    for (divergence_column const& c : divergence_columns) row += by_divergence(s.seen, kl, c.number);
    out.line(row);
  }
}

}  // namespace

void print_divergences(training const& t, std::vector<training_summary> const& all, bool styled) {
  printer const out(styled);
  out.heading("What each divergence sees in the same tokens: the responses of a run's last step, after its updates");
  for (bool const kl : {false, true}) print_kind(out, t, all, kl);
  out.quiet(fmt::format("Of the first seed. P90: nine tenths of the tokens have no larger D. Top-K: the {} ids that "
                        "\u03bc ranks highest.", trainer::listed));
  out.quiet(fmt::format("At each token Binary <= Top-K <= full. masked: by CPPO, {} on TV, {} on KL.",
                        masking_region(full_tv).details, masking_region(full_kl).details));
  out.blank();
}

}  // namespace demo
