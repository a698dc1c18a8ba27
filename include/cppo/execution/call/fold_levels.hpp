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

/// What the loss of a region shares, if it depends on the position alone: its number at each position, found once for
/// all responses where these are many. Else nothing.
template <class Real, class Region>
std::vector<Real> numbers_of_positions([[maybe_unused]] task<Real, Region> const& t) {
  std::vector<Real> numbers;
  if constexpr (shares_of_position<Region>) {
    constexpr index_t worth = 8;
    if (t.carries != nullptr || t.batch.shape().responses() < worth) return numbers;
    index_t longest = 0;
    for (index_t b = 0; b < t.batch.shape().responses(); ++b) longest = std::max(longest, t.batch.shape().slots(b));
    numbers.resize(static_cast<std::size_t>(longest + fold_room));
    auto const shared = t.region.surrogate().left;
    token<lane<Real>> at(0, 0, 0);
    response_summary const whole;
    for (index_t k = 0; k < longest + fold_room; ++k) {
      at.set_weight(position<lane<Real>>(k + 1), whole, 0);
      numbers[static_cast<std::size_t>(k)] = shared(static_cast<token<lane<Real>> const&>(at)).raw();
    }
  }
  return numbers;
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
    std::vector<Real> const of_positions = numbers_of_positions(t);
    t.folds = memory.columns(t.folds.totals);
    t.folds.of_positions = of_positions.empty() ? nullptr : of_positions.data();
    run_folds(t, [&](auto level) { executor.fold_responses(t, level); });
    return decide();
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
