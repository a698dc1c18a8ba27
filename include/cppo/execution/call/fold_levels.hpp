/// @file
/// The folds of a call on the host, level by level, before the first token is decided.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/fold_pass.hpp>
#include <cppo/execution/call/host_executor.hpp>
#include <cppo/surrogate/sharing.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// How many numbers of a region depend on the position alone and may be found before the first token is decided: what
/// its loss shares, or of a region that is data what it says.
template <class Region>
int count_of_positions([[maybe_unused]] Region const& region) noexcept {
  if constexpr (requires { region.count_of_positions(); }) return region.count_of_positions();
  else return shares_of_position<Region> ? 1 : 0;
}
/// Writes each of these numbers for the positions 1, 2, ..., `stride`, which is a multiple of what is written at once.
template <class V, class Region>
void number_positions([[maybe_unused]] Region const& region, [[maybe_unused]] index_t stride,
                      [[maybe_unused]] typename V::value_type* out) noexcept {
  if constexpr (requires { region.count_of_positions(); }) {
    for (int k = 0; k < region.count_of_positions(); ++k)
      region.template number_positions<V>(k, stride, out + k * stride);
  } else if constexpr (shares_of_position<Region>) {
    auto const shared = region.surrogate().left;
    token<V> at(V(0), V(0), V(0));
    response_summary const whole;
    for (index_t p = 0; p < stride; p += V::size) {
      at.set_weight(position<V>(p + 1), whole, V(0));
      V::ops::save(out + p, shared(static_cast<token<V> const&>(at)).raw());
    }
  }
}
/// From one number that depends on the position alone to the next, in memory; 0 where none is found before the first
/// token: for few responses, or pieces, it does not pay.
template <class Real, class Region>
index_t stride_of_positions(task<Real, Region> const& t) noexcept {
  constexpr index_t worth = 8;
  layout const& l = t.batch.shape();
  if (count_of_positions(t.region) == 0 || t.carries != nullptr || l.responses() < worth) return 0;
  index_t longest = 0;
  for (index_t b = 0; b < l.responses(); ++b) longest = std::max(longest, l.slots(b));
  return (longest / fold_room + 2) * fold_room;
}
/// The memory that the folds of a region take in a call.
template <class Real, class Region>
class fold_memory {
 public:
  /// Allocates it, for a call in this layout.
  fold_memory(layout const& l, Region const& region)
      : folds_(values_of_folds(region)),
        stride_(fold_columns<Real>::room(l)),
        numbers_(new Real[size(stride_ * folds_)]),
        states_(size(l.responses() * folds_)),
        beyond_(size(l.responses()), index_t{-1}) {}
  /// Where the folds are kept. `known`: what pieces know beyond themselves, or null.
  fold_columns<Real> columns(fold_totals const* known) noexcept {
    return {numbers_.get(), stride_, folds_, states_.data(), known, beyond_.data()};
  }

 private:
  static std::size_t size(index_t n) noexcept { return static_cast<std::size_t>(n); }

  index_t folds_, stride_;
  std::unique_ptr<Real[]> numbers_;  // each is written before it is read
  std::vector<fold_state> states_;
  std::vector<index_t> beyond_;
};

/// Brings the terms of a fold together, those of all responses that `takes(b)`, at the beginning of its columns.
/// Returns their number.
template <class Real, class Fold, class Takes>
index_t gather_terms(checked_call<Real> const& t, Fold const& f, Takes const& takes) noexcept {
  layout const& l = t.batch.shape();
  Real* const out = t.folds.data + f.slot * t.folds.stride;
  index_t n = 0;
  for (index_t b = 0; b < l.responses(); ++b) {
    if (!takes(b)) continue;
    Real const* const from = t.folds.at(l, f.slot, b);  // not before `out + n`
    index_t const count = t.folds.state(l, f.state, b).count;
    if (from != out + n) std::copy_n(from, count, out + n);
    n += count;
  }
  return n;
}

/// What a fold over the whole batch comes to, after a pass. A response that is left out adds nothing.
template <class Real, class Fold>
fold_state total_of(checked_call<Real> const& t, Fold const& f) noexcept {
  layout const& l = t.batch.shape();
  auto const takes = [&](index_t b) { return !t.folds.leaves_out(b); };
  if constexpr (takes_all<Fold>) {
    index_t const n = gather_terms(t, f, takes);
    Real* const terms = t.folds.data + f.slot * t.folds.stride;
    return selected(select_admitted(terms, n, f.left.parameter, f.how()), n);
  } else {
    fold_state all;
    for (index_t b = 0; b < l.responses(); ++b) {
      if (takes(b)) all = all + t.folds.state(l, f.state, b);
    }
    return all;
  }
}

/// Gives every response what the folds over the whole batch come to.
template <int Level, class Real, class Region>
void settle_folds(task<Real, Region> const& t) noexcept {
  layout const& l = t.batch.shape();
  t.region.template each_value_at<Level>([&](auto const& f) {
    using fold = std::remove_cvref_t<decltype(f)>;
    static_assert(fold::range != fold_range::group, "group(...) is a fold over responses: it stands in the rule of an "
                                                    "advantage, not in a region");
    if constexpr (fold::range == fold_range::batch) {
      fold_state const all = t.folds.totals != nullptr ? fold_state{} : total_of(t, f);
      for (index_t b = 0; b < l.responses(); ++b) {
        t.folds.set(l, f.slot, b, value_of<Real>(f, t.folds.totals != nullptr ? t.folds.known(f.state, b).batch : all));
      }
    }
  });
}

/// Computes all folds of a call; `pass(level)` is a pass over its responses.
template <class Real, class Region, class Pass>
void run_folds(task<Real, Region>& t, Pass const& pass) {
  each_level(t.region, [&](auto level) { pass(level), settle_folds<decltype(level)::value>(t); });
}

/// The folds of a call on the host.
template <class Real, class Region>
struct fold_engine {
  /// Computes them by the passes of an executor and then runs `decide()`, which reads them.
  template <class Executor, class Decide>
  static status run(Executor const& executor, task<Real, Region>& t, Decide const& decide) {
    if (values_of_folds(t.region) == 0) return decide();
    fold_memory<Real, Region> memory(t.batch.shape(), t.region);
    index_t const stride = stride_of_positions(t);
    std::vector<Real> of_positions(static_cast<std::size_t>(count_of_positions(t.region) * stride));
    t.folds = memory.columns(t.folds.totals);
    if (stride > 0) {
      executor.number_positions(t, stride, of_positions.data());
      t.folds.of_positions = of_positions.data(), t.folds.of_positions_stride = stride;
    }
    run_folds(t, [&](auto level) { executor.fold_responses(t, level); });
    return decide();
  }
  /// Writes the numbers that depend on the position alone, on lanes V.
  template <class V>
  static void number(task<Real, Region> const& t, index_t stride, Real* out) noexcept {
    number_positions<V>(t.region, stride, out);
  }
  /// One pass for the folds of a level, one response after the other.
  template <int Level>
  static void pass(task<Real, Region> const& t) {
    for (index_t b = 0; b < t.batch.shape().responses(); ++b) pass_over<Level>(t, b);
  }
  /// The same of one response.
  template <int Level>
  static void pass_over(task<Real, Region> const& t, index_t b) {
    fold_pass<Real, Region>(t, b).template run<Level>();
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
