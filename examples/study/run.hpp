// One run: a task, a region, a seed.
#pragma once

#include "course.hpp"

#include "../trainer/learner.hpp"

#include <atomic>
#include <functional>
#include <optional>

namespace study {

/// The policy after some steps, on prompts held out.
struct point {
  int step = 0;
  trainer::evaluation on;
};

/// What a run found.
struct outcome {
  std::vector<point> curve;                  ///< before the first step, every few, and after the last
  std::vector<trainer::step_record> steps;
  trainer::step_record total;                ///< reports, positions and times of all steps
  double seconds = 0.0;

  /// Success before the first step.
  double start() const { return curve.front().on.success; }
  /// Success at the end: the mean of the last two evaluations.
  double final_success() const;
  /// The highest success of an evaluation.
  double best() const;
  /// The area under the curve of success, as a mean over steps (trapezoids).
  double area() const;
  /// True if the run lost what it had: it ends below half of its best.
  bool collapsed() const { return !(final_success() >= 0.5 * best()); }
  /// Mean over responses, at each update, of the sum of |pi - mu| over their tokens.
  double mean_drift() const;
};

/// Called after each step and evaluation.
using run_shown = std::function<void(int step, point const* evaluation)>;

/// Runs. Nothing, if `stop` was set on the way.
std::optional<outcome> run(course const& c, settings const& s, chosen_region const& region,
                           std::atomic<bool> const& stop, run_shown const& show = {});

}  // namespace study
