// A named rule of the library as a row: what it is, and the call with the type that users run.
#pragma once

#include "rules_api.hpp"

#include <cppo/cppo.hpp>

#include <vector>

namespace rules {

using batch_view = cppo::rollout_batch_view<float>;

struct rule {
  bench_rule_info info;
  std::int32_t (*run)(bench_rule_info const&, batch_view const&, double, bench_outputs const&, bench_outcome&);
};

template <class Region>
std::int32_t call(Region const& region, batch_view const& batch, cppo::loss_options const& options,
                  bench_outputs const& o, bench_outcome& outcome) {
  static thread_local cppo::workspace memory;  // as a trainer keeps one
  cppo::report r;
  cppo::loss_outputs const outputs{.gradient = o.gradient, .mask = o.mask, .report = &r};
  cppo::status const s = cppo::policy_loss(cppo::simd.with_workspace(memory), batch, region, outputs, options);
  outcome = {r.loss(), r.mean_delta_b(), r.counts.tokens, r.kept, r.masked_budget};
  return s.ok() ? 0 : 1 + static_cast<std::int32_t>(s.code);
}

template <class D>
constexpr bench_reads reads_of(D d) {
  if constexpr (requires { d.reads(); })
    return d.reads() == cppo::argument::divergence ? bench_reads_divergence : bench_reads_lists;
  else return bench_reads_nothing;
}

struct thresholds {
  double delta, delta_b, w_min = 0.8;
};

/// A rule whose region `Make{}(info)` makes.
template <class D, class Make>
rule make(char const* region, char const* divergence, D d, thresholds t, Make) {
  return {{region, divergence, reads_of(d), t.delta, t.delta_b, t.w_min, bench_regions, 0, 0},
          [](bench_rule_info const& i, batch_view const& batch, double normalizer, bench_outputs const& o,
             bench_outcome& out) {
            return call(Make{}(i), batch, {.aggregate = cppo::token_mean, .normalizer = normalizer}, o, out);
          }};
}

/// CPPO under a divergence.
template <class D>
rule hard(char const* name, D d, thresholds t) {
  return make("cppo", name, d, t,
              [](bench_rule_info const& i) { return cppo::fixed_cppo({i.delta, i.delta_b, i.w_min}, D{}); });
}
/// The same with a gate in the place of the mask.
template <class D>
rule soft(char const* name, D d, thresholds t) {
  return make("cppo_soft", name, d, t, [](bench_rule_info const& i) {
    return softened(cppo::fixed_cppo({i.delta, i.delta_b, i.w_min}, D{}), cppo::reciprocal_gate);
  });
}

using rows = std::vector<rule>;
// Each in a file of its own, so that they compile in parallel.
rows of_binary_tv();
rows of_binary_kl();
rows of_top_k();
rows of_top_k_forms();
rows of_single_samples();
rows of_lent_divergences();
rows of_cppo_regions();
rows of_other_regions();
// Of the field: field.hpp.
rows of_one_token();
rows of_responses();
rows of_scans();
rows of_batches();

}  // namespace rules
