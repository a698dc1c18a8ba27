/// @file
/// What a kernel body asks of the threads that work on one response, and the rows they read and write.
///
/// A kernel body is a function template over a `Block`. On a device every thread runs all of it; on a host it runs
/// once. What differs between threads stands in `each`; what a thread keeps from one `each` to the next is a `local`;
/// all else is the same on every thread. A device's block is made of CUB's collectives and a host's of loops, so that
/// one body serves both.
///
/// | valid on `Block b`, `local<T> x`, thread `th` | means |
/// |---|---|
/// | `Block::threads` | threads that work on a response together |
/// | `Block::digit_bits` | log2 of the number of counters that fit into its shared memory |
/// | `typename Block::template local<T>`, `x[th]` | a T for each thread; `T{}` at first |
/// | `b.each(f)` | `f(th)` on every thread, in any order; afterwards all threads see what each has written |
/// | `b.apart(f)` | as `each`; but others see what was written after the next `each`, `exclusive_sum` or `reduce` |
/// | `b.exclusive_sum(x)` | x[th] becomes the sum over threads before th; returns the sum over all |
/// | `b.reduce(x, op)` | op over all threads; op is associative and commutative to the bit |
/// | `b.add(counter, n)` | inside `each`: counter += n, an unsigned counter of 32 bits that threads share |
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/task.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The calls that a body is made for: those that are `is_usual`, its fast path, or any.
enum class body_for : std::uint8_t { usual, any };

/// What the elements of a column are.
enum class elements_of : std::uint8_t { numbers, mask };
CPPO_HOST_DEVICE constexpr elements_of elements_in(argument a) noexcept {
  return a == argument::response_mask ? elements_of::mask : elements_of::numbers;
}
CPPO_HOST_DEVICE constexpr elements_of elements_in(sink s) noexcept {
  return s == sink::mask ? elements_of::mask : elements_of::numbers;
}

/// True if a kernel's fast path reads the column: its elements are of the call's own type, or bytes for a mask.
template <class Real>
CPPO_HOST_DEVICE constexpr bool is_plain(column const& c, elements_of kind) noexcept {
  if (!c.lent()) return true;
  if (kind == elements_of::mask) return c.type == element_type::u8 || c.type == element_type::boolean;
  return c.type == element_traits<Real>::value;
}

/// One response of a column. In usual calls its elements are of type Real, or bytes for a mask; else of any type.
template <body_for Calls, class Real>
class block_row {
  static constexpr bool plain = Calls == body_for::usual;

 public:
  /// Takes response b, whose slot 0 is element `begin` on the packed axis.
  CPPO_HOST_DEVICE block_row(column const& c, index_t b, index_t begin) noexcept
      : data_(c.data), type_(c.type), stride_(c.token_stride), first_(b * c.response_stride + begin * c.token_stride) {}

  CPPO_HOST_DEVICE bool lent() const noexcept { return data_ != nullptr; }
  /// Value of slot i; `fallback` if the column was not lent.
  CPPO_HOST_DEVICE Real value(index_t i, Real fallback) const noexcept {
    if (!lent()) return fallback;
    if constexpr (plain) return element_at<Real>(data_, place(i));
    else return detail::load<Real>(data_, type_, place(i));
  }
  /// Response mask of slot i: 0, 1, or 2 for any other value.
  CPPO_HOST_DEVICE std::uint8_t active(index_t i) const noexcept {
    if (!lent()) return 1;
    if constexpr (!plain) return detail::load_mask(data_, type_, place(i));
    std::uint8_t const m = static_cast<std::uint8_t const*>(data_)[place(i)];
    return m > 1 ? std::uint8_t{2} : m;
  }
  /// Writes slot i.
  CPPO_HOST_DEVICE void write(index_t i, Real x, elements_of kind) const noexcept {
    if (!lent()) return;
    void* const data = const_cast<void*>(data_);
    if constexpr (!plain) detail::store(data, type_, place(i), x);
    else if (kind == elements_of::mask) static_cast<std::uint8_t*>(data)[place(i)] = static_cast<std::uint8_t>(x);
    else set_element(data, place(i), x);
  }

 private:
  CPPO_HOST_DEVICE index_t place(index_t i) const noexcept { return first_ + i * stride_; }

  void const* data_;
  element_type type_;
  index_t stride_;
  index_t first_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
