/// @file
/// Checks on one batch that nothing changes a bit that must not: executors, poisoned slots, holes, padding, order,
/// other responses, cuts.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/check_result.hpp>
#include <cppo/testing/rearrange.hpp>
#include <cppo/testing/region_runner.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing { inline namespace CPPO_TESTED_ON {

/// The checks on one batch of elements T. Every run is compared with one run on `seq`.
template <element T>
class batch_check {
  using real = typename generated_batch<T>::real;

 public:
  /// Takes the batch. Faults and counts go to `log`.
  batch_check(region_runner<real> const& runner, generated_batch<T> const& batch, loss_options const& options,
              check_log& log)
      : runner_(runner), batch_(batch), options_(options), log_(log), whole_(runner.run(0, batch, options)) {}

  /// The run on `seq` with which all others are compared.
  captured_run<real> const& whole() const noexcept { return whole_; }

  /// Makes all checks except `threads`.
  void check() {
    if (!whole_.outcome.ok()) return log_.fail("the call on generated input", describe(whole_.outcome).c_str());
    difference const stray = nonzero_excluded(batch_, whole_);
    if (stray.found) log_.fail("+0 at excluded slots", stray, batch_.rows());
    compare_with("a second run on seq", runner_.run(0, batch_, options_), batch_, {}, compared::all);
    auto const without_trace = [&](std::size_t k) { return runner_.run(k, batch_, options_, asks_for::no_trace); };
    compare_with("seq without trace", without_trace(0), batch_, {}, compared::outputs);
    for (std::size_t k = 1; k < runner_.executors(); ++k) {
      compare_with(runner_.name(k), runner_.run(k, batch_, options_), batch_, {}, compared::all);
      compare_with(runner_.name(k) + " without trace", without_trace(k), batch_, {}, compared::outputs);
    }
    for (int p = 0; p < poisons; ++p) {
      generated_batch<T> poisoned = batch_;
      poisoned.refill_excluded(p);
      compare_with("poison in excluded slots", runner_.run(0, poisoned, options_), poisoned, {}, compared::all);
    }
    if (options_.positions != position_convention::padded_column) rearrange_all();
  }

  /// Runs the batch repeated many times, so that threads are worth starting.
  void threads() {
    slot_rows const rows = batch_.rows();
    slot_rows many;
    std::size_t slots = 0;
    while (slots < 60000 && batch_.slots() > 0) {
      for (std::vector<index_t> const& row : rows) {
        many.push_back(row);
        slots += row.size();
      }
    }
    rearranged_batch<T> const big = rearranged(batch_, std::move(many), arrangement::packed);
    captured_run<real> const plain = runner_.run(0, big.batch, options_);
    if (runner_.responses_stand_alone())
      compare_with("seq, many responses", plain, big.batch, big.source, compared::outputs);
    for (std::size_t k = 1; k < runner_.executors(); ++k) {
      compare_runs(runner_.name(k) + ", many responses", runner_.run(k, big.batch, options_), plain, big.batch, {},
                   compared::all);
    }
  }

 private:
  /// What of two runs must agree.
  enum class compared : std::uint8_t { outputs, all };

  void compare_with(std::string_view what, captured_run<real> const& got, generated_batch<T> const& batch,
                    std::vector<index_t> const& source, compared what_of_it) {
    compare_runs(what, got, whole_, batch, source, what_of_it);
  }
  void compare_runs(std::string_view what, captured_run<real> const& got, captured_run<real> const& expected,
                    generated_batch<T> const& batch, std::vector<index_t> const& source, compared what_of_it) {
    slot_rows const rows = batch.rows_and_spare();
    difference const d = compare(got, expected, rows, source);
    std::size_t const outputs = got[captured::decision].empty() ? captured_without_trace : captured_outputs;
    for (std::vector<index_t> const& row : rows) log_.count(row.size() * outputs);
    if (d.found) log_.fail(what, d, rows);
    if (got.outcome.code != expected.outcome.code) log_.fail(what, describe(got.outcome).c_str());
    bool const reports_agree = what_of_it == compared::outputs || same_bits(got.report, expected.report);
    if (!reports_agree) log_.fail(what, "the report differs");
  }

  void arrange(std::string_view what, slot_rows rows, arrangement how, compared what_of_it = compared::all) {
    rearranged_batch<T> const other = rearranged(batch_, std::move(rows), how);
    captured_run<real> const run = runner_.run(0, other.batch, options_);
    compare_with(what, run, other.batch, other.source, what_of_it);
  }

  void rearrange_all() {
    arrange("holes removed", batch_.token_rows(), arrangement::packed);
    slot_rows wider = batch_.rows();
    for (std::size_t b = 0; b < wider.size(); ++b) {
      wider[b].insert(wider[b].begin(), b % 3, -1);
      wider[b].insert(wider[b].end(), 5, -1);
    }
    arrange("wider padding", std::move(wider), arrangement::padded);
    slot_rows reversed = batch_.rows();
    std::reverse(reversed.begin(), reversed.end());
    arrange("responses in another order", reversed, arrangement::packed, compared::outputs);
    cut_in_three();
    if (options_.aggregate != token_sum && options_.normalizer == 0.0) return;  // the rest changes the batch's counts
    if (!runner_.responses_stand_alone()) return;
    std::vector<index_t> const shortest = cuttable();
    for (index_t b = 0; b < batch_.responses; ++b) {
      rearranged_batch<T> const alone = rearranged(batch_, {batch_.row(b)}, arrangement::packed);
      difference const d = compare(runner_.run(0, alone.batch, options_), whole_, alone.batch.rows(), alone.source);
      if (d.found) log_.fail("one response alone", d, alone.batch.rows());
    }
    if (!shortest.empty()) cut_everywhere(shortest);
  }

  /// The first six slots of the shortest response of two slots or more.
  std::vector<index_t> cuttable() const {
    std::vector<index_t> best;
    for (std::vector<index_t> const& row : batch_.rows()) {
      if (row.size() > 1 && (best.empty() || row.size() < best.size())) best = row;
    }
    if (best.size() > 6) best.resize(6);
    return best;
  }

  /// Runs pieces on every executor. Slot s of the pieces is slot `source[s]` of `expected`.
  void run_pieces(std::string_view what, slot_rows rows, std::vector<index_t> const& response_of,
                  std::vector<index_t> const& order_of, index_t responses, generated_batch<T> const& from,
                  captured_run<real> const& expected) {
    rearranged_batch<T> const pieces = rearranged(from, std::move(rows), arrangement::packed);
    piece_plan const plan = runner_.plan(pieces.batch.view(), response_of, order_of, responses, options_);
    loss_options o = options_;
    o.carries = plan.carries;
    o.folds = plan.folds;
    o.totals = plan.totals;
    slot_rows const cut = pieces.batch.rows();
    for (std::size_t k = 0; k < runner_.executors(); ++k) {
      for (asks_for const asked : {asks_for::trace, asks_for::no_trace}) {
        bool const traced = asked == asks_for::trace;
        difference const d = compare(runner_.run(k, pieces.batch, o, asked), expected, cut, pieces.source);
        log_.count(pieces.source.size() * (traced ? captured_outputs : captured_without_trace));
        if (d.found) log_.fail(std::string(what) + " on " + runner_.name(k) + (traced ? "" : " without trace"), d, cut);
      }
    }
  }

  /// Runs every response in three pieces, which lie in reverse order.
  void cut_in_three() {
    slot_rows rows;
    std::vector<index_t> response_of, order_of;
    for (index_t b = batch_.responses - 1; b >= 0; --b) {
      std::vector<index_t> const row = batch_.row(b);
      auto const n = static_cast<index_t>(row.size());
      index_t const ends[] = {n, std::min(n, (2 * n + b) / 3), n / 4, 0};
      for (int k = 0; k < 3; ++k) {
        rows.emplace_back(row.begin() + ends[k + 1], row.begin() + ends[k]);
        response_of.push_back(b);
        order_of.push_back(2 - k);
      }
    }
    run_pieces("pieces", std::move(rows), response_of, order_of, batch_.responses, batch_, whole_);
  }

  /// Runs one short response, cut in every possible way.
  void cut_everywhere(std::vector<index_t> const& slots) {
    rearranged_batch<T> const uncut = rearranged(batch_, {slots}, arrangement::packed);
    slot_rows rows;
    std::vector<index_t> response_of, order_of;
    index_t const ways = index_t{1} << (slots.size() - 1);
    for (index_t cuts = 0; cuts < ways; ++cuts) {
      index_t order = 0;
      rows.emplace_back();
      for (std::size_t i = 0; i < slots.size(); ++i) {
        rows.back().push_back(static_cast<index_t>(i));
        bool const last = i + 1 == slots.size();
        if (!last && (cuts >> i & 1) == 0) continue;
        response_of.push_back(cuts);
        order_of.push_back(order++);
        if (!last) rows.emplace_back();
      }
    }
    run_pieces("every cut", std::move(rows), response_of, order_of, ways, uncut.batch,
               runner_.run(0, uncut.batch, options_));
  }

  region_runner<real> const& runner_;
  generated_batch<T> const& batch_;
  loss_options const& options_;
  check_log& log_;
  captured_run<real> whole_;
};

}}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
