/// @file
/// The one list of the advantage rules that a text may name. What each makes, its C++ function says: a row gives it
/// what the text gives.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/derived_folds.hpp>
#include <cppo/described_rule/text_rows.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

namespace text_rows {

/// Parameter P of a call, a quantity; the reward where the text gives none.
template <int P>
constexpr stand_in<P> reward_or(draft d, given a) noexcept {
  if (!a.given[P]) d.stands[P] = d.node(rule_op::reward, {});
  return {};
}
/// f(form) with the form of parameter P as a constant.
template <int P, class F>
constexpr rule_piece with_form(given a, F const& f) noexcept {
  using enum whitening;
  bool const plus = a.number_or(P, 0.0) != 0.0;
  return plus ? f(std::integral_constant<whitening, unbiased_plus>{})
              : f(std::integral_constant<whitening, population_floor>{});
}
constexpr rule_piece form(draft d, whitening w) noexcept { return d.constant(static_cast<double>(w)); }
constexpr rule_piece gae_of(draft d, given a) noexcept {
  gae_rule const usual = gae();
  gae_rule const made = gae(a.number_or(0, usual.gamma), a.number_or(1, usual.lambda));
  d.found = made.check();
  return d.node(rule_op::gae, {}, {made.gamma, made.lambda});
}

}  // namespace text_rows

/// The list. It is compiled where a text is read: `Draft` is `rule_draft`.
template <class Draft>
inline constexpr text_row advantage_functions[] = {
#define CPPO_DETAIL_MAKES(...)                                                             \
  [](Draft& d, text_rows::given a) {                                                       \
    using namespace text_rows;                                                             \
    return (void)a, __VA_ARGS__;                                                           \
  }
#define CPPO_DETAIL_REWARD {"q", rule_word::quantity}
#define CPPO_DETAIL_FORM {"form", rule_word::whitening}
    {"grpo", rule_word::quantity,
     CPPO_DETAIL_MAKES(checked(d, grpo(a.number_or(0, 1e-6), reward_or<1>(d, a)))), {{"epsilon"}, CPPO_DETAIL_REWARD}},
    {"dr_grpo", rule_word::quantity, CPPO_DETAIL_MAKES(checked(d, dr_grpo(reward_or<0>(d, a)))), {CPPO_DETAIL_REWARD}},
    {"rloo", rule_word::quantity, CPPO_DETAIL_MAKES(checked(d, rloo(reward_or<0>(d, a)))), {CPPO_DETAIL_REWARD}},
    {"opo", rule_word::quantity, CPPO_DETAIL_MAKES(checked(d, opo(reward_or<0>(d, a)))), {CPPO_DETAIL_REWARD}},
    {"gpg", rule_word::quantity, CPPO_DETAIL_MAKES(checked(d, gpg(a.number_or(0, 1.0), reward_or<1>(d, a)))),
     {{"norm"}, CPPO_DETAIL_REWARD}},
    {"gpg_nonzero", rule_word::quantity,
     CPPO_DETAIL_MAKES(checked(d, gpg_nonzero(a.number_or(0, 1.0), reward_or<1>(d, a)))),
     {{"norm"}, CPPO_DETAIL_REWARD}},
    {"reinforce_pp", rule_word::quantity,
     CPPO_DETAIL_MAKES(with_form<3>(a, [&](auto form) {
       return checked(d, reinforce_pp<form()>(a.number_or(0, 1.0), a.number_or(1, 1e-8), reward_or<2>(d, a)));
     })),
     {{"gamma"}, {"epsilon"}, CPPO_DETAIL_REWARD, CPPO_DETAIL_FORM}},
    {"reinforce_pp_baseline", rule_word::quantity,
     CPPO_DETAIL_MAKES(with_form<2>(a, [&](auto form) {
       return checked(d, reinforce_pp_baseline<form()>(a.number_or(0, 1e-8), reward_or<1>(d, a)));
     })),
     {{"epsilon"}, CPPO_DETAIL_REWARD, CPPO_DETAIL_FORM}},
    {"whitened", rule_word::quantity,
     CPPO_DETAIL_MAKES(with_form<2>(a, [&](auto form) {
       return checked(d, whitened<form()>(stand_in<0>{}, a.number_or(1, 1e-8)));
     })),
     {{"q", rule_word::quantity, text_rows::always}, {"epsilon"}, CPPO_DETAIL_FORM}},
    {"overlong", rule_word::quantity,
     CPPO_DETAIL_MAKES(checked(d, overlong(a.number[0], a.number[1], a.number_or(2, 1.0), reward_or<3>(d, a)))),
     {{"max_length", rule_word::number, text_rows::always}, {"buffer", rule_word::number, text_rows::always},
      {"factor"}, CPPO_DETAIL_REWARD}},
    {"dynamic_sampling", rule_word::mask, CPPO_DETAIL_MAKES(checked(d, dynamic_sampling(reward_or<0>(d, a)))),
     {CPPO_DETAIL_REWARD}},
    text_rows::when_positive<Draft>, text_rows::when_negative<Draft>,
    {"population_floor", rule_word::whitening, CPPO_DETAIL_MAKES(form(d, whitening::population_floor))},
    {"unbiased_plus", rule_word::whitening, CPPO_DETAIL_MAKES(form(d, whitening::unbiased_plus))},
    {"gae", rule_word::whole, CPPO_DETAIL_MAKES(gae_of(d, a)), {{"gamma"}, {"lambda"}}},
#undef CPPO_DETAIL_FORM
#undef CPPO_DETAIL_REWARD
#undef CPPO_DETAIL_MAKES
};

/// What the text of an advantage rule may name.
template <class Draft = rule_draft>
constexpr vocabulary advantage_vocabulary() noexcept {
  static_assert(all_stand(advantage_functions<Draft>), "a piece is given beyond the last place of a draft");
  return {advantage_functions<Draft>, known_in::advantages, &derived_fold<Draft>};
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
