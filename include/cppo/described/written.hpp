/// @file
/// The parts of a region that is written out, as data.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/divergence.hpp>
#include <cppo/described/mask.hpp>
#include <cppo/described/weight.hpp>
#include <cppo/divergence/reported.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Turns a mask into steps, and its prefix budget's source into data. A mask of your own has no overload here.
struct mask_description {
  described_mask mask{};
  described_budget budget{};
  bool fits = true;

  constexpr void take(keep_all_t) noexcept { append(mask_step::keep_all); }
  constexpr void take(keep_none_t) noexcept { append(mask_step::keep_none); }
  constexpr void take(toward_rollout_t) noexcept { append(mask_step::toward_rollout); }
  constexpr void take(ratio_within_t m) noexcept { append(mask_step::ratio_within, m.low(), m.high()); }
  constexpr void take(divergence_within_t m) noexcept { append(mask_step::divergence_within, m.low(), m.high()); }
  constexpr void take(response_max_within_t m) noexcept {
    append(mask_step::response_max_within, m.delta(), m.delta());
  }
  constexpr void take(response_mean_within_t m) noexcept {
    append(mask_step::response_mean_within, m.delta(), m.delta());
  }
  template <class B>
    requires std::convertible_to<B, described_budget>
  constexpr void take(prefix_budget_t<B> const& m) noexcept {
    append(mask_step::prefix_budget, m.delta(), m.delta());
    budget = m.source();
  }
  template <class A, class B>
  constexpr void take(both_masks<A, B> const& m) noexcept {
    take(m.first), take(m.second), append(mask_step::both);
  }
  template <class A, class B>
  constexpr void take(either_mask<A, B> const& m) noexcept {
    take(m.first), take(m.second), append(mask_step::either);
  }
  template <class A>
  constexpr void take(not_mask<A> const& m) noexcept {
    take(m.inner), append(mask_step::negated);
  }

 private:
  constexpr void append(mask_step what, double low = 0.0, double high = 0.0) noexcept {
    fits = fits && mask.append({what, low, high});
  }
};
template <class M>
constexpr mask_description describe_mask(M const& m) noexcept {
  mask_description d;
  d.take(m);
  return d;
}

/// The other parts as data.
/// @{
constexpr described_weight describe_weight(described_weight w) noexcept { return w; }
template <class W>
constexpr described_weight describe_weight(permuted_weight<W> const& w) noexcept {
  return described_weight(w.inner()).shuffled(w.seed());
}
template <class W>
constexpr described_weight describe_weight(permuted_weight<reversed_weight<W>> const& w) noexcept {
  return described_weight(w.inner().inner()).reversed().shuffled(w.seed());
}
template <class W>
constexpr described_weight describe_weight(reversed_weight<W> const& w) noexcept {
  return describe_weight(w.inner()).reversed();
}
template <class D>
constexpr named_divergence describe_divergence(D const& d) noexcept { return d; }
template <class D>
constexpr named_divergence describe_divergence(reported<D> const& d) noexcept {
  return static_cast<D const&>(d);
}
/// @}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
