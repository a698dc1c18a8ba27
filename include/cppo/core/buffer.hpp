/// @file
/// A lent buffer of any element type, erased: what a pointer, a container, a view or an mdspan becomes at the boundary.
#pragma once

#include <cppo/core/layout.hpp>

#include <concepts>
#include <cstddef>
#include <numeric>
#include <type_traits>
#include <utility>

namespace cppo::inline CPPO_ABI {

namespace detail {

/// What was lent, before it met a layout. rank -1: a bare pointer, extents unknown.
struct buffer {
  void const* data = nullptr;
  element_type type = element_type::f32;
  int rank = 0;  // 0: not lent
  bool per_response = false;
  index_t extents[2] = {0, 0};
  index_t strides[2] = {0, 0};
};

template <class T>
concept mdspan_like = requires(T const& v) {
  v.data_handle();
  v.extent(0);
  v.stride(0);
  T::rank();
};
template <class T>
concept range_like = !mdspan_like<T> && requires(T& v) {
  { *v.data() };
  v.size();
};
/// Like std::vector<bool> and std::bitset: there is no array of elements to lend.
template <class T>
concept packed_bits = !range_like<T> && requires(std::remove_const_t<T>& v) { v.flip(); v.size(); };
template <class T>
concept array_like = std::is_bounded_array_v<std::remove_reference_t<T>>;
template <class T>
concept lendable =
    !only_lent_by_as_view<std::remove_cvref_t<T>> &&
    (std::is_pointer_v<std::remove_cvref_t<T>> || array_like<T> || mdspan_like<std::remove_cvref_t<T>> ||
     range_like<std::remove_reference_t<T>> || packed_bits<std::remove_reference_t<T>>);  // refused with a sentence

template <class T>
struct pointee_of;
template <class T>
  requires std::is_pointer_v<T>
struct pointee_of<T> { using type = std::remove_pointer_t<T>; };
template <class T, std::size_t N>
struct pointee_of<T[N]> { using type = T; };
template <mdspan_like T>
struct pointee_of<T> { using type = std::remove_pointer_t<decltype(std::declval<T const&>().data_handle())>; };
template <range_like T>
struct pointee_of<T> { using type = std::remove_reference_t<decltype(*std::declval<T&>().data())>; };
template <packed_bits T>
struct pointee_of<T> { using type = bool; };
/// Element type of something lent, const where it may not be written.
template <class T>
using pointee = typename pointee_of<std::remove_reference_t<T>>::type;

template <lendable T>
constexpr buffer make_buffer(T&& x) noexcept {
  using U = std::remove_cvref_t<T>;
  must_outlive<T>();
  static_assert(!packed_bits<U>,
                "std::vector<bool> keeps single bits, which cannot be lent: use std::vector<std::uint8_t> or bool[]");
  buffer b;
  b.type = element_traits<std::remove_cv_t<pointee<T>>>::value;
  if constexpr (std::is_pointer_v<U>) {
    b.data = x;
    b.rank = -1;
  } else if constexpr (array_like<T>) {
    b.data = x;
    b.rank = 1;
    b.extents[0] = static_cast<index_t>(std::extent_v<U>);
    b.strides[0] = 1;
  } else if constexpr (mdspan_like<U>) {
    static_assert(U::rank() == 1 || U::rank() == 2, "cppo reads views of rank 1 and 2");
    b.data = x.data_handle();
    b.rank = static_cast<int>(U::rank());
    for (int r = 0; r < b.rank; ++r) {
      b.extents[r] = static_cast<index_t>(x.extent(static_cast<decltype(U::rank())>(r)));
      b.strides[r] = static_cast<index_t>(x.stride(static_cast<decltype(U::rank())>(r)));
    }
  } else if constexpr (!packed_bits<U>) {
    b.data = x.data();
    b.rank = 1;
    b.extents[0] = static_cast<index_t>(x.size());
    b.strides[0] = 1;
  }
  return b;
}
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

/// A view of one row or one column as one of rank 1, where only one axis is asked for.
CPPO_HOST_DEVICE constexpr buffer flattened(buffer b) noexcept {
  if (b.rank != 2 || (b.extents[0] != 1 && b.extents[1] != 1)) return b;
  int const axis = b.extents[0] == 1 ? 1 : 0;
  b.rank = 1;
  b.extents[0] = b.extents[axis];
  b.strides[0] = b.strides[axis];
  return b;
}

/// May an element stand for more than one token? In no other argument: there it would be a mistake.
constexpr bool may_repeat(argument a) noexcept {
  return a == argument::advantage || a == argument::response_mask || a == argument::token_weight;
}
/// Do two places in `rows` rows and `columns` columns share an element, where strides are `down` and `across`?
constexpr bool share_elements(index_t rows, index_t columns, index_t down, index_t across) noexcept {
  down = down < 0 ? -down : down;
  across = across < 0 ? -across : across;
  if (rows <= 0 || columns <= 0) return false;
  if (down == 0 && across == 0) return rows > 1 || columns > 1;
  // The shortest way between places of one element: `across / g` rows down and `down / g` columns back.
  index_t const g = std::gcd(down, across);
  return across / g < rows && down / g < columns;
}
/// Do two slots of the layout share an element of the column?
constexpr bool repeats(column const& c, layout const& l) noexcept {
  index_t const rows = l.is_packed() ? 1 : l.responses(), columns = l.is_packed() ? l.elements() : l.width();
  return share_elements(rows, columns, c.response_stride, c.token_stride);
}

/// A buffer that does not have the extent that the layout asks for.
constexpr status misfit(argument where, index_t wanted) noexcept {
  return {status_code::extent_mismatch, where, -1, -1, wanted};
}

/// Places one value per response.
constexpr status place_per_response(buffer const& b, layout const& l, argument where, column& out) noexcept {
  if (b.rank == 2 || (b.rank == 1 && b.extents[0] != l.responses())) return misfit(where, l.responses());
  out.response_stride = b.rank == 1 ? b.strides[0] : 1;
  return {};
}
/// Places one value per slot: an extent that is known is that of the layout, exactly.
constexpr status place_per_slot(buffer const& b, layout const& l, argument where, column& out) noexcept {
  index_t const need = l.elements();
  if (b.rank == 2) {
    if (l.is_packed()) return misfit(where, need);
    if (b.extents[0] != l.responses()) return misfit(where, l.responses());
    bool const one_each = b.extents[1] == 1 && l.width() != 1;
    if (b.extents[1] != l.width() && !(one_each && may_repeat(where))) return misfit(where, l.width());
    out.response_stride = b.strides[0];
    out.token_stride = one_each ? 0 : b.strides[1];
    return {};
  }
  if (b.rank == 1 && b.extents[0] != need) return misfit(where, need);
  if (b.rank == 1 && !l.is_packed() && b.strides[0] != 1 && need > 1) return misfit(where, need);
  out.response_stride = l.is_packed() ? 0 : l.width();
  out.token_stride = b.rank == 1 && l.is_packed() ? b.strides[0] : 1;
  return {};
}

/// Places `lent` in layout `l`; where the shape does not fit, the status names `where` and counts the extent wanted.
constexpr status place(buffer const& lent, layout const& l, argument where, column& out) noexcept {
  out = column{lent.data, lent.type, 0, 0};
  if (lent.rank == 0) return {};
  if (lent.data == nullptr) return l.elements() == 0 ? status{} : status{status_code::null_buffer, where};
  if (lent.per_response && may_repeat(where)) return place_per_response(flattened(lent), l, where, out);
  if (lent.per_response) return misfit(where, l.elements());
  status const s = place_per_slot(l.is_packed() ? flattened(lent) : lent, l, where, out);
  if (s.ok() && !may_repeat(where) && repeats(out, l)) return misfit(where, l.elements());
  return s;
}

}  // namespace detail

/// A value given once per response, as `per_response` made it.
template <class Element>
struct per_response_buffer {
  using element = Element;  ///< element type, const where it may not be written
  detail::buffer source;    ///< what was lent
};

/// Lends one value per response ([B]) where the batch expects one per token: a GRPO advantage, for example.
template <detail::lendable T>
constexpr per_response_buffer<detail::pointee<T>> per_response(T&& x) noexcept {
  detail::buffer b = detail::make_buffer(static_cast<T&&>(x));
  b.per_response = true;
  return {b};
}

}  // namespace cppo::inline CPPO_ABI
