/// @file
/// The folds of a call on the host, level by level, before the first token is decided.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/fold_pass.hpp>

#include <memory>
#include <utility>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The memory that the folds of a region take in a call.
template <class Real, class Region>
class fold_memory {
 public:
  /// Allocates it, for a call in this layout.
  explicit fold_memory(layout const& l)
      : stride_(fold_columns<Real>::room(l)),
        numbers_(std::make_unique_for_overwrite<Real[]>(size(stride_ * Region::folds))),
        states_(std::make_unique<fold_state[]>(size(l.responses() * Region::folds))),
        beyond_(std::make_unique<index_t[]>(size(l.responses()))) {
    for (index_t b = 0; b < l.responses(); ++b) beyond_[size(b)] = -1;
  }
  /// Where the folds are kept. `known`: what pieces know beyond themselves, or null.
  fold_columns<Real> columns(fold_totals const* known) const noexcept {
    return {numbers_.get(), stride_, Region::folds, states_.get(), known, beyond_.get()};
  }

 private:
  static std::size_t size(index_t n) noexcept { return static_cast<std::size_t>(n); }

  index_t stride_;
  std::unique_ptr<Real[]> numbers_;
  std::unique_ptr<fold_state[]> states_;
  std::unique_ptr<index_t[]> beyond_;
};

/// Gives every response what the folds over the whole batch come to. A response that is left out adds nothing.
template <int Level, class Real, class Region>
void settle_folds(task<Real, Region> const& t) noexcept {
  layout const& l = t.batch.shape();
  t.region.template each_value_at<Level>([&](auto const& f) {
    using fold = std::remove_cvref_t<decltype(f)>;
    static_assert(fold::range != fold_range::group, "group(...) is a fold over responses: it stands in the rule of an "
                                                    "advantage, not in a region");
    if constexpr (fold::range == fold_range::batch) {
      fold_state all;
      for (index_t b = 0; b < l.responses(); ++b) {
        if (!t.folds.leaves_out(b)) all = all + t.folds.state(l, f.state, b);
      }
      for (index_t b = 0; b < l.responses(); ++b) {
        fold_state const known = t.folds.totals != nullptr ? t.folds.known(f.state, b).batch : all;
        t.folds.set(l, f.slot, b, value_of<Real>(f, known));
      }
    }
  });
}

/// Computes all folds of a call; `pass(level)` is a pass over its responses.
template <class Real, class Region, class Pass>
void run_folds(task<Real, Region> const& t, Pass const& pass) {
  [&]<int... Before>(std::integer_sequence<int, Before...>) {
    ((pass(std::integral_constant<int, Before + 1>{}), settle_folds<Before + 1>(t)), ...);
  }(std::make_integer_sequence<int, Region::fold_levels>{});
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
