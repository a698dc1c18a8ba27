/// @file
/// Random batches like those that trainers make, with everything that has gone wrong in such batches before.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/generated_lists.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// The options of `generate`.
struct generator_options {
  index_t max_responses = 6;  ///< responses, at least 1
  index_t max_length = 70;    ///< largest number of slots of a response; lengths near register widths are frequent
  index_t top_k = 0;          ///< length of the Top-K lists; 0: none
  bool divergence = false;    ///< lend divergences
  bool entropy = false;       ///< lend entropies
  bool reference = false;     ///< lend log-probs of a reference policy
  bool token_weight = true;   ///< lend token weights in some batches
  bool holes = true;          ///< some slots are no tokens and hold junk
};

/// How far pi is from mu in a response.
enum class drift : std::uint8_t { none, tiny, small, moderate, large, budget_edge, ties };

/// Draws one batch.
template <element T>
class batch_generator {
 public:
  /// Draws from a seed and options, on which alone the batch depends.
  batch_generator(std::uint64_t seed, generator_options const& o) : random_(seed), o_(o) { batch_.seed = seed; }

  /// Draws the batch.
  generated_batch<T> run() {
    batch_.packed = random_.chance(0.5);
    batch_.narrow_offsets = random_.chance(0.5);
    batch_.responses = 1 + random_.below(o_.max_responses);
    batch_.k = o_.top_k;
    batch_.lends_divergence = o_.divergence;
    batch_.lends_entropy = o_.entropy;
    batch_.lends_reference = o_.reference;
    weights_ = o_.token_weight && random_.chance(0.3);
    draw_shape();
    constexpr element_type masks[] = {element_type::boolean, element_type::u8,  element_type::i32, element_type::i64,
                                      element_type::f32,     element_type::f64, element_type::f16, element_type::bf16};
    batch_.mask_type = masks[random_.below(8)];
    bool const full = std::find(batch_.valid.begin(), batch_.valid.end(), 0) == batch_.valid.end();
    batch_.lends_mask = !full || random_.chance(0.5);
    for (index_t b = 0; b < batch_.responses; ++b) draw_response(b);
    batch_.seal();
    return batch_;
  }

 private:
  /// The numbers drawn for one slot.
  struct draw {
    double log_p = -1.0, log_q = -1.0, advantage = 0.0, divergence = 0.0, weight = 1.0;
  };

  index_t draw_length() {
    constexpr index_t widths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65};
    index_t const n = random_.chance(0.4) ? widths[random_.below(18)] : random_.below(o_.max_length + 1);
    return std::min(n, o_.max_length);
  }

  /// Draws lengths, offsets, and which slots are tokens.
  void draw_shape() {
    index_t const lead = batch_.packed && o_.holes && random_.chance(0.2) ? 1 + random_.below(5) : 0;
    batch_.part = lead % 2 == 1;
    std::vector<index_t> lengths;
    for (index_t b = 0; b < batch_.responses; ++b) lengths.push_back(draw_length());
    batch_.width = *std::max_element(lengths.begin(), lengths.end());
    if (!o_.holes && !batch_.packed) lengths.assign(lengths.size(), batch_.width);
    if (!batch_.packed && o_.holes) batch_.width += random_.below(4);
    batch_.offsets.assign(1, lead);
    batch_.valid.assign(static_cast<std::size_t>(lead), 0);
    for (index_t const n : lengths) {
      draw_validity(n);
      index_t const end = batch_.offsets.back() + (batch_.packed ? n : batch_.width);
      batch_.valid.resize(static_cast<std::size_t>(end), 0);
      batch_.offsets.push_back(end);
    }
    batch_.valid.resize(batch_.valid.size() + static_cast<std::size_t>(lead / 2), 0);
    auto const slots = batch_.valid.size();
    batch_.log_prob.resize(slots);
    batch_.rollout_log_prob.resize(slots);
    batch_.advantage.resize(slots);
    if (o_.divergence) batch_.divergence.resize(slots);
    if (weights_) batch_.token_weight.resize(slots);
    if (o_.entropy) batch_.entropy.resize(slots);
    if (o_.reference) batch_.reference_log_prob.resize(slots);
    if (o_.top_k > 0) batch_.token_id.resize(slots);
    batch_.listed_id.resize(slots * static_cast<std::size_t>(o_.top_k));
    batch_.listed_log_prob.resize(batch_.listed_id.size());
    batch_.listed_rollout_log_prob.resize(batch_.listed_id.size());
    batch_.refill_excluded(static_cast<int>(random_.below(poisons)));
  }

  /// Draws which of n slots are tokens: all, all but scattered holes, all but a tool call, all but left padding, or
  /// none.
  void draw_validity(index_t n) {
    double const pattern = o_.holes ? random_.uniform() : 0.0;
    double const share = random_.uniform(0.05, 0.6);
    index_t const from = n > 0 ? random_.below(n) : 0;
    index_t const to = n > 0 ? from + random_.below(n - from + 1) : 0;
    for (index_t i = 0; i < n; ++i) {
      bool hole = false;
      if (pattern > 0.95) hole = true;
      else if (pattern > 0.85) hole = i < from;
      else if (pattern > 0.65) hole = i >= from && i < to;
      else if (pattern > 0.4) hole = random_.chance(share);
      batch_.valid.push_back(hole ? 0 : 1);
    }
  }

  /// Draws log mu: heavy-tailed, often close to 0, at times exactly 0 or very low.
  double draw_log_prob() {
    double const kind = random_.uniform();
    if (kind < 0.03) return 0.0;
    if (kind < 0.05) return -80.0;
    if (kind < 0.055) return -300.0;
    if (kind < 0.2) return -1e-6 * random_.uniform();
    double const e = 1.3 * random_.exponential();
    return kind < 0.3 ? -e * e : -e;
  }

  draw draw_token(drift how, double group_advantage) {
    draw d;
    d.advantage = random_.chance(0.7) ? group_advantage : random_.normal();
    d.weight = random_.chance(0.1) ? 0.0 : random_.uniform(0.0, 2.0);
    if (how == drift::ties) {
      constexpr double steps[] = {0.0, -0.25, -0.5, -1.0, -2.0};
      d.log_q = steps[random_.below(5)];
      d.log_p = random_.chance(0.5) ? d.log_q : steps[random_.below(5)];
      d.advantage = static_cast<double>(random_.below(3) - 1);
      d.divergence = static_cast<double>(random_.below(13)) / 32.0;
      return d;
    }
    if (how == drift::budget_edge) {
      double const q = random_.uniform(0.3, 0.7);
      double const gap = random_.uniform(0.0, 0.06);
      d.log_q = detail::log(q);
      d.log_p = detail::log(random_.chance(0.5) ? q + gap : q - gap);
      d.divergence = gap;
      return d;
    }
    constexpr double scales[] = {0.0, 1e-4, 0.03, 0.4, 8.0};
    d.log_q = draw_log_prob();
    d.log_p = std::min(d.log_q + scales[static_cast<int>(how)] * random_.normal(), 0.0);
    double const u = random_.uniform();
    d.divergence = random_.chance(0.01) ? 3000.0 : 0.5 * u * u * u;
    return d;
  }

  void draw_response(index_t b) {
    auto const how = static_cast<drift>(random_.below(7));
    double const group_advantage = random_.chance(0.1) ? 0.0 : random_.normal();
    for (index_t const slot : batch_.token_row(b)) {
      auto const i = static_cast<std::size_t>(slot);
      draw const d = draw_token(how, group_advantage);
      batch_.log_prob[i] = stored<T>(d.log_p);
      batch_.rollout_log_prob[i] = stored<T>(d.log_q);
      batch_.advantage[i] = stored<T>(d.advantage);
      if (o_.divergence) batch_.divergence[i] = stored<T>(d.divergence);
      if (weights_) batch_.token_weight[i] = stored<T>(d.weight);
      if (o_.entropy) batch_.entropy[i] = stored<T>(random_.chance(0.1) ? 0.0 : random_.exponential());
      if (o_.reference) {
        batch_.reference_log_prob[i] =
            random_.chance(0.2) ? batch_.log_prob[i] : stored<T>(std::min(d.log_p + random_.normal(), 0.0));
      }
      if (o_.top_k > 0) fill_lists(batch_, i, d.log_p, d.log_q, random_);
    }
  }

  random_source random_;
  generator_options o_;
  generated_batch<T> batch_;
  bool weights_ = false;
};

/// A random batch. For the same seed, options and element type it is the same on every machine.
///
/// It is padded or packed. Lengths 0, 1 and those near register widths occur; so do holes that hold NaN, infinities and
/// junk, heavy-tailed log-probs, drift from none to far past the clamp, exact ties, and prefix budgets at their edge.
template <element T = float>
generated_batch<T> generate(std::uint64_t seed, generator_options const& options = {}) {
  return batch_generator<T>(seed, options).run();
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
