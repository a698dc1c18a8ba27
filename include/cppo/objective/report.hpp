/// @file
/// The report of a call: how many tokens were masked and why, and sums of loss, divergence and ratio. [Fig. 7] The
/// reports of several calls, as of the micro-batches of a step, can be added.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>
#include <cppo/objective/aggregation.hpp>
#include <cppo/objective/token_counts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The report of one call, over its valid tokens. `a + b` is the report of both batches together; `report{}` is that of
/// no call and adds nothing. Members hold what can be added. What is divided by counts or a normalizer (the loss,
/// means, shares) is a member function.
///
/// `a + b` compared with the report of one call for both batches: counts, maxima and minima are the same. A sum differs
/// by at most 1e-12 of the sum of its terms' magnitudes if the batches hold whole responses; if they hold pieces of
/// responses, by at most 2e-6 of it in float and 1e-12 in double.
///
/// How a sum is formed: the tokens of a response go to 16 lanes in turn. Each chunk of 256 tokens, which is 16 terms a
/// lane, is summed in the arithmetic of the call; then chunks are added in double, and the lanes in a fixed tree. The
/// responses are added in order, first within each run of 256 and then run after run. So the bits are the same on every
/// executor and at every number of threads.
struct report : token_counts<index_t> {
  static constexpr int bins = 20;  ///< histogram bins over relative position t/T

  batch_counts counts;               ///< valid tokens, responses that begin in this call
  index_t bad_tokens = 0;            ///< active slots with bad input
  index_t rejected_responses = 0;    ///< responses, or pieces of them, left out because of it
  index_t position_tokens[bins] = {};  ///< tokens by relative position: bin floor(20 (t - 1)/T)
  index_t position_masked[bins] = {};  ///< masked tokens by relative position

  /// Sum of the token losses, which `loss()` divides. Under `seq_mean_token_mean` the sum of each response has been
  /// divided by its T.
  double sum_loss = 0.0;
  double sum_divergence = 0.0;  ///< sum of D_t
  double sum_weighted_divergence = 0.0;    ///< sum of Z_t
  double sum_gate = 0.0;        ///< sum of gate values (kept tokens count 1)
  double sum_ratio = 0.0;       ///< sum of rho_t, after the clamp
  double sum_k1 = 0.0;          ///< sum of -log rho_t, after the clamp
  double sum_k3 = 0.0;          ///< sum of rho_t - 1 - log rho_t, after the clamp
  double sum_delta_b = 0.0;     ///< sum over responses of delta_b
  double max_divergence = 0.0;  ///< max of D_t
  double max_ratio = 0.0;       ///< max of rho_t, after the clamp
  double min_delta_b = 0.0;     ///< smallest delta_b of a response
  double max_delta_b = 0.0;     ///< largest delta_b of a response
  loss_scaling scaling;         ///< what divides `sum_loss`

  /// The aggregated loss, of all calls together where reports were added. NaN if these calls had different
  /// aggregations, horizons or normalizers.
  CPPO_HOST_DEVICE constexpr double loss() const noexcept { return sum_loss / scaling.divisor(counts); }
  /// Valid tokens that were masked.
  CPPO_HOST_DEVICE constexpr index_t masked() const noexcept { return counts.tokens - kept; }
  /// Share of valid tokens that were masked.
  CPPO_HOST_DEVICE constexpr double masked_fraction() const noexcept { return share(masked(), counts.tokens); }
  /// Share of the masked tokens that the prefix budget masked although Z_t <= delta. [Fig. 7]
  CPPO_HOST_DEVICE constexpr double budget_mask_share() const noexcept { return share(masked_budget, masked()); }
  /// Share of the valid tokens that the toward-mu clause kept, those with advantage 0 included.
  CPPO_HOST_DEVICE constexpr double toward_fraction() const noexcept { return share(kept_toward, counts.tokens); }
  /// Masked tokens that teach.
  CPPO_HOST_DEVICE constexpr index_t teaching_masked() const noexcept { return teaching_tokens - teaching_kept; }
  /// Share of valid tokens that teach.
  CPPO_HOST_DEVICE constexpr double teaching_fraction() const noexcept { return share(teaching_tokens, counts.tokens); }
  /// Share of the teaching tokens that were masked. It does not depend on how many tokens have advantage 0.
  CPPO_HOST_DEVICE constexpr double teaching_masked_fraction() const noexcept {
    return share(teaching_masked(), teaching_tokens);
  }
  /// Share of the teaching tokens that the toward-mu clause kept.
  CPPO_HOST_DEVICE constexpr double teaching_toward_fraction() const noexcept {
    return share(teaching_toward, teaching_tokens);
  }
  /// `masked_high` over valid tokens, which trainers chart as clip_ratio/high.
  CPPO_HOST_DEVICE constexpr double masked_high_fraction() const noexcept { return share(masked_high, counts.tokens); }
  /// `masked_low` over valid tokens, which trainers chart as clip_ratio/low.
  CPPO_HOST_DEVICE constexpr double masked_low_fraction() const noexcept { return share(masked_low, counts.tokens); }
  /// Share of the kept tokens that teach at which a surrogate of the region's own is held: its slope is 0.
  CPPO_HOST_DEVICE constexpr double held_fraction() const noexcept { return share(held, teaching_kept); }
  /// Mean of D_t.
  CPPO_HOST_DEVICE constexpr double mean_divergence() const noexcept { return per_token(sum_divergence); }
  /// Mean of the weighted divergence Z_t.
  CPPO_HOST_DEVICE constexpr double mean_weighted_divergence() const noexcept {
    return per_token(sum_weighted_divergence);
  }
  /// Mean of rho_t, after the clamp.
  CPPO_HOST_DEVICE constexpr double mean_ratio() const noexcept { return per_token(sum_ratio); }
  /// Mean of the gate values.
  CPPO_HOST_DEVICE constexpr double mean_gate() const noexcept { return per_token(sum_gate); }
  /// Estimate of KL(mu || pi) by k1.
  CPPO_HOST_DEVICE constexpr double kl_k1() const noexcept { return per_token(sum_k1); }
  /// Estimate of KL(mu || pi) by k3.
  CPPO_HOST_DEVICE constexpr double kl_k3() const noexcept { return per_token(sum_k3); }
  /// Mean of delta_b over the responses with a valid token. [Fig. 7]
  CPPO_HOST_DEVICE constexpr double mean_delta_b() const noexcept {
    return counts.responses > 0 ? sum_delta_b / static_cast<double>(counts.responses) : 0.0;
  }
  /// Share of the tokens in histogram bin `i`, 0 <= i < bins, that were masked.
  CPPO_HOST_DEVICE constexpr double masked_fraction_at(int i) const noexcept {
    return share(position_masked[i], position_tokens[i]);
  }

  /// The one list of what a report holds, except `scaling`, in the order of its memory. Calls f(name, member) for each
  /// count, each sum, each maximum and minimum; given several reports, f(name, members).
  /// @{
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F, class... Reports>
  CPPO_HOST_DEVICE static constexpr void each_count(F const& f, Reports&... of) {
    each_token_count(f, of...);
    f("tokens", of.counts.tokens...);
    f("responses", of.counts.responses...);
    f("bad_tokens", of.bad_tokens...);
    f("rejected_responses", of.rejected_responses...);
    for (int i = 0; i < bins; ++i) f("position_tokens", of.position_tokens[i]...);
    for (int i = 0; i < bins; ++i) f("position_masked", of.position_masked[i]...);
  }
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F, class... Reports>
  CPPO_HOST_DEVICE static constexpr void each_sum(F const& f, Reports&... of) {
    f("sum_loss", of.sum_loss...);
    f("sum_divergence", of.sum_divergence...);
    f("sum_weighted_divergence", of.sum_weighted_divergence...);
    f("sum_gate", of.sum_gate...);
    f("sum_ratio", of.sum_ratio...);
    f("sum_k1", of.sum_k1...);
    f("sum_k3", of.sum_k3...);
    f("sum_delta_b", of.sum_delta_b...);
  }
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F, class... Reports>
  CPPO_HOST_DEVICE static constexpr void each_extreme(F const& f, Reports&... of) {
    f("max_divergence", of.max_divergence...);
    f("max_ratio", of.max_ratio...);
    f("min_delta_b", of.min_delta_b...);
    f("max_delta_b", of.max_delta_b...);
  }
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F, class... Reports>
  CPPO_HOST_DEVICE static constexpr void each_field(F const& f, Reports&... of) {
    each_count(f, of...);
    each_sum(f, of...);
    each_extreme(f, of...);
  }
  /// @}

  /// The one list of what follows from a report. Calls f(name, value) for each; `masked_fraction_at` once for each bin.
  template <class F>
  constexpr void each_measure(F const& f) const {
    f("loss", loss());
    f("masked", static_cast<double>(masked()));
    f("masked_fraction", masked_fraction());
    f("budget_mask_share", budget_mask_share());
    f("toward_fraction", toward_fraction());
    f("teaching_masked", static_cast<double>(teaching_masked()));
    f("teaching_fraction", teaching_fraction());
    f("teaching_masked_fraction", teaching_masked_fraction());
    f("teaching_toward_fraction", teaching_toward_fraction());
    f("masked_high_fraction", masked_high_fraction());
    f("masked_low_fraction", masked_low_fraction());
    f("held_fraction", held_fraction());
    f("mean_divergence", mean_divergence());
    f("mean_weighted_divergence", mean_weighted_divergence());
    f("mean_ratio", mean_ratio());
    f("mean_gate", mean_gate());
    f("kl_k1", kl_k1());
    f("kl_k3", kl_k3());
    f("mean_delta_b", mean_delta_b());
    for (int i = 0; i < bins; ++i) f("masked_fraction_at", masked_fraction_at(i));
  }

  /// Adds the report of another batch (of a micro-batch or a rank).
  CPPO_HOST_DEVICE constexpr report& operator+=(report const& b) noexcept {
    take_extremes(b);
    auto const add = [](char const*, auto& mine, auto const& other) { mine += other; };
    each_count(add, *this, b);
    each_sum(add, *this, b);
    scaling = scaling + b.scaling;
    return *this;
  }
  /// Takes over maxima and minima of a report, or of a part of one that has them. Called before the counts are added.
  template <class Part>
  CPPO_HOST_DEVICE constexpr void take_extremes(Part const& b) noexcept {
    report& a = *this;
    // A report without responses has no delta_b: its tokens may be of a piece that does not begin a response.
    bool const first = a.counts.responses == 0, second = b.counts.responses == 0;
    a.min_delta_b = first ? b.min_delta_b : second ? a.min_delta_b : smaller(a.min_delta_b, b.min_delta_b);
    a.max_delta_b = first ? b.max_delta_b : second ? a.max_delta_b : larger(a.max_delta_b, b.max_delta_b);
    if (a.counts.tokens == 0) a.max_divergence = b.max_divergence;
    else if (b.counts.tokens > 0) a.max_divergence = larger(a.max_divergence, b.max_divergence);
    a.max_ratio = larger(a.max_ratio, b.max_ratio);
  }
  /// The report of both batches together.
  CPPO_HOST_DEVICE friend constexpr report operator+(report a, report const& b) noexcept { return a += b; }

 private:
  CPPO_HOST_DEVICE static constexpr double share(index_t part, index_t whole) noexcept {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
  }
  CPPO_HOST_DEVICE constexpr double per_token(double sum) const noexcept {
    return counts.tokens > 0 ? sum / static_cast<double>(counts.tokens) : 0.0;
  }
  CPPO_HOST_DEVICE static constexpr double smaller(double a, double b) noexcept { return b < a ? b : a; }
  CPPO_HOST_DEVICE static constexpr double larger(double a, double b) noexcept { return b > a ? b : a; }
};

/// The one list of what a report sums over tokens, in the order of `report::each_sum`.
#define CPPO_TOKEN_SUMS(each) \
  each(loss) each(divergence) each(weighted_divergence) each(gate) each(ratio) each(log_ratio) each(k3)

namespace detail {

#define CPPO_DETAIL_EACH(name) name,
/// The terms of a token that a report sums.
enum class report_term : std::uint8_t { CPPO_TOKEN_SUMS(CPPO_DETAIL_EACH) count };
#undef CPPO_DETAIL_EACH
inline constexpr int report_terms = static_cast<int>(report_term::count);

/// Calls put(sum of the report, its part from a response with these totals); the loss is divided by `share`.
CPPO_CALLS_WHAT_IT_IS_GIVEN
template <class Put>
CPPO_HOST_DEVICE constexpr void each_total(report& r, double const (&total)[report_terms], double share,
                                           Put const& put) noexcept {
  auto const of = [&total](report_term t) { return total[static_cast<int>(t)]; };
  put(r.sum_loss, of(report_term::loss) / share);
  put(r.sum_divergence, of(report_term::divergence));
  put(r.sum_weighted_divergence, of(report_term::weighted_divergence));
  put(r.sum_gate, of(report_term::gate));
  put(r.sum_ratio, of(report_term::ratio));
  put(r.sum_k1, 0.0 - of(report_term::log_ratio));
  put(r.sum_k3, of(report_term::k3));
}
/// The totals of a response into its report.
CPPO_HOST_DEVICE constexpr void put_sums(report& r, double const (&total)[report_terms], double share) noexcept {
  each_total(r, total, share, [](double& sum, double part) { sum = part; });
}

/// How many counts, sums and extremes a report holds.
struct report_size {
  int counts = 0, sums = 0, extremes = 0;
};
constexpr report_size size_of_report() noexcept {
  report_size n;
  report const r;
  report::each_count([&n](char const*, index_t const&) { ++n.counts; }, r);
  report::each_sum([&n](char const*, double const&) { ++n.sums; }, r);
  report::each_extreme([&n](char const*, double const&) { ++n.extremes; }, r);
  return n;
}
/// A report's memory: first the counts, then the sums, then the extremes, 8 bytes each.
inline constexpr report_size report_fields = size_of_report();
inline constexpr int report_words = report_fields.counts + report_fields.sums + report_fields.extremes;
static_assert(report_fields.sums == report_terms + 1, "all sums but that of delta_b are over tokens");
static_assert(sizeof(report) == 8 * report_words + sizeof(loss_scaling), "a member of the report is not in its list");

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
