/// @file
/// One response under `simd`: one pass where the budget is fixed, one more over D where it is found from D.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd_group.hpp>
#include <cppo/execution/simd_statistics.hpp>

namespace cppo::inline CPPO_ABI::detail {

template <class Region>
class simd_response {
  using V = simd_lane;
  using ops = simd_ops;
  using job = task<float, Region>;
  static_assert(block_size % group_size == 0);

 public:
  simd_response(job const& t, index_t b, std::vector<float>& scratch) noexcept
      : task_(t), b_(b), first_(t.batch.shape().begin(b)), slots_(t.batch.shape().slots(b)), scratch_(scratch),
        map_(map_tokens(t.batch[argument::response_mask], t.batch.shape(), b)) {}

  /// Valid tokens, 0 if the response is rejected.
  index_t count() noexcept {
    return !rejected_elsewhere(task_, b_) && map_.sound && sound() ? map_.tokens : count_response(task_, b_).tokens;
  }

  response_outcome run() {
    if (task_.positions == position_convention::padded_column || rejected_elsewhere(task_, b_) || !map_.sound ||
        task_.tokens_before(b_) + map_.tokens > longest_on_registers) {
      return plainly();
    }
    response_count n;
    n.tokens = map_.tokens;
    response_outcome outcome = open_outcome(task_, b_, n);
    if (!summarize()) return plainly();
    write_excluded();
    bool good;
    if (task_.wants_trace() || task_.out[static_cast<int>(sink::gate)].lent()) good = decide<true, true>(outcome.diagnostics);
    else if (task_.reports) good = decide<true, false>(outcome.diagnostics);
    else good = decide<false, false>(outcome.diagnostics);
    return good ? outcome : plainly();
  }

 private:
  /// The plain definition handles whatever is wrong with the input; it writes every slot again.
  response_outcome plainly() { return seq_response<float, Region>(task_, b_, scratch_).run(); }

  response_column column_of(argument a) const noexcept { return {task_.batch[a], b_, first_, slots_}; }
  response_column column_of(sink s) const noexcept { return {task_.out[static_cast<int>(s)], b_, first_, slots_}; }
  bool one_by_one() const noexcept {
    using D = typename Region::divergence_type;
    if constexpr (!scores_on<D, V>) return true;
    else if constexpr (requires(D const& s) { s.one_token_only(); }) return task_.policy.divergence().one_token_only();
    else return false;
  }

  struct ignore_gaps {
    void operator()(index_t, index_t) const noexcept {}
  };
  /// f(block, lanes, rank of its first token) for every block, gap(slot, n) for slots between tokens that no block holds;
  /// false where extra input is not sound.
  template <class F, class Gap = ignore_gaps>
  CPPO_ALWAYS_INLINE bool each_block(F const& f, Gap const& gap = {}) {
    layout const& l = task_.batch.shape();
    response_column const pi = column_of(argument::log_prob), mu = column_of(argument::rollout_log_prob),
                          advantage = column_of(argument::advantage), weight = column_of(argument::token_weight),
                          given = column_of(argument::divergence);
    block_cursor cursor(task_.batch[argument::response_mask], l, b_, map_);
    token_block block;
    lane_copies<block_room> copies;
    for (index_t rank = 0; cursor.next(block, gap); rank += block.count) {
      token_lanes in{gather(pi, block, copies.pi), gather(mu, block, copies.mu), gather(advantage, block, copies.advantage),
               gather(weight, block, copies.weighted), gather(given, block, copies.given), nullptr};
      if (in.weighted != nullptr && !finite(in.weighted, block.count, false)) return false;
      if (in.given != nullptr && !finite(in.given, block.count, true)) return false;
      if (task_.batch.has(argument::top_k) && !lists_sound(block)) return false;
      if (in.weighted == nullptr) in.weighted = in.advantage;
      else {
        for (int k = 0; k < block.count; ++k) copies.weighted[k] = rounded_product(in.advantage[k], in.weighted[k]);
        in.weighted = copies.weighted;
      }
      if (known_ != nullptr) in.score = known_ + rank;
      else if (one_by_one()) {
        score_block(block, copies.score);
        in.score = copies.score;
      }
      f(block, in, rank);
    }
    return true;
  }
  /// Are n numbers finite and, where there must be no sign, none below 0?
  static bool finite(float const* x, int n, bool no_sign) noexcept {
    bool good = true;
    for (int k = 0; k < n; ++k) good = good && is_finite(x[k]) && !(no_sign && x[k] < 0.0F);
    return good;
  }
  bool lists_sound(token_block const& block) const noexcept {
    bool good = true;
    block.each([&](int, index_t slot) { good = good && inspect_token(task_.batch, task_.log_probs, b_, slot).ok(); });
    return good;
  }
  /// D by the scalar definition, where the score exists for one token only.
  void score_block(token_block const& block, float* out) const noexcept {
    block.each([&](int k, index_t slot) {
      top_k_row<float> lists;
      out[k] = load_token(task_, b_, slot, lists).divergence().raw();
    });
  }

  bool sound() {
    soundness input;
    bool const extras = each_block([&](token_block const& block, token_lanes const& in, index_t) {
      each_group(block, in, [&](token_lanes const& g, int at, int) {
        for (int u = 0; u < group_registers; ++u) input.see(g, at + u * simd_size);
      });
    });
    return extras && input.good(task_.log_probs);
  }

  /// T, and what the budget is found from; false if the input is not sound.
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
      bool const extras = each_block([&](token_block const& block, token_lanes const& in, index_t rank) {
        score_block(block, in, input, scores + rank);
      });
      if (!extras || !input.good(task_.log_probs)) return false;
      if constexpr (any(Region::needed, needs::response)) s.observe(whole);
      known_ = scores;
    }
    whole.delta_b = task_.policy.resolve_budget(s);
    whole_ = whole;
    return true;
  }
  /// D of the tokens of a block on registers; writes whole groups.
  void score_block(token_block const& block, token_lanes const& in, soundness& input, float* out) const noexcept {
    Region const policy = task_.policy;
    soundness seen = input;
    each_group(block, in, [&](token_lanes const& g, int from, int k) CPPO_INLINE_LAMBDA {
      each_register<true>([&](auto u) CPPO_INLINE_LAMBDA {
        seen.see(g, from + u * simd_size);
        put_lanes(out + k, u * simd_size, load_tokens(policy, g, from + u * simd_size).divergence());
      });
    });
    input = seen;
  }

  /// Are the slots between tokens written with the tokens?
  static bool zeros_between(sink s, response_column const& out) noexcept {
    return s == sink::mask ? out.dense_bytes : out.dense_floats;
  }
  /// +0 in every output at the slots before the first token and after the last, or in every slot.
  void write_excluded() const noexcept {
    if (map_.tokens == slots_) return;
    for (int s = 0; s < sinks; ++s) {
      response_column const out = column_of(static_cast<sink>(s));
      if (!map_.in_one_run() && !zeros_between(static_cast<sink>(s), out)) write_zeros(out, 0, slots_);
      else {
        write_zeros(out, 0, map_.first);
        write_zeros(out, map_.end, slots_);
      }
    }
  }

  /// Is the batch too large to be found in a cache afterwards, and to be there already?
  bool out_of_cache() const noexcept {
    constexpr index_t tokens = index_t{1} << 22;  // about 70 MB of inputs and outputs
    if constexpr (can_stream) return task_.batch.shape().covered() > tokens;
    else return false;
  }

  /// Decides and writes every token; false if it is for the plain definition: the input is not sound, or what comes of it.
  template <bool Report, bool Trace>
  bool decide(report& diagnostics) {
    prefix_sums const carry = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    index_t const length = task_.schedule_length(whole_.length);
    simd_notes notes(carry.count + 1, length);
    auto weigh = schedule_for(task_.policy.weight(), length);
    response_summary const whole = whole_;
    deciding<Region, decltype(weigh)> with{task_.policy, task_.objective, weigh,
                                   simd_prefix(carry, static_cast<float>(task_.policy.budget_slack()), whole_.delta_b),
                                   V(task_.scale(whole_.length)), &whole};
    response_column const loss = column_of(sink::loss), gradient = column_of(sink::gradient), mask = column_of(sink::mask);
    // Scaled by more than 1, a loss may overflow that is not seen in the sum.
    bool const watched = Report && task_.scale(whole_.length) > 1.0F;
    bool finite_losses = true;
    alignas(64) float loss_copy[block_room], gradient_copy[block_room];
    alignas(64) float trace_copies[Trace ? sinks : 1][block_room];
    bool const far = out_of_cache();
    bool const done = each_block([&](token_block const& block, token_lanes const& in, index_t rank) CPPO_INLINE_LAMBDA {
      bool const loss_in_place = loss.dense_floats && block.consecutive;
      bool const gradient_in_place = gradient.dense_floats && block.consecutive;
      block_outputs out;
      if (loss.source->lent() || watched) out.loss = loss_in_place ? loss.floats() + block.first : loss_copy;
      out.gradient = gradient_in_place ? gradient.floats() + block.first : gradient_copy;
      out.far = far;
      if constexpr (Trace) {
        for (int s = 0; s < sinks; ++s) out.trace[s] = trace_copies[s];
      }
      std::uint64_t kept[block_size / 64] = {};
      if constexpr (Report) if (rank > 0) notes.begin_block();
      simd_counts counts;
      decide_block<Report, Trace>(in, carry.count + rank + 1, block.count, with, counts, notes, out, kept);
      if (!loss_in_place) scatter(loss, block, loss_copy);
      if (!gradient_in_place) scatter(gradient, block, gradient_copy);
      scatter_bits(mask, block, kept);
      if (watched) finite_losses = finite_losses && finite(out.loss, block.count, false);
      if constexpr (Report) {
        count_stored(loss, block, loss_copy, counts.tokens);
        count_stored(gradient, block, gradient_copy, counts.tokens);
      }
      if constexpr (Trace) {
        for (int s = static_cast<int>(sink::gate); s < sinks; ++s) {
          response_column const column = column_of(static_cast<sink>(s));
          scatter(column, block, trace_copies[s]);
          count_stored(column, block, trace_copies[s], counts.tokens);
        }
      }
      if constexpr (Report) notes.end_block(counts, kept, block.count, diagnostics);
    }, [&](index_t slot, index_t n) {
      for (int s = 0; s < sinks; ++s) {
        response_column const between = column_of(static_cast<sink>(s));
        if (zeros_between(static_cast<sink>(s), between)) write_zeros(between, slot, slot + n);
      }
    });
    if constexpr (can_stream) {
      if (far) end_streaming();
    }
    if (!done || !with.input.good(task_.log_probs)) return false;
    if (!Report || !task_.reports) return true;
    notes.template finish<Region>(diagnostics, whole_.delta_b, task_.share_of(whole_.length));
    return finite_losses && is_finite(diagnostics.sum_loss);  // else the plain definition counts what is not
  }

  job const& task_;
  index_t b_;
  index_t first_;  // element of slot 0 on the packed axis
  index_t slots_;
  std::vector<float>& scratch_;
  token_map map_;
  response_summary whole_;
  float const* known_ = nullptr;  // D of every token, where a first pass found it
};

/// Numbers that `simd_response` may keep at a time.
template <class Region>
std::size_t simd_room(task<float, Region> const& t) noexcept {
  if constexpr (needs_divergences<Region>) return simd_statistics::room(longest_collected(t));
  else return 0;
}

}  // namespace cppo::inline CPPO_ABI::detail

#include <cppo/macros_on.inc>
