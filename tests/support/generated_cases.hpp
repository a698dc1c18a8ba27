// Calls on which executors are compared: options, lengths, regions. Needs no test framework.
#pragma once

#include "support/same_run.hpp"

#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/weight/reversed.hpp>

namespace cppo_test {

using namespace cppo::testing;

// Options that together take every path through the loss.
inline cppo::loss_options varied_options(std::uint64_t seed, bool packed) {
  constexpr cppo::aggregation all[] = {cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum,
                                       cppo::seq_mean_token_mean, cppo::seq_mean_token_sum_norm};
  cppo::loss_options o;
  o.aggregate = all[seed % 5];
  o.horizon = 80;
  if (seed % 6 == 3) o.normalizer = 777.0;
  if (seed % 3 == 0) o.surrogate.form = cppo::surrogate_form::reinforce;
  if (seed % 4 == 1) o.surrogate.ratio_cap = 1.5;
  if (seed % 7 == 2) o.surrogate.log_ratio_clamp = 0.0;
  if (seed % 5 == 3) o.positions = cppo::position_convention::fixed_horizon;
  if (seed % 11 == 4 && !packed) o.positions = cppo::position_convention::padded_column;
  return o;
}

// Responses of given lengths, cut from the front of one long response.
inline generated_batch<float> of_lengths(std::vector<index_t> const& lengths, std::uint64_t seed, bool packed) {
  generated_batch<float> const pool =
      generate<float>(seed, {.max_responses = 40, .max_length = 200, .divergence = true, .holes = false});
  std::vector<index_t> tokens;
  for (auto const& row : pool.rows()) tokens.insert(tokens.end(), row.begin(), row.end());
  slot_rows rows;
  std::size_t at = 0;
  for (index_t const n : lengths) {
    std::vector<index_t> row;
    for (index_t i = 0; i < n; ++i) row.push_back(tokens[at++ % tokens.size()]);
    rows.push_back(row);
  }
  return rearranged(pool, rows, packed_if(packed)).batch;
}

// A batch in which every divergence is a zero, of either sign, except every `keep`th.
inline generated_batch<float> of_zeros(std::uint64_t seed, std::size_t keep) {
  generated_batch<float> batch = of_lengths({300, 1, 40, 7}, seed, true);
  random_source random(seed);
  for (std::size_t i = 0; i < batch.divergence.size(); ++i) {
    if (i % keep != 0) batch.divergence[i] = random.below(2) == 0 ? 0.0F : -0.0F;
  }
  batch.divergence[0] = -0.0F;
  return batch;
}

// Calls use(name, region) for regions that together ask for everything that an executor provides.
inline constexpr auto every_need = [](auto const& d, auto const& use) {
  auto const fixed = cppo::fixed_cppo({.delta_b = 0.01}, d);
  use("ppo", cppo::trust_region(d, cppo::uniform_weight, cppo::ppo().mask()));
  use("fixed", fixed);
  use("fixed, soft", softened(fixed, cppo::reciprocal_gate));
  use("calibrated", cppo::calibrated_cppo({.delta_b = 0.02}, d));
  use("shuffled", cppo::trust_region(d, cppo::permuted(fixed.weight(), 5), fixed.mask()));
  use("reversed", cppo::trust_region(d, cppo::reversed(fixed.weight()), fixed.mask()));
  use("trm_max", cppo::trm_max({}, d));
  use("trm_mean", cppo::trm_mean({}, d));
};

// Compares calls on `executor` with `seq`: with everything, without trace, with what a trainer asks for (kernels have a
// fast path for it), and with a report alone.
template <class Executor, class T, class Region>
std::string seq_against(Executor const& executor, generated_batch<T> const& batch, Region const& region,
                        cppo::loss_options const& o) {
  auto const rows = batch.rows_and_spare();
  auto const want = capture(cppo::seq, batch, region, o);
  std::string wrong = unlike_runs(capture(executor, batch, region, o), want, rows);
  if (!wrong.empty()) return wrong;
  auto const brief = capture(executor, batch, region, o, asks_for::no_trace);
  wrong = unlike(brief, want, rows);
  if (!wrong.empty()) return "without trace: " + wrong;
  auto const slots = static_cast<std::size_t>(batch.slots());
  std::vector<std::uint8_t> mask(slots, static_cast<std::uint8_t>(unwritten));
  captured_run<typename generated_batch<T>::real> usual;
  auto& loss = usual[captured::loss];
  auto& gradient = usual[captured::gradient];
  for (auto* const x : {&loss, &gradient}) x->assign(slots, static_cast<typename generated_batch<T>::real>(unwritten));
  usual.outcome = policy_loss(executor, batch.view(), region,
                              {.loss = loss, .gradient = gradient, .mask = mask, .report = &usual.report}, o);
  usual[captured::mask].assign(mask.begin(), mask.end());
  wrong = unlike_runs(usual, want, rows);
  if (!wrong.empty()) return "loss, gradient and mask: " + wrong;
  cppo::report alone;
  auto const outcome = policy_loss(executor, batch.view(), region, {.mask = mask, .report = &alone}, o);
  if (!same_status(outcome, want.outcome)) return "report alone: status";
  wrong = unlike(alone, want.report);
  return wrong.empty() ? wrong : "report alone: " + wrong;
}

}  // namespace cppo_test
