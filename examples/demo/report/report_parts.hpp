// The parts of the report, each a piece of HTML.
#pragma once

#include "run/study.hpp"
#include "run/training_summary.hpp"
#include "../trainer/tokenizer.hpp"

#include <string>
#include <string_view>

namespace demo {

/// The style sheet.
extern char const* const style_sheet;

/// How a decision is shown: its class in the style sheet, and its name.
struct appearance {
  char const* style;
  char const* name;
};
appearance appearance_of(cppo::decision d);

/// The masked percentage of every region after each number of updates, as a table with bars.
std::string overview(study const& s);
/// The masked percentage by relative position, one small chart a region.
std::string positions(std::vector<outcome> const& rows);
/// The same with one scale for all regions, under a heading.
std::string positions_together(std::vector<outcome> const& rows, std::string const& heading);
/// Drift and allowance along one response, and each token's own test.
std::string drift_charts(followed const& one);
/// The same response as text, with each token coloured by its decision.
std::string coloured_text(followed const& one, rollout const& r, trainer::tokenizer const& words);
/// Text as HTML. What cannot be shown is spelled out; a line feed is shown and breaks the line.
std::string spelled_out(std::string_view text);
/// What was trained, in sentences.
std::string training_lead(training const& t);
/// Curves over the steps, what was masked by which clause, all numbers, and a story from each region.
std::string training_charts(training const& t);
/// What each divergence sees in the responses of the last step.
std::string seen_divergence_tables(training const& t, std::vector<training_summary> const& all);
/// All numbers, as tables.
std::string full_tables(study const& s);
/// The comparison of divergences; empty if there is none.
std::string divergence_tables(study const& s);

}  // namespace demo
