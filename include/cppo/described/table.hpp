/// @file
/// The one list of what a region's text may name: the parts, the regions, and what each of them takes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/describe.hpp>
#include <cppo/described/region.hpp>
#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/region/ppo.hpp>
#include <cppo/region/presets.hpp>
#include <cppo/region/trm.hpp>

#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What a piece of text stands for.
enum class part_kind : std::uint8_t { region, divergence, weight, mask, budget, gate, number, integer };
inline constexpr std::string_view part_kind_names[] = {"region", "divergence", "weight", "mask",
                                                       "budget", "gate",       "number", "whole number"};

/// A region whose parts are being put together. A part of each kind stands in its own place.
struct region_draft {
  named_divergence divergence = no_divergence;
  described_weight weight;
  described_mask mask;
  described_budget budget;
  described_gate gate;
  bool reports_only = false;

  constexpr described_region region() const noexcept {
    return {divergence, weight, mask, budget, gate, reports_only};
  }
  template <class Region>
  constexpr void take(Region const& written) noexcept {
    described_region const r(written);
    *this = {r.divergence(), r.weight(), r.mask(), r.budget(), r.gate(), r.reports_only()};
  }
};

/// A parameter of a named part.
struct part_parameter {
  enum class given : std::uint8_t { always, maybe };
  std::string_view name = {};
  part_kind kind = part_kind::number;
  given must_be = given::maybe;
};

/// The numbers that a text gives to a part, in the order of the part's parameters. If a parameter is a part itself, it
/// is in the draft already.
struct part_arguments {
  static constexpr int most = 8;
  bool given[most] = {};
  double number[most] = {};
  std::uint64_t integer = 0;

  constexpr double number_or(int i, double otherwise) const noexcept { return given[i] ? number[i] : otherwise; }
};

/// A name, what it makes, and how: `make` changes the draft, and returns false where the parts given do not fit.
struct part_row {
  std::string_view name;
  part_kind makes;
  bool (*make)(region_draft&, part_arguments const&);
  part_parameter takes[part_arguments::most] = {};
  enum class numbers : std::uint8_t { in_order, by_name } give = numbers::in_order;

  constexpr int parameters() const noexcept {
    int n = 0;
    while (n < part_arguments::most && !takes[n].name.empty()) ++n;
    return n;
  }
};

/// Functions that rows are made of.
namespace rows {
using draft = region_draft&;
using given = part_arguments const&;
inline constexpr auto always = part_parameter::given::always;
inline constexpr auto number = part_kind::number;

constexpr bool made(draft, given) noexcept { return true; }
template <mask_step Step>
constexpr bool clause_of_one(draft d, given a) noexcept {
  return d.mask.append({Step, a.number[0], a.number[0]});
}
template <mask_step Step>
constexpr bool clause_of_two(draft d, given a) noexcept {
  return d.mask.append({Step, a.number[0], a.number_or(1, a.number[0])});
}
/// The divergence that the text gives as parameter i, or the region's own.
constexpr named_divergence divergence_or(draft d, given a, int i, named_divergence own) noexcept {
  return a.given[i] ? d.divergence : own;
}
template <class Options>
constexpr Options cppo_numbers(given a) noexcept {
  Options const o;
  return {a.number_or(0, o.delta), a.number_or(1, o.delta_b), a.number_or(2, o.w_min)};
}
template <class Region>
constexpr bool take(draft d, Region const& r) noexcept {
  return d.take(r), true;
}

constexpr bool permute(draft d, given a) noexcept {
  if (d.weight.is_shuffled()) return false;
  d.weight = d.weight.shuffled(a.integer);
  return true;
}
constexpr bool calibrate(draft d, given a) noexcept {
  calibration const c;
  d.budget = calibrated_budget(a.number[0], {a.number_or(1, c.quantile), a.number_or(2, c.scale),
                                             a.number_or(3, c.ceiling_factor)});
  return true;
}
/// The divergence of a region that has one for its report alone.
constexpr bool report(draft d, given) noexcept {
  if (d.mask.has_budget() || d.mask.asks_for_response()) return false;
  d.reports_only = true;
  return true;
}
constexpr bool named_ppo(draft d, given a) noexcept {
  double const e = a.number_or(0, ppo_options{}.epsilon);
  return take(d, ppo({.epsilon_low = a.number_or(1, e), .epsilon_high = a.number_or(2, e)}));
}
constexpr bool named_dppo(draft d, given a) noexcept {
  double const delta = a.number_or(0, dppo_options{}.delta);
  return take(d, dppo({.delta_low = a.number_or(1, delta), .delta_high = a.number_or(2, delta)},
                      divergence_or(d, a, 3, binary_tv)));
}
constexpr bool named_fixed(draft d, given a) noexcept {
  return take(d, fixed_cppo(cppo_numbers<cppo_options>(a), divergence_or(d, a, 3, binary_tv)));
}
constexpr bool named_calibrated(draft d, given a) noexcept {
  calibration const c{a.number_or(4, calibration{}.quantile), a.number_or(5, calibration{}.scale),
                      a.number_or(6, calibration{}.ceiling_factor)};
  return take(d, calibrated_cppo(cppo_numbers<calibrated_cppo_options>(a), divergence_or(d, a, 3, binary_tv), c));
}
constexpr bool named_trm_max(draft d, given a) noexcept {
  return take(d, trm_max({a.number_or(0, trm_options{}.delta)}, divergence_or(d, a, 1, binary_kl)));
}
constexpr bool named_trm_mean(draft d, given a) noexcept {
  return take(d, trm_mean({a.number_or(0, trm_options{}.delta)}, divergence_or(d, a, 1, binary_kl)));
}
constexpr bool preset_post_trained(draft d, given a) noexcept {
  return take(d, presets::dense_post_trained(divergence_or(d, a, 0, binary_tv)));
}
constexpr bool preset_base(draft d, given a) noexcept {
  return take(d, presets::dense_base(divergence_or(d, a, 0, binary_tv)));
}
constexpr bool preset_moe(draft d, given a) noexcept {
  return take(d, presets::moe_base(divergence_or(d, a, 0, binary_tv)));
}
}  // namespace rows

/// The list. Divergences are added from `divergence_names()`. A second row of a name is another form of it.
inline constexpr part_row part_rows[] = {
    {"uniform_weight", part_kind::weight, [](rows::draft d, rows::given) { return d.weight = uniform_weight, true; }},
    {"linear_weight", part_kind::weight,
     [](rows::draft d, rows::given a) { return d.weight = linear_weight(a.number[0]), true; },
     {{"w_min", rows::number, rows::always}}},
    {"permuted", part_kind::weight, rows::permute,
     {{"weight", part_kind::weight, rows::always}, {"seed", part_kind::integer, rows::always}}},
    {"reversed", part_kind::weight,
     [](rows::draft d, rows::given) { return d.weight = d.weight.reversed(), true; },
     {{"weight", part_kind::weight, rows::always}}},
    {"fixed_budget", part_kind::budget,
     [](rows::draft d, rows::given a) { return d.budget = fixed_budget(a.number[0]), true; },
     {{"delta_b", rows::number, rows::always}}},
    {"calibrated_budget", part_kind::budget, rows::calibrate,
     {{"floor", rows::number, rows::always}, {"quantile"}, {"scale"}, {"ceiling_factor"}}},
    {"hard_gate", part_kind::gate, [](rows::draft d, rows::given) { return d.gate = hard_gate, true; }},
    {"reciprocal_gate", part_kind::gate, [](rows::draft d, rows::given) { return d.gate = reciprocal_gate, true; }},
    {name_of(mask_step::keep_all), part_kind::mask, rows::clause_of_one<mask_step::keep_all>},
    {name_of(mask_step::keep_none), part_kind::mask, rows::clause_of_one<mask_step::keep_none>},
    {name_of(mask_step::toward_rollout), part_kind::mask, rows::clause_of_one<mask_step::toward_rollout>},
    {name_of(mask_step::ratio_within), part_kind::mask, rows::clause_of_two<mask_step::ratio_within>,
     {{"low", rows::number, rows::always}, {"high", rows::number, rows::always}}},
    {name_of(mask_step::divergence_within), part_kind::mask, rows::clause_of_two<mask_step::divergence_within>,
     {{"delta", rows::number, rows::always}, {"delta_high"}}},
    {name_of(mask_step::prefix_budget), part_kind::mask, rows::clause_of_one<mask_step::prefix_budget>,
     {{"delta", rows::number, rows::always}, {"budget", part_kind::budget, rows::always}}},
    {name_of(mask_step::response_max_within), part_kind::mask, rows::clause_of_one<mask_step::response_max_within>,
     {{"delta", rows::number, rows::always}}},
    {name_of(mask_step::response_mean_within), part_kind::mask, rows::clause_of_one<mask_step::response_mean_within>,
     {{"delta", rows::number, rows::always}}},
    {"trust_region", part_kind::region, rows::made,
     {{"divergence", part_kind::divergence, rows::always},
      {"weight", part_kind::weight, rows::always},
      {"mask", part_kind::mask, rows::always}}},
    {"softened", part_kind::region, rows::made,
     {{"region", part_kind::region, rows::always}, {"gate", part_kind::gate, rows::always}}},
    {"reporting", part_kind::region, rows::report,
     {{"region", part_kind::region, rows::always}, {"divergence", part_kind::divergence, rows::always}}},
    {"unrestricted", part_kind::region, [](rows::draft d, rows::given) { return rows::take(d, unrestricted()); }},
    {"ppo", part_kind::region, rows::named_ppo, {{"epsilon"}, {"epsilon_low"}, {"epsilon_high"}},
     part_row::numbers::by_name},
    {"dppo", part_kind::region, rows::named_dppo,
     {{"delta"}, {"delta_low"}, {"delta_high"}, {"divergence", part_kind::divergence}}, part_row::numbers::by_name},
    {"fixed_cppo", part_kind::region, rows::named_fixed,
     {{"delta"}, {"delta_b"}, {"w_min"}, {"divergence", part_kind::divergence}}},
    {"calibrated_cppo", part_kind::region, rows::named_calibrated,
     {{"delta"}, {"delta_b"}, {"w_min"}, {"divergence", part_kind::divergence}, {"quantile"}, {"scale"},
      {"ceiling_factor"}}},
    {"trm_max", part_kind::region, rows::named_trm_max, {{"delta"}, {"divergence", part_kind::divergence}}},
    {"trm_mean", part_kind::region, rows::named_trm_mean, {{"delta"}, {"divergence", part_kind::divergence}}},
    {"presets::dense_post_trained", part_kind::region, rows::preset_post_trained,
     {{"divergence", part_kind::divergence}}},
    {"presets::dense_base", part_kind::region, rows::preset_base, {{"divergence", part_kind::divergence}}},
    {"presets::moe_base", part_kind::region, rows::preset_moe, {{"divergence", part_kind::divergence}}},
};

/// The row of a name; null if there is none.
inline part_row const* find_row(std::string_view name) noexcept {
  for (part_row const& row : part_rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}
/// `fixed_cppo(delta, delta_b, w_min, divergence)`
inline status_text signature(part_row const& row) noexcept {
  status_text s;
  s.append(row.name);
  for (int p = 0; p < row.parameters(); ++p) {
    s.append(std::string_view(p == 0 ? "(" : ", "));
    s.append(row.takes[p].name);
  }
  if (row.parameters() > 0) s.append(std::string_view(")"));
  return s;
}
/// The names of all parts of a kind.
inline status_text names_of(part_kind k) noexcept {
  status_text s;
  if (k == part_kind::number) s.append(std::string_view("one as 0.15"));
  if (k == part_kind::integer) s.append(std::string_view("one as 7"));
  auto name = [&s, first = true](std::string_view n) mutable {
    s.append(std::string_view(first ? "" : ", "));
    s.append(n);
    first = false;
  };
  for (part_row const& row : part_rows) {
    if (row.makes == k) name(row.name);
  }
  for (std::string_view const n : divergence_names) {
    if (k == part_kind::divergence) name(n);
  }
  return s;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
