/// @file
/// From hidden states to the gradient of hidden states and of a linear head, with the logits of a few rows in memory.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/slab_pass.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// When a head's logits are computed.
enum class head_forward : std::uint8_t {
  checked_first,  ///< all are read and checked before the first gradient is added, and computed again for it but for
                  ///< the last slab's: a call that fails adds nothing (default)
  once,           ///< a slab's gradient is added before the slab is filled again, where that is possible: a bad logit
                  ///< is found when gradients have been added already
};

/// Whether a head's gradients are asked for.
enum class head_gradients : std::uint8_t {
  added,     ///< those of hidden states and of the head (default)
  left_out,  ///< none: mask, loss and report alone, as for an evaluation
};

/// What a call on a head takes beside `loss_options`.
struct head_loss_options {
  double entropy_bonus = 0.0;  ///< as that of `logit_loss_options`
  head_forward forward = head_forward::checked_first;   ///< when logits are computed
  head_gradients gradients = head_gradients::added;     ///< whether there are gradients
};

/// What a call on a head may produce beside what the head adds up. Every member is optional. Excluded slots get +0.
struct head_loss_outputs {
  output loss = {};                ///< token losses, scaled: they add up to `report.loss()`
  output mask = {};                ///< M_t, 0 or 1
  output gate = {};                ///< the factor on the token: M_t, or g(x_t) under a soft gate
  output log_prob = {};            ///< log pi of the sampled ids, as the region reads it
  output entropy = {};             ///< H of softmax(x / T), nats
  token_trace trace = {};          ///< how each decision came about
  cppo::report* report = nullptr;  ///< counts and sums of the call
  head_work* work = nullptr;       ///< what the head was asked for, whatever the status
};

namespace detail {

/// The steps of `policy_loss_from_head`.
template <class Real, class Element, class Head>
class loss_of_head {
 public:
  loss_of_head(Head& head, head_rollout_view<Real, Element> const& batch, head_loss_outputs const& out,
               head_loss_options const& more, entropy_use const& use)
      : batch_(batch), more_(more),
        decided_(slab_access::batch(batch), out, use),
        pass_(head, batch, decided_, use.any() ? moment_is::summed : moment_is::left_out) {}

  template <class E, class Region>
  status check(E const& e, Region const& region, loss_options const& options) {
    auto const check_slab = [&] {
      parameter_check const p = first_fault(
          {{batch_.room() > 0, "logits_in_slabs(rows, ...)", static_cast<double>(batch_.room()),
            "1 or more: pass the number of rows that there is memory for"},
           {more_.forward <= head_forward::once, "forward", static_cast<double>(more_.forward),
            "a value of head_forward: checked_first is the default"},
           {more_.gradients <= head_gradients::left_out, "gradients", static_cast<double>(more_.gradients),
            "a value of head_gradients: added is the default"}});
      return p ? status{} : out_of_range(argument::options, p);
    };
    logit_rows const& slab = slab_access::batch(batch_).logits().logits();
    status s = decided_.check(e, region, options, slab, "logits_in_slabs", check_slab);
    if (s.ok() && !logit_lanes<E>::keep_arithmetic()) s = {status_code::arithmetic_relaxed};
    return s.ok() ? pass_.find() : s;
  }
  template <class E, class Region>
  status run(E const& e, Region const& region, loss_options const& options) {
    bool const once = more_.forward == head_forward::once && adds() && can_be_once(region, options);
    return once ? run_once(e, region, options) : run_checked_first(e, region, options);
  }
  head_work const& work() const noexcept { return pass_.work(); }

 private:
  bool adds() const noexcept { return more_.gradients == head_gradients::added; }

  /// True if the slopes of a response follow from its own logits, and a slab has room for those.
  template <class Region>
  bool can_be_once(Region const& region, loss_options const& o) const noexcept {
    bool const whole = o.totals.empty() && o.carries.empty() && !reads_batch(region);
    bool fits = whole && (o.aggregate == aggregation::token_sum || o.normalizer > 0.0);
    for (index_t i = 0; i < pass_.tokens() && fits;) {
      index_t const end = pass_.end_of_response(i);
      fits = end - i <= batch_.room();
      i = end;
    }
    return fits;
  }
  template <class E, class Region>
  status run_checked_first(E const& e, Region const& region, loss_options const& options) {
    index_t const n = pass_.tokens();
    index_t last = 0;  // where the slab that is filled last begins
    for (index_t first = 0; first < n; first += batch_.room()) {
      last = first;
      status const s = pass_.read(e, first, first + std::min(batch_.room(), n - first));
      if (!s.ok()) return s;
    }
    if (!pass_.without_log_prob().ok()) return pass_.without_log_prob();
    status const s = decided_.decide(e, region, options);
    if (s.nothing_written() || !adds()) return s;
    pass_.add_gradient(e);
    pass_.add_gradient_again(e, 0, last);
    return s;
  }
  template <class E, class Region>
  status run_once(E const& e, Region const& region, loss_options const& options) {
    for (index_t first = 0; first < pass_.tokens();) {
      index_t const end = end_of_slab(first);
      status s = pass_.read(e, first, end);
      if (!s.ok()) return s;
      if (pass_.without_log_prob().ok()) {
        index_t const b = pass_[first].response;
        s = decided_.decide_some(e, region, options, b, pass_[end - 1].response + 1 - b);
        if (s.nothing_written()) return s;
        pass_.add_gradient(e);
      }
      first = end;
    }
    return pass_.without_log_prob().ok() ? decided_.decide(e, region, options) : pass_.without_log_prob();
  }
  /// Where the responses end that have room in a slab with the one that begins at `first`.
  index_t end_of_slab(index_t first) const noexcept {
    index_t end = pass_.end_of_response(first);
    while (end < pass_.tokens() && pass_.end_of_response(end) - first <= batch_.room()) {
      end = pass_.end_of_response(end);
    }
    return end;
  }

  head_rollout_view<Real, Element> batch_;
  head_loss_options more_;
  decided_rows<Real> decided_;
  slab_pass<Real, Element, Head> pass_;
};

}  // namespace detail

/// Masks, weighs and differentiates a batch under a trust region, from hidden states [N, H] and a linear head to the
/// gradient of both, with at most C rows of logits in memory.
///
///     rollout_batch(padded(B, T), logits_in_slabs(C, V, slab), token_id(y), rollout_log_prob(mu), advantage(a),
///                   response_mask(m))
///
/// Else as `policy_loss_from_logits` on the logits that the head makes: the same log-probs, masks, losses, report and d
/// loss / d logits, to the bit, whatever C is, where the head makes the same logits. What the head adds up is its own.
/// Shapes: only rows of tokens come into the slab, side by side, C at a time: padding costs nothing.
/// Pre: the head's gradients are 0, or what is to be added to; rows of hidden states that it is not asked for have
/// gradient 0.
/// Post: as `policy_loss_from_logits`. A row whose token has slope 0, as every masked one, is no part of a gradient.
/// NaN, infinities: as there. Where the call is refused, for a bad logit too, nothing is written and no gradient is
/// added; under `head_forward::once` those of earlier slabs may be: throw them away.
/// What the head throws goes through. If it is thrown before the first gradient, nothing is written; else outputs are
/// whole (under `once` not written) and the gradients are not: throw them away.
/// Cost: with n tokens, of which g have a slope, and S = ceil(n / C): `checked_first` computes n rows of logits in S
/// products, and again those of the g that are not in the last slab, in ceil(./C); hidden states and head get g rows in
/// at most S products each. So of whole batches that fit into a slab nothing is computed twice. `once` never computes a
/// row twice: where every response fits into a slab, the region reads no fold over the batch, the batch holds no
/// pieces, and the divisor is known (`token_sum`, or a `normalizer`). Else it is as `checked_first`.
/// Memory beside the slab: a slot K + 2 numbers and 32 bytes (8 more where entropies are read or written, 17 with a
/// bonus; each in steps of 256 bytes), a row of the slab that a token has 68 + 4 K bytes, and what `policy_loss` takes.
/// All but the last is allocated before the head is asked for anything.
/// Determinism: bits depend on C only through the order in which the head adds up.
template <detail::reads_logits Executor, class Head, class Real, class Element, trust_region_like Region>
  requires linear_head<Head, Element>
status policy_loss_from_head(Executor const& executor, Head&& head, head_rollout_view<Real, Element> const& batch,
                             Region const& region, head_loss_outputs const& outputs, loss_options const& options = {},
                             head_loss_options const& more = {}) {
  if (!batch.check().ok()) return batch.check();
  auto const& all = detail::slab_access::batch(batch);
  detail::entropy_use const use = detail::entropy_use_of(all, region, outputs, more.entropy_bonus);
  detail::loss_of_head<Real, Element, std::remove_reference_t<Head>> call(head, batch, outputs, more, use);
  status s = call.check(executor, region, options);
  if (s.ok()) s = call.run(executor, region, options);
  if (outputs.work != nullptr) *outputs.work = call.work();
  return s;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
