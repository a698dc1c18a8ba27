/// @file
/// The gradient of one row of logits, on lanes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/elements.hpp>
#include <cppo/execution/simd/past_caches.hpp>
#include <cppo/logits/row_pass.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What the gradient of a row is made of beside its logits x. With p = softmax(x / T) and H its entropy:
///
///     d loss / d x_v = slope (1{v = y} - p_v) / T - entropy_slope p_v (log p_v + H) / T
struct row_slopes {
  double slope = 0.0;          ///< d loss / d log p_y
  double log_sum_exp = 0.0;    ///< of x / T
  double temperature = 1.0;    ///< T
  double entropy_slope = 0.0;  ///< d loss / d H
  double entropy = 0.0;        ///< H, where that slope is not 0
  index_t sampled = 0;         ///< y

  /// True if a slope is NaN: the row of the gradient is.
  CPPO_HOST_DEVICE constexpr bool is_nan() const noexcept { return slope != slope || entropy_slope != entropy_slope; }
  /// True if the gradient is made of logits: else its row is +0, or NaN.
  CPPO_HOST_DEVICE constexpr bool reads_logits() const noexcept {
    return !is_nan() && (slope != 0.0 || entropy_slope != 0.0);
  }
};

/// Whether a row's entropy has a slope.
enum class entropy_term : std::uint8_t { none, added };

/// The same in numbers that every logit needs: with c the float next to T log_sum_exp, and y (x - c) / T log2(e), the
/// derivative is 2^y (factor + per_exponent y). c takes all of a large log-sum-exp, and `factor` what c has lost.
struct gradient_scale {
  term_scale terms;
  float factor = 0.0F;
  float per_exponent = 0.0F;

  gradient_scale() noexcept = default;
  CPPO_HOST_DEVICE explicit gradient_scale(row_slopes const& r) noexcept
      : terms{static_cast<float>(r.log_sum_exp * r.temperature), per_logit(r.temperature)} {
    using V = double_lane;
    V const t(r.temperature), lost = V(static_cast<double>(terms.maximum)) / t - V(r.log_sum_exp);
    V const share = exp(lost) / t, by_entropy = -(V(r.entropy_slope) * share);
    factor = static_cast<float>((by_entropy * (V(r.entropy) + lost) - V(r.slope) * share).raw());
    per_exponent = static_cast<float>((by_entropy * V(0.6931471805599453)).raw());
  }
  /// The derivatives by N registers of logits x that are not the sampled id's, into `out`: +0 where p is below
  /// 2^-125.5, so at -inf; NaN at NaN and +inf. A p above 2^127, which no row has with its own log-sum-exp, is 2^127.
  template <entropy_term Entropy, class V, std::size_t N>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE void apply(V const (&x)[N], V (&out)[N]) const noexcept {
    softmax_terms<V, N, logits_are::any> const t(x, V(terms.maximum), V(terms.per_logit));
    for (std::size_t u = 0; u < N; ++u) {
      V by(factor);
      if constexpr (Entropy == entropy_term::added) by = by + V(per_exponent) * t.exponent[u];
      out[u] = t[u] * by + (t.exponent[u] - t.exponent[u]);  // 0, which leaves no -0, or NaN
    }
  }
};
/// The derivative by the sampled id's logit, in double. Nothing cancels where p is near 1.
CPPO_HOST_DEVICE inline float sampled_gradient(row_slopes const& r, float logit) noexcept {
  using V = double_lane;
  V const log_p = max(V(exp_floor<double>), V(static_cast<double>(logit)) / V(r.temperature) - V(r.log_sum_exp));
  auto const p = exp_core(log_p);
  V const by_entropy = V(r.entropy_slope) * (p.value() * (log_p + V(r.entropy)));
  return static_cast<float>(((V(r.slope) * p.complement() - by_entropy) / V(r.temperature) + V(0)).raw());
}

/// How a row is written: past the caches where it is large and not read again soon.
enum class stores_are : std::uint8_t { cached, streamed };

/// A row of elements that is written.
struct gradient_row {
  void* data;
  element_type type;
  stores_are stores = stores_are::cached;

  /// Writes n <= stretch elements from `first` on.
  template <class V>
  void put(index_t first, float const* x, index_t n) const noexcept {
    alignas(64) std::uint16_t narrowed[stretch];
    void const* from = x;
    if (type != element_type::f32) {
      from = narrowed;
      if constexpr (V::size > 1) narrow(narrowed, x, type, static_cast<int>(n));
      else for (index_t k = 0; k < n; ++k) store(narrowed, type, k, x[k]);
    }
    auto const bytes = static_cast<std::size_t>(n * size_of(type));
    if (stores == stores_are::streamed) stream_bytes(element_place(data, type, first), from, bytes);
    else __builtin_memcpy(element_place(data, type, first), from, bytes);
  }
  /// True if the elements from any multiple of 64 on lie in lines of their own, which are streamed.
  bool by_lines() const noexcept {
    return stores == stores_are::streamed && reinterpret_cast<std::uintptr_t>(data) % 64 == 0;
  }
  /// Writes 64 elements from `first` on, a multiple of 64. Pre: `by_lines()`.
  CPPO_ALWAYS_INLINE void put_lines(index_t first, float const* x) const noexcept {
    alignas(64) std::uint16_t narrowed[64];
    for (int k = 0; k < 64; k += half_step) {
      if (type == element_type::bf16) narrow_to_bfloats(narrowed + k, x + k);
      if (type == element_type::f16) narrow_to_halves(narrowed + k, x + k);
    }
    auto const* const from = type == element_type::f32 ? static_cast<void const*>(x) : narrowed;
    auto* const to = static_cast<char*>(element_place(data, type, first));
    for (int k = 0; k < 64 * static_cast<int>(size_of(type)); k += 64) {
      stream_line(to + k, static_cast<char const*>(from) + k);
    }
  }
  /// Where `put` would write a whole stretch, if its registers may be written there; null if not.
  float* direct(index_t first) const noexcept {
    bool const plain = type == element_type::f32 && stores == stores_are::cached;
    return plain ? static_cast<float*>(data) + first : nullptr;
  }
  /// Sets every element to +0 or NaN.
  void fill(index_t vocabulary, float x) const noexcept {
    if (x == 0.0F) __builtin_memset(data, 0, static_cast<std::size_t>(vocabulary * size_of(type)));
    else for (index_t v = 0; v < vocabulary; ++v) store(data, type, v, x);
  }
};

/// The derivatives by n logits, a multiple of 64; read(k) is a register of those from k on.
template <entropy_term Entropy, class V, class Read>
CPPO_ALWAYS_INLINE void gradient_of_stretch(gradient_scale const& scale, Read const& read, int n, float* out) noexcept {
  constexpr std::size_t group = group_of<V>;
  for (int k = 0; k < n; k += group_of<V> * V::size) {
    V logit[group], d[group];
    for (std::size_t u = 0; u < group; ++u) logit[u] = read(k + static_cast<int>(u) * V::size);
    scale.template apply<Entropy>(logit, d);
    for (std::size_t u = 0; u < group; ++u) save_lanes(out + k + static_cast<int>(u) * V::size, d[u]);
  }
}
/// The derivatives by a whole stretch, written line by line, so that stores wait while others are computed.
template <entropy_term Entropy, class V>
void gradient_by_lines(gradient_scale const& scale, row_reader<V> const& in, index_t first,
                       gradient_row const& out) noexcept {
  auto const read = in.reading(first);
  for (int k = 0; k < stretch; k += 64) {
    alignas(64) float d[64];
    gradient_of_stretch<Entropy, V>(scale, [&](int j) CPPO_INLINE_LAMBDA { return read(k + j); }, 64, d);
    out.put_lines(first + k, d);
  }
}
/// The gradient of a row, of which `out` may be the memory.
template <entropy_term Entropy, class V>
void gradient_of_others(gradient_scale const& scale, row_reader<V>& in, gradient_row const& out) noexcept {
  alignas(64) float room[stretch];
  for (index_t first = 0; first < in.vocabulary(); first += stretch) {
    if (V::size > 1 && out.by_lines() && in.is_whole(first)) {
      gradient_by_lines<Entropy>(scale, in, first, out);
    } else if (in.is_whole(first)) {
      float* const direct = out.direct(first);
      gradient_of_stretch<Entropy, V>(scale, in.reading(first), stretch, direct != nullptr ? direct : room);
      if (direct == nullptr) out.put<V>(first, room, stretch);
    } else {
      gradient_of_stretch<Entropy, V>(scale, reading_floats<V>(in.floats(first)), in.size(first), room);
      out.put<V>(first, room, in.vocabulary() - first);
    }
  }
  if (out.stores == stores_are::streamed) end_of_stream();
}
/// The gradient of a row, of whose ids the sampled one need not be.
template <class V>
void gradient_of_row(row_slopes const& r, logit_rows const& logits, index_t row, gradient_row const& out) noexcept {
  bool const holds = logits.holds(r.sampled);
  float const y = holds ? sampled_gradient(r, logits(row, r.sampled)) : 0.0F;  // before it may be written over
  gradient_scale const scale(r);
  row_reader<V> in(logits, row);
  if (r.entropy_slope == 0.0) gradient_of_others<entropy_term::none>(scale, in, out);
  else gradient_of_others<entropy_term::added>(scale, in, out);
  if (holds) store(out.data, out.type, r.sampled - logits.first_id(), y);
}
/// The gradient of a row whatever its slopes are.
template <class V>
void write_gradient(row_slopes const& r, logit_rows const& logits, index_t row, gradient_row const& out) noexcept {
  if (r.reads_logits()) gradient_of_row<V>(r, logits, row, out);
  else out.fill(logits.vocabulary(), r.is_nan() ? special<float>::nan : 0.0F);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
