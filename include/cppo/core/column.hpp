/// @file
/// A lent buffer placed in a layout: which element stands for which slot, and whether the extents and strides allow it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/buffer.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A buffer placed in a layout: element (b, i) is data[b * response_stride + (begin(b) + i) * token_stride].
struct column {
  void const* data = nullptr;
  element_type type = element_type::f32;
  index_t response_stride = 0;
  index_t token_stride = 0;

  CPPO_HOST_DEVICE constexpr bool lent() const noexcept { return data != nullptr; }
  CPPO_HOST_DEVICE constexpr index_t offset(layout const& l, index_t b, index_t i) const noexcept {
    return b * response_stride + (l.begin(b) + i) * token_stride;
  }
};

/// A view that has one row or one column as a view of rank 1, for an argument that has one axis.
CPPO_HOST_DEVICE constexpr buffer flattened(buffer b) noexcept {
  if (b.rank != 2 || (b.extents[0] != 1 && b.extents[1] != 1)) return b;
  int const axis = b.extents[0] == 1 ? 1 : 0;
  b.rank = 1;
  b.extents[0] = b.extents[axis];
  b.strides[0] = b.strides[axis];
  return b;
}

/// True if one element of this argument may stand for several tokens. In other arguments that would be a mistake.
CPPO_HOST_DEVICE constexpr bool may_repeat(argument a) noexcept {
  return a == argument::advantage || a == argument::response_mask || a == argument::token_weight ||
         (a >= argument::reward && a < argument::logits);
}
/// The greatest common divisor of two numbers >= 0, not both 0. (std::gcd does not run on devices.)
CPPO_HOST_DEVICE constexpr index_t common_divisor(index_t a, index_t b) noexcept {
  while (b != 0) {
    index_t const rest = a % b;
    a = b, b = rest;
  }
  return a;
}
/// True if two of rows x columns places, `down` and `across` elements apart, are the same element.
CPPO_HOST_DEVICE constexpr bool share_elements(index_t rows, index_t columns, index_t down, index_t across) noexcept {
  down = down < 0 ? -down : down;
  across = across < 0 ? -across : across;
  if (rows <= 0 || columns <= 0) return false;
  if (down == 0 && across == 0) return rows > 1 || columns > 1;
  // The nearest two places of one element: `across / g` rows down and `down / g` columns back.
  index_t const g = common_divisor(down, across);
  return across / g < rows && down / g < columns;
}
/// True if `n` steps of the stride leave what can be addressed: past 2^59 elements the distance in bytes overflows.
CPPO_HOST_DEVICE constexpr bool walks_off(index_t stride, index_t n) noexcept {
  index_t const most = (index_t{1} << 59) / (n > 1 ? n : 1);
  return n > 1 && (stride > most || stride < -most);
}
/// True if that holds for an axis of the buffer, for example because a stride was never set. A bare pointer has no
/// axes.
CPPO_HOST_DEVICE constexpr bool walks_off(buffer const& b) noexcept {
  bool off = false;
  for (int r = 0; r < b.rank; ++r) off = off || walks_off(b.strides[r], b.extents[r]);
  return off;
}
/// The status for a buffer with such a stride.
CPPO_HOST_DEVICE constexpr status walked_off(argument where, char const* name = nullptr) noexcept {
  return wrong_shape(where, "every element within 2^59 of the first (a stride that was never set?)", name);
}
/// True if two slots of the layout are the same element of the column.
CPPO_HOST_DEVICE constexpr bool repeats(column const& c, layout const& l) noexcept {
  index_t const rows = l.is_packed() ? 1 : l.responses(), columns = l.is_packed() ? l.elements() : l.width();
  return share_elements(rows, columns, c.response_stride, c.token_stride);
}

/// Places a buffer that has one value per response.
CPPO_HOST_DEVICE constexpr status place_per_response(buffer const& b, layout const& l, argument where,
                                                     column& out) noexcept {
  if (b.rank == 2) return wrong_shape(where, "one dimension, with a value per response");
  if (b.rank == 1 && b.extents[0] != l.responses()) return wrong_extent(where, "values", b.extents[0], l.responses());
  out.response_stride = b.rank == 1 ? b.strides[0] : 1;
  return {};
}
/// Places a buffer that has one value per slot. An extent that is known must be the layout's.
CPPO_HOST_DEVICE constexpr status place_per_slot(buffer const& b, layout const& l, argument where,
                                                 column& out) noexcept {
  index_t const need = l.elements();
  if (b.rank == 2) {
    if (l.is_packed()) return wrong_extent(where, "dimensions", 2, 1);
    if (b.extents[0] != l.responses()) return wrong_extent(where, "rows", b.extents[0], l.responses());
    bool const one_each = b.extents[1] == 1 && l.width() != 1;
    if (one_each && !may_repeat(where)) return repeated(where);
    if (b.extents[1] != l.width() && !one_each) return wrong_extent(where, "columns", b.extents[1], l.width());
    out.response_stride = b.strides[0];
    out.token_stride = one_each ? 0 : b.strides[1];
    return {};
  }
  if (b.rank == 1 && b.extents[0] != need) return wrong_extent(where, "elements", b.extents[0], need);
  if (b.rank == 1 && !l.is_packed() && b.strides[0] != 1 && need > 1)
    return wrong_shape(where, "stride 1, or two dimensions");
  out.response_stride = l.is_packed() ? 0 : l.width();
  out.token_stride = b.rank == 1 && l.is_packed() ? b.strides[0] : 1;
  return {};
}

/// Places `lent` in layout `l`; the status names `where` if the shape does not fit.
CPPO_ONCE_PER_CALL CPPO_HOST_DEVICE constexpr status place(buffer const& lent, layout const& l, argument where,
                                                           column& out) noexcept {
  out = column{lent.data, lent.type, 0, 0};
  if (lent.rank == 0) return {};
  if (lent.data == nullptr) return l.elements() == 0 ? status{} : status{status_code::null_buffer, where};
  if (walks_off(lent)) return walked_off(where);
  if (lent.per_response && may_repeat(where)) return place_per_response(flattened(lent), l, where, out);
  if (lent.per_response) return repeated(where);
  status const s = place_per_slot(l.is_packed() ? flattened(lent) : lent, l, where, out);
  return s.ok() && !may_repeat(where) && repeats(out, l) ? repeated(where) : s;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
