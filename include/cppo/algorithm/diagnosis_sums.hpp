/// @file
/// The sums of a diagnosis: tokens by what their log-probs are, and whole responses.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/diagnosis_statistics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The log-probs of an active token, and its advantage.
struct seen_token {
  double pi, mu, advantage;

  constexpr double gap() const noexcept { return pi > mu ? pi - mu : mu - pi; }
  constexpr bool same() const noexcept { return pi == mu; }
  /// True if the token is above 0.999 under both. Such log-probs lie so close that they are often equal.
  constexpr bool peaked() const noexcept { return pi > -1e-3 && mu > -1e-3; }
  constexpr bool zeros() const noexcept { return pi == 0.0 && mu == 0.0; }
};

inline constexpr double log_of_0_9 = -0.10536051565782628, log_of_1_1 = 0.09531017980432493;
inline constexpr double log_of_half = -0.6931471805599453;

/// True if `here` is 0 as if nothing had been written there, while the other side says that the token is not certain.
constexpr bool lacks(double here, double there) noexcept { return here == 0.0 && there < log_of_0_9; }

/// Counts of tokens, and of those among them whose log pi is below or above log mu by more than rounding.
struct side_counts {
  index_t all = 0, below = 0, above = 0;

  constexpr void see(seen_token const& t) noexcept {
    ++all;
    below += t.pi < t.mu - 1e-4 ? 1 : 0;
    above += t.pi > t.mu + 1e-4 ? 1 : 0;
  }
  constexpr side_counts operator+(side_counts const& o) const noexcept {
    return {all + o.all, below + o.below, above + o.above};
  }
};
/// True if more than nine tenths.
constexpr bool almost_all(index_t some, index_t all) noexcept { return 10 * some > 9 * all; }

/// Sums over tokens of one kind.
struct token_sums {
  side_counts tokens;
  /// Tokens with mu < 1/2. A law that grows flatter or sharper moves these and the likely ones in opposite directions.
  side_counts unlikely;
  index_t outside_below = 0, outside_above = 0;  ///< [0.9, 1.1]
  deviation_from_one ratio[2];                   ///< ratios of tokens with A <= 0 and with A > 0
  deviation_from_one inverse;
  bets raised;  ///< on ratios
  index_t pairs = 0;                    ///< tokens with one before them in the same response
  double straight[2] = {0.0, 0.0};      ///< gaps of the later and of the earlier token of each pair
  double shifted[2] = {0.0, 0.0};       ///< |log pi_t - log mu_{t-1}|, |log pi_{t-1} - log mu_t|

  constexpr void see(seen_token const& t) noexcept {
    tokens.see(t);
    if (t.mu < log_of_half) unlikely.see(t);
    double const d = t.pi - t.mu;
    outside_below += d < log_of_0_9 ? 1 : 0;
    outside_above += d > log_of_1_1 ? 1 : 0;
    double const small = exp_nonpositive(-(t.gap() < 20.0 ? t.gap() : 20.0));
    double const rho = d > 0.0 ? 1.0 / small : small;
    ratio[t.advantage > 0.0 ? 1 : 0].add(rho);
    raised.add(rho);
    inverse.add(1.0 / rho);
  }
  constexpr void see_pair(seen_token const& before, seen_token const& t) noexcept {
    ++pairs;
    straight[0] += t.gap();
    straight[1] += before.gap();
    shifted[0] += seen_token{t.pi, before.mu, 0.0}.gap();
    shifted[1] += seen_token{before.pi, t.mu, 0.0}.gap();
  }
  constexpr deviation_from_one ratios() const noexcept { return ratio[0] + ratio[1]; }
  /// Adds the sums over tokens of another kind, which has no pairs.
  constexpr void take(token_sums const& o) noexcept {
    tokens = tokens + o.tokens;
    unlikely = unlikely + o.unlikely;
    outside_below += o.outside_below;
    outside_above += o.outside_above;
    for (int k = 0; k < 2; ++k) ratio[k] = ratio[k] + o.ratio[k];
    inverse = inverse + o.inverse;
    raised.take(o.raised);
  }
};

/// Responses whose log-probs are equal on both sides at every token, and what the others are like. Peaked tokens are
/// counted apart.
struct response_sums {
  index_t responses = 0;
  index_t replaced = 0;        ///< responses with all log-probs equal, of four tokens or more
  index_t replaced_tokens = 0, replaced_all = 0;  ///< their tokens, and those that are peaked with them
  index_t others = 0;          ///< tokens of the other responses
  index_t others_same = 0;
  bool half_the_same = false;  ///< true if one of the others has more than half of its tokens equal

  constexpr void see(index_t all, index_t same, index_t all_and_peaked, bool every) noexcept {
    ++responses;
    if (all < 4) return;
    if (every) {
      ++replaced;
      replaced_tokens += all;
      replaced_all += all_and_peaked;
      return;
    }
    others += all;
    others_same += same;
    half_the_same = half_the_same || (all >= 8 && 2 * same > all);
  }
  /// True if there are too many such responses for chance, with the probability of equality that the other responses
  /// show. The number of responses that might have been found is allowed for. Where the others are equal in large part,
  /// log-probs are coarse and nothing can be concluded.
  constexpr bool too_many() const noexcept {
    if (replaced == 0 || others < 8 || 4 * others_same > others || half_the_same) return false;
    double const p = static_cast<double>(others_same + 1) / static_cast<double>(others + 1);
    double const choices = static_cast<double>(replaced) * log(static_cast<double>(responses));
    return -static_cast<double>(replaced_tokens) * log(p) - choices > sure;
  }
};

/// All that is added up on the way through a batch.
struct diagnosis_sums {
  token_sums compared, without_mu, without_pi;  ///< each token in one of them
  index_t without_mu_half = 0;               ///< tokens without mu whose pi is below a half
  double gap = 0.0;
  index_t finite = 0, same_unpeaked = 0;
  index_t zero_neighbours = 0;  ///< pairs of tokens in a row that are zeros on both sides
  index_t zero_borders = 0;     ///< pairs of which one is, and the other is peaked
  response_sums responses;

  constexpr void see(seen_token const& t, seen_token const* before) noexcept {
    ++finite;
    gap += t.gap();
    same_unpeaked += t.same() && !t.peaked() ? 1 : 0;
    bool const no_mu = lacks(t.mu, t.pi), no_pi = lacks(t.pi, t.mu);
    without_mu_half += no_mu && t.pi < log_of_half ? 1 : 0;
    (no_mu ? without_mu : no_pi ? without_pi : compared).see(t);
    if (before == nullptr) return;
    bool const either = t.zeros() != before->zeros();
    zero_neighbours += t.zeros() && before->zeros() ? 1 : 0;
    zero_borders += either && t.peaked() && before->peaked() ? 1 : 0;
    bool const whole = !no_mu && !no_pi && !lacks(before->mu, before->pi) && !lacks(before->pi, before->mu);
    if (whole) compared.see_pair(*before, t);
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
