/// @file
/// Folds over responses in pieces: what each piece must know of the others, level by level.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/fold_levels.hpp>

#include <iterator>
#include <span>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Computes what each piece must know of the folds beyond itself, where one process has all pieces.
///
/// For each level: every piece's own states, which are exact; then, of those before it in its response, after it, of
/// its response and of the batch, the sums. A halving sum is handed from the last piece to the first. The next level
/// reads values that come of these.
template <class Real, class Region>
class fold_plan {
 public:
  /// `t` has the carries and totals of its pieces. `ordered`: pieces in order, one response after the other.
  fold_plan(task<Real, Region> const& t, std::span<index_t const> response_of, std::span<std::size_t const> ordered)
      : task_(t), response_of_(response_of), ordered_(ordered), memory_(t.batch.shape(), t.region),
        folds_(static_cast<std::size_t>(values_of_folds(t.region))), totals_(ordered.size() * folds_) {
    task_.folds = memory_.columns(totals_.data());
  }
  /// Makes the passes and returns as many totals for each piece as the region has folds.
  std::vector<fold_totals> make() {
    run_folds(task_, [this](auto level) {
      pass(level);
      mark_off_grid();
      task_.region.template each_state_at<level()>([this](auto const& f) {
        using fold = std::remove_cvref_t<decltype(f)>;
        if constexpr (takes_all<fold>) select(f);
        else if constexpr (!is_halving<fold>) add_up(f.state);
      });
      pass(level);  // now with what lies beyond each piece
    });
    return std::move(totals_);
  }

 private:
  template <int Level>
  void pass(std::integral_constant<int, Level>) {
    each_run([this](auto first, auto last) {
      for (auto p = last; p != first;) {
        --p;
        fold_pass<Real, Region>(task_, static_cast<index_t>(*p)).template run<Level>();
        if (p != first) hand_on<Level>(*p, *std::prev(p));
      }
    });
  }
  /// Gives the piece before another what a sum from the end has come to.
  template <int Level>
  void hand_on(std::size_t later, std::size_t earlier) {
    task_.region.template each_state_at<Level>([&](auto const& f) {
      if constexpr (is_halving<std::remove_cvref_t<decltype(f)>>) known(f.state, earlier).after = own(f.state, later);
    });
  }
  /// What a piece itself comes to.
  fold_state const& own(int state, std::size_t piece) const noexcept {
    return task_.folds.state(task_.batch.shape(), state, static_cast<index_t>(piece));
  }
  fold_totals& known(int state, std::size_t piece) noexcept {
    return totals_[piece * folds_ + static_cast<std::size_t>(state)];
  }
  /// Calls f(first, last) for the pieces of each response.
  template <class F>
  void each_run(F const& f) const {
    for (auto first = ordered_.begin(); first != ordered_.end();) {
      auto last = first;
      while (last != ordered_.end() && response_of_[*last] == response_of_[*first]) ++last;
      f(first, last);
      first = last;
    }
  }
  void mark_off_grid() {
    each_run([this](auto first, auto last) {
      bool off = false;
      for (auto p = first; p != last; ++p) off = off || task_.folds.leaves_out(static_cast<index_t>(*p));
      for (auto p = first; off && p != last; ++p) {
        for (std::size_t s = 0; s < folds_; ++s) totals_[*p * folds_ + s].off_grid = true;
      }
    });
  }
  /// Finds an order statistic of each response and of the batch, among the terms that the pass has left in columns.
  template <class Fold>
  void select(Fold const& f) {
    std::vector<Real> all;
    each_run([&](auto first, auto last) {
      auto const from = all.size();
      for (auto p = first; p != last; ++p) {
        Real const* const terms = task_.folds.at(task_.batch.shape(), f.slot, static_cast<index_t>(*p));
        all.insert(all.end(), terms, terms + own(f.state, *p).count);
      }
      fold_state const response = select(f, all.data() + from, all.size() - from);
      for (auto p = first; p != last; ++p) known(f.state, *p).response = response;
      if (known(f.state, *first).off_grid) all.resize(from);
    });
    fold_state const batch = select(f, all.data(), all.size());
    for (std::size_t const piece : ordered_) known(f.state, piece).batch = batch;
  }
  template <class Fold>
  static fold_state select(Fold const& f, Real* terms, std::size_t n) noexcept {
    auto const count = static_cast<index_t>(n);
    return selected(select_admitted(terms, count, f.left.parameter, f.how()), count);
  }
  void add_up(int state) {
    fold_state all;
    each_run([&](auto first, auto last) {
      fold_state response;
      for (auto p = first; p != last; ++p) known(state, *p).before = response, response = response + own(state, *p);
      for (auto p = first; p != last; ++p) known(state, *p).response = response;
      fold_state after;
      for (auto p = last; p != first;) --p, known(state, *p).after = after, after = after + own(state, *p);
      if (!known(state, *first).off_grid) all = all + response;
    });
    for (std::size_t const piece : ordered_) known(state, piece).batch = all;
  }

  task<Real, Region> task_;
  std::span<index_t const> response_of_;
  std::span<std::size_t const> ordered_;
  fold_memory<Real, Region> memory_;
  std::size_t folds_;
  std::vector<fold_totals> totals_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
