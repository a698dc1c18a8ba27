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
inline constexpr int block_items = 4;

/// Four neighbours loaded or stored as one, where they lie side by side on an aligned address.
/// @{
template <class T>
CPPO_HOST_DEVICE bool lies_aligned(T const* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % (block_items * sizeof(T)) == 0;
}
template <class T>
CPPO_HOST_DEVICE void load_four(T const* p, T (&out)[block_items]) noexcept {
  __builtin_memcpy(out, __builtin_assume_aligned(p, block_items * sizeof(T)), sizeof out);
}
template <class T>
CPPO_HOST_DEVICE void store_four(T* p, T const (&in)[block_items]) noexcept {
  __builtin_memcpy(__builtin_assume_aligned(p, block_items * sizeof(T)), in, sizeof in);
}
/// @}

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
    if (type_ == element_type::f32) {
      auto const* const p = static_cast<float const*>(data_) + place(i);
      if (std::is_same_v<Real, float> && live == all && stride_ == 1 && lies_aligned(p)) {
        float four[block_items];
        load_four(p, four);
        for (int k = 0; k < block_items; ++k) out[k] = static_cast<Real>(four[k]);
        return;
      }
      for (int k = 0; k < block_items; ++k) {
        if ((live >> k & 1U) != 0) out[k] = static_cast<Real>(p[k * stride_]);
      }
      return;
    }
    for (int k = 0; k < block_items; ++k) {
      if ((live >> k & 1U) != 0) out[k] = detail::load<Real>(data_, type_, place(i + k));
    }
  }
  /// Response mask of the first `n` slots from i on: 0, 1, or 2 for anything else; 0 past them.
  CPPO_HOST_DEVICE void load_mask(index_t i, int n, std::uint8_t (&out)[block_items]) const noexcept {
    for (int k = 0; k < block_items; ++k) out[k] = k < n ? 1 : 0;
    if (!lent()) return;
    bool const bytes = type_ == element_type::u8 || type_ == element_type::boolean;
    auto const* const p = static_cast<std::uint8_t const*>(data_) + (bytes ? place(i) : 0);
    if (bytes && n == block_items && stride_ == 1 && lies_aligned(p)) {
      load_four(p, out);
      for (std::uint8_t& m : out) m = m > 1 ? std::uint8_t{2} : m;
      return;
    }
    for (int k = 0; k < n; ++k) out[k] = detail::load_mask(data_, type_, place(i + k));
  }
  /// Writes the first `n` slots from i on.
  template <class Real>
  CPPO_HOST_DEVICE void store(index_t i, int n, Real const (&in)[block_items]) const noexcept {
    if (!lent()) return;
    if (n == block_items && stride_ == 1 && store_wide(i, in)) return;
    for (int k = 0; k < n; ++k) detail::store(const_cast<void*>(data_), type_, place(i + k), in[k]);
  }

 private:
  static constexpr unsigned all = (1U << block_items) - 1;
  CPPO_HOST_DEVICE index_t place(index_t i) const noexcept { return first_ + i * stride_; }
  template <class Real>
  CPPO_HOST_DEVICE bool store_wide(index_t i, Real const (&in)[block_items]) const noexcept {
    if (type_ == element_type::f32) return store_as<float>(i, in);
    return type_ == element_type::u8 && store_as<std::uint8_t>(i, in);
  }
  template <class T, class Real>
  CPPO_HOST_DEVICE bool store_as(index_t i, Real const (&in)[block_items]) const noexcept {
    T* const p = static_cast<T*>(const_cast<void*>(data_)) + place(i);
    if (!lies_aligned(p)) return false;
    T out[block_items];
    for (int k = 0; k < block_items; ++k) out[k] = static_cast<T>(in[k]);
    store_four(p, out);
    return true;
  }

  void const* data_;
  element_type type_;
  index_t stride_;
  index_t first_;
};

}  // namespace cppo::inline CPPO_ABI::detail
