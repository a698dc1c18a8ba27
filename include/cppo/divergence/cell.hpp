/// @file
/// One cell of a partition under pi and mu: its masses, how far they are apart, and what it adds to KL(mu || pi).
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exponential.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A cell with the masses p = e^log_p and q = e^log_q. Two exponentials, and nothing cancels where p is near q.
///
/// With m = max(p, q) and g = |log p - log q|: |p - q| = m (1 - e^{-g}), and q (r - 1 - log r) with r = p / q is
/// m (e^{-g} - 1 + g) where p <= q, and m (1 - e^{-g} - g e^{-g}) elsewhere. A cell of KL(mu || pi) is q log(q / p);
/// over a partition both formulas have the same sum, since the masses of both laws sum to 1. V's numbers may be wider
/// than Real, to which results are rounded.
template <class Real, class V>
struct cell {
  exp_parts<V> larger;       ///< e^max(log p, log q), not below e^exp_floor
  V mass;                    ///< max(p, q), 0 below e^exp_floor
  V gap;                     ///< |p - q|
  V kl;                      ///< q (p / q - 1 - log(p / q)) >= 0
  typename V::mask grew;     ///< p > q

  /// Where `counts` is false the cell is empty, whatever the numbers are.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr cell(V log_p, V log_q, typename V::mask counts) noexcept {
    constexpr auto low = exp_floor<typename V::value_type>;
    V const most = max(log_p, log_q), log_mass = select(counts, most, V(2 * low)), minus_g = min(log_p, log_q) - most;
    auto const there = log_mass >= V(low);
    grew = log_p > log_q;
    larger = exp_core_for<Real>(select(there, log_mass, V(exp_zero<typename V::value_type>)));
    exp_parts<V> const shrink = exp_core_for<Real>(max(minus_g, V(low)));
    V const missing = shrink.complement(), g = abs(minus_g);
    mass = larger.value();
    gap = mass * missing;
    auto const near = shrink.s == V(1);
    V const down = select(near, shrink.tail, g - missing);
    V const up = select(near, missing * g - shrink.tail, missing - shrink.value() * min(g, V(1000)));
    kl = only(there, mass * select(grew, up, down));
  }
};

/// q (p / q - 1 - log(p / q)) of a cell with the masses p and q, given the smaller of them and p - q; for lanes of
/// doubles, to be rounded to Real. Nothing cancels.
template <class Real, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V kl_of_masses(V smaller, V gain) noexcept {
  V const least = max(smaller, V(1e-300));
  V const w = abs(gain) / least;
  log1p_parts<Real, V> const l(w);  // of the larger mass over the smaller
  return least * select(gain > V(0), l.deficit, w * l.value - l.deficit);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
