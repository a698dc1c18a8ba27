/// @file
/// One response under `simd`: one pass, and one more over D if the region needs D of the whole response first.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd/divergences.hpp>
#include <cppo/execution/simd/folds.hpp>
#include <cppo/execution/simd/group.hpp>
#include <cppo/execution/simd/statistics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One response of a call as registers read it, which does not depend on the region.
class simd_walk {
 public:
  simd_walk(simd_call const& from, index_t b) noexcept
      : from_(from), call_(from.call), b_(b), at_(call_.batch.shape(), b),
        map_(map_tokens(call_.batch[argument::response_mask], call_.batch.shape(), b)) {}

  /// Valid tokens, 0 if the response is rejected.
  index_t count() const noexcept {
    return !is_rejected() && map_.binary && valid() ? map_.tokens : count_response(call_, b_).tokens;
  }

 protected:
  /// True if registers cannot run the response, whatever its input is.
  bool is_for_seq() const noexcept {
    bool const scattered = call_.positions == position_convention::padded_column && !map_.in_one_run();
    return from_.never_on_registers || scattered || is_rejected() || !map_.binary ||
           first_position() - 1 + map_.tokens > longest_on_registers;
  }
  bool is_rejected() const noexcept { return rejected_elsewhere(call_, b_) || call_.folds.leaves_out(b_); }
  /// The position of the first token.
  index_t first_position() const noexcept {
    bool const by_column = call_.positions == position_convention::padded_column;
    return (by_column ? map_.first : call_.tokens_before(b_)) + 1;
  }
  response_reader reader(response_writer const* gaps = nullptr) const noexcept {
    return {from_, at_, map_, gaps};
  }
  bool valid() const noexcept {
    response_reader all = reader();
    return response_valid(all, call_.log_probs);
  }
  /// True if the batch is too large to be in a cache, before the call or after it.
  bool out_of_cache() const noexcept {
    constexpr index_t tokens = index_t{1} << 22;  // about 70 MB of inputs and outputs
    if constexpr (can_stream) return call_.batch.shape().covered() > tokens;
    else return false;
  }

  simd_call const& from_;
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
  static constexpr gate_kind gates = Region::is_soft ? gate_kind::soft : gate_kind::hard;

 public:
  /// Response b of `t`, of which `from` holds what does not depend on the region.
  simd_response(task<float, Region> const& t, simd_call const& from, index_t b, std::vector<float>& scratch) noexcept
      : simd_walk(from, b), task_(t), scratch_(scratch) {}

  /// Adds what the response adds to the outcome of those before.
  void run(response_outcome& into) {
    if (is_for_seq() || !summarize()) return run_as_seq(into);
    batch_counts const n = task_.counts(b_, map_.tokens);
    bool const good = task_.reports ? decide<with_report::yes>(n, into.report)
                                    : decide<with_report::no>(n, into.report);
    if (!good) run_as_seq(into);
  }

  /// Computes the folds of a level.
  template <int Level>
  void fold() {
    if (is_for_seq() || !fold_on_registers<Level>()) fold_pass<float, Region>(task_, b_).template run<Level>();
  }

 private:
  /// The same on registers. False if input or terms are bad, which `seq` looks at one by one.
  template <int Level>
  bool fold_on_registers() {
    whole_.length = task_.totals != nullptr ? task_.totals[b_].length : map_.tokens;
    fold_state states[Region::folds];
    chunk_terms terms[Region::folds];
    input_extremes input;
    response_reader all = reader();
    if (reads_lists_here()) all.leave_lists();
    token_chunk chunk;
    token_lanes in;
    while (all.next(chunk, in)) {
      if (!take_divergences(chunk, in, all)) return false;
      take_terms<Level>(chunk, in, all.rank(), input, terms);
      if (!add_terms<Level>(chunk.count, all.rank(), terms, states)) return false;
    }
    if (!all.valid() || !input.within(task_.log_probs)) return false;
    task_.region.template each_value_at<Level>([&](auto const& f) {
      conclude_fold(task_, b_, map_.tokens, f, states[f.state], known(f));
    });
    return true;
  }
  template <class Fold>
  fold_totals known(Fold const& f) const noexcept {
    return task_.folds.known(f.state, b_);
  }
  /// Computes the terms of a chunk's tokens.
  template <int Level>
  void take_terms(token_chunk const& chunk, token_lanes const& in, index_t rank, input_extremes& input,
                  chunk_terms* terms) const noexcept {
    Region const region = task_.region;
    surrogate<float> const objective = task_.objective;
    auto const weigh = schedule_for(region.weight(), task_.schedule_length(whole_.length));
    each_register_of(chunk, in, [&](token_lanes const& r, int from, int k) CPPO_INLINE_LAMBDA {
      input.see(r, from);
      token<V> t = load_tokens(region, r, from);
      position<V> const at(first_position() + rank + k);
      t.set_weight(at, whole_, weigh(at));
      t.set_folds(task_.folds.of(task_.batch.shape(), b_), rank + k);
      objective.clamp(t);
      region.template each_state_at<Level>([&](auto const& f) { put_lanes(terms[f.state].at, k, f.of()(static_cast<token<V> const&>(t))); });
    });
  }
  /// Adds the terms of n tokens to the states and writes the values that each token sees. False if one is off the grid.
  template <int Level>
  bool add_terms(int n, index_t rank, chunk_terms* terms, fold_state* states) const noexcept {
    bool inside = true;
    task_.region.template each_state_at<Level>([&](auto const& f) {
      constexpr bool may_leave_out = takes_all<std::remove_cvref_t<decltype(f)>>;
      inside = inside && inside_grid(terms[f.state].at, n, may_leave_out ? float(quantities::left_out) : 0.0F);
    });
    if (!inside) return false;
    task_.region.template each_value_at<Level>([&](auto const& f) {
      using fold = std::remove_cvref_t<decltype(f)>;
      using statistic = typename fold::statistic;
      float* const column = task_.folds.at(task_.batch.shape(), f.slot, b_) + rank;
      float const* const x = terms[f.state].at;
      fold_state state = known(f).before + states[f.state];
      if constexpr (fold::range == fold_range::before) scan_before<statistic>(state, x, n, column);
      if constexpr (fold::range == fold_range::upto) scan_upto<statistic>(state, x, n, column);
      if constexpr (keeps_terms<fold>) std::copy_n(x, n, column);
    });
    task_.region.template each_state_at<Level>([&](auto const& f) {
      if constexpr (!takes_all<std::remove_cvref_t<decltype(f)>>)
        states[f.state] = states[f.state] + state_of(terms[f.state].at, n);
    });
    return true;
  }

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

  /// True if D is measured from lists on registers, where they are checked too.
  bool reads_lists_here() const noexcept {
    using D = typename Region::divergence_type;
    if constexpr (measures_on<D, V>)
      return asks_for_lists(task_.region.divergence()) && task_.batch.lists().k <= longest_list;
    else return false;
  }
  /// Computes D of a chunk that is not measured where tokens are decided. False if lists that it reads are bad.
  bool measure(token_chunk const& chunk, token_lanes const& in, float* out) const {
    using D = typename Region::divergence_type;
    if constexpr (measures_on<D, V>) {
      if (!asks_for_lists(task_.region.divergence()) || reads_lists_here()) {
        return measure_apart(task_.region.divergence(), {task_.batch, b_, task_.log_probs}, chunk, in, out);
      }
    }
    chunk.each([&](int k, index_t slot) {
      top_k_row<float> lists;
      out[k] = load_token(task_, b_, slot, lists).divergence().raw();
    });
    return true;
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

  /// Gives a chunk its D, if that is known before the tokens are decided. False if the lists that it reads are bad.
  bool take_divergences(token_chunk const& chunk, token_lanes& in, response_reader& from) const {
    if (known_ != nullptr) in.divergence = known_ + from.rank();
    else if (!is_measured_here(task_.region.divergence())) {
      in.divergence = from.divergences();
      return measure(chunk, in, from.divergences());
    }
    return true;
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
      if constexpr (has_folds<Region>) in.rank = all.rank();
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
    return deciding<Region, std::remove_const_t<decltype(weigh)>>{
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

  task<float, Region> const& task_;
  std::vector<float>& scratch_;
  response_summary whole_;
  float const* known_ = nullptr;  // D of every token, where a first pass found it
};

/// Numbers that `simd_response` may keep at a time.
template <class Region>
std::size_t simd_room(task<float, Region> const& t) noexcept {
  return asks_for_divergences(t.region) ? simd_statistics::room(longest_collected(t)) : 0;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
