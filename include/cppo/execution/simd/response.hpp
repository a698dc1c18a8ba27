/// @file
/// One response under `simd`: one pass, and one more over D if the region needs D of the whole response first.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd/group.hpp>
#include <cppo/execution/simd/statistics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One response of a call as registers read it, which does not depend on the region.
class simd_walk {
 public:
  simd_walk(checked_call<float> const& t, index_t b) noexcept
      : call_(t), b_(b), at_(t.batch.shape(), b),
        map_(map_tokens(t.batch[argument::response_mask], t.batch.shape(), b)) {}

  /// Valid tokens, 0 if the response is rejected.
  index_t count() const noexcept {
    return !rejected_elsewhere(call_, b_) && map_.sound && sound() ? map_.tokens : count_response(call_, b_).tokens;
  }

 protected:
  /// True if registers cannot run the response, whatever its input is. Calls that write a trace need not be fast.
  bool is_for_seq() const noexcept {
    bool const scattered = call_.positions == position_convention::padded_column && !map_.in_one_run();
    return call_.wants_trace() || scattered || rejected_elsewhere(call_, b_) || !map_.sound ||
           first_position() - 1 + map_.tokens > longest_on_registers;
  }
  /// The position of the first token.
  index_t first_position() const noexcept {
    bool const by_column = call_.positions == position_convention::padded_column;
    return (by_column ? map_.first : call_.tokens_before(b_)) + 1;
  }
  response_reader reader(response_writer const* gaps = nullptr) const noexcept {
    return {call_.batch, at_, map_, call_.log_probs, gaps};
  }
  bool sound() const noexcept {
    response_reader all = reader();
    return response_sound(all, call_.log_probs);
  }
  /// True if the batch is too large to be in a cache, before the call or after it.
  bool out_of_cache() const noexcept {
    constexpr index_t tokens = index_t{1} << 22;  // about 70 MB of inputs and outputs
    if constexpr (can_stream) return call_.batch.shape().covered() > tokens;
    else return false;
  }

  checked_call<float> const& call_;
  index_t b_;
  response_place at_;
  token_map map_;
};

/// One response under a region.
template <class Region>
class simd_response : simd_walk {
  using V = simd_lane;
  using ops = simd_ops;
  static_assert(chunk_size % group_size == 0);

 public:
  simd_response(task<float, Region> const& t, index_t b, std::vector<float>& scratch) noexcept
      : simd_walk(t, b), task_(t), scratch_(scratch) {}

  response_outcome run() {
    if (is_for_seq()) return run_as_seq();
    response_count n;
    n.tokens = map_.tokens;
    response_outcome outcome = open_outcome(task_, b_, n);
    if (!summarize()) return run_as_seq();
    bool const good = task_.reports ? decide<with_report::yes>(outcome.diagnostics)
                                    : decide<with_report::no>(outcome.diagnostics);
    return good ? outcome : run_as_seq();
  }

 private:
  /// Runs the response as `seq` does, which handles whatever is wrong with the input. Every slot is written again.
  response_outcome run_as_seq() { return seq_response<float, Region>(task_, b_, scratch_).run(); }

  bool one_by_one() const noexcept {
    using D = typename Region::divergence_type;
    if constexpr (!scores_on<D, V>) return true;
    else if constexpr (requires(D const& s) { s.one_token_only(); }) return task_.region.divergence().one_token_only();
    else return false;
  }

  /// Computes D of a chunk one token at a time, for a divergence that exists for one token only.
  void score_chunk(token_chunk const& chunk, float* out) const noexcept {
    chunk.each([&](int k, index_t slot) {
      top_k_row<float> lists;
      out[k] = load_token(task_, b_, slot, lists).divergence().raw();
    });
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
    if constexpr (needs_divergences<Region>) {
      float* const scores = s.reserve(map_.tokens);
      soundness input;
      response_reader all = reader();
      token_chunk chunk;
      token_lanes in;
      while (all.next(chunk, in)) {
        take_scores(chunk, in, all);
        score_chunk(chunk, in, input, scores + all.rank());
      }
      if (!all.sound() || !input.good(task_.log_probs)) return false;
      if constexpr (any(Region::needed, needs::response)) s.observe(whole);
      known_ = scores;
    }
    whole.delta_b = task_.region.resolve_budget(s);
    whole_ = whole;
    return true;
  }
  /// Computes D of a chunk on registers. Writes whole groups.
  void score_chunk(token_chunk const& chunk, token_lanes const& in, soundness& input, float* out) const noexcept {
    Region const region = task_.region;
    soundness seen = input;
    each_group(chunk, in, [&](token_lanes const& g, int from, int k) CPPO_INLINE_LAMBDA {
      each_register([&](int u) CPPO_INLINE_LAMBDA {
        seen.see(g, from + u * simd_size);
        put_lanes(out + k, u * simd_size, load_tokens(region, g, from + u * simd_size).divergence());
      });
    });
    input = seen;
  }

  /// Gives a chunk its D, if that is known before the tokens are on registers.
  void take_scores(token_chunk const& chunk, token_lanes& in, response_reader& from) const noexcept {
    if (known_ != nullptr) in.score = known_ + from.rank();
    else if (one_by_one()) {
      score_chunk(chunk, from.scores());
      in.score = from.scores();
    }
  }

  /// The writer of the outputs. Scaled by more than 1, a loss may overflow that is not seen in the sum: it is watched.
  response_writer writer_for(with_report report) const noexcept {
    bool const watched = report == with_report::yes && task_.scale(whole_.length) > 1.0F;
    return {task_.out, at_, {.watch_losses = watched, .past_caches = out_of_cache()}};
  }

  /// Decides and writes every token. False if `seq` must run the response: its input, or its loss, is not what
  /// registers handle.
  template <with_report Report>
  bool decide(report& diagnostics) {
    constexpr bool reports = Report == with_report::yes;
    constexpr gate_kind gates = Region::is_soft ? gate_kind::soft : gate_kind::hard;
    prefix_sums const carry = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    index_t const length = task_.schedule_length(whole_.length);
    simd_reporter reporter(first_position(), length);
    auto weigh = schedule_for(task_.region.weight(), length);
    response_summary const whole = whole_;
    deciding<Region, decltype(weigh)> with{task_.region, task_.objective, weigh,
                                   simd_prefix(carry, static_cast<float>(task_.region.budget_slack()), whole_.delta_b),
                                   V(task_.scale(whole_.length)), &whole};
    response_writer writer = writer_for(Report);
    writer.write_excluded(map_);
    response_reader all = reader(&writer);
    token_chunk chunk;
    token_lanes in;
    while (all.next(chunk, in)) {
      take_scores(chunk, in, all);
      chunk_outputs const out = writer.begin(chunk);
      std::uint64_t kept[chunk_size / 64] = {};
      if constexpr (reports) if (all.rank() > 0) reporter.begin_chunk();
      simd_counts counts;
      decide_chunk<Report>(in, first_position() + all.rank(), chunk.count, with, counts, reporter, out, kept);
      writer.end(chunk, out, kept, gates, reports ? &counts.tokens : nullptr);
      if constexpr (reports) reporter.end_chunk(counts, kept, chunk.count, diagnostics);
    }
    if (can_stream && out_of_cache()) end_streaming();
    if (!all.sound() || !with.input.good(task_.log_probs)) return false;
    if constexpr (!reports) return true;
    reporter.template finish<Region>(diagnostics, whole_.delta_b, task_.share_of(whole_.length));
    return writer.finite_losses() && is_finite(diagnostics.sum_loss);  // else the plain definition counts what is not
  }

  task<float, Region> const& task_;
  std::vector<float>& scratch_;
  response_summary whole_;
  float const* known_ = nullptr;  // D of every token, where a first pass found it
};

/// Numbers that `simd_response` may keep at a time.
template <class Region>
std::size_t simd_room(task<float, Region> const& t) noexcept {
  if constexpr (needs_divergences<Region>) return simd_statistics::room(longest_collected(t));
  else return 0;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
