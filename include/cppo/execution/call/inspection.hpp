/// @file
/// Finds what must be known of a response before its tokens are decided: which slots hold tokens, whether the input is
/// valid, T, and the statistics for the budget. All executors share it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/quantile.hpp>
#include <cppo/execution/call/task.hpp>

#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if x is in the range. Decided on the bits, because NaN compares with nothing.
CPPO_HOST_DEVICE constexpr bool holds(number_range<float> r, float x) noexcept {
  auto const u = bits_as<std::uint32_t>(x);
  return u <= bits_as<std::uint32_t>(r.high) || (u ^ 0x80000000U) <= (bits_as<std::uint32_t>(r.low) ^ 0x80000000U);
}
CPPO_HOST_DEVICE constexpr bool holds(number_range<double> r, double x) noexcept {
  constexpr std::uint64_t sign = 0x8000000000000000ULL;
  auto const u = bits_as<std::uint64_t>(x);
  return u <= bits_as<std::uint64_t>(r.high) || (u ^ sign) <= (bits_as<std::uint64_t>(r.low) ^ sign);
}
/// True if x is finite.
template <class Real>
CPPO_HOST_DEVICE constexpr bool is_finite(Real x) noexcept {
  return holds(number_range<Real>{}, x);
}

/// The numbers lent for a token.
template <class Real>
struct token_input {
  Real log_prob, rollout_log_prob, advantage, divergence, weight, entropy = 0, reference_log_prob = 0;
};

/// The numbers lent for slot i of response b.
template <class Real>
CPPO_HOST_DEVICE constexpr token_input<Real> load_input(rollout_batch_view<Real> const& in, index_t b,
                                                        index_t i) noexcept {
  return {in.value(argument::log_prob, b, i), in.value(argument::rollout_log_prob, b, i),
          in.value(argument::advantage, b, i), in.value(argument::divergence, b, i),
          in.value(argument::token_weight, b, i, Real(1)), in.value(argument::entropy, b, i),
          in.value(argument::reference_log_prob, b, i)};
}

/// The code for a log-prob outside the range: `too_low` if it would be inside without the floor, else `invalid`.
template <class Real>
CPPO_HOST_DEVICE constexpr status_code refusal(number_range<Real> log_probs, Real x, status_code invalid,
                                               status_code too_low) noexcept {
  log_probs.low = -special<Real>::largest;
  return holds(log_probs, x) ? too_low : invalid;
}
/// What is wrong with the numbers of an active token, and with which of them; ok if nothing is.
template <class Real>
CPPO_HOST_DEVICE constexpr status inspect_input(token_input<Real> const& in, number_range<Real> log_probs, index_t b,
                                                index_t i) noexcept {
  using code = status_code;
  if (!holds(log_probs, in.log_prob)) {
    return {refusal(log_probs, in.log_prob, code::log_prob_invalid, code::log_prob_too_low), argument::log_prob, b, i};
  }
  if (!holds(log_probs, in.rollout_log_prob)) {
    return {refusal(log_probs, in.rollout_log_prob, code::rollout_log_prob_invalid, code::rollout_log_prob_too_low),
            argument::rollout_log_prob, b, i};
  }
  if (!is_finite(in.advantage)) return {status_code::advantage_invalid, argument::advantage, b, i};
  if (!is_finite(in.divergence) || in.divergence < Real(0)) {
    return {status_code::divergence_invalid, argument::divergence, b, i};
  }
  if (!is_finite(in.weight)) return {status_code::token_weight_invalid, argument::token_weight, b, i};
  if (!is_finite(in.entropy) || in.entropy < Real(0)) return {code::entropy_invalid, argument::entropy, b, i};
  if (!holds(log_probs, in.reference_log_prob)) {
    return {refusal(log_probs, in.reference_log_prob, code::reference_log_prob_invalid,
                    code::reference_log_prob_too_low), argument::reference_log_prob, b, i};
  }
  return {};
}

/// What is wrong with the input of an active token; ok if nothing is. In a Top-K list -inf is valid: it is no
/// probability.
template <class Real>
CPPO_HOST_DEVICE constexpr status inspect_token(rollout_batch_view<Real> const& in, number_range<Real> log_probs,
                                                index_t b, index_t i) noexcept {
  status const numbers = inspect_input(load_input(in, b, i), log_probs, b, i);
  if (!numbers.ok() || !in.has(argument::top_k)) return numbers;
  top_k_row<Real> const row = in.top_k_at(b, i);
  for (index_t j = 0; j < row.k(); ++j) {
    if (row.id(j) < 0) continue;
    for (Real const x : {row.log_prob(j), row.rollout_log_prob(j)}) {
      if (holds(log_probs, x) || x == -special<Real>::infinity) continue;
      status s{refusal(log_probs, x, status_code::top_k_invalid, status_code::top_k_too_low), argument::top_k, b, i};
      s.has_value = true;
      s.value = static_cast<double>(x);
      return s;
    }
  }
  return {};
}

/// What a slot holds.
enum class slot : std::uint8_t { excluded, token, bad };

/// What slot i of response b holds; `why` is set if it is bad.
template <class Real>
CPPO_HOST_DEVICE constexpr slot inspect_slot(checked_call<Real> const& t, index_t b, index_t i, status& why) noexcept {
  std::uint8_t const m = t.batch.active(b, i);
  if (m == 0) return slot::excluded;
  why = m == 2 ? status{status_code::response_mask_invalid, argument::response_mask, b, i}
               : inspect_token(t.batch, t.log_probs, b, i);
  return why.ok() ? slot::token : slot::bad;
}

/// The number of a response's tokens, and what is wrong with its input.
struct response_count {
  index_t tokens = 0;    ///< tokens that are decided (under `propagate` also bad ones); 0 if rejected
  index_t bad = 0;       ///< slots with bad input
  bool rejected = false; ///< true if the response is left out: no token of it is decided
  status first_bad;      ///< the first bad slot, or why the response is rejected without one
};

/// True if another piece of response b holds bad input, so that this piece is rejected too.
template <class Real>
CPPO_HOST_DEVICE constexpr bool rejected_elsewhere(checked_call<Real> const& t, index_t b) noexcept {
  return t.bad_input == on_bad_input::reject && t.totals != nullptr && t.totals[b].bad_tokens > 0;
}

/// Sets whether response b is rejected, given its counts and its first bad slot.
template <class Real>
CPPO_HOST_DEVICE constexpr void settle_rejection(checked_call<Real> const& t, index_t b, response_count& n) noexcept {
  if (n.bad == 0 && rejected_elsewhere(t, b)) n.first_bad = {status_code::piece_rejected, argument::carry, b};
  bool const left_out = t.folds.leaves_out(b);
  if (left_out && t.folds.beyond_grid(b) < 0) n.first_bad = {status_code::piece_rejected, argument::carry, b};
  else if (left_out) n.first_bad = {status_code::fold_out_of_range, argument::region, b, t.folds.beyond_grid(b)};
  n.rejected = left_out || (!n.first_bad.ok() && t.bad_input == on_bad_input::reject);
  if (n.rejected) n.tokens = 0;
}

/// Counts the tokens of response b. Reads every active slot once.
template <class Real>
constexpr response_count count_response(checked_call<Real> const& t, index_t b) noexcept {
  response_count n;
  index_t const slots = t.batch.shape().slots(b);
  for (index_t i = 0; i < slots; ++i) {
    status why;
    slot const s = inspect_slot(t, b, i, why);
    if (s == slot::bad) {
      if (n.bad == 0) n.first_bad = why;
      ++n.bad;
    }
    if (s == slot::token || (s == slot::bad && t.bad_input == on_bad_input::propagate)) ++n.tokens;
  }
  settle_rejection(t, b, n);
  return n;
}

/// Gives a token the numbers lent beside log-probs and advantage.
template <class Real>
CPPO_HOST_DEVICE constexpr void lend_numbers(token<lane<Real>>& to, token_input<Real> const& in) noexcept {
  using V = lane<Real>;
  to.lend_divergence(V(in.divergence));
  to.lend_more(V(in.entropy), V(in.reference_log_prob));
}
/// Gives a token the Top-K lists of slot i of response b, if there are any: a mask may read them.
template <class Real>
CPPO_HOST_DEVICE constexpr void lend_lists(rollout_batch_view<Real> const& batch, index_t b, index_t i,
                                           token<lane<Real>>& to, top_k_row<Real>& lists) noexcept {
  if (!batch.has(argument::top_k)) return;
  lists = batch.top_k_at(b, i);
  to.lend_top_k(lists);
}
/// The token of slot i of response b, with the numbers `in` and its divergence, on one lane.
template <class Real, class Region>
CPPO_HOST_DEVICE constexpr token<lane<Real>> make_token(task<Real, Region> const& t, token_input<Real> const& in,
                                                        index_t b, index_t i, top_k_row<Real>& lists) noexcept {
  using V = lane<Real>;
  token<V> tok(V(in.log_prob), V(in.rollout_log_prob), V(in.advantage));
  lend_numbers(tok, in);
  lend_lists(t.batch, b, i, tok, lists);
  tok.set_divergence(divergence_of(t.region.divergence(), tok));
  return tok;
}
/// The token of slot i of response b, on one lane.
template <class Real, class Region>
CPPO_HOST_DEVICE constexpr token<lane<Real>> load_token(task<Real, Region> const& t, index_t b, index_t i,
                                                        top_k_row<Real>& lists) noexcept {
  return make_token(t, load_input(t.batch, b, i), b, i, lists);
}
/// What a token, whose weight is set, adds to the prefix sums.
template <class Real>
CPPO_HOST_DEVICE constexpr prefix_sums prefix_step(token<lane<Real>> const& t) noexcept {
  auto const allowance = t.weight() * t.response_delta_b();
  return {to_grid(t.weighted_divergence().raw()), to_grid(t.weight().raw()), to_grid(allowance.raw()), 1};
}

/// Stands in for a token with bad input. It counts as most diverged.
template <class Real>
CPPO_HOST_DEVICE constexpr token<lane<Real>> bad_token() noexcept {
  using V = lane<Real>;
  token<V> tok(V(-1), V(-1), V(0));
  tok.set_divergence(V(divergence_limit));
  return tok;
}

/// Adds one divergence to the totals.
template <class Real>
CPPO_HOST_DEVICE constexpr void observe(response_summary& s, Real d) noexcept {
  double const x = static_cast<double>(d);
  if (s.length == 0 || x > s.max_divergence) s.max_divergence = x + 0.0;  // never -0
  s.divergence_sum = s.divergence_sum + to_grid(d);
  ++s.length;
}

/// The statistics that a budget may ask of a response.
template <class Real>
class response_statistics : public known_totals {
 public:
  /// Takes the totals and the divergences. `quantile` reorders the divergences.
  constexpr response_statistics(response_summary const& whole, std::span<Real> divergences) noexcept
      : known_totals(whole), divergences_(divergences) {}
  constexpr double quantile(double q) const noexcept {
    return cppo::quantile(divergences_.data(), static_cast<index_t>(divergences_.size()), q);
  }

 private:
  std::span<Real> divergences_;
};

/// A region of which it is known at run time what it needs.
template <class Region>
concept asks_at_run_time = requires(Region const& r) { r.asks_for(needs::none); };
/// True if the region needs one of `wanted`. What a described region needs of what its type may need is known at run
/// time.
template <class Region>
CPPO_HOST_DEVICE constexpr bool asks_for(Region const& region, needs wanted) noexcept {
  if constexpr (!any(Region::needed, needs::response | needs::quantile)) return any(Region::needed, wanted);
  else if constexpr (asks_at_run_time<Region>) return region.asks_for(wanted);
  else return any(Region::needed, wanted);
}
/// A region that is run in one of several shapes, which `with_shape` chooses.
template <class Region>
concept has_shapes = requires { Region::runs_in_shapes; } && !requires { typename Region::shape_of; };
/// True if the region needs the prefix sums.
template <class Region>
inline constexpr bool scans_prefix = any(Region::needed, needs::prefix_budget | needs::prefix_values);
/// True if the region needs S and W as numbers.
template <class Region>
inline constexpr bool reads_prefix = any(Region::needed, needs::prefix_values);
/// True if the region needs the divergences of a whole response before its first token is decided.
template <class Region>
inline constexpr bool needs_divergences = any(Region::needed, needs::response | needs::quantile);
/// True if this region needs them.
template <class Region>
CPPO_HOST_DEVICE constexpr bool asks_for_divergences(Region const& region) noexcept {
  return asks_for(region, needs::response | needs::quantile);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
