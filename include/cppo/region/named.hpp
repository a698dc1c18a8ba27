/// @file
/// A trust region chosen at run time, by name: for trainers configured from a file.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/none.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/divergence/single_sample.hpp>
#include <cppo/divergence/top_k.hpp>
#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/region/ppo.hpp>
#include <cppo/region/reporting.hpp>
#include <cppo/region/trm.hpp>
#include <cppo/weight/permuted.hpp>

#include <optional>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class... Ds>
struct divergence_list {};

/// A divergence and its name.
template <class D>
struct with_name {
  std::string_view name;
  D divergence;
};
template <class... Ds>
struct divergence_table {
  using types = divergence_list<Ds...>;
  std::string_view names[sizeof...(Ds)];
  constexpr explicit divergence_table(with_name<Ds> const&... rows) noexcept : names{rows.name...} {}
};

/// The one list of divergences that have a name, in the order of `divergence_names()`.
inline constexpr divergence_table divergences_by_name{
    with_name{"none", no_divergence},
    with_name{"binary_tv", binary_tv},
    with_name{"binary_kl", binary_kl},
    with_name{"binary_kl_reverse", binary_kl_reverse},
    with_name{"top_k_tv", top_k_tv},
    with_name{"top_k_kl", top_k_kl},
    with_name{"top_k_tv_replace_last", top_k_tv_replace_last},
    with_name{"top_k_kl_replace_last", top_k_kl_replace_last},
    with_name{"top_k_tv_list", top_k_tv_list},
    with_name{"top_k_kl_list", top_k_kl_list},
    with_name{"k1", k1},
    with_name{"k2", k2},
    with_name{"k3", k3},
    with_name{"precomputed", precomputed},
};
using named_divergences = decltype(divergences_by_name)::types;
/// f(name, divergence) for each.
template <class F, class... Ds>
constexpr void each_named(divergence_table<Ds...> const& all, F const& f) {
  std::string_view const* name = all.names;
  (f(*name++, Ds{}), ...);
}
inline constexpr auto const& divergence_names = divergences_by_name.names;
inline constexpr std::string_view region_names[] = {
    "none", "ppo", "dppo", "cppo", "cppo_calibrated", "cppo_no_budget", "cppo_no_weight", "cppo_shuffled", "cppo_soft",
    "cppo_calibrated_soft", "trm_max", "trm_mean"};

}  // namespace detail

/// A divergence chosen at run time, by its index in `divergence_names()`. The region has one type for all of them.
class named_divergence {
 public:
  static constexpr bool is_costly = true;  ///< some of them are
  /// The divergence at this index of `divergence_names()`.
  explicit constexpr named_divergence(int index) noexcept : index_(index) {}
  /// The divergence of this name; its index is -1 if there is none.
  static constexpr named_divergence find(std::string_view name) noexcept {
    for (int i = 0; i < count; ++i) {
      if (detail::divergence_names[i] == name) return named_divergence(i);
    }
    return named_divergence(-1);
  }
  /// Index in `divergence_names()`.
  CPPO_HOST_DEVICE constexpr int index() const noexcept { return index_; }
  /// Checks that there is a divergence at the index, so that the name was known.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return {index_ >= 0 && index_ < count, "named_divergence", static_cast<double>(index_),
            "a position in divergence_names(): -1 says that find() knows no such name"};
  }
  /// Calls f(D) with the divergence chosen. Pre: check().
  template <class F>
  constexpr auto visit(F const& f) const {
    return visit_in(f, detail::named_divergences{});
  }
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept { return reads_of(detail::named_divergences{}); }
  /// The largest D of the divergence chosen.
  constexpr double largest() const noexcept { return largest_of(detail::named_divergences{}); }
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    return by_index(t, detail::named_divergences{});
  }

 private:
  template <class V, class D, class... Ds>
  CPPO_HOST_DEVICE constexpr V by_index(token<V> const& t, detail::divergence_list<D, Ds...>,
                                        int i = 0) const noexcept {
    if constexpr (detail::measures_on<D, V>) {
      if (i == index_) return detail::divergence_of(D{}, t);
    }
    if constexpr (sizeof...(Ds) > 0) return by_index(t, detail::divergence_list<Ds...>{}, i + 1);
    else return V(0);  // equivalent: reached only where the precondition of `at` is broken
  }
  template <class F, class D, class... Ds>
  constexpr auto visit_in(F const& f, detail::divergence_list<D, Ds...>, int i = 0) const {
    if constexpr (sizeof...(Ds) > 0) {
      if (i != index_) return visit_in(f, detail::divergence_list<Ds...>{}, i + 1);
    }
    return f(D{});
  }
  template <class D, class... Ds>
  CPPO_HOST_DEVICE constexpr argument reads_of(detail::divergence_list<D, Ds...>, int i = 0) const noexcept {
    if constexpr (detail::declares_input<D>) {
      if (i == index_) return D{}.reads();
    }
    if constexpr (sizeof...(Ds) > 0) return reads_of(detail::divergence_list<Ds...>{}, i + 1);
    else return argument::none;
  }
  template <class D, class... Ds>
  constexpr double largest_of(detail::divergence_list<D, Ds...>, int i = 0) const noexcept {
    if (i == index_) return detail::largest_divergence(D{});
    if constexpr (sizeof...(Ds) > 0) return largest_of(detail::divergence_list<Ds...>{}, i + 1);
    else return divergence_limit;
  }
  static constexpr int count = static_cast<int>(sizeof detail::divergence_names / sizeof *detail::divergence_names);
  int index_;
};

/// A trust region as a configuration file gives it. Fields that a region does not use are ignored. A threshold or
/// budget that is not given has the default of the region's own function (`dppo`, `fixed_cppo`, `calibrated_cppo`,
/// `trm_max`).
struct region_config {
  std::string_view region = "cppo";           ///< one of `region_names()`
  std::string_view divergence = "binary_tv";  ///< one of `divergence_names()`; under ppo and none, for the report alone
  std::optional<double> delta = {};           ///< threshold (dppo, cppo, trm)
  std::optional<double> delta_b = {};         ///< fixed budget, or the floor where calibrated
  double w_min = 0.8;                         ///< weight floor (cppo)
  double epsilon = 0.2;                       ///< clip range (ppo)
  std::optional<double> epsilon_low = {};     ///< the same below 1; not given: epsilon
  std::optional<double> epsilon_high = {};    ///< the same above 1; not given: epsilon
  calibration calibrate = {};                 ///< cppo_calibrated
  std::uint64_t seed = 0;                     ///< cppo_shuffled
};

/// The names `region_config::region` may hold.
constexpr auto const& region_names() noexcept { return detail::region_names; }
/// The names `region_config::divergence` may hold.
constexpr auto const& divergence_names() noexcept { return detail::divergence_names; }

namespace detail {

constexpr auto named_ppo(region_config const& c) noexcept {
  double const e = c.epsilon;  // no optional is copied: g++ 12 would warn of the number that it may not hold
  return ppo({.epsilon_low = c.epsilon_low.value_or(e), .epsilon_high = c.epsilon_high.value_or(e)});
}

// D is a `named_divergence`. Its regions are compiled where they are visited, not where they are declared.
template <class D, class F>
constexpr bool visit_cppo(region_config const& c, D d, F& f) {
  cppo_options const o;
  calibrated_cppo_options const from;
  double const delta = c.delta.value_or(o.delta);
  auto const within = divergence_within(delta);
  auto const fixed = fixed_cppo({delta, c.delta_b.value_or(o.delta_b), c.w_min}, d);
  auto const calibrated =
      calibrated_cppo({c.delta.value_or(from.delta), c.delta_b.value_or(from.delta_b), c.w_min}, d, c.calibrate);
  if (c.region == "cppo") f(fixed);
  else if (c.region == "cppo_calibrated") f(calibrated);
  else if (c.region == "cppo_no_budget") f(trust_region(d, fixed.weight(), toward_rollout | within));
  else if (c.region == "cppo_no_weight") f(trust_region(d, linear_weight(1.0), fixed.mask()));
  else if (c.region == "cppo_shuffled") f(trust_region(d, permuted(fixed.weight(), c.seed), fixed.mask()));
  else if (c.region == "cppo_soft") f(softened(fixed, reciprocal_gate));
  else if (c.region == "cppo_calibrated_soft") f(softened(calibrated, reciprocal_gate));
  else return false;
  return true;
}
template <class D, class F>
constexpr bool visit_named(region_config const& c, D d, F& f) {
  if (c.region == "none") f(reporting(unrestricted(), d));
  else if (c.region == "ppo") f(reporting(named_ppo(c), d));
  else if (c.region == "dppo") f(dppo({.delta = c.delta.value_or(dppo_options{}.delta)}, d));
  else if (c.region == "trm_max") f(trm_max({c.delta.value_or(trm_options{}.delta)}, d));
  else if (c.region == "trm_mean") f(trm_mean({c.delta.value_or(trm_options{}.delta)}, d));
  else return visit_cppo(c, d, f);
  return true;
}

}  // namespace detail

/// Calls `f(region)` with the trust region that `c` names. Returns false, without a call, if a name is unknown.
///
/// Each region is a type of its own, so `f` is generic. The divergence is chosen at run time and adds no types.
template <class F>
constexpr bool visit_region(region_config const& c, F&& f) {
  named_divergence const d = named_divergence::find(c.divergence);
  return d.check() && detail::visit_named(c, d, f);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
