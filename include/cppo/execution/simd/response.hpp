/// @file
/// One response under `simd`: one pass, and one more over D if the region needs D of the whole response first.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd/measured.hpp>
#include <cppo/execution/simd/statistics.hpp>
#include <cppo/execution/simd/tail.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One response under a region.
template <class Region>
class simd_response : simd_measured<Region> {
  using V = simd_lane;
  using base = simd_measured<Region>;
  using base::b_, base::map_, base::task_, base::known_, base::from_, base::at_;
  using base::is_for_seq, base::first_position, base::reader, base::out_of_cache, base::reads_lists_here,
      base::take_divergences;
  static_assert(chunk_size % group_size == 0);
  static constexpr gate_kind gates = Region::is_soft ? gate_kind::soft : gate_kind::hard;

 public:
  /// Response b of `t`, of which `from` holds what does not depend on the region.
  simd_response(task<float, Region> const& t, simd_call const& from, index_t b, std::vector<float>& scratch) noexcept
      : base(t, from, b), scratch_(scratch) {}

  /// Adds what the response adds to the outcome of those before.
  void run(response_outcome& into) {
    if (is_for_seq() || !summarize()) return run_as_seq(into);
    batch_counts const n = task_.counts(b_, map_.tokens);
    bool const good = task_.reports ? decide<with_report::yes>(n, into.report)
                                    : decide<with_report::no>(n, into.report);
    if (!good) run_as_seq(into);
  }

 private:
  /// Runs the response as `seq` does, which handles whatever is wrong with the input. Every slot is written again.
  void run_as_seq(response_outcome& into) {
    if constexpr (requires { typename Region::shape_of; }) {
      using whole = typename Region::shape_of;  // one for all shapes
      task<float, whole> const same{task_, task_.region};
      into.add(seq_response<float, whole>(same, b_, scratch_).run());
    } else {
      into.add(seq_response<float, Region>(task_, b_, scratch_).run());
    }
  }

  /// Finds T and delta_b. False if the input is bad.
  bool summarize() {
    if (task_.totals != nullptr) {
      whole_ = task_.totals[b_];
      return true;
    }
    response_summary whole;
    whole.length = map_.tokens;
    simd_statistics s(whole, scratch_);
    if constexpr (needs_divergences<Region>) if (asks_for_divergences(task_.region)) {
      float* const divergences = s.reserve(map_.tokens);
      input_extremes input;
      response_reader all = reader();
      if (reads_lists_here()) all.leave_lists();
      token_chunk chunk;
      token_lanes in;
      while (all.next(chunk, in)) {
        if (!take_divergences(chunk, in, all)) return false;
        measure_chunk(chunk, in, input, divergences + all.rank());
      }
      if (!all.valid() || !input.within(task_.log_probs)) return false;
      if (asks_for(task_.region, needs::response)) s.observe(whole);
      known_ = divergences;
    }
    whole.delta_b = task_.region.resolve_budget(s);
    whole_ = whole;
    return true;
  }
  /// Computes D of a chunk on registers. Writes whole registers.
  void measure_chunk(token_chunk const& chunk, token_lanes const& in, input_extremes& input,
                     float* out) const noexcept {
    Region const region = task_.region;
    input_extremes seen = input;
    each_register_of(chunk, in, [&](token_lanes const& r, int from, int k) CPPO_INLINE_LAMBDA {
      seen.see(r, from);
      put_lanes(out, k, load_tokens(region, r, from).divergence());
    });
    input = seen;
  }

  /// The writer of the outputs. Scaled by more than 1, a loss may overflow that is not seen in the sum: it is watched.
  response_writer writer_for(with_report report) const noexcept {
    bool const watched = report == with_report::yes && task_.scale(whole_.length) > 1.0F;
    return {from_, at_, {.watch_losses = watched, .past_caches = out_of_cache()}};
  }

  /// Decides and writes every token. False if `seq` must run the response: its input, or its loss, is not what
  /// registers handle.
  template <with_report Report>
  bool decide(batch_counts const& n, cppo::report& report) {
    prefix_sums const carry = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    simd_reporter reporter(first_position(), task_.schedule_length(whole_.length));
    response_summary const whole = whole_;
    auto with = begin(carry, whole);
    response_writer writer = writer_for(Report);
    writer.write_excluded(map_);
    response_reader all = reader(&writer);
    if (known_ != nullptr || reads_lists_here()) all.leave_lists();
    token_chunk chunk;
    token_lanes in;
    simd_counts counts;
    std::uint64_t kept[chunk_size / 64];
    while (all.next(chunk, in)) {
      if (!take_divergences(chunk, in, all)) return false;
      chunk_outputs const out = writer.begin(chunk);
      chunk_outputs to = outputs_of_groups(out, gates);
      for (std::uint64_t& word : kept) word = 0;
      if (reports(Report) && all.rank() > 0) reporter.begin_chunk(gates);
      index_t const first = first_position() + all.rank();
      int k = 0;
      for (int const count = chunk.count; k + group_size <= count; k += group_size, to.advance()) {
        if (out.far) fetch_ahead(in, k);
        token_group<Report, lanes_hold::all, decltype(with)> group(with, in, k, first + k, group_size);
        kept[k / 64] |= group.decide(to, counts, reporter) << (k % 64);
      }
      decide_rest<Report>(in, k, chunk.count - k, first + k, with, counts, reporter, to, kept);
      writer.end(chunk, out, kept, gates, reports(Report) ? &counts.tokens : nullptr);
      if constexpr (reports(Report)) reporter.end_chunk(kept, chunk.count);
    }
    return all.valid() && with.input.within(task_.log_probs) && finish<Report>(n, counts, reporter, writer, report);
  }
  /// What the tokens are decided with, before the first of them.
  CPPO_ALWAYS_INLINE auto begin(prefix_sums const& carry, response_summary const& whole) const noexcept {
    Region const& region = task_.region;
    auto const weigh = schedule_for(region.weight(), task_.schedule_length(whole.length));
    return known_response<Region, std::remove_const_t<decltype(weigh)>>{
        region, task_.objective, weigh,
        simd_prefix(carry, static_cast<float>(region.budget_slack())),
        V(task_.scale(whole.length)), &whole, task_.folds.of(task_.batch.shape(), b_)};
  }
  /// Adds the response to the report. False if a loss is not finite: the plain definition counts those.
  template <with_report Report>
  bool finish(batch_counts const& n, simd_counts const& counts, simd_reporter& reporter, response_writer const& writer,
              cppo::report& report) const noexcept {
    if (can_stream && out_of_cache()) end_streaming();
    if (!writer.finite_losses()) return false;
    if (reports(Report) && n.tokens > 0) {
      return reporter.finish<Region>(report, counts, n, whole_.delta_b, task_.share_of(whole_.length));
    }
    report.counts = report.counts + n;
    return true;
  }

  std::vector<float>& scratch_;
  response_summary whole_;
};

/// Numbers that `simd_response` may keep at a time.
template <class Region>
std::size_t simd_room(task<float, Region> const& t) noexcept {
  return asks_for_divergences(t.region) ? simd_statistics::room(longest_collected(t)) : 0;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
