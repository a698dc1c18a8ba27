// expect: quantities are compared by name
// expect: a mask is no number: where(mask, 1, 0) is one
// expect: surrogates are added, s + p, and weighted from the left, q * s
// expect: this is a part of another kind, not a quantity
// expect: a region is no number and no mask: weigh its loss, objective(region, 2 * loss)
// expect: quantities have +, -, *, /, min, max, abs, exp, log and sqrt
// expect: this is no number yet: a range makes one of a statistic
// expect: a bool is no quantity
// expect: a range takes a statistic of a quantity
// expect errors: 64
// expect lines: 960
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

using namespace cppo;

// Comparisons.
auto const a0 = ratio < 1.2;
auto const a1 = ratio > 1.2;
auto const a2 = ratio <= 1.2;
auto const a3 = 1.2 >= log_ratio;
auto const a4 = ratio == 1.2;
auto const a5 = ratio != prob;
auto const a6 = !ratio;
auto const a7 = abs(log_ratio) < 0.1;

// Arithmetic on masks.
constexpr auto kept = at_most(ratio, 1.2);
auto const b0 = kept + 1;
auto const b1 = -kept;
auto const b2 = 2 * toward_rollout;
auto const b3 = -toward_rollout;
auto const b4 = kept * ratio;
auto const b5 = ratio - toward_rollout;
auto const b6 = kept - kept;
auto const b7 = (kept & toward_rollout) / 2;
auto const b8 = 1 - !kept;

// Arithmetic on surrogates.
auto const c0 = ratio_form + 0.1;
auto const c1 = 0.1 + ratio_form;
auto const c2 = ratio_form + ratio;
auto const c3 = ratio_form - nothing;
auto const c4 = -ratio_form;
auto const c5 = ratio_form * 2;
auto const c6 = ratio_form / 2;
auto const c7 = kept * ratio_form;
auto const c8 = ratio_form * nothing;
auto const c9 = where(kept, ratio_form, ratio);
auto const c10 = where(kept, 0, ratio_form);
auto const c11 = with_slope_of(ratio_form, log_ratio);

// What is no quantity where one is wanted.
auto const d0 = between(kept, 0.8, 1.2);
auto const d1 = at_most(ratio, below(kept));
auto const d2 = rolled_back(0.8, kept, 0.1);
auto const d3 = quadratic(kept, 0.2);
auto const d4 = between(ratio, toward_rollout, above(0.5));
auto const d5 = min(kept, ratio);
auto const d6 = exp(kept & toward_rollout);
auto const d7 = ratio && prob;
auto const d8 = ratio | 1.0;
auto const d9 = response(log_ratio);
auto const d10 = batch(kept);

// Comparisons of what is no number, and functions of it.
auto const e0 = toward_rollout == 1;
auto const e1 = toward_rollout < 1;
auto const e2 = 1 != kept;
auto const e3 = kept >= 0.5;
auto const e4 = ratio_form < 1;
auto const e5 = ratio_form == ratio;
auto const e6 = exp(ratio_form);
auto const e7 = sqrt(nothing);

// Arithmetic on regions.
constexpr auto region_of_ppo = ppo();
auto const f0 = region_of_ppo * 2;
auto const f1 = 2 * region_of_ppo;
auto const f2 = region_of_ppo / 2;
auto const f3 = region_of_ppo - ratio_form;
auto const f4 = 2.0 - region_of_ppo;
auto const f5 = -region_of_ppo;
auto const f6 = region_of_ppo == region_of_ppo;
auto const f7 = region_of_ppo < 1.5F;
auto const f8 = region_of_ppo & dppo();
auto const f9 = log(dppo());

// Functions and comparisons of masks, each of types of its own: of one the compiler complains once.
auto const g0 = exp(keep_all);
auto const g1 = log(keep_none);
auto const g2 = abs(ratio_within(0.8, 1.2));
auto const g3 = keep_all <= 1;
auto const g4 = keep_none > 1;
auto const g5 = toward_rollout == kept;
auto const g6 = max(toward_rollout, 2.0);
auto const g7 = kept < ratio_form;

// Functions and comparisons of losses.
auto const h0 = log(clipped(0.8, 1.2));
auto const h1 = abs(score_form(1));
auto const h2 = clipped(0.8, 1.2) > 1;
auto const h3 = score_form(1) >= 0.5;
auto const h4 = score_form(1) != ratio_form;
auto const h5 = min(ratio_form, 2.0F);
auto const h6 = !gpg_loss().surrogate();

// Powers, what is no number yet, and what is none.
auto const i0 = ratio ^ 2;
auto const i1 = ~prob;
auto const i2 = mean(ratio) + 1;
auto const i3 = 2 * sum(ratio);
auto const i4 = below(1.2) < ratio;
auto const i5 = exp(least(ratio));
auto const i6 = share(0.2) * mean(ratio);
auto const i7 = ratio + true;
auto const i8 = prob * linear_weight(0.8);
