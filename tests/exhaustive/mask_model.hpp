// Which tokens CPPO keeps [Eq. 8-10, Algorithm 1], in whole numbers: nothing is rounded, a tie is a tie.
//
// Includes nothing of the library and shares no code with it. D, delta and delta_b are counted in units of 2^-scale,
// weights in 1/128, so Z, S and the budget in 1/256 of a unit (delta_b may be half a unit where it is calibrated).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace cppo_test {

__extension__ using whole = __int128;

// One set of parameters. The budget is fixed, or the median of D clamped to [delta_b, 2 delta_b].
struct model_parameters {
  int scale = 0;            // a unit is 2^-scale
  int delta = 1;            // units
  std::int64_t delta_b = 0; // units; the floor where the budget is calibrated
  int w_min = 64;           // 64ths
  bool calibrated = false;
};

// One of three slots.
struct model_slot {
  bool token = false;
  int divergence = 0;  // units
  bool away = false;   // A and log pi - log mu are of one sign
};

enum class verdict : std::uint8_t { excluded, kept, kept_toward, past_threshold, past_budget };

// What was decided, and whether either bound was met exactly.
struct model_decision {
  verdict what = verdict::excluded;
  bool threshold_tie = false, budget_tie = false;
};

using model_slots = std::array<model_slot, 3>;
using model_decisions = std::array<model_decision, 3>;

// w_t in 128ths of the token with `rank` tokens before it, among `length` <= 3.
inline int model_weight(int rank, int length, int w_min) {
  return length < 2 ? 128 : 128 - 2 * (64 - w_min) * rank / (length - 1);
}

// delta_b in half units. Divergences saturate at 1000.
inline whole model_budget(model_parameters const& p, std::array<whole, 3> const& d, int length) {
  whole const floor = whole{2} * p.delta_b;
  if (!p.calibrated || length == 0) return floor;
  whole const sum = d[0] + d[1] + d[2], largest = std::max({d[0], d[1], d[2]}), least = std::min({d[0], d[1], d[2]});
  whole const twice_median = length == 1 ? 2 * sum : length == 2 ? sum : 2 * (sum - largest - least);
  return std::clamp(twice_median, floor, 2 * floor);
}

inline model_decisions decide(model_parameters const& p, model_slots const& slots) {
  whole const cap = p.scale >= 0 ? whole{1000} << p.scale : whole{1000} >> -p.scale;
  std::array<whole, 3> d{};
  int length = 0;
  for (model_slot const& s : slots) {
    if (s.token) d[static_cast<std::size_t>(length++)] = std::min<whole>(s.divergence, cap);
  }
  whole const delta_b = model_budget(p, d, length), delta = whole{256} * p.delta;
  whole drift = 0, allowance = 0;
  model_decisions out;
  for (std::size_t i = 0, rank = 0; i < 3; ++i) {
    if (!slots[i].token) continue;
    int const w = model_weight(static_cast<int>(rank), length, p.w_min);
    whole const z = 2 * w * d[rank++];
    bool const under_threshold = z <= delta, under_budget = drift + z <= delta + allowance;
    out[i] = {!slots[i].away     ? verdict::kept_toward
              : !under_threshold ? verdict::past_threshold
              : !under_budget    ? verdict::past_budget
                                 : verdict::kept,
              z == delta, drift + z == delta + allowance};
    drift += z;
    allowance += w * delta_b;
  }
  return out;
}

}  // namespace cppo_test
