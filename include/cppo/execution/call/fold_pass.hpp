/// @file
/// One pass over a response for the folds of a region: their values before its tokens are decided, one token after the
/// other. A fold that reads others comes a pass after them.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/response_walk.hpp>
#include <cppo/fold/halving.hpp>
#include <cppo/fold/selection.hpp>
#include <cppo/fold/slots.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if a fold's value differs from token to token of a response.
CPPO_HOST_DEVICE constexpr bool by_token(fold_range r) noexcept { return r <= fold_range::from; }
/// True if a fold takes more than one response.
CPPO_HOST_DEVICE constexpr bool over_responses_too(fold_range r) noexcept { return r >= fold_range::group; }

/// A term of a fold: x brought to the grid's range, and whether it was inside. An order statistic may leave it out.
template <class Fold, class Real>
struct fold_term {
  Real x;
  bool inside;
  CPPO_HOST_DEVICE explicit constexpr fold_term(Real y) noexcept
      : x(y), inside((y >= Real(-divergence_limit) && y <= Real(divergence_limit)) ||
                     (takes_all<Fold> && y == Real(quantities::left_out))) {
    if (!inside) x = Real(0);
  }
  /// Adds it to a state; order statistics have none.
  CPPO_HOST_DEVICE constexpr fold_state after(fold_state const& s) const noexcept {
    if constexpr (takes_all<Fold>) return s;
    else return s + fold_state::of(x);
  }
};

/// True if a fold's terms are written to its column, for a look at all of them.
template <class Fold>
inline constexpr bool keeps_terms = Fold::range == fold_range::from || takes_all<Fold>;
/// The state that an order statistic leaves for pieces: its value, and how many terms there were. -0 becomes +0, so
/// that which of the two comes first does not show.
template <class Real>
CPPO_HOST_DEVICE constexpr fold_state selected(Real x, index_t terms) noexcept {
  double const value = static_cast<double>(x) + 0.0;
  return {{}, terms, value, value};
}
/// The value of a fold in a state.
template <class Real, class Fold>
CPPO_HOST_DEVICE constexpr Real value_of(Fold const& f, fold_state const& s) noexcept {
  if constexpr (takes_all<Fold>) return static_cast<Real>(s.count > 0 ? s.most : 0.0);
  else return static_cast<Real>(f.how().value(s));
}
/// Makes halving sums of the terms in a column, whose first token has `before` tokens in front of it. Returns the state
/// for those.
template <class Real>
constexpr fold_state halve(index_t before, index_t tokens, double half_life, Real* column,
                           fold_state const& after) noexcept {
  constexpr index_t most = 1024;
  double up[most];
  auto const h = static_cast<index_t>(half_life);
  for (index_t j = 0; j < h && j < before + tokens; ++j) up[j] = power_of_half_life(static_cast<double>(j), half_life);
  halving_walk walk(h, after.sum.low);
  index_t last = (before + tokens - 1) % h;  // the place of the last token in its block of h
  for (index_t end = tokens; end > 0; last = h - 1) {
    index_t const begin = end > last + 1 ? end - last - 1 : 0;
    walk.take_block(column + begin, end - begin, up + (last + 1 - (end - begin)), last == h - 1);
    end = begin;
  }
  fold_state state;
  state.sum.low = walk.units();
  return state;
}
/// Makes halving sums of the terms in a column, one for each token, where distances count slots: what holds no token
/// fades what comes after it. `is_token(i)`: true if slot i holds one.
template <class Real, class IsToken>
CPPO_HOST_DEVICE constexpr void halve_over_slots(index_t slots, index_t tokens, double half_life, Real* column,
                                                 IsToken const& is_token) noexcept {
  auto const h = static_cast<index_t>(half_life);
  index_t first = 0;
  while (first < slots && !is_token(first)) ++first;
  halving_walk walk(h, 0);
  for (index_t i = slots; i-- > first;) {
    bool const here = is_token(i);
    tokens -= here ? 1 : 0;
    double const up = here ? power_of_half_life(static_cast<double>((i - first) % h), half_life) : 1.0;
    double const sum = walk.take(i - first, here ? static_cast<double>(column[tokens]) : 0.0, up);
    if (here) column[tokens] = static_cast<Real>(sum);
  }
}
/// Writes what only the end of response b tells, whose tokens have come to `state`: values over the whole response, and
/// over the later tokens, whose terms lie in the column. `known`: of the state beyond a piece.
template <class Real, class Fold>
constexpr void conclude_fold(checked_call<Real> const& t, index_t b, index_t tokens, Fold const& f,
                             fold_state const& state, fold_totals const& known) noexcept {
  fold_columns<Real> const& to = t.folds;
  layout const& l = t.batch.shape();
  Real* const column = to.at(l, f.slot, b);
  if constexpr (is_halving<Fold>) {
    to.state(l, f.state, b) = halve(t.tokens_before(b), tokens, f.left.parameter, column, known.after);
    return to.pad(l, f.slot, b, tokens);
  } else if constexpr (Fold::range == fold_range::from) {
    fold_state after = known.after;
    for (index_t k = tokens; k-- > 0;) {
      after = after + fold_state::of(column[k]);
      column[k] = value_of<Real>(f, after);
    }
  }
  if constexpr (by_token(Fold::range)) to.pad(l, f.slot, b, tokens);
  fold_state all = state;
  if constexpr (takes_all<Fold>) {
    all = selected(Real(0), tokens);
    if (Fold::range == fold_range::response && to.totals == nullptr)
      all = selected(select_admitted(column, tokens, f.left.parameter, f.how()), tokens);
  }
  if constexpr (Fold::range == fold_range::response) {
    if (!takes_all<Fold> || to.totals == nullptr || known.response.count > 0)  // else a plan still needs the terms
      to.set(l, f.slot, b, value_of<Real>(f, to.totals != nullptr ? known.response : all));
  }
  to.state(l, f.state, b) = all;
}

/// The folds of one response, computed one token after the other.
template <class Real, class Region>
class fold_pass : response_walk<Real> {
  using V = lane<Real>;
  using walk = response_walk<Real>;
  using walk::b_, walk::slots_, walk::count_, walk::look, walk::place_of;

 public:
  constexpr fold_pass(task<Real, Region> const& t, index_t b) noexcept
      : walk(t, b), task_(t), layout_(t.batch.shape()) {}

  /// Computes the folds of a level, which are 1 and more.
  template <int Level>
  constexpr void run() noexcept {
    if (count_.rejected) return;
    whole_.length = task_.totals != nullptr ? task_.totals[this->b_].length : count_.tokens;
    index_t rank = 0;
    for (index_t i = 0; i < slots_; ++i) {
      slot const what = look(i);
      if (what == slot::excluded) continue;
      take<Level>(what, i, rank);
      ++rank;
    }
    task_.region.template each_value_at<Level>([&](auto const& f) {
      if constexpr (is_halving<std::remove_cvref_t<decltype(f)>>) if (task_.by_column()) return halve_columns(f);
      conclude_fold(task_, this->b_, count_.tokens, f, states_[f.state], known(f));
    });
  }

 private:
  /// Adds a token to the states; writes the values before it, and up to it.
  template <int Level>
  constexpr void take(slot what, index_t i, index_t rank) noexcept {
    top_k_row<Real> lists;
    token<V> t = what == slot::bad ? bad_token<Real>() : load_token(task_, b_, i, lists);
    position<V> const at(place_of(i, task_.tokens_before(b_) + rank));
    t.set_weight(at, whole_, schedule_for(task_.region.weight(), task_.schedule_length(whole_.length))(at));
    t.set_folds(task_.folds.of(layout_, b_), rank);
    task_.objective.clamp(t);
    put<Level, fold_range::before>(rank);
    task_.region.template each_state_at<Level>([&](auto const& f) {
      using fold = std::remove_cvref_t<decltype(f)>;
      fold_term<fold, Real> const term(f.of()(static_cast<token<V> const&>(t)).raw());
      if (!term.inside && task_.folds.beyond[this->b_] < 0) task_.folds.beyond[this->b_] = i;
      states_[f.state] = term.after(states_[f.state]);
      terms_[f.state] = term.x;
    });
    put<Level, fold_range::upto>(rank);
    put<Level, fold_range::from>(rank);
    put<Level, fold_range::response>(rank);
    put<Level, fold_range::batch>(rank);
  }
  /// Writes the values of the folds over a range at a token: their terms, where all are looked at in the end.
  template <int Level, fold_range Range>
  constexpr void put(index_t rank) const noexcept {
    task_.region.template each_value_at<Level>([&](auto const& f) {
      using fold = std::remove_cvref_t<decltype(f)>;
      if constexpr (fold::range == Range && (by_token(Range) || keeps_terms<fold>)) {
        Real& to = task_.folds.at(layout_, f.slot, this->b_)[rank];
        if constexpr (keeps_terms<fold>) to = terms_[f.state];
        else to = value_of<Real>(f, known(f).before + states_[f.state]);
      }
    });
  }
  /// A halving sum whose distances count columns.
  template <class Fold>
  constexpr void halve_columns(Fold const& f) const noexcept {
    Real* const column = task_.folds.at(layout_, f.slot, this->b_);
    halve_over_slots(slots_, count_.tokens, f.left.parameter, column,
                     [this](index_t i) { return look(i) != slot::excluded; });
    task_.folds.state(layout_, f.state, this->b_) = {};
    task_.folds.pad(layout_, f.slot, this->b_, count_.tokens);
  }
  template <class Fold>
  constexpr fold_totals known(Fold const& f) const noexcept {
    return task_.folds.known(f.state, this->b_);
  }

  task<Real, Region> const& task_;
  layout const& layout_;
  response_summary whole_;
  fold_state states_[Region::folds];
  Real terms_[Region::folds] = {};
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
