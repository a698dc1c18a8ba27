/// @file
/// What a kernel body asks of the threads that work on one response, and the rows they read and write.
///
/// A body is a function over a `Block`. It runs as a whole on every thread of a device, and once on a host: what differs
/// between threads stands in `each`, what a thread keeps from one `each` to the next in a `local`, all else is the same
/// on every thread. A device's block is made of CUB's collectives, a host's of loops, so that one body serves both.
///
/// | valid on `Block b`, `local<T> x`, thread `th` | means |
/// |---|---|
/// | `Block::threads` | threads that work on a response together |
/// | `Block::digit_bits` | log2 of the counters that its shared memory has room for |
/// | `typename Block::template local<T>`, `x[th]` | a T for each thread; `T{}` at first |
/// | `b.each(f)` | `f(th)` on every thread, in any order; what they write, all see afterwards |
/// | `b.exclusive_sum(x)` | x[th] becomes the sum over threads before th; returns the sum over all |
/// | `b.reduce(x, op)` | op over all threads; op is associative and commutative to the bit |
/// | `b.add(counter, n)` | inside `each`: counter += n, an unsigned counter of 32 bits that threads share |
#pragma once

#include <cppo/execution/task.hpp>

namespace cppo::inline CPPO_ABI::detail {

/// Consecutive slots that a thread takes at a time.
#if !defined(CPPO_ITEMS)
#define CPPO_ITEMS 1
#endif
inline constexpr int block_items = CPPO_ITEMS;

/// Four neighbours, loaded or stored as one where they lie on an address that is a multiple of their size.
template <class T>
struct alignas(block_items * sizeof(T)) four_of {
  T of[block_items];
};
template <class T>
CPPO_HOST_DEVICE bool lies_aligned(T const* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % sizeof(four_of<T>) == 0;
}

/// One response of a column.
class block_row {
 public:
  CPPO_HOST_DEVICE block_row(column const& c, layout const& l, index_t b) noexcept
      : data_(c.data), type_(c.type), stride_(c.token_stride), first_(c.lent() ? c.offset(l, b, 0) : 0) {}

  CPPO_HOST_DEVICE bool lent() const noexcept { return data_ != nullptr; }
  /// Values of slots i, i + 1, ... where bit k of `live` is set.
  template <class Real>
  CPPO_HOST_DEVICE void load(index_t i, unsigned live, Real (&out)[block_items]) const noexcept {
    if (!lent()) return;
    if (type_ != element_type::f32) {
      auto const any = load_any<Real>(data_, type_, place(i), stride_, live);
      CPPO_UNROLL
      for (int k = 0; k < block_items; ++k) out[k] = (live >> k & 1U) != 0 ? any.of[k] : out[k];
      return;
    }
    auto const* const p = static_cast<float const*>(data_) + place(i);
    if (live == all && stride_ == 1 && lies_aligned(p)) {
      auto const four = *reinterpret_cast<four_of<float> const*>(p);
      CPPO_UNROLL
      for (int k = 0; k < block_items; ++k) out[k] = static_cast<Real>(four.of[k]);
      return;
    }
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) {
      if ((live >> k & 1U) != 0) out[k] = static_cast<Real>(p[k * stride_]);
    }
  }
  /// Response mask of the first `n` slots from i on: 0, 1, or 2 for anything else; 0 past them.
  CPPO_HOST_DEVICE void load_mask(index_t i, int n, std::uint8_t (&out)[block_items]) const noexcept {
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) out[k] = k < n ? 1 : 0;
    if (!lent()) return;
    if (type_ != element_type::u8 && type_ != element_type::boolean) {
      auto const any = load_any_mask(data_, type_, place(i), stride_, n);
      CPPO_UNROLL
      for (int k = 0; k < block_items; ++k) out[k] = k < n ? any.of[k] : std::uint8_t{0};
      return;
    }
    auto const* const p = static_cast<std::uint8_t const*>(data_) + place(i);
    if (n == block_items && stride_ == 1 && lies_aligned(p)) {
      auto const four = *reinterpret_cast<four_of<std::uint8_t> const*>(p);
      CPPO_UNROLL
      for (int k = 0; k < block_items; ++k) out[k] = four.of[k] > 1 ? std::uint8_t{2} : four.of[k];
      return;
    }
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) {
      if (k < n) out[k] = p[k * stride_] > 1 ? std::uint8_t{2} : p[k * stride_];
    }
  }
  /// Writes the first `n` slots from i on.
  template <class Real>
  CPPO_HOST_DEVICE void store(index_t i, int n, Real const (&in)[block_items]) const noexcept {
    if (!lent()) return;
    if (type_ == element_type::f32) return store_as<float>(i, n, in);
    if (type_ == element_type::u8) return store_as<std::uint8_t>(i, n, in);
    four_of<Real> any;
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) any.of[k] = in[k];
    store_any(const_cast<void*>(data_), type_, place(i), stride_, n, any);
  }

 private:
  static constexpr unsigned all = (1U << block_items) - 1;
  CPPO_HOST_DEVICE index_t place(index_t i) const noexcept { return first_ + i * stride_; }
  // Values go in and out: what a call could reach by an address would be kept in memory.
  template <class Real>
  CPPO_RARE CPPO_HOST_DEVICE static four_of<Real> load_any(void const* data, element_type type, index_t at, index_t stride, unsigned live) noexcept {
    four_of<Real> out = {};
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) {
      if ((live >> k & 1U) != 0) out.of[k] = detail::load<Real>(data, type, at + k * stride);
    }
    return out;
  }
  CPPO_RARE CPPO_HOST_DEVICE static four_of<std::uint8_t> load_any_mask(void const* data, element_type type, index_t at, index_t stride, int n) noexcept {
    four_of<std::uint8_t> out = {};
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) {
      if (k < n) out.of[k] = detail::load_mask(data, type, at + k * stride);
    }
    return out;
  }
  template <class Real>
  CPPO_RARE CPPO_HOST_DEVICE static void store_any(void* data, element_type type, index_t at, index_t stride, int n, four_of<Real> in) noexcept {
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) {
      if (k < n) detail::store(data, type, at + k * stride, in.of[k]);
    }
  }
  template <class T, class Real>
  CPPO_HOST_DEVICE void store_as(index_t i, int n, Real const (&in)[block_items]) const noexcept {
    T* const p = static_cast<T*>(const_cast<void*>(data_)) + place(i);
    if (n == block_items && stride_ == 1 && lies_aligned(p)) {
      four_of<T> out;
      CPPO_UNROLL
      for (int k = 0; k < block_items; ++k) out.of[k] = static_cast<T>(in[k]);
      *reinterpret_cast<four_of<T>*>(p) = out;
      return;
    }
    CPPO_UNROLL
    for (int k = 0; k < block_items; ++k) {
      if (k < n) p[k * stride_] = static_cast<T>(in[k]);
    }
  }

  void const* data_;
  element_type type_;
  index_t stride_;
  index_t first_;
};

}  // namespace cppo::inline CPPO_ABI::detail
