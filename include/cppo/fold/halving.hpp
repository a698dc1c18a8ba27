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
/// double. Within a response it goes from the last token to the first. [FIPO]
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
    units_ += nearest_of_many(rounded_product(x / up, 0x1p40));
    return rounded_product(static_cast<double>(units_) * 0x1p-40, up);
  }
  /// The integer, for the tokens in front.
  CPPO_HOST_DEVICE constexpr index_t units() const noexcept { return units_; }

 private:
  /// The nearest integer for |x| <= 2^51.
  CPPO_HOST_DEVICE static constexpr index_t nearest_of_many(double x) noexcept {
    return static_cast<index_t>((x + 6755399441055744.0) - 6755399441055744.0);
  }

  index_t h_, units_;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
