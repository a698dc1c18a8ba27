// The columns that compare divergences on the same tokens, in the terminal and in the report.
#pragma once

#include "report/wording.hpp"
#include "run/seen_divergence.hpp"

namespace demo {

/// A number that is shown by each divergence of a kind.
struct divergence_column {
  char const* name;
  std::string (*number)(seen_divergence const&);
};
inline constexpr divergence_column divergence_columns[] = {
    {"mean D", [](seen_divergence const& d) { return figure(d.mean); }},
    {"P90 of D", [](seen_divergence const& d) { return figure(d.p90); }},
    {"masked %", [](seen_divergence const& d) { return percent(d.masked); }},
};

}  // namespace demo
