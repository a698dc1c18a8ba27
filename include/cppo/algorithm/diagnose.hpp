/// @file
/// Finds what looks wrong in a batch, before it is trained on.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/diagnosis_layout.hpp>
#include <cppo/algorithm/diagnosis_sums.hpp>
#include <cppo/algorithm/findings.hpp>
#include <cppo/algorithm/policy_loss.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// True if log-probs that only one side has are missing: they are too many for chance, and for certain tokens under
/// top-p.
constexpr bool are_missing(index_t n, batch_diagnosis const& d) noexcept { return n >= 4 && 1000 * n > d.tokens; }

/// True if log mu is above (`below`) or below log pi almost everywhere, at the unlikely tokens too.
constexpr bool one_sided(side_counts const& all, side_counts const& unlikely, index_t side_counts::*side) noexcept {
  bool const enough = all.all >= 48 && unlikely.all >= 32;
  return enough && almost_all(all.*side, all.all) && almost_all(unlikely.*side, unlikely.all);
}

/// Finds log-probs that are missing. `s.compared` then holds the sums over all other tokens.
inline void find_zeros(batch_diagnosis& d, diagnosis_sums& s) noexcept {
  token_sums all = s.compared;
  all.take(s.without_mu);
  // Under top-p, a token that is the only one left has log mu = 0.
  bool const truncated = one_sided(all.tokens, all.unlikely, &side_counts::below);
  if (are_missing(truncated ? s.without_mu_half : d.rollout_zeros, d)) d.add(finding::rollout_zeros, d.rollout_zeros);
  else s.compared = all;
  if (are_missing(d.log_prob_zeros, d)) d.add(finding::log_prob_zeros, d.log_prob_zeros);
  else s.compared.take(s.without_pi);
  bool const nothing_else = d.zeros_on_both_sides == s.finite && s.finite >= 64;
  bool const in_runs = s.zero_neighbours > 16 * s.zero_borders &&
                       stands_in_runs(s.finite, d.zeros_on_both_sides, s.zero_neighbours);
  if (nothing_else || in_runs) d.add(finding::zeros_on_both_sides, d.zeros_on_both_sides);
}

/// Finds what relates log pi and log mu. A shift, or an exchange of the two, explains the other findings.
inline void find_relations(batch_diagnosis& d, token_sums const& s) noexcept {
  auto const is_shifted = [&s](int k) { return s.shifted[k] < 0.5 * s.straight[k]; };
  if (s.pairs >= 16 && (is_shifted(0) || is_shifted(1))) return d.add(finding::shifted_by_one, s.tokens.all);
  bool const below = one_sided(s.tokens, s.unlikely, &side_counts::below);
  bool const above = one_sided(s.tokens, s.unlikely, &side_counts::above);
  // Training on a batch raises log pi of its tokens only where A > 0.
  bool const not_by_training = s.ratio[0].n < 16 || s.ratio[0].above(3.0);
  bool const high = s.ratios().above(6.0) && s.raised.sure_of_it() && not_by_training;
  bool const swapped = high && s.inverse.within(4.0);
  if (swapped) d.add(finding::swapped_policies, s.tokens.all);
  if (below) d.add(finding::truncated_sampling, s.tokens.below);
  if (above) d.add(finding::above_rollout, s.tokens.above);
  if (high && !swapped && !above) d.add(finding::mean_ratio_high, s.tokens.all);
  index_t const outside = s.outside_below + s.outside_above;
  index_t const explained = swapped ? outside : (below ? s.outside_below : 0) + (above ? s.outside_above : 0);
  if (outside >= 4 && 20 * outside > s.tokens.all) d.add(finding::large_mismatch, outside - explained);
}

/// Turns counts into findings; a cause comes before what follows from it.
inline void conclude(batch_diagnosis& d, diagnosis_sums& s, bool exchanged) noexcept {
  auto const find = [&d](bool is, finding f, index_t tokens) { if (is) d.add(f, tokens); };
  find(d.bad_mask_values > 0, finding::mask_not_binary, d.bad_mask_values);
  find(d.tokens == 0, finding::no_active_tokens, 0);
  find(d.not_finite > 0, finding::not_finite, d.not_finite);
  find(d.too_low > 0, finding::below_floor, d.too_low);
  find(d.positive > 0, finding::positive_log_probs, d.positive);
  find(exchanged, finding::swapped_extents, d.tokens);
  find_zeros(d, s);
  find(d.identical == s.finite && s.same_unpeaked >= 16, finding::identical_policies, d.identical);
  bool const replaced = s.responses.too_many();
  d.replaced = replaced ? s.responses.replaced_all : 0;
  find(replaced, finding::partly_replaced, d.replaced);
  find_relations(d, s.compared);
  find(d.tokens > 0 && d.nonzero_advantages == 0, finding::zero_advantages, d.tokens);
}

/// Sets the numbers that a diagnosis shows but does not decide by.
inline void show(batch_diagnosis& d, diagnosis_sums const& s) noexcept {
  if (s.finite > 0) d.mean_abs_log_ratio = s.gap / static_cast<double>(s.finite);
  for (int k = 0; k < 2; ++k) {
    d.shifted_gap[k] = s.compared.pairs > 0 ? s.compared.shifted[k] / static_cast<double>(s.compared.pairs) : 0.0;
  }
  deviation_from_one const ratios = s.compared.ratios();
  if (ratios.n > 0) d.mean_ratio = 1.0 + ratios.sum / static_cast<double>(ratios.n);
  d.ratio_errors = ratios.errors();
  d.inverse_errors = s.compared.inverse.errors();
}

/// Goes through a batch and diagnoses it.
template <class Real>
class diagnosis {
 public:
  diagnosis(rollout_batch_view<Real> const& batch, loss_options const& o) noexcept
      : batch_(batch), range_(log_prob_range<Real>(o)), layout_(batch.shape()) {}

  batch_diagnosis run() noexcept {
    for (index_t b = 0; b < batch_.shape().responses(); ++b) look_at_response(b);
    conclude(d_, s_, layout_.exchanged());
    show(d_, s_);
    return d_;
  }

 private:
  void look_at_response(index_t b) noexcept {
    seen_token last{};
    bool has_last = false;
    index_t all = 0, same = 0, with_peaked = 0, with_peaked_same = 0;
    for (index_t i = 0; i < batch_.shape().slots(b); ++i) {
      std::uint8_t const active = batch_.active(b, i);
      d_.bad_mask_values += active == 2 ? 1 : 0;
      seen_token const t{number(argument::log_prob, b, i, active), number(argument::rollout_log_prob, b, i, active),
                         number(argument::advantage, b, i, active)};
      if (layout_.on()) watch_layout(b, i, {active == 1, t.advantage});
      if (active != 1) continue;
      bool const comparable = count(t, inspect_token(batch_, range_, b, i), b, i);
      if (comparable) {
        s_.see(t, has_last ? &last : nullptr);
        ++with_peaked;
        with_peaked_same += t.same() ? 1 : 0;
        all += t.peaked() ? 0 : 1;
        same += t.same() && !t.peaked() ? 1 : 0;
      }
      last = t;
      has_last = comparable;
    }
    s_.responses.see(all, same, with_peaked, with_peaked == with_peaked_same);
  }
  double number(argument a, index_t b, index_t i, std::uint8_t active) const noexcept {
    return active == 1 ? static_cast<double>(batch_.value(a, b, i)) : 0.0;
  }
  void watch_layout(index_t b, index_t i, slot_in_rows here) noexcept {
    bool const above = b > 0 && batch_.active(b - 1, i) == 1;
    layout_.see(here, {above, above && here.active ? number(argument::advantage, b - 1, i, 1) : 0.0});
  }
  /// Counts a token. True if its log-probs can be compared.
  bool count(seen_token const& t, status const& found, index_t b, index_t i) noexcept {
    ++d_.tokens;
    d_.nonzero_advantages += t.advantage != 0.0 ? 1 : 0;
    if (!found.ok()) ++*worst(b, i);
    number_range<double> const finite{static_cast<double>(range_.low), special<double>::largest};
    if (!holds(finite, t.pi) || !holds(finite, t.mu)) return false;
    if (t.gap() > d_.max_abs_log_ratio) d_.max_abs_log_ratio = t.gap();
    d_.identical += t.same() ? 1 : 0;
    d_.below += t.pi < t.mu - 1e-4 ? 1 : 0;
    d_.above += t.pi > t.mu + 1e-4 ? 1 : 0;
    d_.outside_band += t.pi - t.mu > log_of_1_1 || t.pi - t.mu < log_of_0_9 ? 1 : 0;
    d_.rollout_zeros += lacks(t.mu, t.pi) ? 1 : 0;
    d_.log_prob_zeros += lacks(t.pi, t.mu) ? 1 : 0;
    d_.zeros_on_both_sides += t.zeros() ? 1 : 0;
    return true;
  }
  /// The count to which a token with bad input is added: that of the worst of its faults.
  index_t* worst(index_t b, index_t i) noexcept {
    auto const valid_in = [&](Real low, Real high) { return inspect_token(batch_, {low, high}, b, i).ok(); };
    Real const most = special<Real>::largest;
    if (!valid_in(-most, most)) return &d_.not_finite;
    return valid_in(range_.low, most) ? &d_.positive : &d_.too_low;
  }

  rollout_batch_view<Real> const& batch_;
  number_range<Real> range_;
  layout_watch layout_;
  batch_diagnosis d_;
  diagnosis_sums s_;
};

/// True if a threshold of the region masks nothing, whatever the divergences.
template <class Region>
constexpr bool has_threshold_out_of_reach(Region const& region) noexcept {
  if constexpr (requires { region.has_threshold_out_of_reach(); }) {
    return region.has_threshold_out_of_reach();
  } else {
    constexpr bool unseen = reports_only<typename Region::divergence_type>;  // the mask sees D = 0
    double const largest = unseen ? 0.0 : largest_divergence(region.divergence());
    return out_of_reach(region.mask(), largest) || out_of_reach(region.surrogate(), largest) ||
           out_of_reach(region.penalty(), largest);
  }
}

}  // namespace detail

/// Diagnoses a batch before it is trained on. Uses two of the options, `log_prob_floor` and `log_prob_tolerance`; one
/// out of its range, which `policy_loss` refuses, counts as the nearest value in it. Reads active slots only; writes
/// and allocates nothing. Cost: O(slots), and O(k slots) with Top-K lists.
///
/// Good data are tokens sampled by mu, with the log-probs of the whole distribution that sampled them. On good data a
/// finding is false with a probability of 1e-9, that of six standard errors. (This holds unless pi moves nine tenths of
/// the tokens whose probability under mu is below 1/2, all in the same direction.) `large_mismatch`, `zero_advantages`
/// and `identical_policies` state facts, whatever their cause.
template <class Real>
batch_diagnosis diagnose(rollout_batch_view<Real> const& batch, loss_options const& options = {}) noexcept {
  if (batch.check().ok() && !batch.shape().on_device()) return detail::diagnosis<Real>(batch, options).run();
  batch_diagnosis d;
  d.add(finding::bad_shape, 0);
  return d;
}

/// The same. Also finds inputs that the region reads and the batch lacks, and thresholds that cannot be reached.
template <class Real, trust_region_like Region>
batch_diagnosis diagnose(rollout_batch_view<Real> const& batch, Region const& region,
                         loss_options const& options = {}) noexcept {
  batch_diagnosis d = diagnose(batch, options);
  if (d.has(finding::bad_shape)) return d;
  if (detail::has_threshold_out_of_reach(region)) d.add(finding::threshold_out_of_reach, d.tokens);
  if (!region.check()) d.add_first(finding::bad_parameter, d.tokens);
  status const inputs = detail::check_inputs(batch, region);
  if (inputs.code == status_code::missing_input) d.add_first(finding::missing_input, d.tokens);
  return d;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
