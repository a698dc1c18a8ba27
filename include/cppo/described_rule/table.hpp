/// @file
/// The one list of the functions and the rules of the field that a text may name. What each makes, its C++ function
/// says: a row gives it what the text gives.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/text_rows.hpp>
#include <cppo/rules/batch_rules.hpp>
#include <cppo/rules/clipped.hpp>
#include <cppo/rules/correction.hpp>
#include <cppo/rules/response_rules.hpp>
#include <cppo/rules/scan_rules.hpp>
#include <cppo/rules/score.hpp>
#include <cppo/rules/smooth.hpp>
#include <cppo/rules/truly_ppo.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

namespace text_rows {

/// PPO's clipped loss, of whose parameters the first is number `at`.
constexpr ppo_clip_options clip(given a, int at, ppo_clip_options const& usual = {}) noexcept {
  ppo_clip_options o = usual;
  o.epsilon = a.number_or(at, usual.epsilon);
  if (a.given[at]) o.epsilon_low = o.epsilon_high = std::nullopt;
  if (a.given[at + 1]) o.epsilon_low = a.number[at + 1];
  if (a.given[at + 2]) o.epsilon_high = a.number[at + 2];
  o.dual_clip = a.number_or(at + 3, usual.dual_clip);
  return o;
}
constexpr ctpo_options ctpo_numbers(given a) noexcept {
  ctpo_options const o;
  return {.low = a.number_or(0, o.low), .high = a.number_or(1, o.high), .dual_clip = a.number_or(2, o.dual_clip),
          .power = a.number_or(3, o.power), .exponent_cap = a.number_or(4, o.exponent_cap)};
}
constexpr fipo_options fipo_numbers(given a, fipo_options const& o) noexcept {
  return {.half_life = a.number_or(0, o.half_life), .weight_low = a.number_or(1, o.weight_low),
          .weight_high = a.number_or(2, o.weight_high), .safe_ratio = a.number_or(3, o.safe_ratio),
          .veto = a.number_or(4, o.veto), .clip = clip(a, 5, o.clip)};
}
constexpr dppo_quadratic_options quadratic_numbers(given a) noexcept {
  dppo_quadratic_options const o;
  return {a.number_or(0, o.delta_low), a.number_or(1, o.delta_high), a.number_or(2, o.kl_tau)};
}
constexpr entropy_top_options entropy_numbers(given a) noexcept {
  entropy_top_options const o;
  return {.share = a.number_or(0, o.share), .clip = clip(a, 1, o.clip)};
}
constexpr m2po_options m2po_numbers(given a) noexcept {
  m2po_options const o;
  return {a.number_or(0, o.budget), a.number_or(1, o.floor_low), a.number_or(2, o.floor_high)};
}
constexpr clip_cov_options clip_cov_numbers(given a) noexcept {
  clip_cov_options const o;
  return {.seed = a.integer, .share = a.number_or(1, o.share), .low = a.number_or(2, o.low),
          .high = a.number_or(3, o.high), .clip = clip(a, 4, o.clip)};
}
constexpr vespo_options vespo_numbers(given a) noexcept {
  vespo_options const o;
  return {a.number_or(0, o.k_positive), a.number_or(1, o.lambda_positive), a.number_or(2, o.k_negative),
          a.number_or(3, o.lambda_negative)};
}

}  // namespace text_rows

/// The list. A second row of a name is another form of it. A template, so that only a unit that reads texts compiles
/// what the rows make: that takes seconds.
template <class Draft>
inline constexpr text_row text_table[] = {
#define CPPO_DETAIL_MAKES(...) [](Draft& d, text_arguments const& a) { return (void)a, text_rows::__VA_ARGS__; }
#define CPPO_DETAIL_KL(name)                                                                                     \
  {#name, rule_word::quantity,                                                                                   \
   CPPO_DETAIL_MAKES(piece(d, name(stand_in<0>{}))), {{"x", text_rows::quantity, text_rows::always}}},           \
  {#name, rule_word::quantity, CPPO_DETAIL_MAKES(piece(d, name()))}
    CPPO_DETAIL_KL(kl_k1), CPPO_DETAIL_KL(kl_k2), CPPO_DETAIL_KL(kl_abs), CPPO_DETAIL_KL(kl_k3),
    CPPO_DETAIL_KL(kl_k3_plus),
#undef CPPO_DETAIL_KL
    text_rows::when_positive<Draft>, text_rows::when_negative<Draft>,
    {"among", rule_word::quantity, CPPO_DETAIL_MAKES(piece(d, among(mask_stand_in<0>{}, stand_in<1>{}))),
     {{"mask", rule_word::mask, text_rows::always}, {"q", text_rows::quantity, text_rows::always}}},
    {"held", rule_word::loss, CPPO_DETAIL_MAKES(piece(d, held(loss_stand_in<0>{}))),
     {{"s", rule_word::loss, text_rows::always}}},
    {"token_ratio", rule_word::quantity, CPPO_DETAIL_MAKES(piece(d, token_ratio()))},
    {"sequence_ratio", rule_word::quantity, CPPO_DETAIL_MAKES(piece(d, sequence_ratio()))},
    {"geometric_ratio", rule_word::quantity, CPPO_DETAIL_MAKES(piece(d, geometric_ratio()))},
    {"only_within", rule_word::quantity,
     CPPO_DETAIL_MAKES(piece(d, only_within(stand_in<0>{}, a.number[1], a.number[2]))),
     {{"r", text_rows::quantity, text_rows::always},
      {"low", text_rows::number, text_rows::always},
      {"high", text_rows::number, text_rows::always}}},
    {"normalized_over_tokens", rule_word::quantity,
     CPPO_DETAIL_MAKES(piece(d, normalized_over_tokens(stand_in<0>{}))),
     {{"w", text_rows::quantity, text_rows::always}}},
    {"normalized_over_responses", rule_word::quantity,
     CPPO_DETAIL_MAKES(piece(d, normalized_over_responses(stand_in<0>{}))),
     {{"w", text_rows::quantity, text_rows::always}}},
#define CPPO_DETAIL_REJECTS(name)                                                     \
  {#name, rule_word::mask, CPPO_DETAIL_MAKES(piece(d, name(a.number[0], a.number[1]))), \
   {{"low", text_rows::number, text_rows::always}, {"high", text_rows::number, text_rows::always}}}
#define CPPO_DETAIL_REJECTS_ABOVE(name)                                  \
  {#name, rule_word::mask, CPPO_DETAIL_MAKES(piece(d, name(a.number[0]))), \
   {{"high", text_rows::number, text_rows::always}}}
    CPPO_DETAIL_REJECTS(rs_token_k1), CPPO_DETAIL_REJECTS(rs_seq_mean_k1), CPPO_DETAIL_REJECTS(rs_seq_sum_k1),
    CPPO_DETAIL_REJECTS(rs_seq_max_k1), CPPO_DETAIL_REJECTS_ABOVE(rs_token_k2),
    CPPO_DETAIL_REJECTS_ABOVE(rs_seq_mean_k2), CPPO_DETAIL_REJECTS_ABOVE(rs_seq_sum_k2),
    CPPO_DETAIL_REJECTS_ABOVE(rs_seq_max_k2), CPPO_DETAIL_REJECTS_ABOVE(rs_token_k3),
    CPPO_DETAIL_REJECTS_ABOVE(rs_seq_mean_k3), CPPO_DETAIL_REJECTS_ABOVE(rs_seq_sum_k3),
    CPPO_DETAIL_REJECTS_ABOVE(rs_seq_max_k3),
#undef CPPO_DETAIL_REJECTS
#undef CPPO_DETAIL_REJECTS_ABOVE
    {"ppo_clip", rule_word::region, CPPO_DETAIL_MAKES(rule(d, ppo_clip(text_rows::clip(a, 0)))),
     {{"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}}},
    {"ppo_rb", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, ppo_rb({.epsilon = a.number_or(0, ppo_rb_options{}.epsilon),
                                       .epsilon_low = text_rows::maybe(a, 1),
                                       .epsilon_high = text_rows::maybe(a, 2),
                                       .alpha = a.number_or(3, ppo_rb_options{}.alpha)}))),
     {{"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"alpha"}}},
    {"tr_ppo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, tr_ppo({a.number_or(0, tr_ppo_options{}.delta)}))), {{"delta"}}},
    {"tr_ppo_rb", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, tr_ppo_rb({a.number_or(0, tr_ppo_rb_options{}.delta),
                                          a.number_or(1, tr_ppo_rb_options{}.alpha)}))),
     {{"delta"}, {"alpha"}}},
    {"truly_ppo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, truly_ppo({a.number_or(0, truly_ppo_options{}.delta),
                                          a.number_or(1, truly_ppo_options{}.alpha),
                                          a.number_or(2, truly_ppo_options{}.likelihood)}))),
     {{"delta"}, {"alpha"}, {"likelihood"}}},
    {"trgppo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, trgppo({a.number_or(0, trgppo_options{}.delta),
                                       a.number_or(1, trgppo_options{}.epsilon)}))),
     {{"delta"}, {"epsilon"}}},
    {"cispo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, cispo({a.number_or(0, cispo_options{}.low), a.number_or(1, cispo_options{}.high)}))),
     {{"low"}, {"high"}}},
    {"cispo_by_epsilon", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, cispo_by_epsilon({a.number_or(0, cispo_by_epsilon_options{}.epsilon_low),
                                                 a.number_or(1, cispo_by_epsilon_options{}.epsilon_high)}))),
     {{"epsilon_low"}, {"epsilon_high"}}},
    {"gpg_loss", rule_word::region, CPPO_DETAIL_MAKES(rule(d, gpg_loss()))},
    {"dro", rule_word::region, CPPO_DETAIL_MAKES(rule(d, a.given[0] ? dro(a.number[0]) : dro())), {{"beta"}}},
    {"sapo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, sapo({a.number_or(0, sapo_options{}.tau_positive),
                                     a.number_or(1, sapo_options{}.tau_negative)}))),
     {{"tau_positive"}, {"tau_negative"}}},
    {"drpo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, a.given[0] ? drpo(a.number[0]) : drpo())), {{"epsilon"}}},
    {"spo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, a.given[0] ? spo(a.number[0]) : spo())), {{"epsilon"}}},
    {"dppo_quadratic", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, dppo_quadratic(text_rows::quadratic_numbers(a)))),
     {{"delta_low"}, {"delta_high"}, {"kl_tau"}}},
    {"dppo_quadratic_symmetric", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, dppo_quadratic_symmetric(text_rows::quadratic_numbers(a)))),
     {{"delta_low"}, {"delta_high"}, {"kl_tau"}}},
    {"gspo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, gspo({.epsilon_low = a.number_or(0, gspo_options{}.epsilon_low),
                                     .epsilon_high = a.number_or(1, gspo_options{}.epsilon_high),
                                     .exponent_cap = a.number_or(2, gspo_options{}.exponent_cap)}))),
     {{"epsilon_low"}, {"epsilon_high"}, {"exponent_cap"}}},
    {"gmpo", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, gmpo({a.number_or(0, gmpo_options{}.log_low),
                                     a.number_or(1, gmpo_options{}.log_high)}))),
     {{"log_low"}, {"log_high"}}},
    {"vespo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, vespo(text_rows::vespo_numbers(a)))),
     {{"k_positive"}, {"lambda_positive"}, {"k_negative"}, {"lambda_negative"}}},
    {"opsm", rule_word::region, CPPO_DETAIL_MAKES(rule(d, opsm(a.number[0], text_rows::clip(a, 1)))),
     {{"delta", text_rows::number, text_rows::always}, {"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}}},
    {"minpro", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, minpro({a.number_or(0, minpro_options{}.low), a.number_or(1, minpro_options{}.high)}))),
     {{"low"}, {"high"}}},
    {"ctpo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, ctpo(text_rows::ctpo_numbers(a)))),
     {{"low"}, {"high"}, {"dual_clip"}, {"power"}, {"exponent_cap"}}},
    {"ctpo_geometric", rule_word::region, CPPO_DETAIL_MAKES(rule(d, ctpo_geometric(text_rows::ctpo_numbers(a)))),
     {{"low"}, {"high"}, {"dual_clip"}, {"power", text_rows::number, text_rows::always}, {"exponent_cap"}}},
    {"ctpo_in_band", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, ctpo_in_band(text_rows::clip(a, 0), a.number_or(4, ctpo_options{}.exponent_cap)))),
     {{"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}, {"exponent_cap"}}},
    {"ctpo_geometric_in_band", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, ctpo_geometric_in_band(text_rows::clip(a, 0),
                                                      a.number_or(4, ctpo_options{}.exponent_cap)))),
     {{"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}, {"exponent_cap"}}},
#define CPPO_DETAIL_FIPO \
  {{"half_life"}, {"weight_low"}, {"weight_high"}, {"safe_ratio"}, {"veto"}, \
   {"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}}
    {"fipo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, fipo(text_rows::fipo_numbers(a, {})))), CPPO_DETAIL_FIPO},
    {"fipo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, fipo(text_rows::fipo_numbers(a, fipo_code_defaults)))),
     CPPO_DETAIL_FIPO, "fipo_code_defaults"},
#undef CPPO_DETAIL_FIPO
    {"clip_cov", rule_word::region, CPPO_DETAIL_MAKES(rule(d, clip_cov(text_rows::clip_cov_numbers(a)))),
     {{"seed", rule_word::integer}, {"share"}, {"low"}, {"high"}, {"epsilon"}, {"epsilon_low"}, {"epsilon_high"},
      {"dual_clip"}}},
    {"kl_cov", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, kl_cov({a.number_or(0, kl_cov_options{}.share),
                                       a.number_or(1, kl_cov_options{}.beta)}))),
     {{"share"}, {"beta"}}},
    {"entropy_top", rule_word::region, CPPO_DETAIL_MAKES(rule(d, entropy_top(text_rows::entropy_numbers(a)))),
     {{"share"}, {"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}}},
    {"entropy_top_quantile", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, entropy_top_quantile(text_rows::entropy_numbers(a)))),
     {{"share"}, {"epsilon"}, {"epsilon_low"}, {"epsilon_high"}, {"dual_clip"}}},
    {"m2po", rule_word::region, CPPO_DETAIL_MAKES(rule(d, m2po(text_rows::m2po_numbers(a)))),
     {{"budget"}, {"floor_low"}, {"floor_high"}}},
    {"m2po_mask", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, a.given[0] ? m2po_mask(a.number[0]) : m2po_mask())), {{"threshold"}}},
    {"vmpo", rule_word::region, CPPO_DETAIL_MAKES(rule(d, a.given[0] ? vmpo(a.number[0]) : vmpo())), {{"eta"}}},
    {"tis", rule_word::region, CPPO_DETAIL_MAKES(rule(d, a.given[0] ? tis(a.number[0]) : tis())), {{"high"}}},
    {"sequence_tis", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, a.given[0] ? sequence_tis(a.number[0]) : sequence_tis())), {{"high"}}},
    {"icepop", rule_word::region,
     CPPO_DETAIL_MAKES(rule(d, a.given[1]   ? icepop(a.number_or(0, 0.5), a.number[1])
                               : a.given[0] ? icepop(a.number[0])
                                            : icepop())),
     {{"low"}, {"high"}}},
    {"geometric_band", rule_word::region, CPPO_DETAIL_MAKES(rule(d, geometric_band(a.number[0], a.number[1]))),
     {{"low", text_rows::number, text_rows::always}, {"high", text_rows::number, text_rows::always}}},
    {"correction", rule_word::region, CPPO_DETAIL_MAKES(rule(d, correction(stand_in<0>{}))),
     {{"weight", text_rows::quantity, text_rows::always}}},
#undef CPPO_DETAIL_MAKES
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
