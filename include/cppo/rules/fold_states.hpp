/// @file
/// The states of a rule's folds over the batch: what is exported, and added up over micro-batches and ranks.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/fold_levels.hpp>
#include <cppo/fold/bins.hpp>
#include <cppo/fold/rows.hpp>

#include <algorithm>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// The states of a rule's folds over the batch: plain numbers, which the caller may send to other ranks. How many there
/// are is known from the rule and the number of the exchange: it is the same on all ranks.
struct fold_states {
  int exchanges = 0;                 ///< how many are known; below 0: a call failed, and none is
  index_t states = 0;                ///< the number of states of the rule
  std::vector<fold_state> of_batch;  ///< [states]
  std::vector<index_t> searches;     ///< what has bins, rising: exchange times `states` plus the number of the state
  std::vector<fold_bin> bins;        ///< [searches, fold_bins]: of order statistics

  /// True if both are the same.
  friend bool operator==(fold_states const&, fold_states const&) = default;
};

namespace detail {

/// States that no call accepts, in place of those that a failed call was to make.
inline fold_states refused_folds() {
  fold_states s;
  s.exchanges = -1;
  return s;
}
/// True if the sizes of the lists fit each other.
inline bool fits_itself(fold_states const& s) noexcept {
  return s.states >= 0 && static_cast<index_t>(s.of_batch.size()) == s.states && rises(s.searches) &&
         s.bins.size() == s.searches.size() * static_cast<std::size_t>(fold_bins);
}

/// True if a fold looks for a value among those of all ranks.
template <class Fold>
inline constexpr bool searches = takes_all<Fold> && Fold::range == fold_range::batch;

/// The exchanges that the folds of a level take: one for sums over the batch, and as many as the rounds of a search for
/// its order statistics; none where each response is on its own. Of levels known at run time it is the one turned to.
template <class Real, int Level, class Region>
constexpr int exchanges_at(Region const& region) noexcept {
  int n = 0;
  region.template each_state_at<Level>([&n]<class Fold>(Fold const&) {
    int const own = searches<Fold> ? search_rounds<Real> : Fold::range == fold_range::batch ? 1 : 0;
    n = own > n ? own : n;
  });
  return n;
}

}  // namespace detail

/// The states of both: of two micro-batches or ranks at one exchange, or of the exchanges that are known and of the
/// next one. Any order gives the same bits. If one of them is refused, or they are of different rules, so is the sum.
inline fold_states combine(fold_states const& a, fold_states const& b) {
  if (a.exchanges < 0 || b.exchanges < 0) return detail::refused_folds();
  if (a.exchanges == 0) return b;
  if (b.exchanges == 0) return a;
  if (a.states != b.states || !detail::fits_itself(a) || !detail::fits_itself(b)) return detail::refused_folds();
  fold_states both;
  both.exchanges = std::max(a.exchanges, b.exchanges);
  both.states = a.states;
  both.of_batch = a.of_batch;
  detail::add_states(both.of_batch.data(), b.of_batch.data(), both.states);
  both.searches = detail::ids_of(a.searches, b.searches);
  both.bins.resize(both.searches.size() * static_cast<std::size_t>(fold_bins));
  detail::add_rows(both.searches, both.bins, a.searches, a.bins, fold_bins);
  detail::add_rows(both.searches, both.bins, b.searches, b.bins, fold_bins);
  return both;
}

/// How often ranks exchange states before the folds of a rule are known: once a level that has folds over the batch; 3
/// times, in double 6, where one of them is an order statistic. 0: no fold looks beyond its response.
template <class Real, trust_region_like Region>
constexpr int fold_exchanges(Region region) noexcept {
  int n = 0;
  if constexpr (detail::has_folds<Region>) {
    detail::each_level(region, [&](auto level) { n += detail::exchanges_at<Real, level()>(region); });
  }
  return n;
}

namespace detail {

/// What has bins after some exchanges.
template <class Real, class Region>
std::vector<index_t> searches_until(Region region, int exchanges) {
  std::vector<index_t> ids;
  int before = 0;
  each_level(region, [&](auto level) {
    int const n = exchanges_at<Real, level()>(region);
    for (int k = before; k < before + n && k < exchanges; ++k) {
      region.template each_state_at<level()>([&]<class Fold>(Fold const& f) {
        if (searches<Fold>) ids.push_back(index_t{k} * values_of_folds(region) + f.state);
      });
    }
    before += n;
  });
  return ids;
}
/// Checks that states hold the first exchanges of a region, as many as are `wanted`.
template <class Real, class Region>
status check_states(Region const& region, fold_states const& known, index_t wanted) {
  auto const wrong = [](index_t found, index_t right, char const* of) {
    return status{.code = status_code::states_mismatch, .has_value = true, .value = static_cast<double>(found),
                  .wanted = right, .name = "known", .range = of};
  };
  if (known.exchanges != wanted) return wrong(known.exchanges, wanted, "exchanges");
  if (known.exchanges == 0) return {};
  index_t const states = values_of_folds(region);
  if (known.states != states) return wrong(known.states, states, "states");
  auto const of_batch = static_cast<index_t>(known.of_batch.size());
  if (of_batch != states) return wrong(of_batch, states, "entries of of_batch");
  std::vector<index_t> const ids = searches_until<Real>(region, known.exchanges);
  auto const found = static_cast<index_t>(known.searches.size()), wanted_ids = static_cast<index_t>(ids.size());
  if (found != wanted_ids) return wrong(found, wanted_ids, "searches");
  auto const bins = static_cast<index_t>(known.bins.size());
  if (bins != wanted_ids * fold_bins) return wrong(bins, wanted_ids * fold_bins, "bins");
  auto const same = std::mismatch(ids.begin(), ids.end(), known.searches.begin()).first - ids.begin();
  return same == wanted_ids ? status{} : wrong(same, wanted_ids, "searches of this rule");
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
