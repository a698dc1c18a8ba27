/// @file
/// One response under `simd`: one pass where the budget is fixed, one more over D where it is found from D.
#pragma once

#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd_notes.hpp>
#include <cppo/execution/simd_statistics.hpp>

namespace cppo::inline CPPO_ABI::detail {

/// Positions past it have no 32 bits; such responses run as `seq`.
inline constexpr index_t longest_on_registers = 0x7fffffff - 2 * group_size;

template <class Region>
class simd_response {
  using V = simd_lane;
  using ops = simd_ops;
  using job = task<float, Region>;
  static constexpr bool scans = scans_prefix<Region>;
  static constexpr bool soft = Region::is_soft;
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

  /// May D come from elsewhere than the score on registers?
  static constexpr bool knows_scores = needs_divergences<Region> || !scores_on<typename Region::divergence_type, V> ||
                                       requires(typename Region::divergence_type const& d) { d.one_token_only(); };

  /// The tokens of a block as registers see them.
  struct lanes {
    float const* pi = nullptr;
    float const* mu = nullptr;
    float const* advantage = nullptr;
    float const* weighted = nullptr;  ///< advantage times extra weight
    float const* given = nullptr;     ///< null: none lent
    float const* score = nullptr;     ///< null: not known yet
  };
  /// Where a block's inputs are copied if they cannot be read in place.
  template <int Room>
  struct input_copies {
    alignas(64) float pi[Room], mu[Room], advantage[Room], weighted[Room], given[Room], score[Room];
  };
  /// Where a block puts its results.
  struct results {
    float* loss = nullptr;  ///< null: not asked for
    float* gradient = nullptr;
    bool far = false;  ///< past the caches, and fetch inputs ahead
    float* trace[sinks] = {};
  };

  response_column column_of(argument a) const noexcept { return {task_.batch[a], b_, first_, slots_}; }
  response_column column_of(sink s) const noexcept { return {task_.out[static_cast<int>(s)], b_, first_, slots_}; }
  static V at(float const* p, int k) noexcept { return V::from_raw(ops::load(p + k)); }
  static void put(float* p, int k, V x) noexcept { ops::save(p + k, x.raw()); }

  bool one_by_one() const noexcept {
    using D = typename Region::divergence_type;
    if constexpr (!scores_on<D, V>) return true;
    else if constexpr (requires(D const& s) { s.one_token_only(); }) return task_.policy.divergence().one_token_only();
    else return false;
  }

  struct ignore_gaps {
    void operator()(index_t, index_t) const noexcept {}
  };
  /// f(block, lanes, rank of its first token) for every block, gap(slot, n) for slots between tokens that no block holds; false where extra input is not sound.
  template <class F, class Gap = ignore_gaps>
  CPPO_ALWAYS_INLINE bool each_block(F const& f, Gap const& gap = {}) {
    layout const& l = task_.batch.shape();
    response_column const pi = column_of(argument::log_prob), mu = column_of(argument::rollout_log_prob),
                          advantage = column_of(argument::advantage), weight = column_of(argument::token_weight),
                          given = column_of(argument::divergence);
    block_cursor cursor(task_.batch[argument::response_mask], l, b_, map_);
    token_block block;
    input_copies<block_room> copies;
    for (index_t rank = 0; cursor.next(block, gap); rank += block.count) {
      lanes in{gather(pi, block, copies.pi), gather(mu, block, copies.mu), gather(advantage, block, copies.advantage),
               gather(weight, block, copies.weighted), gather(given, block, copies.given), nullptr};
      if (in.weighted != nullptr && !within(in.weighted, block.count, std::numeric_limits<float>::lowest())) return false;
      if (in.given != nullptr && !within(in.given, block.count, 0.0F)) return false;
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
  /// Are n numbers finite and none below `least`?
  static bool within(float const* x, int n, float least) noexcept {
    bool good = true;
    for (int k = 0; k < n; ++k) good = good && x[k] >= least && x[k] <= std::numeric_limits<float>::max();
    return good;
  }
  bool lists_sound(token_block const& block) const noexcept {
    bool good = true;
    block.each([&](int, index_t slot) { good = good && inspect_token(task_, b_, slot).ok(); });
    return good;
  }
  /// D by the scalar definition, where the score exists for one token only.
  void score_block(token_block const& block, float* out) const noexcept {
    block.each([&](int k, index_t slot) {
      top_k_row<float> lists;
      out[k] = load_token(task_, b_, slot, lists).divergence().raw();
    });
  }

  /// The lanes of tokens [k, k + live) with the rest of the group padded.
  static lanes tail(lanes const& in, int k, int live, input_copies<group_size>& to) noexcept {
    auto const copy = [k, live](float const* from, float* out, float pad) -> float const* {
      if (from == nullptr) return nullptr;
      for (int j = 0; j < group_size; ++j) out[j] = pad;
      std::memcpy(out, from + k, static_cast<std::size_t>(live) * sizeof(float));
      return out;
    };
    return {copy(in.pi, to.pi, -1.0F), copy(in.mu, to.mu, -1.0F), copy(in.advantage, to.advantage, 0.0F),
            copy(in.weighted, to.weighted, 0.0F), copy(in.given, to.given, 0.0F), copy(in.score, to.score, 0.0F)};
  }
  /// f(lanes, offset of the group in them, k) for each group of a block.
  template <class F>
  static void each_group(token_block const& block, lanes const& in, F const& f) {
    int k = 0;
    for (; k + group_size <= block.count; k += group_size) f(in, k, k);
    if (k == block.count) return;
    input_copies<group_size> copies;
    f(tail(in, k, block.count - k, copies), 0, k);
  }

  /// Finds input that is not finite, and log-probs above the tolerance, in a run of tokens.
  struct soundness {
    V largest{std::numeric_limits<float>::lowest()};
    ops::ints sizes = ops::ints(std::int32_t{0});  // of log ratios and advantages, as bits: no NaN is less than infinity

    CPPO_ALWAYS_INLINE void see(lanes const& in, int k) noexcept {
      V const pi = at(in.pi, k), mu = at(in.mu, k);
      largest = max(largest, max(pi, mu));
      sizes = ops::larger(sizes, ops::as_ints(abs(pi - mu).raw()));
      sizes = ops::larger(sizes, ops::as_ints(abs(at(in.advantage, k)).raw()));
    }
    bool good(float tolerance) const noexcept {
      return ops::every_at_most(sizes, 0x7f7fffff) && ops::every((largest <= V(tolerance)).raw());
    }
  };

  CPPO_ALWAYS_INLINE static token<V> load(Region const& policy, lanes const& in, int k) noexcept {
    token<V> t(at(in.pi, k), at(in.mu, k), at(in.advantage, k));
    t.lend_divergence(in.given != nullptr ? at(in.given, k) : V(0));
    if constexpr (knows_scores) {
      if (in.score != nullptr) {
        t.set_divergence(at(in.score, k));
        return t;
      }
    }
    if constexpr (scores_on<typename Region::divergence_type, V>) t.set_divergence(score(policy.divergence(), t));
    return t;
  }

  bool sound() {
    soundness input;
    bool const extras = each_block([&](token_block const& block, lanes const& in, index_t) {
      each_group(block, in, [&](lanes const& g, int at, int) {
        for (int u = 0; u < group_registers; ++u) input.see(g, at + u * simd_size);
      });
    });
    return extras && input.good(task_.tolerance);
  }

  /// T, and what the budget is found from; false if the input is not sound.
  bool summarize() {
    if (task_.totals != nullptr) {
      whole_ = task_.totals[b_];
      return true;
    }
    simd_statistics s(scratch_);
    s.summary.length = map_.tokens;
    if constexpr (needs_divergences<Region>) {
      float* const scores = s.reserve(map_.tokens);
      soundness input;
      bool const extras = each_block([&](token_block const& block, lanes const& in, index_t rank) {
        score_block(block, in, input, scores + rank);
      });
      if (!extras || !input.good(task_.tolerance)) return false;
      if constexpr (any(Region::needed, needs::response)) s.observe();
      known_ = scores;
    }
    s.summary.delta_b = task_.policy.resolve_budget(s);
    whole_ = s.summary;
    return true;
  }
  /// D of the tokens of a block on registers; writes whole groups.
  void score_block(token_block const& block, lanes const& in, soundness& input, float* out) const noexcept {
    Region const policy = task_.policy;
    soundness seen = input;
    each_group(block, in, [&](lanes const& g, int from, int k) CPPO_INLINE_LAMBDA {
      each_register<true>([&](auto u) CPPO_INLINE_LAMBDA {
        seen.see(g, from + u * simd_size);
        put(out + k, u * simd_size, load(policy, g, from + u * simd_size).divergence());
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

  /// What the tokens of a response are decided with: a copy that nothing points to, so that it stays in registers while
  /// outputs are written.
  template <class Weigh>
  struct deciding {
    Region policy;
    surrogate<float> objective;
    Weigh weigh;
    simd_prefix prefix;
    V scale;
    response_summary const* whole;
    soundness input = {};
  };

  /// Is the batch too large to be found in a cache afterwards, and to be there already?
  bool out_of_cache() const noexcept {
    constexpr index_t tokens = index_t{1} << 22;  // about 70 MB of inputs and outputs
    return can_stream && task_.batch.shape().elements() > tokens;
  }

  /// Decides and writes every token; false if the input is not sound.
  template <bool Report, bool Trace>
  bool decide(report& diagnostics) {
    prefix_sums const carry = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    index_t const length = task_.schedule_length(whole_.length);
    simd_notes notes(carry.count + 1, length);
    auto weigh = schedule_for(task_.policy.weight(), length);
    response_summary const whole = whole_;
    deciding<decltype(weigh)> with{task_.policy, task_.objective, weigh,
                                   simd_prefix(carry, static_cast<float>(task_.policy.budget_slack()), whole_.delta_b),
                                   V(task_.scale(whole_.length)), &whole};
    response_column const loss = column_of(sink::loss), gradient = column_of(sink::gradient), mask = column_of(sink::mask);
    alignas(64) float loss_copy[block_room], gradient_copy[block_room];
    alignas(64) float trace_copies[Trace ? sinks : 1][block_room];
    bool const far = out_of_cache();
    bool const done = each_block([&](token_block const& block, lanes const& in, index_t rank) CPPO_INLINE_LAMBDA {
      bool const loss_in_place = loss.dense_floats && block.consecutive;
      bool const gradient_in_place = gradient.dense_floats && block.consecutive;
      results out;
      if (loss.source->lent()) out.loss = loss_in_place ? loss.floats() + block.first : loss_copy;
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
      if constexpr (Trace) {
        for (int s = static_cast<int>(sink::gate); s < sinks; ++s) scatter(column_of(static_cast<sink>(s)), block, trace_copies[s]);
      }
      if constexpr (Report) notes.end_block(counts, kept, block.count, diagnostics);
    }, [&](index_t slot, index_t n) {
      for (int s = 0; s < sinks; ++s) {
        response_column const between = column_of(static_cast<sink>(s));
        if (zeros_between(static_cast<sink>(s), between)) write_zeros(between, slot, slot + n);
      }
    });
    if (far) end_streaming();
    if (!done || !with.input.good(task_.tolerance)) return false;
    if (Report && task_.reports) notes.template finish<soft>(diagnostics, whole_.delta_b);
    return true;
  }

  template <bool Report, bool Trace, class Deciding>
  CPPO_ALWAYS_INLINE static void decide_block(lanes const& in, index_t first, int count, Deciding& with, simd_counts& counts, simd_notes& notes,
                                              results out, std::uint64_t* kept) {
    int k = 0;
    bool const fetches = out.far;
    out.far = can_stream && fetches && reinterpret_cast<std::uintptr_t>(out.gradient) % (simd_size * sizeof(float)) == 0;
    for (; k + group_size <= count; k += group_size) {
      if (fetches) fetch_ahead(in, k);
      kept[k / 64] |= group<Report, Trace, true>(in, k, first + k, group_size, with, counts, notes, out) << (k % 64);
      if (out.loss != nullptr) out.loss += group_size;
      out.gradient += group_size;
      if constexpr (Trace) for (float*& p : out.trace) p += group_size;
    }
    if (int const live = count - k; live > 0) {
      input_copies<group_size> copies;
      alignas(64) float loss[group_size], gradient[group_size];
      results last = out;
      last.far = false;
      last.gradient = gradient;
      if (out.loss != nullptr) last.loss = loss;
      kept[k / 64] |= group<Report, Trace, false>(tail(in, k, live, copies), 0, first + k, live, with, counts, notes, last) << (k % 64);
      std::memcpy(out.gradient, gradient, static_cast<std::size_t>(live) * sizeof(float));
      if (out.loss != nullptr) std::memcpy(out.loss, loss, static_cast<std::size_t>(live) * sizeof(float));
    }
  }

  /// Asks for the inputs of a later group.
  CPPO_ALWAYS_INLINE static void fetch_ahead(lanes const& in, int k) noexcept {
    constexpr int ahead = 1024, line = 16;
    for (int j = 0; j < group_size; j += line) {
      __builtin_prefetch(in.pi + k + ahead + j);
      __builtin_prefetch(in.mu + k + ahead + j);
      __builtin_prefetch(in.advantage + k + ahead + j);
    }
  }

  /// Decides a group of tokens, the first at position `first`; their masks as bits.
  template <bool Report, bool Trace, bool Whole, class Deciding>
  CPPO_ALWAYS_INLINE static std::uint64_t group(lanes const& in, int k, index_t first, int live, Deciding& with, simd_counts& counts, simd_notes& notes, results const& out) {
    constexpr bool numbers = reads_prefix<Region> || Trace;
    Region const& policy = with.policy;
    token<V> t[group_registers] = {load(policy, in, k), load(policy, in, k + simd_size), load(policy, in, k + 2 * simd_size),
                                  load(policy, in, k + 3 * simd_size)};
    V weight[group_registers], z[group_registers], earned[group_registers];
    V value[group_registers];
    V::mask clamped[group_registers], capped[group_registers];
    V::mask fits[group_registers], alive[group_registers], keeps[group_registers], taken[8][group_registers];
    if (first < 1 || first > longest_on_registers) __builtin_unreachable();
    each_register<Whole && !Trace>([&](auto u) CPPO_INLINE_LAMBDA {
      with.input.see(in, k + u * simd_size);
      position<V> const p(first + u * simd_size);
      weight[u] = with.weigh(p);
      t[u].set_weight(p, *with.whole, weight[u]);
      z[u] = t[u].weighted_divergence();
      earned[u] = weight[u] * V(with.whole->delta_b);
      if constexpr (!Whole) {
        alive[u] = position<V>(u * simd_size + 1).before() < V(live);
        z[u] = only(alive[u], z[u]);
        earned[u] = only(alive[u], earned[u]);
      }
      surrogate_product<V> const product = with.objective.product(t[u], at(in.weighted, k + u * simd_size));
      value[u] = product.value;
      clamped[u] = product.clamped;
      capped[u] = product.capped;
      if constexpr (Report) {
        ratio_estimates<V> estimates = with.objective.estimates(t[u], product);
        V d = t[u].divergence(), ratio = product.ratio, seen_d = d;
        if constexpr (!Whole) {
          seen_d = select(alive[u], d, V(-max_score));
          d = only(alive[u], d), ratio = only(alive[u], ratio);
          estimates = {only(alive[u], estimates.log_ratio), only(alive[u], estimates.k3)};
        }
        notes.add(u, d, z[u], ratio, estimates);
        counts.see(seen_d, ratio);
      }
    });
    prefix_values seen;
    if constexpr (numbers) with.prefix.advance(z, earned, weight, live, fits, seen);
    else if constexpr (scans) with.prefix.advance(z, earned, fits);
    each_register<Whole && !Trace>([&](auto u) CPPO_INLINE_LAMBDA {
      int const lane = u * simd_size;
      if constexpr (scans) t[u].set_within_prefix_budget(fits[u]);
      if constexpr (reads_prefix<Region>) t[u].set_prefix(at(seen.drift, lane), at(seen.weight, lane), at(seen.allowance, lane));
      auto const kept = policy.keeps(t[u]);
      keeps[u] = kept;
      surrogate_product<V> const product{value[u], V(0), clamped[u], capped[u]};
      V gate(0);
      surrogate_terms<V> terms;
      if constexpr (soft || Trace) gate = policy.gate_value(t[u], kept);
      if constexpr (soft) terms = with.objective.terms(t[u], product, gate, with.scale);
      else terms = with.objective.terms(t[u], product, kept, with.scale);
      if (can_stream && out.far) stream(out.gradient + lane, terms.gradient);
      else put(out.gradient, lane, terms.gradient);
      if (out.loss != nullptr) put(out.loss, lane, terms.loss);
      if constexpr (Trace) {
        auto const trace = [&](sink s, V x) CPPO_INLINE_LAMBDA { put(out.trace[static_cast<int>(s)], lane, x); };
        trace(sink::gate, gate);
        trace(sink::divergence, t[u].divergence());
        trace(sink::weight, weight[u]);
        trace(sink::weighted, t[u].weighted_divergence());
        trace(sink::drift, at(seen.drift, lane));
        trace(sink::prefix_weight, at(seen.weight, lane));
        trace(sink::decision, policy.decided_by(t[u], kept));
        trace(sink::threshold, policy.threshold(t[u], at(seen.left, lane)));
        t[u].set_prefix(at(seen.drift, lane), at(seen.weight, lane), at(seen.allowance, lane));
        trace(sink::excess, excess_of(policy.mask(), t[u]));
      }
      if constexpr (Report) {
        if constexpr (Whole) notes.template add<soft>(u, terms.loss, gate);
        else notes.template add<soft>(u, only(alive[u], terms.loss), only(alive[u], gate));
        policy.each_decision(t[u], kept, [&](decision d_t, V::mask m) CPPO_INLINE_LAMBDA { taken[static_cast<int>(d_t)][u] = m; });
      }
    });
    std::uint64_t const lives = live == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << live) - 1;
    std::uint64_t const kept_bits = lane_bits(keeps) & lives;
    if constexpr (Report) counts.template count<typename Region::mask_type>(kept_bits, lives, taken, clamped, capped, with.objective.caps());
    return kept_bits;
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

}  // namespace cppo::inline CPPO_ABI::detail
