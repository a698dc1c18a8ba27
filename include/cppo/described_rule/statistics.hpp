/// @file
/// The statistics of folds as data: the one list, with the name that each has in texts.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/halving.hpp>
#include <cppo/fold/order.hpp>
#include <cppo/fold/ranges.hpp>

#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Which statistic a fold is.
enum class fold_statistic : std::uint8_t {
  sum, mean, least, most, counted, unit_of_distance, unit_of_size,  // read from a state
  halving_sum,                                                      // from the end
  kth_smallest, kth_smallest_share, kth_smallest_share_up, kth_smallest_quantile, kth_largest, kth_largest_share,
  kth_largest_share_up, kth_largest_quantile, trimmed, capped,      // of all values
};
/// True if it is read from a state that others share.
CPPO_HOST_DEVICE constexpr bool is_plain(fold_statistic s) noexcept { return s < fold_statistic::halving_sum; }
/// True if it looks at all values.
CPPO_HOST_DEVICE constexpr bool is_order(fold_statistic s) noexcept { return s > fold_statistic::halving_sum; }
/// True if a token's part in it has a slope.
CPPO_HOST_DEVICE constexpr bool is_linear(fold_statistic s) noexcept { return s <= fold_statistic::mean; }

/// How texts write a range.
constexpr std::string_view name_of(fold_range r) noexcept {
  constexpr std::string_view names[] = {"before", "upto", "from", "response", "group", "batch"};
  return names[static_cast<int>(r)];
}
/// How texts write them: `kth_smallest(q, share(0.5))`.
struct statistic_name {
  std::string_view name, rank = {};
};
constexpr statistic_name name_of(fold_statistic s) noexcept {
  constexpr statistic_name names[] = {
      {"sum"}, {"mean"}, {"least"}, {"most"}, {"counted"}, {"unit_of_distance"}, {"unit_of_size"}, {"halving_sum"},
      {"kth_smallest"}, {"kth_smallest", "share"}, {"kth_smallest", "share_rounded_up"},
      {"kth_smallest", "at_quantile"}, {"kth_largest"}, {"kth_largest", "share"}, {"kth_largest", "share_rounded_up"},
      {"kth_largest", "at_quantile"}, {"trimmed"}, {"capped"}};
  return names[static_cast<int>(s)];
}
/// f(the struct of the library) for a statistic that is read from a state.
template <class F>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto with_plain(fold_statistic s, F const& f) {
  switch (s) {
    case fold_statistic::mean: return f(quantities::averaged{});
    case fold_statistic::least: return f(quantities::smallest{});
    case fold_statistic::most: return f(quantities::largest{});
    case fold_statistic::counted: return f(quantities::counted{});
    case fold_statistic::unit_of_distance: return f(quantities::unit_of_distance{});
    case fold_statistic::unit_of_size: return f(quantities::unit_of_size{});
    default: return f(quantities::summed{});
  }
}
/// The same of one that looks at all values.
template <class F>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto with_order(fold_statistic s, F const& f) {
  using quantities::rank_form;
  using namespace quantities;
  switch (s) {
    case fold_statistic::kth_smallest_share: return f(kth_smallest_of<rank_form::share>{});
    case fold_statistic::kth_smallest_share_up: return f(kth_smallest_of<rank_form::share_up>{});
    case fold_statistic::kth_smallest_quantile: return f(kth_smallest_of<rank_form::quantile>{});
    case fold_statistic::kth_largest: return f(kth_largest_of<rank_form::number>{});
    case fold_statistic::kth_largest_share: return f(kth_largest_of<rank_form::share>{});
    case fold_statistic::kth_largest_share_up: return f(kth_largest_of<rank_form::share_up>{});
    case fold_statistic::kth_largest_quantile: return f(kth_largest_of<rank_form::quantile>{});
    case fold_statistic::trimmed: return f(trimmed_below{});
    case fold_statistic::capped: return f(capped_below{});
    default: return f(kth_smallest_of<rank_form::number>{});
  }
}
/// The statistic of this type.
template <class Kind>
consteval fold_statistic statistic_of_type() {
  fold_statistic found = fold_statistic::halving_sum;
  for (int i = 0; i <= static_cast<int>(fold_statistic::capped); ++i) {
    auto const s = static_cast<fold_statistic>(i);
    auto const same = [](auto kind) { return std::is_same_v<decltype(kind), Kind>; };
    if (is_plain(s) ? with_plain(s, same) : is_order(s) && with_order(s, same)) found = s;
  }
  return found;
}

/// A statistic that is read from a state.
struct described_statistic {
  fold_statistic which;
  CPPO_HOST_DEVICE constexpr double value(fold_state const& s) const noexcept {
    return with_plain(which, [&s](auto kind) CPPO_INLINE_LAMBDA { return decltype(kind)::value(s); });
  }
  /// f(the struct of the library).
  template <class F>
  constexpr auto visit(F const& f) const {
    return with_plain(which, f);
  }
};
/// A statistic that looks at all values.
struct described_order {
  static constexpr bool has_own_state = true;
  static constexpr bool takes_all = true;
  fold_statistic which = fold_statistic::kth_smallest;
  bool is_zero_of_none = false;
  CPPO_HOST_DEVICE constexpr bool admits(double v, standing const& s, double x) const noexcept {
    return with_order(which, [&](auto kind) CPPO_INLINE_LAMBDA { return decltype(kind)::admits(v, s, x); });
  }
  /// f(the struct of the library).
  template <class F>
  constexpr auto visit(F const& f) const {
    return with_order(which, f);
  }
};

/// Checks the parameter of a statistic, by the library's own function.
constexpr parameter_check check_statistic(fold_statistic s, double x) noexcept {
  using quantities::constant;
  constexpr constant any{0.0};
  switch (s) {
    case fold_statistic::halving_sum: return halving_sum(any, x).check();
    case fold_statistic::kth_smallest:
      return kth_smallest(any, quantities::rank<quantities::rank_form::number>{x}).check();
    case fold_statistic::kth_smallest_share: return kth_smallest(any, share(x)).check();
    case fold_statistic::kth_smallest_share_up: return kth_smallest(any, share_rounded_up(x)).check();
    case fold_statistic::kth_smallest_quantile: return kth_smallest(any, at_quantile(x)).check();
    case fold_statistic::kth_largest:
      return kth_largest(any, quantities::rank<quantities::rank_form::number>{x}).check();
    case fold_statistic::kth_largest_share: return kth_largest(any, share(x)).check();
    case fold_statistic::kth_largest_share_up: return kth_largest(any, share_rounded_up(x)).check();
    case fold_statistic::kth_largest_quantile: return kth_largest(any, at_quantile(x)).check();
    case fold_statistic::trimmed: return trimmed(any, x).check();
    case fold_statistic::capped: return capped(any, x).check();
    default: return true;
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
