/// @file
/// A weight that is data: uniform or linear, in order or shuffled.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/weight/linear.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The uniform weight or the linear one [Eq. 9], in order or shuffled.
class described_weight {
 public:
  /// w_t = 1.
  constexpr described_weight(uniform_weight_t = {}) noexcept {}
  /// w_t falls from 1 to w_min.
  constexpr described_weight(linear_weight_t w) noexcept : w_min_(w.w_min()), form_(form::linear) {}
  /// The same weight, shuffled within each response.
  constexpr described_weight shuffled(std::uint64_t seed) const noexcept {
    described_weight w = *this;
    w.seed_ = seed;
    w.shuffled_ = true;
    return w;
  }
  /// Weight of the last token, before it is shuffled.
  CPPO_HOST_DEVICE constexpr double w_min() const noexcept { return w_min_; }
  /// True if it is the linear weight.
  CPPO_HOST_DEVICE constexpr bool is_linear() const noexcept { return form_ == form::linear; }
  /// True if it is shuffled.
  CPPO_HOST_DEVICE constexpr bool is_shuffled() const noexcept { return shuffled_; }
  /// The seed of the shuffle.
  CPPO_HOST_DEVICE constexpr std::uint64_t seed() const noexcept { return seed_; }
  /// Checks w_min.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return is_linear() ? linear_weight_t(w_min_).check() : parameter_check();
  }
  /// The weights of one response, as a function of t.
  struct schedule {
    linear_weight_t::line line;                  ///< in order
    permuted_weight<linear_weight_t> permuted;   ///< shuffled
    index_t length;                              ///< T
    bool shuffled;                               ///< which of the two
    /// w_t.
    template <class V>
    CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(position<V> t) const noexcept {
      if (shuffled) [[unlikely]] return in_other_order(t);
      return line(t);
    }
    /// w_t where the weights are shuffled.
    template <class V>
    CPPO_HOST_DEVICE CPPO_SELDOM constexpr V in_other_order(position<V> t) const noexcept {
      return permuted.at(t, length);
    }
  };
  /// The weights of a response of `length` tokens.
  CPPO_HOST_DEVICE constexpr schedule for_length(index_t length) const noexcept {
    linear_weight_t const inner(w_min_);  // 1 is the uniform weight, to the bit
    return {inner.for_length(length), {inner, seed_}, length, shuffled_};
  }
  /// w_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(position<V> t, index_t length) const noexcept {
    return for_length(length)(t);
  }
  /// True if both are the same weight.
  friend constexpr bool operator==(described_weight const&, described_weight const&) noexcept = default;

 private:
  enum class form : std::uint8_t { uniform, linear };
  double w_min_ = 1.0;
  std::uint64_t seed_ = 0;
  form form_ = form::uniform;
  bool shuffled_ = false;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
