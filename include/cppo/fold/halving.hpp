/// @file
/// The halving sum: later tokens count, and the less the farther they lie. Exact, by integers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exponential.hpp>
#include <cppo/fold/ranges.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// The sum of x_k 2^{-(k - t)/h} over the tokens k from t on. It is no statistic of a set: executors form it from the
/// end of the response.
struct halved {
  static constexpr bool has_own_state = true;      ///< its state is no other statistic's
  static constexpr bool goes_from_the_end = true;  ///< its range is `from`
};

/// A halving sum of Q that no range has been given yet.
template <class Q>
struct halving_of {
  static constexpr bool is_unfinished = true;  ///< no number before a range takes it
  using kind = halved;          ///< which statistic
  using left_type = Q;          ///< of what
  using right_type = constant;  ///< nothing
  static constexpr needs needed = detail::needs_of<Q>;  ///< the quantity's
  Q left;                       ///< of what
  constant right{0.0};          ///< nothing
  double parameter;             ///< h: tokens in which a term loses half
  /// Checks the half-life and the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    bool const whole = parameter >= 1.0 && parameter <= 1024.0 &&
                       static_cast<double>(static_cast<int>(parameter)) == parameter;
    return detail::first_fault({{whole, "halving_sum(..., half_life)", parameter, "a whole number in [1, 1024]"},
                                detail::parameters_of(left)});
  }
};

}  // namespace quantities

/// sum over k >= t of q_k 2^{-(k - t)/h}, for `from(...)`; h is a whole number of tokens, at most 1024.
///
///     y_k = q_k 2^{-(k mod h)/h} on the grid 2^-40
///     R = (sum of y in the block of h tokens) + floor(R of the next / 2)
///
/// Whole-number floors nest, so that any cut of the response gives the same integers. About 1e-11 from the sum in
/// double. Within a response it goes from the last token to the first. Distances count valid tokens, as positions do;
/// under `position_convention::padded_column` they count columns from the first valid token on. [FIPO]
template <detail::quantity_operand Q>
constexpr auto halving_sum(Q q, double half_life) noexcept {
  return quantities::halving_of<detail::quantity_of<Q>>{detail::as_quantity(q), {}, half_life};
}

namespace detail {

/// True if a fold is a halving sum.
template <class Fold>
inline constexpr bool is_halving = std::is_same_v<typename Fold::statistic, quantities::halved>;

/// 2^{j/h}.
CPPO_HOST_DEVICE constexpr double power_of_half_life(double j, double h) noexcept {
  return exp(double_lane(rounded_product(j, 0.69314718055994530942) / h)).raw();
}

/// A halving sum on its way from the last token to the first.
class halving_walk {
 public:
  /// `after`: the integer of the tokens behind.
  CPPO_HOST_DEVICE constexpr halving_walk(index_t half_life, index_t after) noexcept : h_(half_life), units_(after) {}
  /// Takes token number k of its response, from 0, and returns its sum. `up`: 2^{(k mod h)/h}.
  CPPO_HOST_DEVICE constexpr double take(index_t k, double x, double up) noexcept {
    if ((k + 1) % h_ == 0) units_ >>= 1;
    units_ += units_of(x, up);
    return rounded_product(static_cast<double>(units_) * 0x1p-40, up);
  }
  /// Takes n tokens of one block of h, the last first, and writes their sums in their place. `up`: 2^{j/h} of each,
  /// which stands in place j of the block; `to_the_end`: the last of them is the block's.
  template <class Real>
  constexpr void take_block(Real* x, index_t n, double const* up, bool to_the_end) noexcept {
    constexpr index_t room = 64;
    index_t units[room], sum = to_the_end ? units_ >> 1 : units_;
    for (index_t end = n; end > 0;) {
      index_t const begin = end > room ? end - room : 0, m = end - begin;
      for (index_t k = 0; k < m; ++k) units[k] = units_of(static_cast<double>(x[begin + k]), up[begin + k]);
      CPPO_UNROLL(8)
      for (index_t k = m - 1; k >= 0; --k) units[k] = sum += units[k];
      for (index_t k = 0; k < m; ++k)
        x[begin + k] = static_cast<Real>(number_of(units[k]) * 0x1p-40 * up[begin + k]);
      end = begin;
    }
    units_ = sum;
  }
  /// The integer, for the tokens in front.
  CPPO_HOST_DEVICE constexpr index_t units() const noexcept { return units_; }

 private:
  /// The integer nearest to 2^40 x / up, of size at most 2^51: the low bits of its sum with 1.5 * 2^52. The product is
  /// exact, so that it may be fused with the sum.
  CPPO_HOST_DEVICE static constexpr index_t units_of(double x, double up) noexcept {
    constexpr double magic = 6755399441055744.0;
    return bits_as<std::int64_t>(x / up * 0x1p40 + magic) - bits_as<std::int64_t>(magic);
  }

  /// x as a double, rounded once, by its halves as bits of larger doubles: few processors turn 64-bit integers into
  /// doubles several at a time.
  CPPO_HOST_DEVICE static constexpr double number_of(index_t x) noexcept {
    auto const bits = static_cast<std::uint64_t>(x);
    double const high = bits_as<double>(bits >> 32 ^ std::uint64_t{0x4530000080000000});
    double const low = bits_as<double>((bits & 0xffffffffU) | std::uint64_t{0x4330000000000000});
    return (high - 0x1.00000801p84) + low;  // the difference is exact
  }

  index_t h_, units_;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
