/// @file
/// A weight that is data: uniform or linear, in any order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/weight/linear.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/weight/reversed.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The uniform weight or the linear one [Eq. 9]; in order, reversed, shuffled, or several of these one after the other.
class described_weight {
 public:
  /// w_t = 1.
  constexpr described_weight(uniform_weight_t = {}) noexcept {}
  /// w_t falls from 1 to w_min.
  constexpr described_weight(linear_weight_t w) noexcept : w_min_(w.w_min()), form_(form::linear) {}
  /// The same weight, shuffled within each response; if it was shuffled before, with this seed instead.
  constexpr described_weight shuffled(std::uint64_t seed) const noexcept {
    described_weight w = *this;
    w.seed_ = seed;
    w.shuffled_ = true;
    w.shuffle_reversed_ = false;
    return w;
  }
  /// The same weight, reversed within each response. Reversed twice it is what it was.
  constexpr described_weight reversed() const noexcept {
    described_weight w = *this;
    bool& once = shuffled_ ? w.shuffle_reversed_ : w.reversed_;
    once = !once;
    return w;
  }
  /// Weight of the last token, in order.
  CPPO_HOST_DEVICE constexpr double w_min() const noexcept { return w_min_; }
  /// True if it is the linear weight.
  CPPO_HOST_DEVICE constexpr bool is_linear() const noexcept { return form_ == form::linear; }
  /// True if it is reversed, before it is shuffled if it is.
  CPPO_HOST_DEVICE constexpr bool is_reversed() const noexcept { return reversed_; }
  /// True if it is shuffled.
  CPPO_HOST_DEVICE constexpr bool is_shuffled() const noexcept { return shuffled_; }
  /// True if it is shuffled, and reversed after that.
  CPPO_HOST_DEVICE constexpr bool is_shuffle_reversed() const noexcept { return shuffle_reversed_; }
  /// The seed of the shuffle.
  CPPO_HOST_DEVICE constexpr std::uint64_t seed() const noexcept { return seed_; }
  /// Checks w_min.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return is_linear() ? linear_weight_t(w_min_).check() : parameter_check();
  }
  /// The weights of one response, as a function of t.
  struct schedule {
    linear_weight_t::line line;  ///< in order
    index_t length;              ///< T
    std::uint64_t seed;          ///< of the shuffle
    bool in_order;               ///< true: none of the next three
    bool reversed;               ///< reversed first
    bool shuffled;               ///< then shuffled
    bool shuffle_reversed;       ///< then reversed
    /// w_t.
    template <class V>
    CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(position<V> t) const noexcept {
      if (!in_order) [[unlikely]] return in_other_order(t);
      return line(t);
    }
    /// w_t where the weights are not in order.
    template <class V>
    CPPO_HOST_DEVICE CPPO_SELDOM constexpr V in_other_order(position<V> t) const noexcept {
      using one = lane<typename V::value_type>;
      return t.map([this](index_t k) { return line(position<one>(place(k - 1) + 1)).raw(); });
    }
    /// The place, from 0, whose weight stands at place i. The last change of order is undone first.
    CPPO_HOST_DEVICE constexpr index_t place(index_t i) const noexcept {
      if (shuffle_reversed) i = detail::reverse_index(i, length);
      if (shuffled) i = detail::permute_index(i, length, seed);
      return reversed ? detail::reverse_index(i, length) : i;
    }
  };
  /// The weights of a response of `length` tokens.
  CPPO_HOST_DEVICE constexpr schedule for_length(index_t length) const noexcept {
    linear_weight_t const inner(w_min_);  // 1 is the uniform weight, to the bit
    bool const in_order = !shuffled_ && !reversed_;
    return {inner.for_length(length), length, seed_, in_order, reversed_, shuffled_, shuffle_reversed_};
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
  bool reversed_ = false, shuffled_ = false, shuffle_reversed_ = false;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
