// Everything that the demo shows. It is computed once; the terminal table and the report read it from here.
#pragma once

#include "run/runs.hpp"

#include <optional>

namespace demo {

/// What the user asks for.
struct question {
  std::vector<std::string> regions;  ///< texts; empty: the usual ones
  bool trained = false;               ///< a model is trained under them, too
  std::string divergence;             ///< one of `divergence_options()`; empty: that of the first region, or Binary-TV
  std::vector<int> staleness;         ///< numbers of updates; empty: all there are
  std::optional<long> response;       ///< line of the response to follow; if absent, one is chosen
};

/// Every trust region after one number of updates.
struct block {
  int updates = 0;
  std::size_t responses = 0;
  cppo::report drift;  ///< of no trust region: D, KL and counts
  std::vector<outcome> rows;
};

/// The same trust regions under several divergences, on the responses that have them all.
struct comparison {
  struct row {
    shown_divergence measure;
    std::vector<outcome> outcomes;  ///< in the order of `regions`
  };
  int updates = 0;
  std::size_t responses = 0;
  cppo::index_t tokens = 0;
  std::vector<std::string> regions;
  std::vector<row> rows;
};

/// One response, token by token.
struct followed {
  std::size_t which = 0;
  int updates = 0;
  bool chosen_by_user = false;
  setting what;
  trace steps;
};

/// All results.
struct study {
  shown_divergence measure;
  std::vector<block> blocks;
  std::vector<std::string> left_out;  ///< usual regions that are not shown: a response lacks a field for them
  std::vector<std::string> only_trained;  ///< rules that are not shown, with the input that rollouts lack
  std::string in_their_place;  ///< the region that is shown where all that were asked for are trained alone; else empty
  std::vector<comparison> comparisons;
  followed one;
};

/// Runs everything. Throws `input_error` if the rollouts lack what is asked for.
study answer(std::vector<rollout> const& rollouts, question const& q);

}  // namespace demo
