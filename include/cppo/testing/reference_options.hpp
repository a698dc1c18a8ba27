/// @file
/// The options of the oracle: a trust region and a loss as plain numbers, without any of the library's parts.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>

#include <optional>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// The divergences that the oracle knows, in the order of `divergence_names()` of described regions.
enum class reference_divergence : std::uint8_t {
  none,
  binary_tv,
  binary_kl,
  binary_kl_reverse,
  top_k_tv,
  top_k_kl,
  top_k_tv_replace_last,
  top_k_kl_replace_last,
  top_k_tv_list,
  top_k_kl_list,
  k1,
  k2,
  k3,
  precomputed,
};
/// How many the oracle knows; it knows none of those that have a later place among the names.
inline constexpr int reference_divergences = static_cast<int>(reference_divergence::precomputed) + 1;

/// The form of the loss, in the order of `surrogate_form`.
enum class reference_form : std::uint8_t { ratio, reinforce };

/// How token losses become one number, in the order of `aggregation`.
enum class reference_aggregation : std::uint8_t {
  token_sum,
  token_mean,
  seq_mean_token_sum,
  seq_mean_token_mean,
  seq_mean_token_sum_norm,
};

/// What t and T mean in the weight, in the order of `position_convention`.
enum class reference_positions : std::uint8_t { own_length, fixed_horizon, padded_column };

/// The ends of an interval, or two thresholds.
struct reference_bounds {
  double low = 0.0;   ///< lower end, or the threshold where A <= 0
  double high = 0.0;  ///< upper end, or the threshold where A > 0
};

/// The prefix budget. [Eq. 8, Eq. 22]
struct reference_budget {
  double delta = 0.15;          ///< initial slack
  double delta_b = 0.015;       ///< budget; the floor where it is calibrated
  bool calibrated = false;      ///< true: delta_b comes from the response's own divergences
  double quantile = 0.9;        ///< q of the calibration
  double scale = 1.0;           ///< k of the calibration
  double ceiling_factor = 2.0;  ///< ceiling over floor
};

/// A trust region and a loss. M_t = 1 if the toward clause holds or every other clause that is set does.
struct reference_options {
  reference_divergence divergence = reference_divergence::binary_tv;  ///< D_t
  double w_min = 1.0;                ///< linear weight [Eq. 9]; 1: uniform
  std::vector<double> weights = {};  ///< w_t by slot (`reference_slot`), instead of the linear weight; empty: linear

  bool toward = true;                                            ///< one-sided clause of Eq. 10
  std::optional<reference_bounds> ratio = {};                    ///< low <= rho <= high [Eq. 2]
  std::optional<reference_bounds> threshold = {};                ///< Z_t <= delta by the sign of A [Eq. 3]
  std::optional<reference_budget> budget = {};                   ///< prefix budget [Eq. 8]
  std::optional<double> response_max = {};                       ///< TRM-Max [App. D]
  std::optional<double> response_mean = {};                      ///< TRM-Avg [App. D]
  bool soft = false;                                             ///< gate min(1, 1/x) [Eq. 19-20]

  double log_ratio_clamp = 20.0;                                      ///< 0: none
  double ratio_cap = 0.0;                                             ///< 0: none
  reference_form form = reference_form::ratio;                        ///< loss
  reference_aggregation aggregate = reference_aggregation::token_sum; ///< from tokens to a number
  double normalizer = 0.0;                                            ///< divisor; 0: this batch's count
  index_t horizon = 0;                                                ///< T, and the norm's divisor
  reference_positions positions = reference_positions::own_length;    ///< t and T of the weight
};

/// Index of slot i of response b in every per-slot vector of the oracle, and in a dense buffer of the layout.
constexpr index_t reference_slot(layout const& l, index_t b, index_t i) noexcept {
  return l.is_packed() ? l.begin(b) + i : b * l.width() + i;
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
