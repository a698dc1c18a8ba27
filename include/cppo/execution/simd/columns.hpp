/// @file
/// The inputs of a response as chunks of dense floats, and where its outputs go. Nothing here depends on a region, so
/// it is compiled once.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/plain.hpp>
#include <cppo/execution/simd/tokens.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if n numbers are finite.
inline bool finite(float const* x, int n) noexcept {
  simd_ops::ints sizes(std::int32_t{0});  // as bits: no NaN is less than infinity
  int k = 0;
  for (; k + simd_size <= n; k += simd_size)
    sizes = simd_ops::larger(sizes, simd_ops::as_ints(abs(lanes_at(x, k)).raw()));
  bool good = simd_ops::every_at_most(sizes, 0x7f7fffff);
  for (; k < n; ++k) good = good && is_finite(x[k]);
  return good;
}
/// True if n numbers are finite and none is below 0.
inline bool finite_and_not_below_0(float const* x, int n) noexcept {
  simd_lane::mask below = simd_lane(0) < simd_lane(0);
  int k = 0;
  for (; k + simd_size <= n; k += simd_size) below = below | (lanes_at(x, k) < simd_lane(0));
  bool good = !simd_ops::any(below.raw());
  for (; k < n; ++k) good = good && !(x[k] < 0.0F);
  return good && finite(x, n);
}
/// True if n numbers are in a range.
inline bool within(float const* x, int n, number_range<float> range) noexcept {
  bool good = true;
  for (int k = 0; k < n; ++k) good = good && holds(range, x[k]);
  return good;
}
/// Writes n products, each rounded.
inline void multiply(float const* x, float const* y, float* out, int n) noexcept {
  int k = 0;
  for (; k + simd_size <= n; k += simd_size) put_lanes(out, k, lanes_at(x, k) * lanes_at(y, k));
  for (; k < n; ++k) out[k] = rounded_product(x[k], y[k]);
}

/// Where a response lies.
struct response_place {
  index_t response;
  index_t first;  ///< element of slot 0 on the packed axis
  index_t slots;

  response_place(layout const& l, index_t b) noexcept : response(b), first(l.begin(b)), slots(l.slots(b)) {}
  response_column column_of(column const& c) const noexcept { return {c, response, first, slots}; }
};

/// Where the outputs of a chunk are written.
struct chunk_outputs {
  float* loss = nullptr;  ///< null: not asked for
  float* gradient = nullptr;
  float* gate = nullptr;  ///< null: not asked for; a hard gate's is made of the mask afterwards
  bool far = false;       ///< past the caches, and fetch inputs ahead

  /// On to the next group.
  CPPO_ALWAYS_INLINE void advance() noexcept {
    if (loss != nullptr) loss += group_size;
    if (gate != nullptr) gate += group_size;
    gradient += group_size;
  }
};

/// Fetches inputs that are read some groups later.
CPPO_ALWAYS_INLINE void fetch_ahead(token_lanes const& in, int k) noexcept {
  if constexpr (can_stream) {
    constexpr int ahead = 1024, line = 16;
    for (int j = k + ahead; j < k + ahead + group_size; j += line) {
      __builtin_prefetch(in.pi + j);
      __builtin_prefetch(in.mu + j);
      __builtin_prefetch(in.advantage + j);
    }
  }
}

/// The last tokens of a response, which are fewer than a group: copies of what is read and of what is written.
class group_tail {
  lane_copies<group_size> copies_;
  alignas(64) float loss_[group_size], gradient_[group_size], gate_[group_size];
  chunk_outputs to_;
  int live_;

 public:
  token_lanes in;
  chunk_outputs out;

  /// Of `live` tokens of `from`, the first of them token k; `to` is where it is written.
  group_tail(token_lanes const& from, int k, int live, chunk_outputs const& to) noexcept
      : to_(to), live_(live), in(padded_tail(from, k, live, registers_of(live), copies_)),
        out{to.loss != nullptr ? loss_ : nullptr, gradient_, to.gate != nullptr ? gate_ : nullptr, false} {}

  /// Writes what was decided to its place.
  void write() const noexcept {
    copy_some(to_.gradient, gradient_, live_);
    if (to_.loss != nullptr) copy_some(to_.loss, loss_, live_);
    if (to_.gate != nullptr) copy_some(to_.gate, gate_, live_);
  }
};

/// Writes the outputs of a response, a chunk at a time: into lent memory if it is dense, else into copies that are
/// written back.
class response_writer {
 public:
  /// What is asked of the writing.
  struct wishes {
    bool watch_losses;  ///< check that they are finite
    bool past_caches;   ///< see `put`
  };
  response_writer(simd_call const& from, response_place const& at, wishes const& w) noexcept
      : outputs_(from.call.out), plain_(from.plain), at_(at), watched_(w.watch_losses), far_(w.past_caches) {}

  /// Writes +0 to every output before the first token and after the last; between tokens too, where the writing of
  /// tokens does not.
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
  /// Writes +0 to n slots between tokens that belong to no chunk.
  void gap(index_t slot, index_t n) const noexcept {
    for (int s = 0; s < sinks; ++s) {
      response_column const between = column_of(static_cast<sink>(s));
      if (zeros_between(static_cast<sink>(s), between)) write_zeros(between, slot, slot + n);
    }
  }
  /// Where the tokens of a chunk go.
  CPPO_ALWAYS_INLINE chunk_outputs begin(token_chunk const& chunk) noexcept {
    if (is_plain(chunk)) {
      chunk_outputs out;
      out.gradient = plain_.gradient + plain_.base(at_.response, at_.first) + chunk.first;
      out.far = far_;
      return out;
    }
    return begin_columns(chunk);
  }
  /// Brings what was written to copies to its place; counts in `n` what outputs of fewer bits make of it, unless null.
  CPPO_ALWAYS_INLINE void end(token_chunk const& chunk, chunk_outputs const& out, std::uint64_t const* kept,
                              gate_kind gates, token_counts<index_t>* n) noexcept {
    if (!is_plain(chunk)) return end_columns(chunk, out, kept, gates, n);
    if (plain_.mask != nullptr)
      write_bits(plain_.mask + plain_.base(at_.response, at_.first) + chunk.first, kept, chunk.count);
  }
  /// True if all losses were finite, as far as they were watched.
  bool finite_losses() const noexcept { return finite_losses_; }

 private:
  CPPO_ALWAYS_INLINE bool is_plain(token_chunk const& chunk) const noexcept {
    return plain_.pi != nullptr && chunk.consecutive && !watched_;
  }
  [[gnu::noinline]] chunk_outputs begin_columns(token_chunk const& chunk) noexcept {
    chunk_outputs out;
    response_column const loss = column_of(sink::loss), gate = column_of(sink::gate);
    auto const place = [&chunk](response_column const& c, float* copy) {
      return c.dense_floats && chunk.consecutive ? c.floats() + chunk.first : copy;
    };
    if (loss.source->lent() || watched_) out.loss = place(loss, loss_copy_);
    if (gate.source->lent()) out.gate = place(gate, gate_copy_);
    out.gradient = place(column_of(sink::gradient), gradient_copy_);
    out.far = far_;
    return out;
  }
  [[gnu::noinline]] void end_columns(token_chunk const& chunk, chunk_outputs const& out, std::uint64_t const* kept,
                                     gate_kind gates, token_counts<index_t>* n) noexcept {
    for (int k = 0; gates == gate_kind::hard && out.gate != nullptr && k < chunk.count; k += 64)
      bits_to_elements(out.gate + k, element_type::f32, kept[k / 64], chunk.count - k < 64 ? chunk.count - k : 64);
    if (watched_) finite_losses_ = finite_losses_ && finite(out.loss, chunk.count);
    end_column(column_of(sink::loss), chunk, out.loss, loss_copy_, n);
    end_column(column_of(sink::gradient), chunk, out.gradient, gradient_copy_, n);
    end_column(column_of(sink::gate), chunk, out.gate, gate_copy_, n);
    scatter_bits(column_of(sink::mask), chunk, kept);
  }
  response_column column_of(sink s) const noexcept { return at_.column_of(outputs_[static_cast<int>(s)]); }
  /// True if the slots between tokens are written together with the tokens.
  static bool zeros_between(sink s, response_column const& out) noexcept {
    return s == sink::mask ? out.dense : out.dense_floats || out.dense_halves;
  }
  static void end_column(response_column const& c, token_chunk const& chunk, float const* values, float const* copy,
                         token_counts<index_t>* n) noexcept {
    if (values != copy) return;
    scatter(c, chunk, copy);
    if (n != nullptr) count_stored(c, chunk, copy, *n);
  }

  column const* outputs_;
  plain_buffers const& plain_;
  response_place at_;
  bool watched_, far_, finite_losses_ = true;
  alignas(64) float loss_copy_[chunk_room], gradient_copy_[chunk_room], gate_copy_[chunk_room];
};

/// Reads the inputs of a response, a chunk at a time.
class response_reader {
 public:
  /// `gaps`: writes the slots between tokens that no chunk holds; may be null.
  response_reader(simd_call const& from, response_place const& at, token_map const& map,
                  response_writer const* gaps = nullptr) noexcept
      : from_(from), at_(at), gaps_(gaps),
        cursor_(from.call.batch[argument::response_mask], from.call.batch.shape(), at.response, map),
        checks_lists_(from.call.batch.has(argument::top_k)) {}

  /// From now on whoever reads the lists checks them.
  void leave_lists() noexcept { checks_lists_ = false; }

  /// Reads the next chunk; its first token has rank `rank()`. False at the end, and if the input beside log-probs and
  /// advantage is bad.
  CPPO_ALWAYS_INLINE bool next(token_chunk& chunk, token_lanes& in) noexcept {
    plain_buffers const& plain = from_.plain;
    rank_ += chunk_tokens_;
    if (plain.pi == nullptr || !cursor_.in_one_run()) return next_of_columns(chunk, in);
    if (!cursor_.next_of_run(chunk)) return false;
    chunk_tokens_ = chunk.count;
    index_t const base = plain.base(at_.response, at_.first) + chunk.first;
    in = {plain.pi + base, plain.mu + base, plain.advantage + base, plain.advantage + base, nullptr, nullptr};
    return true;
  }
  index_t rank() const noexcept { return rank_; }
  /// True if the input beside log-probs and advantage was valid: weights, lent divergences, Top-K lists.
  bool valid() const noexcept { return valid_; }
  /// Room for the divergences of a chunk.
  float* divergences() noexcept { return copies_.divergence; }

 private:
  [[gnu::noinline]] bool next_of_columns(token_chunk& chunk, token_lanes& in) noexcept {
    auto const gap = [this](index_t slot, index_t n) {
      if (gaps_ != nullptr) gaps_->gap(slot, n);
    };
    if (!cursor_.next(chunk, gap)) return false;
    chunk_tokens_ = chunk.count;
    auto const gathered = [&](argument a, float* copy) { return gather(at_.column_of(batch()[a]), chunk, copy); };
    in = {gathered(argument::log_prob, copies_.pi), gathered(argument::rollout_log_prob, copies_.mu),
          gathered(argument::advantage, copies_.advantage),
          in.advantage, gathered(argument::divergence, copies_.given), nullptr,
          gathered(argument::token_weight, copies_.token_weight), gathered(argument::entropy, copies_.entropy),
          gathered(argument::reference_log_prob, copies_.reference_log_prob)};
    auto const good = [&chunk](float const* x, auto const& check) { return x == nullptr || check(x, chunk.count); };
    auto const in_range = [this](float const* x, int n) { return within(x, n, from_.call.log_probs); };
    valid_ = good(in.token_weight, finite) && good(in.given, finite_and_not_below_0) &&
             good(in.entropy, finite_and_not_below_0) && good(in.reference_log_prob, in_range) &&
             (!checks_lists_ || lists_valid(chunk));
    if (!valid_) return false;
    in.weighted_advantage = in.advantage;
    if (in.token_weight != nullptr) {
      multiply(in.advantage, in.token_weight, copies_.weighted_advantage, chunk.count);
      in.weighted_advantage = copies_.weighted_advantage;
    }
    return true;
  }
  rollout_batch_view<float> const& batch() const noexcept { return from_.call.batch; }
  [[gnu::noinline]] bool lists_valid(token_chunk const& chunk) const noexcept {
    list_reader const lists(batch(), at_.response, from_.call.log_probs.low, from_.call.log_probs.high);
    bool good = true;
    chunk.each([&](int, index_t slot) { good = good && lists.valid(slot); });
    return good;
  }

  simd_call const& from_;
  response_place at_;
  response_writer const* gaps_;
  chunk_cursor cursor_;
  index_t rank_ = 0, chunk_tokens_ = 0;
  bool valid_ = true, checks_lists_;
  lane_copies<chunk_room> copies_;
};

/// True if all input of a response is valid.
inline bool response_valid(response_reader& reader, number_range<float> log_probs) noexcept {
  input_extremes input;
  token_chunk chunk;
  token_lanes in;
  while (reader.next(chunk, in)) {
    each_group(chunk, in, [&](token_lanes const& g, int at, int) {
      for (int u = 0; u < group_registers; ++u) input.see(g, at + u * simd_size);
    });
  }
  return reader.valid() && input.within(log_probs);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
