/// @file
/// Checks a trust region of your own with the tests that the library's regions pass.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/check_batch.hpp>
#include <cppo/testing/check_lanes.hpp>
#include <cppo/testing/plain_loop.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing { inline namespace CPPO_TESTED_ON {

/// The checks of one region.
template <class Region>
class region_check {
 public:
  /// Checks on `seq`, on `simd` if it is built, and on further executors.
  template <class... Executor>
  region_check(Region const& region, check_options const& o, named_executor<Executor> const&... further)
      : region_(region), o_(o), narrow_(region, further...), wide_(region) {
    using detail::each_input_of;
    each_input_of(region, [this](argument reads) {
      bool const lists = reads == argument::top_k || reads == argument::token_id;
      if (lists && o_.generate.top_k == 0) o_.generate.top_k = 5;
      o_.generate.divergence = o_.generate.divergence || reads == argument::divergence;
      o_.generate.entropy = o_.generate.entropy || reads == argument::entropy;
      o_.generate.reference = o_.generate.reference || reads == argument::reference_log_prob;
    });
  }

  /// Runs all batches, until a fault is found.
  check_result run() {
    for (int k = 0; k < o_.batches && log_.ok(); ++k) {
      std::uint64_t const seed = o_.seed + static_cast<std::uint64_t>(k);
      log_.begin(seed);
      generator_options g = o_.generate;
      if (k % 16 == 15) g.max_length = std::max<index_t>(g.max_length, 520);
      loss_options const options = draw_options(seed, g.max_length);
      if (k % 4 == 0) one(narrow_, generate<float>(seed, g), options);
      if (k == 0 && o_.threads) on_threads(generate<float>(seed, g));
      if (k % 4 == 1) one(narrow_, generate<half>(seed, g), options);
      if (k % 4 == 2) one(narrow_, generate<bfloat16>(seed, g), options);
      if (k % 4 == 3) one(wide_, generate<double>(seed, g), options);
      lanes(generate<float>(seed, g));
      against_plain_loop(generate<double>(seed, g), options);
    }
    return log_.result();
  }

 private:
  /// Draws how the loss is formed, for each batch anew.
  static loss_options draw_options(std::uint64_t seed, index_t max_length) {
    random_source random(seed ^ 0x5bd1e995U);
    loss_options o{.horizon = 2 * max_length + 16};
    o.aggregate = static_cast<aggregation>(random.below(5));
    o.normalizer = random.chance(0.6) ? 37.0 : 0.0;
    o.surrogate.form = random.chance(0.3) ? surrogate_form::reinforce : surrogate_form::ratio;
    constexpr double clamps[] = {20.0, 20.0, 2.0, 0.0};
    o.surrogate.log_ratio_clamp = clamps[random.below(4)];
    o.surrogate.ratio_cap = random.chance(0.3) ? 1.5 : 0.0;
    if (cppo::detail::has_own_surrogate<Region>) o.surrogate = {.log_ratio_clamp = o.surrogate.log_ratio_clamp};
    if (random.chance(0.2)) o.positions = position_convention::fixed_horizon;
    if (random.chance(0.1)) o.positions = position_convention::padded_column;
    return o;
  }
  template <element T>
  static loss_options fit(loss_options o, generated_batch<T> const& batch) {
    bool const by_column = o.positions == position_convention::padded_column;
    if (by_column && batch.packed) o.positions = position_convention::own_length;
    return o;
  }

  template <element T>
  void one(region_runner<typename generated_batch<T>::real> const& runner, generated_batch<T> const& batch,
           loss_options const& options) {
    loss_options const o = fit(options, batch);
    batch_check<T> checks(runner, batch, o, log_);
    checks.check();
  }
  void on_threads(generated_batch<float> const& batch) {
    if (!log_.ok()) return;
    loss_options const plain;
    batch_check<float>(narrow_, batch, plain, log_).threads();
  }

  void lanes(generated_batch<float> const& batch) {
    captured_run<float> const run = narrow_.run(0, batch, {});
    if (run.outcome.ok()) lane_check<Region>(region_, batch, run, log_).check();
  }

  void against_plain_loop(generated_batch<double> const& batch, loss_options const& options) {
    loss_options const o = fit(options, batch);
    captured_run<double> const got = wide_.run(0, batch, o);
    if (!got.outcome.ok()) return log_.fail("the call in double", describe(got.outcome).c_str());
    plain_result const want = plain_loop(batch, region_, o);
    slot_rows const rows = batch.token_rows();
    for (std::size_t b = 0; b < rows.size(); ++b) {
      for (index_t const slot : rows[b]) compare_token(got, want, batch, static_cast<index_t>(b), slot);
    }
  }

  /// True if the gate is soft. Of a described region this is known at run time.
  static bool is_soft(Region const& region) {
    if constexpr (requires { region.gate().is_soft(); }) return region.gate().is_soft();
    else return Region::is_soft;
  }
  void compare_token(captured_run<double> const& got, plain_result const& want, generated_batch<double> const& batch,
                     index_t b, index_t slot) {
    auto const i = static_cast<std::size_t>(slot);
    auto const close = [&](captured c, double expected, double absolute, double relative) {
      log_.count(1);
      double const have = got[c][i];
      if (std::fabs(have - expected) <= absolute + relative * std::fabs(expected)) return;
      log_.fail("the plain loop", output_names[static_cast<std::size_t>(c)], b, slot - batch.first(b), have, expected);
    };
    double const sums = 1e-12 * static_cast<double>(1 + batch.slots_of(b));
    close(captured::divergence, want.divergence[i], 0.0, 0.0);
    close(captured::weight, want.weight[i], 0.0, 0.0);
    close(captured::prefix_drift, want.prefix_drift[i], sums, 1e-13);
    close(captured::prefix_weight, want.prefix_weight[i], sums, 1e-13);
    if (want.steady[i] == 0) return log_.skip();
    close(captured::mask, want.kept[i], 0.0, 0.0);
    close(captured::gate, want.gate[i], 1e-6, 0.0);
    double const smooth = is_soft(region_) ? 1e-5 : 1e-9;
    close(captured::loss, want.loss[i], 0.0, smooth);
    close(captured::gradient, want.gradient[i], 0.0, smooth);
  }

  Region region_;
  check_options o_;
  region_runner<float> narrow_;
  region_runner<double> wide_;
  check_log log_;
};

/// Runs a region on random batches and compares, bit for bit: a call with its repetition; `seq` with `simd` at one and
/// three threads (if it is built) and with `further` executors, with and without trace; one lane with four, and with
/// itself when asked again in another order; excluded slots full of NaN, infinities and junk; holes with removed
/// tokens; other orders, paddings and layouts; every response alone; every response in pieces, and a short one cut in
/// every way. Then it compares in double with a plain loop that shares only the region's own parts: decisions, unless
/// they are too close to call, and values to 1e-9.
///
/// Batches differ in layout, element type and loss options. `further` executors run calls in float. Cost: about 1 ms a
/// batch. For tests.
template <trust_region_like Region, class... Executor>
check_result check_region(Region const& region, check_options const& options = {},
                          named_executor<Executor> const&... further) {
  return region_check<Region>(region, options, further...).run();
}

}}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
