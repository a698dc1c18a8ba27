#include "input/input_error.hpp"
#include "run/runs.hpp"

#include <dispatch.hpp>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace demo {

namespace {

using dispatch::executor;

void check(cppo::status const& ended, std::vector<rollout> const& rollouts, lent_batch const& batch) {
  if (ended.ok()) return;
  if (ended.response < 0) throw input_error(describe(ended).c_str());
  std::size_t const member = batch.members()[static_cast<std::size_t>(ended.response)];
  rollout const& r = rollouts[member];
  cppo::status in_line = ended;
  in_line.response = in_line.token = -1;  // the message names the place in the file instead
  throw input_error(fmt::format("{}, {}, token {}: {}", r.file, r.place(), ended.token, describe(in_line).c_str()));
}

/// Nanoseconds per token: the median of several runs that make mask, gradient and report.
double nanoseconds(executor on, lent_batch const& batch, dispatch::region_or_rule const& region) {
  using clock = std::chrono::steady_clock;
  std::vector<std::uint8_t> mask(batch.slots());
  std::vector<float> gradient(batch.slots());
  cppo::report report;
  std::array<double, timed_runs> times{};
  for (double& t : times) {
    auto const start = clock::now();
    static_cast<void>(dispatch::policy_loss(on, batch.lend(), region,
                                            {.gradient = gradient, .mask = mask, .report = &report}));
    t = std::chrono::duration<double, std::nano>(clock::now() - start).count();
  }
  std::nth_element(times.begin(), times.begin() + timed_runs / 2, times.end());
  return times[timed_runs / 2] / static_cast<double>(std::max<cppo::index_t>(report.counts.tokens, 1));
}

}  // namespace

bool any_own_loss(std::vector<outcome> const& rows) {
  return std::any_of(rows.begin(), rows.end(), [](outcome const& o) { return o.what.has_own_loss(); });
}

outcome run(std::vector<rollout> const& rollouts, lent_batch const& batch, setting const& s) {
  outcome o;
  o.what = s;
  std::vector<std::uint8_t> decisions(batch.slots());
  check(dispatch::policy_loss(executor::seq, batch.lend(), s.region,
                              {.trace = {.decision = decisions}, .report = &o.report},
                              {.aggregate = cppo::token_mean}),
        rollouts, batch);
  if (o.report.counts.tokens == 0) throw input_error("the rollouts hold no token whose response_mask is 1");
  trainer::count_positions(batch.cu_seqlens(), decisions, o.by_position);
  o.seq_ns = nanoseconds(executor::seq, batch, s.region);
  o.simd_ns = nanoseconds(executor::simd, batch, s.region);
  return o;
}

trace follow(std::vector<rollout> const& rollouts, std::size_t which, int updates, setting const& s) {
  lent_batch const batch(rollouts, {which}, updates, s.measure.source);
  trace t;
  for (auto* column : {&t.divergence, &t.weight, &t.weighted_divergence, &t.drift, &t.prefix_weight, &t.threshold,
                       &t.gate}) {
    column->resize(batch.slots());
  }
  t.decision.resize(batch.slots());
  check(dispatch::policy_loss(executor::seq, batch.lend(), s.region,
             {.gate = t.gate,
              .trace = {.divergence = t.divergence,
                        .weight = t.weight,
                        .weighted_divergence = t.weighted_divergence,
                        .prefix_drift = t.drift,
                        .prefix_weight = t.prefix_weight,
                        .threshold = t.threshold,
                        .decision = t.decision},
              .report = &t.report}),
        rollouts, batch);
  return t;
}

}  // namespace demo
