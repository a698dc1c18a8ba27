// simd against seq, region by region: shared by the execution_simd_* tests.
#pragma once

#include "catch_compat.hpp"
#include "same_run.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/policy.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

namespace cppo_test {

using namespace cppo::testing;

// Everything two runs can differ in.
template <class Real>
std::string unlike_runs(captured_run<Real> const& got, captured_run<Real> const& want, slot_rows const& rows) {
  if (!same_status(got.outcome, want.outcome)) return "status: " + std::string(got.outcome.message());
  std::string const outputs = unlike(got, want, rows);
  return outputs.empty() ? unlike(got.diagnostics, want.diagnostics) : outputs;
}

// Options that take every path through the loss.
inline cppo::loss_options varied_options(std::uint64_t seed, bool packed) {
  constexpr cppo::aggregation all[] = {cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum,
                                       cppo::seq_mean_token_mean, cppo::seq_mean_token_sum_norm};
  cppo::loss_options o;
  o.aggregate = all[seed % 5];
  o.horizon = 80;
  if (seed % 3 == 0) o.surrogate.form = cppo::surrogate_form::reinforce;
  if (seed % 4 == 1) o.surrogate.ratio_cap = 1.5;
  if (seed % 7 == 2) o.surrogate.log_ratio_clamp = 0.0;
  if (seed % 5 == 3) o.positions = cppo::position_convention::fixed_horizon;
  if (seed % 11 == 4 && !packed) o.positions = cppo::position_convention::padded_column;
  return o;
}

// seq against simd on one batch: with everything, and on the shorter paths (without trace; report alone).
template <class T, class Region>
std::string seq_against_simd(generated_batch<T> const& batch, Region const& region, cppo::loss_options const& o,
                             int threads) {
  auto const simd = cppo::simd.with_threads(threads);
  auto const rows = batch.rows();
  auto const want = capture(cppo::seq, batch, region, o);
  std::string wrong = unlike_runs(capture(simd, batch, region, o), want, rows);
  if (!wrong.empty()) return wrong;
  auto const brief = capture(simd, batch, region, o, false);
  wrong = unlike(brief, want, rows);
  if (!wrong.empty()) return "without trace: " + wrong;
  cppo::report alone;
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(batch.slots()), 9);
  auto const outcome = policy_loss(simd, batch.view(), region, {.mask = mask, .report = &alone}, o);
  if (!same_status(outcome, want.outcome)) return "report alone: status";
  wrong = unlike(alone, want.diagnostics);
  return wrong.empty() ? wrong : "report alone: " + wrong;
}

// A family is a value `f` with `f(divergence, use)`, which calls use(name, region) for each of its regions.
// `seeds` generated batches of element type T for each region on one divergence.
template <class T, class Family>
void check_family(Family const& family, std::string_view divergence, std::uint64_t first, std::uint64_t seeds,
                  generator_options o = {}) {
  o.top_k = divergence.starts_with("top_k") ? 5 : 0;
  o.divergence = divergence == "precomputed";
  family(cppo::named_divergence::find(divergence), [&](char const* name, auto const& region) {
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
      generated_batch<T> const batch = generate<T>(seed, o);
      INFO(name << " on " << std::string(divergence) << ", seed " << seed);
      std::string const wrong =
          seq_against_simd(batch, region, varied_options(seed, batch.packed), 1 + static_cast<int>(seed % 4));
      REQUIRE(wrong == "");
    }
  });
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
  return rearranged(pool, rows, packed).batch;
}

// Every length to 70, and those around blocks of 256.
template <class Family>
void check_lengths(Family const& family, bool packed) {
  std::vector<index_t> lengths;
  for (index_t n = 0; n <= 70; ++n) lengths.push_back(n);
  for (index_t const n : {255, 256, 257, 271, 272, 273, 511, 512, 513, 528}) lengths.push_back(n);
  generated_batch<float> const batch = of_lengths(lengths, 7, packed);
  family(cppo::named_divergence::find("precomputed"), [&](char const* name, auto const& region) {
    INFO(name);
    REQUIRE(seq_against_simd(batch, region, {.aggregate = cppo::seq_mean_token_mean}, 1) == "");
  });
}

// As many threads as are asked for, on enough work for four of them to start.
template <class Family>
void check_threads(Family const& family) {
  generated_batch<float> const batch = of_lengths(std::vector<index_t>(112, 600), 9, true);
  REQUIRE(batch.slots() / cppo::detail::slots_per_thread >= 4);
  family(cppo::named_divergence::find("precomputed"), [&](char const* name, auto const& region) {
    auto const want = capture(cppo::seq, batch, region, {.aggregate = cppo::token_mean});
    for (int const threads : {2, 3, 4}) {
      auto const got = capture(cppo::simd.with_threads(threads), batch, region, {.aggregate = cppo::token_mean});
      INFO(name << " on " << threads << " threads");
      REQUIRE(unlike_runs(got, want, batch.rows()) == "");
    }
  });
}

}  // namespace cppo_test
