/// @file
/// The SIMD executor: the same region on registers of tokens, threads over responses, the same bits as `seq`.
#pragma once

#include <cppo/divergence/single_sample.hpp>
#include <cppo/execution/block.hpp>
#include <cppo/execution/parallel.hpp>
#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd_lanes.hpp>

namespace cppo::inline CPPO_ABI {

/// Runs calls on SIMD registers, in float; calls in double run the scalar definition. One thread unless asked.
class simd_t {
 public:
  constexpr simd_t() noexcept = default;
  /// The same executor on `n` threads over responses; 0: as many as the machine has.
  constexpr simd_t with_threads(int n) const noexcept {
    simd_t s;
    s.threads_ = n;
    return s;
  }
  /// Threads asked for.
  constexpr int threads() const noexcept { return threads_; }

 private:
  int threads_ = 1;
};
/// SIMD registers, one thread; `simd.with_threads(n)` for more.
inline constexpr simd_t simd{};

namespace detail {

/// The running prefix of one response, advanced a group of tokens at a time.
template <bool Values>
struct simd_prefix {
  using ops = simd_lane::ops;
  static constexpr int group = 4 * ops::size;

  exact_sum room;    ///< budget - drift
  prefix_sums sums;  ///< kept only where values are asked for
  exact_sum slack;   ///< delta on the grid

  /// What the tokens of a group see of the prefix, lane by lane.
  struct view {
    alignas(64) float fits[group];       // >= 0: within the budget
    alignas(64) float drift[group];
    alignas(64) float weight[group];
    alignas(64) float allowance[group];
    alignas(64) float left[group];       // delta + delta_b W - S
  };

  /// Advances over `live` tokens whose Z, w delta_b and w are given, filling what each sees before it.
  CPPO_ALWAYS_INLINE void advance(simd_lane const (&z)[4], simd_lane const (&earned)[4], simd_lane const (&weight)[4], int live, view& out) {
    ops::ints zh[4], zl[4], bh[4], bl[4];
    for (int u = 0; u < 4; ++u) {
      ops::to_grid(z[u].raw(), zh[u], zl[u]);
      ops::to_grid(earned[u].raw(), bh[u], bl[u]);
    }
    if constexpr (!Values) {
      if (live == group && skip(z, earned, zh, zl, bh, bl, out)) return;
    }
    alignas(64) std::int32_t limbs[4][group];
    alignas(64) float w[group];
    for (int u = 0; u < 4; ++u) {
      ops::save(limbs[0] + u * ops::size, zh[u]);
      ops::save(limbs[1] + u * ops::size, zl[u]);
      ops::save(limbs[2] + u * ops::size, bh[u]);
      ops::save(limbs[3] + u * ops::size, bl[u]);
      if constexpr (Values) ops::save(w + u * ops::size, weight[u].raw());
    }
    for (int k = 0; k < group; ++k) {
      if (k >= live) {
        out.fits[k] = out.drift[k] = out.weight[k] = out.allowance[k] = out.left[k] = 0.0F;
        continue;
      }
      exact_sum const spent{limbs[0][k], limbs[1][k]};
      exact_sum const gained{limbs[2][k], limbs[3][k]};
      out.fits[k] = (room + slack - spent).nonnegative() ? 1.0F : -1.0F;
      if constexpr (Values) {
        out.drift[k] = static_cast<float>(sums.drift.value());
        out.weight[k] = static_cast<float>(sums.weight.value());
        out.allowance[k] = static_cast<float>(sums.budget.value());
        out.left[k] = static_cast<float>((room + slack).value());
        sums = sums + prefix_sums{spent, cppo::detail::to_grid(w[k]), gained, 1};
      }
      room = room + gained - spent;
    }
  }

 private:
  /// A group whose tokens all fit, or all fail, whatever their order, needs no scan: exact sums bound every prefix in it.
  bool skip(simd_lane const (&z)[4], simd_lane const (&earned)[4], ops::ints const (&zh)[4], ops::ints const (&zl)[4],
            ops::ints const (&bh)[4], ops::ints const (&bl)[4], view& out) {
    simd_lane const least = min(min(min(z[0], z[1]), min(z[2], z[3])),
                                min(min(earned[0], earned[1]), min(earned[2], earned[3])));
    if (!ops::every((least >= simd_lane(0)).raw())) return false;
    exact_sum const spent{ops::sum(zh[0] + zh[1] + zh[2] + zh[3]), ops::sum(zl[0] + zl[1] + zl[2] + zl[3])};
    exact_sum const gained{ops::sum(bh[0] + bh[1] + bh[2] + bh[3]), ops::sum(bl[0] + bl[1] + bl[2] + bl[3])};
    bool const all_fit = (room + slack - spent).nonnegative();
    bool const none_fits = !(room + slack + gained).nonnegative();
    if (!all_fit && !none_fits) return false;
    for (int k = 0; k < group; ++k) out.fits[k] = all_fit ? 1.0F : -1.0F;
    room = room + gained - spent;
    return true;
  }
};

/// One response under `simd`.
template <class Region>
class simd_response {
  using V = simd_lane;
  using ops = V::ops;
  using job = task<float, Region>;
  static constexpr int group = 4 * ops::size;
  static constexpr bool scans = scans_prefix<Region>;
  static_assert(block_size % group == 0);

 public:
  simd_response(job const& t, index_t b, std::vector<float>& scratch) noexcept : task_(t), b_(b), scratch_(scratch) {}

  /// Valid tokens, 0 if the response is rejected.
  index_t count() noexcept {
    return !rejected_elsewhere(task_, b_) && sound() ? tokens_ : count_response(task_, b_).tokens;
  }

  response_outcome run() {
    if (task_.positions == position_convention::padded_column || rejected_elsewhere(task_, b_) || !sound()) {
      return seq_response<float, Region>(task_, b_, scratch_).run();
    }
    response_count n;
    n.tokens = tokens_;
    response_outcome outcome = open_outcome(task_, b_, n);
    whole_ = summarize(task_, b_, tokens_, scratch_, [&](auto const& f) { each_divergence(f); });
    if (tokens_ != task_.batch.shape().slots(b_)) exclude_response(task_, b_);
    if (any(Region::needed, needs::prefix_values) || task_.wants_trace()) decide<true, true>(outcome.diagnostics);
    else if (task_.reports) decide<false, true>(outcome.diagnostics);
    else decide<any(Region::needed, needs::prefix_values), false>(outcome.diagnostics);
    return outcome;
  }

 private:
  /// The inputs of a block and the outputs it produces.
  struct block_data {
    block_slots where;
    block_input log_prob, rollout_log_prob, advantage, weight, lent;
    float const* pi = nullptr;
    float const* mu = nullptr;
    float const* a = nullptr;
    float const* extra = nullptr;
    float const* given = nullptr;
    alignas(64) float scores[block_size];
    alignas(64) float out[sinks][block_size];
    alignas(64) float ratio[block_size], k1[block_size], k3[block_size], clamped[block_size], capped[block_size];

    float* operator[](sink s) noexcept { return out[static_cast<int>(s)]; }
  };

  void fetch(block_data& d) const noexcept {
    layout const& l = task_.batch.shape();
    d.pi = d.log_prob.fetch(task_.batch[argument::log_prob], l, b_, d.where, -1.0F);
    d.mu = d.rollout_log_prob.fetch(task_.batch[argument::rollout_log_prob], l, b_, d.where, -1.0F);
    d.a = d.advantage.fetch(task_.batch[argument::advantage], l, b_, d.where, 0.0F);
    d.extra = d.weight.fetch(task_.batch[argument::token_weight], l, b_, d.where, 1.0F);
    d.given = d.lent.fetch(task_.batch[argument::divergence], l, b_, d.where, 0.0F);
  }

  /// Counts the tokens; false where anything is wrong with the input, so that the plain definition handles it.
  bool sound() noexcept {
    block_cursor<float> cursor(task_.batch, b_);
    block_data d;
    tokens_ = 0;
    V const limit(std::numeric_limits<float>::max());
    V const tolerance(task_.tolerance);
    for (;;) {
      bool const more = cursor.next(d.where);
      if (!d.where.sound) return false;
      if (!more) return true;
      fetch(d);
      auto good = V(0) <= V(0);
      for (int k = 0; k < d.where.count; k += ops::size) {
        V const pi = at(d.pi, k), mu = at(d.mu, k), given = at(d.given, k);
        good = good & (pi >= -limit) & (pi <= tolerance) & (mu >= -limit) & (mu <= tolerance) & (abs(at(d.a, k)) <= limit) &
               (given >= V(0)) & (given <= limit) & (abs(at(d.extra, k)) <= limit);
      }
      if (!ops::every(good.raw())) return false;
      if (task_.batch.has(argument::top_k)) {
        for (int k = 0; k < d.where.count; ++k) {
          if (!inspect_token(task_, b_, d.where[k]).ok()) return false;
        }
      }
      tokens_ += d.where.count;
    }
  }

  static V at(float const* p, int k) noexcept { return V::from_raw(ops::load(p + k)); }
  static void put(float* p, int k, V x) noexcept { ops::save(p + k, x.raw()); }

  bool one_by_one() const noexcept {
    using D = typename Region::divergence_type;
    if constexpr (!scores_on<D, V>) return true;
    else if constexpr (requires(D const& s) { s.one_token_only(); }) return task_.policy.divergence().one_token_only();
    else return false;
  }
  /// D of the tokens of a block, by the scalar definition where the score exists for one token only.
  void score_block(block_data& d) const noexcept {
    if (one_by_one()) {
      for (int k = 0; k < block_size; ++k) {
        top_k_row<float> lists;
        d.scores[k] = k < d.where.count ? load_token(task_, b_, d.where[k], lists).divergence().raw() : 0.0F;
      }
    }
  }
  CPPO_ALWAYS_INLINE token<V> load(block_data const& d, int k) const noexcept {
    token<V> t(at(d.pi, k), at(d.mu, k), at(d.a, k));
    t.lend_divergence(at(d.given, k));
    if (one_by_one()) {
      t.set_divergence(at(d.scores, k));
    } else if constexpr (scores_on<typename Region::divergence_type, V>) {
      t.set_divergence(score(task_.policy.divergence(), t));
    }
    return t;
  }

  template <class F>
  void each_divergence(F const& f) const noexcept {
    block_cursor<float> cursor(task_.batch, b_);
    block_data d;
    while (cursor.next(d.where)) {
      fetch(d);
      score_block(d);
      for (int k = 0; k < d.where.count; k += ops::size) put(d.scores, k, load(d, k).divergence());
      for (int k = 0; k < d.where.count; ++k) f(d.scores[k]);
    }
  }

  /// Values: S and W as numbers are wanted. Notes: the report or a trace is.
  template <bool Values, bool Notes>
  void decide(report& diagnostics) const {
    prefix_sums const carry = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    simd_prefix<Values> prefix{carry.budget - carry.drift, carry, cppo::detail::to_grid(static_cast<float>(task_.policy.budget_slack()))};
    V const scale(task_.scale(whole_.length));
    block_cursor<float> cursor(task_.batch, b_);
    block_data d;
    report_sums sums;
    index_t rank = 0;
    while (cursor.next(d.where)) {
      fetch(d);
      score_block(d);
      for (int k = 0; k < d.where.count; k += group) decide_group<Values, Notes>(d, k, carry.count + rank + k + 1, scale, prefix);
      for (int s = 0; s < sinks; ++s) flush(task_.out[s], task_.batch.shape(), b_, d.where, d.out[s]);
      if (task_.reports) note(d, rank, carry.count + rank + 1, sums, diagnostics);
      rank += d.where.count;
    }
    if (task_.reports) {
      sums.finish(diagnostics);
      note_budget(diagnostics, whole_.delta_b);
    }
  }

  /// Decides the tokens k ... k + group - 1 of a block; the first is at position `first`.
  template <bool Values, bool Notes>
  void decide_group(block_data& d, int k, index_t first, V scale, simd_prefix<Values>& prefix) const {
    Region const& policy = task_.policy;
    token<V> t[4] = {load(d, k), load(d, k + ops::size), load(d, k + 2 * ops::size), load(d, k + 3 * ops::size)};
    V z[4], weight[4], earned[4];
    for (int u = 0; u < 4; ++u) {
      position<V> const p(first + u * ops::size);
      weight[u] = policy.weight().at(p, task_.schedule_length(whole_.length));
      t[u].set_weight(p, whole_, weight[u]);
      z[u] = t[u].weighted_divergence();
      earned[u] = weight[u] * V(whole_.delta_b);
    }
    typename simd_prefix<Values>::view seen;
    if constexpr (Values || scans) {
      int const live = d.where.count - k < group ? d.where.count - k : group;
      prefix.advance(z, earned, weight, live, seen);
    }
    for (int u = 0; u < 4; ++u) finish<Values, Notes>(d, t[u], k + u * ops::size, u * ops::size, scale, seen);
  }

  template <bool Values, bool Notes, class Seen>
  CPPO_ALWAYS_INLINE void finish(block_data& d, token<V>& t, int k, int lane_offset, V scale, Seen const& seen) const {
    Region const& policy = task_.policy;
    if constexpr (scans) t.set_within_prefix_budget(at(seen.fits, lane_offset) >= V(0));
    if constexpr (reads_prefix<Region>) {
      t.set_prefix(at(seen.drift, lane_offset), at(seen.weight, lane_offset), at(seen.allowance, lane_offset));
    }
    auto const kept = policy.keeps(t);
    V const gate = policy.gate_value(t, kept);
    auto const terms = task_.objective.at(t, gate, at(d.extra, k), scale);
    put(d[sink::loss], k, terms.loss);
    put(d[sink::gradient], k, terms.gradient);
    put(d[sink::mask], k, select(kept, V(1), V(0)));
    put(d[sink::gate], k, gate);
    if constexpr (Notes) put(d[sink::decision], k, policy.decided_by(t, kept));
    if constexpr (Values) {
      t.set_prefix(at(seen.drift, lane_offset), at(seen.weight, lane_offset), at(seen.allowance, lane_offset));
      put(d[sink::weight], k, t.weight());
      put(d[sink::drift], k, t.prefix_drift());
      put(d[sink::prefix_weight], k, t.prefix_weight());
      put(d[sink::threshold], k, policy.threshold(t, at(seen.left, lane_offset)));
      put(d[sink::excess], k, excess_of(policy.mask(), t));
    }
    if constexpr (Notes) {
      put(d[sink::divergence], k, t.divergence());
      put(d[sink::weighted], k, t.weighted_divergence());
      V const log_ratio = task_.objective.clamp_log_ratio(t.log_ratio());
      put(d.ratio, k, terms.ratio);
      put(d.k1, k, -log_ratio);
      put(d.k3, k, k3_from(terms.ratio, log_ratio));
      put(d.clamped, k, select(terms.clamped, V(1), V(0)));
      put(d.capped, k, select(terms.capped, V(1), V(0)));
    }
  }

  static float largest(float const* x, int n) noexcept {
    float m = x[0];
    int k = 0;
    if (n >= ops::size) {
      V v = at(x, 0);
      for (k = ops::size; k + ops::size <= n; k += ops::size) v = max(at(x, k), v);
      alignas(64) float lanes[ops::size];
      put(lanes, 0, v);
      for (float y : lanes) m = y > m ? y : m;
    }
    for (; k < n; ++k) m = x[k] > m ? x[k] : m;
    return m;
  }
  /// Number of x[0 .. n) equal to `value`.
  static index_t count(float const* x, int n, float value) noexcept {
    V hits(0);
    int k = 0;
    for (; k + ops::size <= n; k += ops::size) hits = hits + select(at(x, k) == V(value), V(1), V(0));
    alignas(64) float lanes[ops::size];
    put(lanes, 0, hits);
    index_t total = 0;
    for (float h : lanes) total += static_cast<index_t>(h);
    for (; k < n; ++k) total += x[k] == value ? 1 : 0;
    return total;
  }

  /// Adds a block to the report: the sums of `seq_response::note`, array by array.
  void note(block_data& d, index_t rank, index_t first, report_sums& sums, report& r) const {
    int const n = d.where.count;
    sums.loss.add(d[sink::loss], n);
    sums.divergence.add(d[sink::divergence], n);
    sums.weighted.add(d[sink::weighted], n);
    sums.gate.add(d[sink::gate], n);
    sums.ratio.add(d.ratio, n);
    sums.k1.add(d.k1, n);
    sums.k3.add(d.k3, n);
    double const top = static_cast<double>(largest(d[sink::divergence], n));
    if (rank == 0 || top > r.max_divergence) r.max_divergence = top;
    double const top_ratio = static_cast<double>(largest(d.ratio, n));
    if (top_ratio > r.max_ratio) r.max_ratio = top_ratio;
    r.clamped += count(d.clamped, n, 1.0F);
    r.capped += count(d.capped, n, 1.0F);
    count_decisions(d, n, r);
    index_t const length = task_.schedule_length(whole_.length);
    for (int k = 0; k < n;) {
      int const bin = position_bin(first + k, length);
      int end = n;
      if (bin + 1 < report::bins) {
        index_t const next = ((bin + 1) * length + report::bins - 1) / report::bins + 1;  // first position past the bin
        end = static_cast<int>(next - first < n ? next - first : index_t{n});
      }
      r.position_tokens[bin] += end - k;
      r.position_masked[bin] += count(d[sink::mask] + k, end - k, 0.0F);
      k = end;
    }
  }
  static void count_decisions(block_data& d, int n, report& r) noexcept {
    using M = typename Region::mask_type;
    auto const tally = [&](decision c) { count_decision(r, c, count(d[sink::decision], n, static_cast<float>(c))); };
    tally(decision::kept);
    tally(decision::masked_other);
    if constexpr (leaves<M, clause::toward>() > 0) tally(decision::kept_toward);
    if constexpr (leaves<M, clause::ratio>() > 0) tally(decision::masked_ratio);
    if constexpr (leaves<M, clause::divergence>() > 0) tally(decision::masked_divergence);
    if constexpr (leaves<M, clause::budget>() > 0) tally(decision::masked_budget);
    if constexpr (leaves<M, clause::response>() > 0) tally(decision::masked_response);
  }

  job const& task_;
  index_t b_;
  std::vector<float>& scratch_;
  index_t tokens_ = 0;
  response_summary whole_;
};

/// Asks the registers too, and their own way onto the grid.
template <class Region>
bool arithmetic_holds(simd_t const&, task<float, Region> const& t) noexcept {
  if constexpr (allows_fast_math) return true;
  using ops = simd_lane::ops;
  constexpr exact_sum want = cppo::detail::to_grid(0.7F);
  ops::ints high, low;
  ops::to_grid(unknown<simd_lane>(0.7F).raw(), high, low);
  bool const grid = ops::sum(high) == ops::size * want.high && ops::sum(low) == ops::size * want.low;
  return grid && arithmetic_holds(seq, t) && keeps_arithmetic<simd_lane>();
}

/// Counts on registers.
template <class Region>
index_t count_tokens(simd_t const&, task<float, Region> const& t, index_t b) noexcept {
  std::vector<float> none;
  return simd_response<Region>(t, b, none).count();
}

}  // namespace detail

/// Runs a call on registers of tokens, responses over threads.
template <class Region>
detail::outcome_fold execute(simd_t how, detail::task<float, Region> const& t) {
  return detail::over_responses<float>(how.threads(), t, [&t](index_t b, std::vector<float>& scratch) {
    return detail::simd_response<Region>(t, b, scratch).run();
  });
}

/// Calls in double run the scalar definition, responses over threads.
template <class Region>
detail::outcome_fold execute(simd_t how, detail::task<double, Region> const& t) {
  return detail::over_responses<double>(how.threads(), t, [&t](index_t b, std::vector<double>& scratch) {
    return detail::seq_response<double, Region>(t, b, scratch).run();
  });
}

}  // namespace cppo::inline CPPO_ABI
