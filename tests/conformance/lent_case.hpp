/// @file
/// The buffers of one case, lent to the library as a batch or response by response.
#pragma once

#include "case_reader.hpp"

#include <cppo/core/batch.hpp>

namespace conformance {

using cppo::index_t;

/// Where the tokens of a case lie.
struct case_shape {
  bool packed = true;
  index_t responses = 0;
  index_t width = 0;             // padded only
  std::vector<index_t> offsets;  // packed only: responses + 1 of them

  index_t elements() const { return packed ? offsets.back() : responses * width; }
  cppo::layout all() const {
    return packed ? cppo::packed(offsets) : cppo::padded(responses, width);
  }
  /// Response b alone; its buffers start at element `first(b)`.
  cppo::layout one(index_t b) const {
    return packed ? cppo::packed(offsets.data() + b, 1).part_of(elements()) : cppo::padded(1, width);
  }
  index_t first(index_t b) const { return packed ? 0 : b * width; }

  /// One response of n tokens.
  static case_shape flat(index_t n) { return {true, 1, 0, {0, n}}; }

  static case_shape read(object_reader const& c) {
    std::string const layout = c.text("layout");
    case_shape s;
    s.packed = layout == "packed";
    if (s.packed) {
      s.offsets = {0};
      for (index_t n : c.counts("lengths")) s.offsets.push_back(s.offsets.back() + n);
      s.responses = static_cast<index_t>(s.offsets.size()) - 1;
    } else if (layout == "padded") {
      std::vector<index_t> const extents = c.counts("shape");
      if (extents.size() != 2) c.fail("\"shape\" must be [responses, width]");
      s.responses = extents[0];
      s.width = extents[1];
    } else {
      c.fail("\"layout\" must be \"packed\" or \"padded\", not \"" + layout + "\"");
    }
    return s;
  }
};

/// The inputs of a case in the arithmetic of the run. What is optional is empty where it is not lent.
template <class Real>
struct lent_case {
  case_shape shape;
  std::vector<Real> log_prob, rollout_log_prob, advantage;
  std::optional<std::vector<Real>> divergence, reference, entropy, token_weight;
  std::optional<std::vector<std::uint8_t>> response_mask;

  /// The inputs of a case in a layout. `given`: the case lends the divergence. Masks of whole responses and divergences
  /// read no advantage, and may leave it out.
  static lent_case read(object_reader const& c, bool given, bool reads_advantage) {
    lent_case r;
    r.shape = case_shape::read(c);
    index_t const n = r.shape.elements();
    object_reader const inputs = c.object("inputs");
    r.log_prob = inputs.numbers<Real>("logp_new", n);
    if (inputs.has("entropy")) r.entropy = inputs.numbers<Real>("entropy", n);
    if (inputs.has("logp_ref")) r.reference = inputs.numbers<Real>("logp_ref", n);
    bool const on_policy = r.reference && !inputs.has("logp_old");  // a penalty against the reference reads no mu
    r.rollout_log_prob = on_policy ? r.log_prob : inputs.numbers<Real>("logp_old", n);
    if (reads_advantage || inputs.has("advantages")) r.advantage = inputs.numbers<Real>("advantages", n);
    else r.advantage.assign(static_cast<std::size_t>(n), Real(0));
    if (given) r.divergence = inputs.numbers<Real>("divergence", n);
    if (!r.shape.packed || c.has("response_mask")) r.response_mask = c.bits("response_mask", n);
    return r;
  }

  cppo::rollout_batch_view<Real> all() const { return lend(shape.all(), 0); }
  cppo::rollout_batch_view<Real> one(index_t b) const { return lend(shape.one(b), shape.first(b)); }

 private:
  cppo::rollout_batch_view<Real> lend(cppo::layout const& l, index_t first) const {
    auto const pi = cppo::log_prob(log_prob.data() + first);
    auto const mu = cppo::rollout_log_prob(rollout_log_prob.data() + first);
    auto const a = cppo::advantage(advantage.data() + first);
    auto batch = cppo::rollout_batch(l, pi, mu, a);
    if (!batch.check().ok()) return batch;
    if (divergence) batch.add(cppo::divergence_values(divergence->data() + first));
    if (reference) batch.add(cppo::reference_log_prob(reference->data() + first));
    if (entropy) batch.add(cppo::entropy(entropy->data() + first));
    if (token_weight) batch.add(cppo::token_weight(token_weight->data() + first));
    if (response_mask) batch.add(cppo::response_mask(response_mask->data() + first));
    return batch;
  }
};

}  // namespace conformance
