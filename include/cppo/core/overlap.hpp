/// @file
/// Finds out if two lent buffers share a byte, from their bases, strides and extents. Interleaved buffers share none.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>

#include <cstdint>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The memory of a buffer: elements of `size` bytes at base + i steps[0] + j steps[1], i < extents[0], j < extents[1].
struct footprint {
  std::uintptr_t base = 0;
  index_t size = 0;              // 0: no memory at all
  index_t extents[2] = {1, 1};   // at least 1
  index_t steps[2] = {0, 0};     // in bytes; 0 along an axis of extent 1

  /// Distance from `base` to the lowest and past the highest byte.
  constexpr index_t low() const noexcept {
    index_t d = 0;
    for (int r = 0; r < 2; ++r) d += steps[r] < 0 ? (extents[r] - 1) * steps[r] : 0;
    return d;
  }
  constexpr index_t high() const noexcept {
    index_t d = size;
    for (int r = 0; r < 2; ++r) d += steps[r] > 0 ? (extents[r] - 1) * steps[r] : 0;
    return d;
  }
  /// The lowest byte, and the number of bytes from it to the end of the buffer, gaps included.
  constexpr std::uintptr_t first() const noexcept { return base + static_cast<std::uintptr_t>(low()); }
  constexpr index_t bytes() const noexcept { return high() - low(); }
};

/// The footprint of rows and columns of elements. `down` and `across` are the strides, in elements.
CPPO_ONCE_PER_CALL inline footprint footprint_of(void const* data, element_type type, index_t rows, index_t columns,
                                                 index_t down, index_t across) noexcept {
  if (data == nullptr || rows <= 0 || columns <= 0) return {};
  index_t const size = size_of(type);
  footprint f{reinterpret_cast<std::uintptr_t>(data), size, {down == 0 ? 1 : rows, across == 0 ? 1 : columns}, {0, 0}};
  if (f.extents[0] > 1) f.steps[0] = down * size;
  if (f.extents[1] > 1) f.steps[1] = across * size;
  return f;
}
/// The footprint of a buffer placed in a layout.
CPPO_ONCE_PER_CALL inline footprint footprint_of(column const& c, layout const& l) noexcept {
  if (!l.is_packed()) return footprint_of(c.data, c.type, l.responses(), l.width(), c.response_stride, c.token_stride);
  if (!c.lent()) return {};
  if (c.response_stride != 0) return footprint_of(c.data, c.type, l.responses(), 1, c.response_stride, 0);
  bool const all = l.clears_rest() || l.on_device();
  index_t const begin = all ? 0 : l.first_slot(), end = all ? l.elements() : l.end_slot();
  auto const* const first = static_cast<char const*>(c.data) + begin * c.token_stride * size_of(c.type);
  // equivalent x2: rows without a stride are one row; one row has no step
  return footprint_of(first, c.type, 1, end - begin, 0, c.token_stride);
}
/// The footprint of n > 0 objects in a row; empty for a null pointer.
template <class T>
footprint footprint_of(T const* objects, index_t n) noexcept {
  if (objects == nullptr) return {};
  return {reinterpret_cast<std::uintptr_t>(objects), n * static_cast<index_t>(sizeof(T))};
}
/// The footprint of one Top-K list.
inline footprint footprint_of(buffer const& b, index_t rows, index_t k) noexcept {
  if (b.rank == 2) return footprint_of(b.data, b.type, rows, k, b.strides[0], b.strides[1]);
  return footprint_of(b.data, b.type, 1, rows * k, 0, 1);
}

/// Do elements of one size share memory, where along each axis both take the same steps or one has extent 1?
constexpr bool share_element(footprint const& a, footprint const& b, index_t apart) noexcept {
  if (apart % a.size != 0) return true;
  index_t from[2], to[2], step[2];  // i - i' along each axis
  for (int r = 0; r < 2; ++r) {
    from[r] = 1 - b.extents[r];
    to[r] = a.extents[r] - 1;
    step[r] = a.extents[r] > 1 ? a.steps[r] : b.steps[r];
  }
  // equivalent x6: which axis is walked changes the time, not the answer
  int const few = to[0] - from[0] <= to[1] - from[1] ? 0 : 1;
  int const many = 1 - few;
  for (index_t d = from[few]; d <= to[few]; ++d) {
    index_t const rest = apart - d * step[few];
    if (step[many] == 0 ? rest == 0
                        : rest % step[many] == 0 && rest / step[many] >= from[many] && rest / step[many] <= to[many]) {
      return true;
    }
  }
  return false;
}

/// True if the two may share a byte. Exact for buffers of the same steps and element size. Other buffers are found
/// apart if their elements never meet on the lattice of all steps, or their rows (or columns) do not, gaps included;
/// else they are taken to overlap.
CPPO_ONCE_PER_CALL CPPO_WRAPS constexpr bool may_overlap(footprint const& a, footprint const& b) noexcept {
  if (a.size == 0 || b.size == 0) return false;
  auto const apart = static_cast<index_t>(b.base - a.base);
  if (a.high() <= apart + b.low() || apart + b.high() <= a.low()) return false;
  bool same = a.size == b.size;
  for (int r = 0; r < 2; ++r) same = same && (a.extents[r] == 1 || b.extents[r] == 1 || a.steps[r] == b.steps[r]);
  return !same || share_element(a, b, apart);
}

/// The first input of the batch that `f` may share a byte with; `none` if there is none.
template <class Real>
CPPO_ONCE_PER_CALL argument overlapped(footprint const& f, rollout_batch_view<Real> const& batch) noexcept {
  layout const& l = batch.shape();
  for (int place = 0; place < input_places; ++place) {
    if (may_overlap(f, footprint_of(batch[input_at(place)], l))) return input_at(place);
  }
  top_k_buffers const& lists = batch.lists();
  for (buffer const* b : {&lists.ids, &lists.log_prob, &lists.rollout_log_prob}) {
    if (may_overlap(f, footprint_of(*b, l.elements(), lists.k))) return argument::top_k;
  }
  bool const cut = may_overlap(f, footprint_of(l.offsets(), l.offset_type(), 1, l.responses() + 1, 0, 1));
  return cut ? argument::offsets : argument::none;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
