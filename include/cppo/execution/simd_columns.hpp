/// @file
/// The inputs of a response as runs of dense floats, and where its outputs go. Nothing here depends on a region: compiled once.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd_tokens.hpp>

namespace cppo::inline CPPO_ABI::detail {

/// Are n numbers finite and, where there must be no sign, none below 0?
inline bool finite(float const* x, int n, bool no_sign) noexcept {
  bool good = true;
  for (int k = 0; k < n; ++k) good = good && is_finite(x[k]) && !(no_sign && x[k] < 0.0F);
  return good;
}

/// Where a response lies.
struct response_place {
  index_t response;
  index_t first;  ///< element of slot 0 on the packed axis
  index_t slots;

  response_place(layout const& l, index_t b) noexcept : response(b), first(l.begin(b)), slots(l.slots(b)) {}
  response_column column_of(column const& c) const noexcept { return {c, response, first, slots}; }
};

/// What a block writes, and where from.
struct block_outputs {
  float* loss = nullptr;  ///< null: not asked for
  float* gradient = nullptr;
  float* gate = nullptr;  ///< null: not asked for; a hard gate's is made of the mask afterwards
  bool far = false;       ///< past the caches, and fetch inputs ahead
};

/// The outputs of a response, a block at a time: in place where memory is dense, else by way of copies.
class response_writer {
 public:
  /// `watched`: losses are looked at, too.
  response_writer(column const* outputs, response_place const& at, bool watched, bool far) noexcept
      : outputs_(outputs), at_(at), loss_(column_of(sink::loss)), gradient_(column_of(sink::gradient)), gate_(column_of(sink::gate)),
        mask_(column_of(sink::mask)), watched_(watched), far_(far) {}

  /// +0 in every output at the slots before the first token and after the last, or in every slot.
  void write_excluded(token_map const& map) const noexcept {
    if (map.tokens == at_.slots) return;
    for (int s = 0; s < sinks; ++s) {
      response_column const out = column_of(static_cast<sink>(s));
      if (!map.in_one_run() && !zeros_between(static_cast<sink>(s), out)) write_zeros(out, 0, at_.slots);
      else {
        write_zeros(out, 0, map.first);
        write_zeros(out, map.end, at_.slots);
      }
    }
  }
  /// +0 at n slots between tokens that no block holds.
  void gap(index_t slot, index_t n) const noexcept {
    for (int s = 0; s < sinks; ++s) {
      response_column const between = column_of(static_cast<sink>(s));
      if (zeros_between(static_cast<sink>(s), between)) write_zeros(between, slot, slot + n);
    }
  }
  /// Where the tokens of a block go.
  block_outputs begin(token_block const& block) noexcept {
    block_outputs out;
    auto const place = [&block](response_column const& c, float* copy) {
      return c.dense_floats && block.consecutive ? c.floats() + block.first : copy;
    };
    if (loss_.source->lent() || watched_) out.loss = place(loss_, loss_copy_);
    if (gate_.source->lent()) out.gate = place(gate_, gate_copy_);
    out.gradient = place(gradient_, gradient_copy_);
    out.far = far_;
    return out;
  }
  /// Brings what was written to copies to its place; counts in `n` what outputs of fewer bits make of it, unless null.
  void end(token_block const& block, block_outputs const& out, std::uint64_t const* kept, bool soft, token_counts<index_t>* n) noexcept {
    for (int k = 0; !soft && out.gate != nullptr && k < block.count; ++k) out.gate[k] = (kept[k / 64] >> (k % 64) & 1U) != 0 ? 1.0F : 0.0F;
    if (watched_) finite_losses_ = finite_losses_ && finite(out.loss, block.count, false);
    end(loss_, block, out.loss, loss_copy_, n);
    end(gradient_, block, out.gradient, gradient_copy_, n);
    end(gate_, block, out.gate, gate_copy_, n);
    scatter_bits(mask_, block, kept);
  }
  /// Were all losses finite, if they were looked at?
  bool finite_losses() const noexcept { return finite_losses_; }

 private:
  response_column column_of(sink s) const noexcept { return at_.column_of(outputs_[static_cast<int>(s)]); }
  /// Are the slots between tokens written with the tokens?
  static bool zeros_between(sink s, response_column const& out) noexcept {
    return s == sink::mask ? out.dense_bytes : out.dense_floats;
  }
  static void end(response_column const& c, token_block const& block, float const* values, float const* copy,
                  token_counts<index_t>* n) noexcept {
    if (values != copy) return;
    scatter(c, block, copy);
    if (n != nullptr) count_stored(c, block, copy, *n);
  }

  column const* outputs_;
  response_place at_;
  response_column loss_, gradient_, gate_, mask_;
  bool watched_, far_, finite_losses_ = true;
  alignas(64) float loss_copy_[block_room], gradient_copy_[block_room], gate_copy_[block_room];
};

/// The inputs of a response, a block at a time.
class response_reader {
 public:
  /// `gaps`: writes the slots between tokens that no block holds; may be null.
  response_reader(rollout_batch_view<float> const& batch, response_place const& at, token_map const& map, number_range<float> log_probs,
                  response_writer const* gaps = nullptr) noexcept
      : batch_(batch), b_(at.response), log_probs_(log_probs), gaps_(gaps), pi_(column_of(argument::log_prob, at)),
        mu_(column_of(argument::rollout_log_prob, at)), advantage_(column_of(argument::advantage, at)),
        weight_(column_of(argument::token_weight, at)), given_(column_of(argument::divergence, at)),
        cursor_(batch[argument::response_mask], batch.shape(), b_, map) {}

  /// The next block and its tokens, the first of rank `rank()`; false at the end, and where extra input is not sound.
  bool next(token_block& block, token_lanes& in) noexcept {
    rank_ += block_tokens_;
    auto const gap = [this](index_t slot, index_t n) {
      if (gaps_ != nullptr) gaps_->gap(slot, n);
    };
    if (!cursor_.next(block, gap)) return false;
    block_tokens_ = block.count;
    in = {gather(pi_, block, copies_.pi), gather(mu_, block, copies_.mu), gather(advantage_, block, copies_.advantage),
          gather(weight_, block, copies_.weighted), gather(given_, block, copies_.given), nullptr};
    sound_ = (in.weighted == nullptr || finite(in.weighted, block.count, false)) &&
             (in.given == nullptr || finite(in.given, block.count, true)) && (!batch_.has(argument::top_k) || lists_sound(block));
    if (!sound_) return false;
    if (in.weighted == nullptr) {
      in.weighted = in.advantage;
    } else {
      for (int k = 0; k < block.count; ++k) copies_.weighted[k] = rounded_product(in.advantage[k], in.weighted[k]);
      in.weighted = copies_.weighted;
    }
    return true;
  }
  index_t rank() const noexcept { return rank_; }
  /// Was all extra input sound: weights, lent divergences, lists?
  bool sound() const noexcept { return sound_; }
  /// Room for the scores of a block.
  float* scores() noexcept { return copies_.score; }

 private:
  response_column column_of(argument a, response_place const& at) const noexcept { return at.column_of(batch_[a]); }
  bool lists_sound(token_block const& block) const noexcept {
    bool good = true;
    block.each([&](int, index_t slot) { good = good && inspect_token(batch_, log_probs_, b_, slot).ok(); });
    return good;
  }

  rollout_batch_view<float> const& batch_;
  index_t b_;
  number_range<float> log_probs_;
  response_writer const* gaps_;
  response_column pi_, mu_, advantage_, weight_, given_;
  block_cursor cursor_;
  index_t rank_ = 0, block_tokens_ = 0;
  bool sound_ = true;
  lane_copies<block_room> copies_;
};

/// Is the plain input of a response sound, and the extra one?
inline bool response_sound(response_reader& reader, number_range<float> log_probs) noexcept {
  soundness input;
  token_block block;
  token_lanes in;
  while (reader.next(block, in)) {
    each_group(block, in, [&](token_lanes const& g, int at, int) {
      for (int u = 0; u < group_registers; ++u) input.see(g, at + u * simd_size);
    });
  }
  return reader.sound() && input.good(log_probs);
}

}  // namespace cppo::inline CPPO_ABI::detail

#include <cppo/macros_on.inc>
