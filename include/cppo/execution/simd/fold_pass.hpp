/// @file
/// One pass over a response for the folds of a region, on registers: the values of `fold_pass`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/fold_pass.hpp>
#include <cppo/execution/simd/folds.hpp>
#include <cppo/execution/simd/measured.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The folds of one response.
template <class Region>
class simd_fold_pass : simd_measured<Region> {
  using V = simd_lane;
  using base = simd_measured<Region>;
  using base::b_, base::map_, base::task_;

 public:
  simd_fold_pass(task<float, Region> const& t, simd_call const& from, index_t b) noexcept : base(t, from, b) {}

  /// Computes the folds of a level.
  template <int Level>
  void run() {
    if (this->is_for_seq() || !run_on_registers<Level>()) fold_pass<float, Region>(task_, b_).template run<Level>();
  }

 private:
  /// The same on registers. False if input or terms are bad, which `seq` looks at one by one.
  template <int Level>
  bool run_on_registers() {
    whole_.length = task_.totals != nullptr ? task_.totals[b_].length : map_.tokens;
    fold_state states[Region::folds];
    chunk_terms terms[Region::folds];
    input_extremes input;
    response_reader all = this->reader();
    if (this->reads_lists_here()) all.leave_lists();
    token_chunk chunk;
    token_lanes in;
    while (all.next(chunk, in)) {
      if (!this->take_divergences(chunk, in, all)) return false;
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
    auto const load = [&](token_lanes const& r, int from, int k) CPPO_INLINE_LAMBDA {
      input.see(r, from);
      token<V> t = load_tokens(region, r, from);
      position<V> const at(this->first_position() + rank + k);
      t.set_weight(at, whole_, weigh(at));
      t.set_folds(task_.folds.of(task_.batch.shape(), b_), rank + k);
      objective.clamp(t);
      return t;
    };
    if constexpr (walks_together<Region>) if (!region.folds_log_ratios())
      return put_walked<Level>(chunk, in, load, terms);
    each_register_of(chunk, in, [&](token_lanes const& r, int from, int k) CPPO_INLINE_LAMBDA {
      token<V> const t = load(r, from, k);
      region.template each_state_at<Level>([&](auto const& f) {
        if constexpr (walks_together<Region>) put_lanes(terms[f.state].at, k, t.log_ratio());
        else put_lanes(terms[f.state].at, k, f.of()(t));
      });
    });
  }
  /// The same of a region that is data: each node of what is folded is looked at once for a group.
  template <int Level, class Load>
  void put_walked(token_chunk const& chunk, token_lanes const& in, Load const& load,
                  chunk_terms* terms) const noexcept {
    each_group(chunk, in, [&](token_lanes const& r, int from, int k) {
      group_tokens all;
      for (int u = 0; u < group_registers; ++u)
        ::new (static_cast<void*>(all.of + u)) token<V>(load(r, from + u * simd_size, k + u * simd_size));
      task_.region.template each_state_at<Level>([&](auto const& f) {
        static_assert(decltype(f.of())::template together<V> == group_registers, "a walk writes a group");
        f.of().of_all(all.of, terms[f.state].at + k);
      });
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
      float* const column = task_.folds.at(task_.batch.shape(), f.slot, b_) + rank;
      float const* const x = terms[f.state].at;
      constexpr auto own = fold::range == fold_range::upto ? own_term::taken : own_term::left_out;
      if constexpr (fold::range == fold_range::before || fold::range == fold_range::upto)
        scan(own, known(f).before + states[f.state], x, n, column, f.how());
      if constexpr (keeps_terms<fold>) std::copy_n(x, n, column);
    });
    task_.region.template each_state_at<Level>([&](auto const& f) {
      using fold = std::remove_cvref_t<decltype(f)>;
      if constexpr (!takes_all<fold> && !is_halving<fold>)
        states[f.state] = states[f.state] + state_of(terms[f.state].at, n);
    });
    return true;
  }

  response_summary whole_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
