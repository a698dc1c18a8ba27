/// @file
/// Where the values of the folds of a region are kept during a call: a column for each, on the host and on a device.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/fold_values.hpp>
#include <cppo/core/layout.hpp>
#include <cppo/fold/fold_state.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Numbers past the last token of a response, so that a register may be loaded and one number repeated.
inline constexpr index_t fold_room = 64;

/// The columns of a call. Those of one response lie together, token by token without holes.
template <class Real>
struct fold_columns {
  Real* data = nullptr;           ///< null: the region has no folds
  index_t stride = 0;             ///< numbers from a slot to the next
  index_t folds = 0;              ///< `values_of_folds(region)`
  fold_state* states = nullptr;   ///< by state and response: what a response comes to
  fold_totals const* totals = nullptr;  ///< pieces: `folds` for each one; null: responses are whole
  index_t* beyond = nullptr;      ///< by response: the slot of the first term that leaves the exact grid, or -1
  Real const* of_positions = nullptr;  ///< what depends on the position alone, for 1, 2, ...: see `fold_values`
  index_t of_positions_stride = 0;     ///< from there to the next of these numbers

  /// Where the values of response b begin.
  CPPO_HOST_DEVICE static constexpr index_t place(layout const& l, index_t b) noexcept {
    return (l.is_packed() ? l.begin(b) : b * l.width()) + b * fold_room;
  }
  /// The numbers that a slot takes.
  CPPO_HOST_DEVICE static constexpr index_t room(layout const& l) noexcept {
    return l.elements() + (l.responses() + 1) * fold_room;
  }
  /// The values of response b.
  CPPO_HOST_DEVICE constexpr fold_values<Real> of(layout const& l, index_t b) const noexcept {
    return {data != nullptr ? data + place(l, b) : nullptr, stride, of_positions, of_positions_stride};
  }
  /// The value of a slot for the first token of response b.
  CPPO_HOST_DEVICE constexpr Real* at(layout const& l, int slot, index_t b) const noexcept {
    return data + slot * stride + place(l, b);
  }
  /// Sets one number for all tokens of response b.
  CPPO_HOST_DEVICE constexpr void set(layout const& l, int slot, index_t b, Real x) const noexcept {
    Real* const first = at(l, slot, b);
    for (int k = 0; k < fold_room; ++k) first[k] = x;
  }
  /// Sets 0 past the last of the tokens of response b, so that registers read numbers there.
  CPPO_HOST_DEVICE constexpr void pad(layout const& l, int slot, index_t b, index_t tokens) const noexcept {
    Real* const end = at(l, slot, b) + tokens;
    for (int k = 0; k < fold_room; ++k) end[k] = Real(0);
  }
  /// What response b adds to a state.
  CPPO_HOST_DEVICE constexpr fold_state& state(layout const& l, int number, index_t b) const noexcept {
    return states[number * l.responses() + b];
  }
  /// What is known of a state beyond piece b; nothing where responses are whole.
  CPPO_HOST_DEVICE constexpr fold_totals known(int number, index_t b) const noexcept {
    return totals != nullptr ? totals[b * folds + number] : fold_totals{};
  }
  /// The slot of response b whose term left the exact grid, -1 if there is none.
  CPPO_HOST_DEVICE constexpr index_t beyond_grid(index_t b) const noexcept {
    return beyond != nullptr ? beyond[b] : index_t{-1};
  }
  /// True if a term of response b left it, here or in another piece.
  CPPO_HOST_DEVICE constexpr bool leaves_out(index_t b) const noexcept {
    return beyond_grid(b) >= 0 || (totals != nullptr && folds > 0 && totals[b * folds].off_grid);
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
