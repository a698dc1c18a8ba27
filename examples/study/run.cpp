#include "run.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace study {

namespace {

trainer::learning_options options_of(settings const& s, chosen_region const& region) {
  trainer::learning_options o;
  o.region = region.region;
  o.source = std::visit([](auto const& r) { return trainer::evidence_of(r.divergence()); }, region.region);
  o.adam.learning_rate = s.learning_rate;
  o.seed = s.seed;
  o.responses = static_cast<std::size_t>(s.responses);
  o.group = static_cast<std::size_t>(s.group);
  o.epochs = s.passes;
  o.minibatches = static_cast<std::size_t>(s.minibatches);
  o.stale = static_cast<std::size_t>(s.stale);
  o.threads = s.threads;
  return o;
}

void add(trainer::step_record& sum, trainer::step_record const& step) {
  sum.report = sum.report + step.report;
  sum.time += step.time;
  for (std::size_t i = 0; i < sum.positions.size(); ++i) sum.positions[i] += step.positions[i];
}

}  // namespace

double outcome::final_success() const {
  std::size_t const from = curve.size() > 1 ? curve.size() - 2 : 0;
  double sum = 0.0;
  for (std::size_t i = from; i < curve.size(); ++i) sum += curve[i].on.success;
  return sum / static_cast<double>(curve.size() - from);
}

double outcome::best() const {
  return std::max_element(curve.begin(), curve.end(), [](point const& a, point const& b) {
    return a.on.success < b.on.success;
  })->on.success;
}

double outcome::area() const {
  double sum = 0.0;
  for (std::size_t i = 1; i < curve.size(); ++i) {
    sum += 0.5 * (curve[i - 1].on.success + curve[i].on.success) * (curve[i].step - curve[i - 1].step);
  }
  return curve.size() > 1 ? sum / (curve.back().step - curve.front().step) : start();
}

double outcome::mean_drift() const {
  double const all = std::accumulate(total.positions.begin(), total.positions.end(), 0.0,
                                     [](double before, auto const& bin) { return before + bin.divergence; });
  return all / static_cast<double>(std::max<cppo::index_t>(total.report.counts.responses, 1));
}

std::optional<outcome> run(course const& c, settings const& s, chosen_region const& region,
                           std::atomic<bool> const& stop, run_shown const& show) {
  auto const start = std::chrono::steady_clock::now();
  auto const to_each = static_cast<std::size_t>(s.evaluated) / c.task.held_out.size();
  std::size_t const responses = std::max<std::size_t>(to_each, 1);
  trainer::learner learner(c.base, c.task, options_of(s, region));
  outcome o;
  for (int step = 0;; ++step) {
    point const* shown = nullptr;
    if (step % s.every == 0 || step == s.steps) {
      o.curve.push_back({step, trainer::evaluated(c.task, learner.weights(), c.base, responses, s.seed, s.threads)});
      shown = &o.curve.back();
    }
    if (show) show(step, shown);
    if (step == s.steps) break;
    trainer::step_record record;
    if (!learner.step(stop, record)) return std::nullopt;
    add(o.total, record);
    o.steps.push_back(std::move(record));
  }
  o.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return o;
}

}  // namespace study
