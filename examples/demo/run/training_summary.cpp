#include "run/training_summary.hpp"

#include <algorithm>
#include <limits>

namespace demo {

namespace {

/// Mean and range of a number over the runs of one trust region.
class spreader {
 public:
  void add(double x) {
    sum_ += x;
    ++n_;
    low_ = std::min(low_, x);
    high_ = std::max(high_, x);
  }
  spread result() const { return n_ > 0 ? spread{sum_ / n_, low_, high_} : spread{}; }

 private:
  double sum_ = 0.0;
  int n_ = 0;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

/// Mean of `value` over up to `window` steps that end before `end`.
double mean_before(std::vector<trainer::step_record> const& steps, std::size_t end, step_value value) {
  std::size_t const first = end > window ? end - window : 0;
  double sum = 0.0;
  for (std::size_t i = first; i < end; ++i) sum += value(steps[i]);
  return sum / static_cast<double>(end - first);
}

double best(std::vector<trainer::step_record> const& steps, step_value value) {
  double most = 0.0;
  for (std::size_t end = std::min(window, steps.size()); end <= steps.size(); ++end) {
    most = std::max(most, mean_before(steps, end, value));
  }
  return most;
}

void add(trainer::position_counts& to, trainer::position_counts const& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

training_summary summary_of(training const& t, std::size_t which) {
  training_summary s;
  s.which = which;
  s.fewest_steps = std::numeric_limits<std::size_t>::max();
  spreader final_success, best_success, final_nll, worst_drift;
  for (training_run const& run : t.runs) {
    if (run.which != which) continue;
    if (s.seeds++ == 0) s.story = run.story, s.seen = run.seen;
    s.fewest_steps = std::min(s.fewest_steps, run.steps.size());
    s.steps += run.steps.size();
    final_success.add(mean_before(run.steps, run.steps.size(), success_of));
    best_success.add(best(run.steps, success_of));
    final_nll.add(mean_before(run.steps, run.steps.size(), nll_of));
    double worst = 0.0;
    for (trainer::step_record const& step : run.steps) {
      worst = std::max(worst, drift_of(step));
      s.report = s.report + step.report;
      s.time += step.time;
      add(s.positions, step.positions);
    }
    worst_drift.add(worst);
  }
  s.final_success = final_success.result();
  s.best_success = best_success.result();
  s.final_nll = final_nll.result();
  s.worst_drift = worst_drift.result();
  return s;
}

}  // namespace

std::vector<training_summary> summaries(training const& t) {
  std::vector<training_summary> all;
  for (std::size_t which = 0; which < t.settings.size(); ++which) {
    training_summary s = summary_of(t, which);
    if (s.seeds > 0) all.push_back(std::move(s));
  }
  return all;
}

std::vector<spread> curve(training const& t, std::size_t which, step_value value) {
  std::vector<spreader> points;
  for (training_run const& run : t.runs) {
    if (run.which != which) continue;
    if (points.size() < run.steps.size()) points.resize(run.steps.size());
    for (std::size_t i = 0; i < run.steps.size(); ++i) points[i].add(value(run.steps[i]));
  }
  std::vector<spread> curve;
  for (spreader const& p : points) curve.push_back(p.result());
  return curve;
}

double success_of(trainer::step_record const& s) { return s.success; }
double drift_of(trainer::step_record const& s) { return s.report.mean_divergence(); }
double nll_of(trainer::step_record const& s) { return s.base_nll; }
double masked_of(trainer::step_record const& s) { return s.report.masked_fraction(); }
double masked_by_budget_of(trainer::step_record const& s) {
  return s.report.masked_fraction() * s.report.budget_mask_share();
}

}  // namespace demo
