/// @file
/// The terms of a softmax, and their sums over a row, on lanes of any width with the same bits.
///
/// A row is read in stretches of 1024 logits, 4 chunks. Logit j of a row goes to lane j mod 16 of `lane_sums`, whatever
/// the width of registers is: each lane of a chunk is summed in float, the chunks of a lane in double, and the lanes in
/// a fixed tree.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/report_sums.hpp>
#include <cppo/logits/rows.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Logits that are read at a time. Their largest is known before they are summed.
inline constexpr int stretch = 1024;
/// Stretches are filled up with -inf to a multiple of this.
inline constexpr int stretch_step = 64;

/// Whether a pass sums the moment too, which the entropy is made of.
enum class moment_is : std::uint8_t { left_out, summed };

/// The scale of a row's terms: m, and log2(e) / T.
struct term_scale {
  float maximum = 0.0F;
  float per_logit = 1.44269504F;
};
/// log2(e) / T, rounded once.
CPPO_HOST_DEVICE constexpr float per_logit(double temperature) noexcept {
  return static_cast<float>(1.4426950408889634 / temperature);
}

/// From a sum b of terms times their exponents, beside the sum a of terms, to the moment in nats, raised so that
/// log(1 + a) - b / (1 + a) is the entropy at the exact scale, of which a float has lost a share: by this share of
/// b^2 / (a (1 + a)), its derivative where terms are near each other.
CPPO_HOST_DEVICE constexpr double moment_of(double sum, double rest, double temperature, float per_logit) noexcept {
  using L = double_lane;
  L const a(rest), b = L(sum) * L(0.6931471805599453);
  double const lost = 1.4426950408889634 / temperature / static_cast<double>(per_logit) - 1.0;
  return rest > 0.0 ? (b + L(lost) * (b * (b / (a * (L(1) + a))))).raw() : b.raw();
}

/// x minus the whole number nearest to it, for |x| < 2^22; `sum` is x + magic, whose last bit counts ones.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V past_whole(V x, V sum, V magic) noexcept {
  if constexpr (requires { V::ops::past_whole(x.raw()); }) return V::from_raw(V::ops::past_whole(x.raw()));
  else return x - (sum - magic);
}

/// Which logits terms are made of: none above the maximum, or any, of which terms are 2^127 at most.
enum class logits_are : std::uint8_t { at_most_maximum, any };

/// Terms e^((x - m) / T) of N registers of logits x, as 2^exponent: +0 where they are below 2^-125.5, so of -inf; NaN
/// of NaN; of +inf nothing is promised. A polynomial of degree 5, whose relative error is below 2e-7; the exponent,
/// which is rounded three times, adds 1.8e-7 |x - m| / T at most. Each step is done for all registers before the next,
/// since a processor looks ahead by no more than a few.
template <class V, std::size_t N, logits_are Logits = logits_are::at_most_maximum>
struct softmax_terms {
  V exponent[N];     ///< (x - m) / T log2(e), at least -126; not bounded above
  V power[N];        ///< a power of two, or 0
  V significand[N];  ///< 2 to 2 sqrt 2, or down to sqrt 2

  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr softmax_terms(V const (&x)[N], V maximum, V per_logit) noexcept {
    V const magic(12583038.0F);  // 1.5 * 2^23 + 126
    V f[N];
    for (std::size_t u = 0; u < N; ++u) f[u] = x[u] - maximum;
    for (std::size_t u = 0; u < N; ++u) f[u] = f[u] * per_logit;
    for (std::size_t u = 0; u < N; ++u) f[u] = exponent[u] = max(V(-126), f[u]);
    if constexpr (Logits == logits_are::any) {
      for (std::size_t u = 0; u < N; ++u) f[u] = min(V(127), f[u]);
    }
    for (std::size_t u = 0; u < N; ++u) power[u] = f[u] + magic;
    for (std::size_t u = 0; u < N; ++u) f[u] = past_whole(f[u], power[u], magic);
    for (std::size_t u = 0; u < N; ++u) power[u] = V::from_raw(V::ops::to_exponent(power[u].raw()));
    // Twice 2^f, so that no product with the power is subnormal.
    for (std::size_t u = 0; u < N; ++u) significand[u] = V(0x1.5bba14p-9F) * f[u] + V(0x1.3cea88p-6F);
    for (float const c : {0x1.c6b752p-4F, 0x1.ebf9bcp-2F, 0x1.62e42ap+0F, 2.0F}) {
      for (std::size_t u = 0; u < N; ++u) significand[u] = significand[u] * f[u] + V(c);
    }
  }
  /// A register of terms. The product is exact: the sum of it and another number may be fused.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator[](std::size_t u) const noexcept {
    return exact_product(significand[u], power[u]);
  }
};

/// What turns sums of terms with the maximum `from` into those with `to`, which is higher.
struct lower_scale {
  double shift;   ///< so many exponents less is each term
  double factor;  ///< 2^shift

  CPPO_HOST_DEVICE constexpr lower_scale(float from, float to, double temperature) noexcept
      : shift((static_cast<double>(from) - static_cast<double>(to)) / temperature), factor(exp_nonpositive(shift)) {
    shift *= 1.4426950408889634;
  }
  /// Applies it to a sum of terms, and to its moment.
  CPPO_HOST_DEVICE constexpr void apply(double& rest, double& moment) const noexcept {
    moment = rounded_product(moment + rounded_product(shift, rest), factor);
    rest = rounded_product(rest, factor);
  }
};

/// Sums of terms over a row.
struct row_totals {
  lane_sums<float> rest;    ///< of the terms
  lane_sums<float> moment;  ///< of each term times its exponent

  /// Makes sums of terms with the maximum m from those with a lower one.
  CPPO_HOST_DEVICE constexpr void lower(lower_scale const& by) noexcept {
    for (int j = 0; j < rest.width; ++j) by.apply(rest.lanes[j], moment.lanes[j]);
  }
};

template <class V>
CPPO_ALWAYS_INLINE void save_lanes(float* to, V x) noexcept {
  if constexpr (V::size == 1) *to = x.raw();
  else V::ops::save(to, x.raw());
}
/// Adds the registers of a chunk to its sums.
template <class V, std::size_t N>
CPPO_ALWAYS_INLINE void end_chunk(lane_sums<float>& to, V const (&x)[N]) noexcept {
  for (std::size_t r = 0; r < N; ++r) save_lanes(to.partial + r * std::size_t{V::size}, x[r]);
  to.settle();
}

/// How many registers of logits are worked on together: a whole number of times 16 logits, and of them 64.
template <class V>
inline constexpr int group_of = V::size < 4 ? lane_sums<float>::width / V::size : 4;

/// Adds n logits of a row, a multiple of 64; read(k) is a register of those from k on. True if all are below the
/// maximum, or NaN.
template <class V, moment_is Moment, class Read>
bool add_terms(Read const& read, int n, term_scale const& scale, row_totals& to) noexcept {
  constexpr std::size_t registers = lane_sums<float>::width / V::size, group = group_of<V>;
  constexpr int width = group_of<V> * V::size;
  V const maximum(scale.maximum), per_logit(scale.per_logit);
  V signs(-1);
  for (int first = 0; first < n; first += static_cast<int>(sum_chunk)) {
    int const end = n - first < sum_chunk ? n : first + static_cast<int>(sum_chunk);
    V rest[registers], moment[registers];
    for (std::size_t r = 0; r < registers; ++r) rest[r] = moment[r] = V(0);
    for (int k = first; k < end; k += width) {
      V logit[group];
      for (std::size_t u = 0; u < group; ++u) logit[u] = read(k + static_cast<int>(u) * V::size);
      softmax_terms<V, group> const terms(logit, maximum, per_logit);
      for (std::size_t u = 0; u < group; ++u) {
        V const term = terms[u], exponent = terms.exponent[u];
        signs = V::from_raw(V::ops::common_bits(signs.raw(), exponent.raw()));
        rest[u % registers] = rest[u % registers] + term;
        if constexpr (Moment == moment_is::summed) moment[u % registers] = moment[u % registers] + term * exponent;
      }
    }
    end_chunk(to.rest, rest);
    if constexpr (Moment == moment_is::summed) end_chunk(to.moment, moment);
  }
  return !V::ops::any((flip_sign(V(1), signs) > V(0)).raw());
}

/// The largest of n logits, a multiple of 64; never -0. NaN is passed over, and shows in the sums.
template <class V>
float largest_of(float const* x, int n) noexcept {
  constexpr int group = group_of<V>;
  V best[std::size_t{group}];
  for (V& b : best) b = V(-special<float>::infinity);
  for (int k = 0; k < n; k += group * V::size) {
    for (int u = 0; u < group; ++u) best[u] = max(V::from_raw(V::ops::load(x + k + u * V::size)), best[u]);
  }
  for (V const& b : best) best[0] = max(best[0], b);
  alignas(64) float lanes[std::size_t{V::size}];
  save_lanes(lanes, best[0]);
  float all = -special<float>::infinity;
  for (float const y : lanes) all = y > all ? y : all;
  return all + 0.0F;
}

/// The first of n logits that is equal to one of them. Whole registers are read: n is a multiple of 64.
template <class V>
int first_equal(float const* x, int n, float y) noexcept {
  int k = 0;
  while (k < n && !V::ops::any((V::from_raw(V::ops::load(x + k)) == V(y)).raw())) k += V::size;
  while (k < n && x[k] != y) ++k;
  return k;
}

/// What lanes do with logits beside arithmetic; this one is for lanes of one logit. Registers: over_rows.hpp.
template <class V>
struct logit_register {
  static_assert(V::size == 1, "include logits/over_rows.hpp, which says how registers read logits");
  /// Elements of a half type, from `in` on.
  static V read(void const* in, element_type type) noexcept { return V(load<float>(in, type, 0)); }
  /// Copies n elements of a half type as floats.
  static void copy(float* out, void const* in, element_type type, int n) noexcept {
    for (int k = 0; k < n; ++k) out[k] = load<float>(in, type, k);
  }
  /// Bit k: logit k of a group is above the bound.
  static std::uint64_t above(V const (&logit)[std::size_t{group_of<V>}], V bound) noexcept {
    std::uint64_t bits = 0;
    for (int u = 0; u < group_of<V>; ++u) bits |= std::uint64_t{(logit[u] > bound).raw()} << u;
    return bits;
  }
};

/// Calls take(k) for the logits, of n, a multiple of 64, that are above bound() when their turn comes.
template <class V, class Bound, class Take>
void each_above(float const* x, int n, Bound const& bound, Take const& take) noexcept {
  constexpr int group = group_of<V>;
  for (int k = 0; k < n; k += group * V::size) {
    V logit[std::size_t{group}];
    for (int u = 0; u < group; ++u) logit[u] = V::from_raw(V::ops::load(x + k + u * V::size));
    V top = logit[0];
    for (V const& l : logit) top = max(top, l);
    if (!V::ops::any((top > V(bound())).raw())) continue;
    for (std::uint64_t bits = logit_register<V>::above(logit, V(bound())); bits != 0; bits &= bits - 1) {
      int const at = k + std::countr_zero(bits);
      if (x[at] > bound()) take(at);
    }
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
