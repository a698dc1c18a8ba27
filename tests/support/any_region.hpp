// Any region as data, made of numbers that a test draws. Needs no test framework.
#pragma once

#include <cppo/described.hpp>

#include <algorithm>
#include <bit>
#include <vector>

namespace cppo_test {

using namespace cppo;

// Numbers, taken one after the other; past the end they are 0.
class choices {
 public:
  explicit choices(std::vector<std::uint64_t> all) : all_(std::move(all)) {}
  std::uint64_t next() { return at_ < all_.size() ? all_[at_++] : 0; }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  // A number in [low, high], 0 <= low: one that decides about tokens, or any bits.
  double number(double low, double high) {
    constexpr double usual[] = {0.001, 0.01, 0.02, 0.1, 0.15, 0.5, 0.9, 1.1, 2.0};
    double const x = usual[below(std::size(usual))];
    if (below(2) == 0 && x >= low && x <= high) return x;
    auto const least = std::bit_cast<std::uint64_t>(low), most = std::bit_cast<std::uint64_t>(high);
    return std::bit_cast<double>(least + below(most - least + 1));
  }

 private:
  std::vector<std::uint64_t> all_;
  std::size_t at_ = 0;
};

inline described_mask::step any_clause(choices& from) {
  auto const what = static_cast<mask_step>(from.below(8));
  if (what < mask_step::ratio_within) return {what};
  if (what == mask_step::ratio_within) {
    double const low = from.number(0x1p-1074, 1e30);
    return {what, low, from.number(low, 1e30)};
  }
  double const low = from.number(0x1p-126, 1000.0);
  bool const two = what == mask_step::divergence_within && from.below(2) == 0;
  return {what, low, two ? from.number(0x1p-126, 1000.0) : low};
}
// Steps of any shape; those that do not fit are left out, and operators end it.
inline described_mask any_mask(choices& from) {
  described_mask mask;
  constexpr mask_step operators[] = {mask_step::both, mask_step::either, mask_step::negated};
  int waiting = 0;
  for (auto n = from.below(40); n > 0; --n) {
    bool const operates = from.below(2) == 0;
    described_mask::step const s = operates ? described_mask::step{operators[from.below(3)]} : any_clause(from);
    int const after = waiting + 1 - described_mask::operands(s.what);
    if (mask.size() + after > described_mask::capacity || after < 1) continue;
    if (mask.append(s)) waiting = after;
  }
  if (waiting == 0) (void)mask.append(any_clause(from));
  for (; waiting > 1; --waiting) (void)mask.append({operators[from.below(2)]});
  return mask;
}
inline described_budget any_budget(choices& from) {
  if (from.below(2) == 0) return fixed_budget(from.number(0.0, 1000.0));
  double const floor = from.number(0.0, 1000.0), most = 1000.0 / std::max(floor, 1.0);
  return calibrated_budget(floor, {.quantile = from.number(0.0, 1.0), .scale = from.number(0.0, 1000.0),
                                   .ceiling_factor = from.number(1.0, std::max(1.0, most))});
}
inline described_region any_region(choices& from) {
  described_mask const mask = any_mask(from);
  described_weight weight = uniform_weight;
  if (from.below(2) == 0) weight = linear_weight(from.number(0x1p-1074, 1.0));
  if (from.below(3) == 0) weight = weight.reversed();
  if (from.below(2) == 0) weight = weight.shuffled(from.next());
  if (from.below(3) == 0) weight = weight.reversed();
  bool const reports = from.below(3) == 0 && !mask.has_budget() && !mask.asks_for_response();
  named_divergence const d(static_cast<int>(from.below(std::size(divergence_names()))));
  described_gate const gate = from.below(2) == 0 ? described_gate(hard_gate) : described_gate(reciprocal_gate);
  return {d, weight, mask, any_budget(from), gate, reports};
}

}  // namespace cppo_test
