/// @file
/// TV and KL of two rows over the whole vocabulary, on lanes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/cell.hpp>
#include <cppo/logits/row_pass.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The policy of a row of which the log-sum-exp is known. log p = x / T - log_sum_exp is computed as (x - c) / T - rest
/// with c the float next to T log_sum_exp: its error is a share of log p, however large the logits are.
struct row_policy {
  float center, inverse_temperature, rest;

  CPPO_HOST_DEVICE row_policy(double log_sum_exp, double temperature) noexcept
      : center(static_cast<float>(log_sum_exp * temperature)),
        inverse_temperature(static_cast<float>(1.0 / temperature)),
        rest(static_cast<float>(log_sum_exp - static_cast<double>(center) / temperature)) {}
  /// log p of logits.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE V log_prob(V x) const noexcept {
    return (x - V(center)) * V(inverse_temperature) - V(rest);
  }
};

/// Which of the two are summed.
enum class divergences_are : std::uint8_t { tv, both };

/// What a logit x of pi and y of mu add to the sums of |p - q| and of q (p / q - 1 - log(p / q)), which is at least 0
/// and adds up to KL(mu || pi) as q log(q / p) does. NaN where a logit is NaN or +inf.
template <divergences_are Which, class V>
struct divergence_terms {
  V gap, kl;

  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE divergence_terms(row_policy const& pi, row_policy const& mu, V x, V y) noexcept {
    V const log_p = pi.log_prob(x), log_q = mu.log_prob(y);
    cell<float, V> const c(log_p, log_q, V(0) <= V(0));
    // NaN, and +inf, are no log-probs: the cell would pass over NaN.
    auto const valid = (log_p < V(special<float>::infinity)) & (log_q < V(special<float>::infinity));
    V const none(special<float>::nan);
    gap = select(valid, c.gap, none);
    if constexpr (Which == divergences_are::both) kl = select(valid, c.kl, none);
  }
};

/// TV and KL(mu || pi) of two policies.
struct row_divergences {
  double tv = 0.0, kl = 0.0;

  /// Those of the sums of terms over a row: TV is at most 1 and KL at most 1000; NaN if a logit is NaN or +inf.
  static CPPO_HOST_DEVICE row_divergences of_sums(double gap, double kl) noexcept {
    return {gap > 2.0 ? 1.0 : 0.5 * gap, kl > divergence_limit ? divergence_limit : kl};
  }
};

/// Sums of these terms over a row, which are made as those of `add_terms` are.
template <divergences_are Which, class V>
class divergence_sums {
 public:
  divergence_sums(row_policy const& pi, row_policy const& mu) noexcept : pi_(pi), mu_(mu) {}
  /// Adds n logits of both, a multiple of 64; x(k) and y(k) are registers of those from k on.
  template <class Read>
  void add(Read const& x, Read const& y, int n) noexcept {
    for (int first = 0; first < n; first += static_cast<int>(sum_chunk)) {
      int const end = n - first < sum_chunk ? n : first + static_cast<int>(sum_chunk);
      V gap[std::size_t{registers}], kl[std::size_t{registers}];
      for (int r = 0; r < registers; ++r) gap[r] = kl[r] = V(0);
      for (int k = first; k < end; k += lane_sums<float>::width) {
        for (int r = 0; r < registers; ++r) add_lanes(x(k + r * V::size), y(k + r * V::size), gap[r], kl[r]);
      }
      end_chunk(gap_, gap);
      if constexpr (Which == divergences_are::both) end_chunk(kl_, kl);
    }
  }
  row_divergences total() const noexcept { return row_divergences::of_sums(gap_.total(), kl_.total()); }

 private:
  static constexpr int registers = lane_sums<float>::width / V::size;

  CPPO_ALWAYS_INLINE void add_lanes(V x, V y, V& gap, V& kl) const noexcept {
    divergence_terms<Which, V> const terms(pi_, mu_, x, y);
    gap = gap + terms.gap;
    if constexpr (Which == divergences_are::both) kl = kl + terms.kl;
  }

  row_policy pi_, mu_;
  lane_sums<float> gap_, kl_;
};

/// TV and KL(mu || pi) of two rows; without KL where it is not asked for.
template <divergences_are Which, class V>
row_divergences divergences_of_rows(logit_rows const& pi, row_policy const& pi_policy, logit_rows const& mu,
                                    row_policy const& mu_policy, index_t row) noexcept {
  divergence_sums<Which, V> sums(pi_policy, mu_policy);
  row_reader<V> x(pi, row), y(mu, row);
  for (index_t first = 0; first < pi.vocabulary(); first += stretch) {
    if (x.is_whole(first)) sums.add(x.reading(first), y.reading(first), stretch);
    else sums.add(reading_floats<V>(x.floats(first)), reading_floats<V>(y.floats(first)), x.size(first));
  }
  return sums.total();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
