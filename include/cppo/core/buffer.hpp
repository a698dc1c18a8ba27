/// @file
/// A lent buffer of any element type, erased: what a pointer, a container, a view or an mdspan becomes at the boundary.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/layout.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// What was lent, before it met a layout. rank -1: a bare pointer, extents unknown.
struct buffer {
  void const* data = nullptr;
  element_type type = element_type::f32;
  int rank = 0;  // 0: not lent
  bool per_response = false;
  index_t extents[2] = {0, 0};
  index_t strides[2] = {0, 0};  // equivalent: a stride is read where the rank says that it was set
};

/// std::mdspan, and what is shaped like one.
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

/// Refuses what has no elements in memory that can be lent.
template <class T>
constexpr void must_be_lendable() noexcept {
  constexpr bool with_strides = !only_lent_by_as_view<std::remove_cvref_t<T>>;
  constexpr bool has_elements = lendable<T> || !with_strides;
  static_assert(with_strides,
                "lend an Eigen object as as_view(x) of <cppo/interop/eigen.hpp>, which knows its strides");
  static_assert(has_elements, "what is lent is a pointer, an array, a container or a view of elements in memory");
}

template <class T>
struct pointee_of;
template <class T>
  requires std::is_pointer_v<T>
struct pointee_of<T> { using type = std::remove_pointer_t<T>; };
template <class T, std::size_t N>
struct pointee_of<T[N]> { using type = std::remove_all_extents_t<T>; };
template <mdspan_like T>
struct pointee_of<T> {
  using type = std::remove_pointer_t<std::decay_t<decltype(std::declval<T const&>().data_handle())>>;
};
template <class T>
  requires mdspan_like<T> && requires { typename T::element_type; }
struct pointee_of<T> { using type = typename T::element_type; };
template <range_like T>
struct pointee_of<T> { using type = std::remove_reference_t<decltype(*std::declval<T&>().data())>; };
template <packed_bits T>
struct pointee_of<T> { using type = bool; };
/// Element type of something lent, const where it may not be written.
template <class T>
using pointee = typename pointee_of<std::remove_reference_t<T>>::type;

/// Is every element of a view where its strides say? What a view does not say of itself is taken to be so.
template <class T>
consteval bool walks_by_strides() {
  constexpr bool says = requires { T::is_always_strided(), T::is_always_unique(); };
  if constexpr (says) return T::is_always_strided() && T::is_always_unique();
  else return true;
}
/// Are the elements of a view those in memory, and not what an accessor makes of them?
template <class T>
consteval bool gives_memory() {
  bool memory = std::is_convertible_v<decltype(std::declval<T const&>().data_handle()), pointee<T>*>;
  if constexpr (requires { typename T::reference; })
    memory = memory && std::is_same_v<typename T::reference, pointee<T>&>;
  return memory;
}
/// Is a view one block of memory, element after element?
template <class T>
consteval bool is_solid() {
  if constexpr (requires { T::is_always_exhaustive(); }) {
    return T::rank() == 1 && T::is_always_exhaustive() && walks_by_strides<T>() && gives_memory<T>();
  } else {
    return false;
  }
}

/// A view of rank 1 or 2 that is read and written by its strides.
template <mdspan_like T>
constexpr void take_view(T const& x, buffer& b) noexcept {
  constexpr auto rank = static_cast<int>(T::rank());
  static_assert(rank == 1 || rank == 2, "cppo reads views of rank 1, [N], and 2, [B, T]: lend a slice of that rank");
  static_assert(
      walks_by_strides<T>(),
      "cppo walks by strides: lend an mdspan whose layout is always strided and unique (layout_right, layout_left, "
      "layout_stride, padded ones), or a copy in such a layout");
  static_assert(
      gives_memory<T>(),
      "cppo reads and writes memory itself and would pass over an accessor that scales, conjugates or locks: lend "
      "an mdspan with default_accessor, over values that are as they should be read");
  if constexpr ((rank == 1 || rank == 2) && gives_memory<T>()) {
    b.data = x.data_handle();
    b.rank = rank;
    for (int r = 0; r < rank; ++r) {
      b.extents[r] = static_cast<index_t>(x.extent(static_cast<decltype(T::rank())>(r)));
      b.strides[r] = static_cast<index_t>(x.stride(static_cast<decltype(T::rank())>(r)));
    }
  }
}
/// An array of rank 1 or 2, row after row.
template <class T>
constexpr void take_array(T& x, buffer& b) noexcept {
  static_assert(std::rank_v<T> <= 2, "cppo reads arrays of rank 1, [N], and 2, [B, T]: lend a part of that rank");
  if constexpr (std::rank_v<T> == 1) {
    b.data = x;
    b.rank = 1;
    b.extents[0] = static_cast<index_t>(std::extent_v<T>);
    b.strides[0] = 1;
  } else if constexpr (std::rank_v<T> == 2) {
    b.data = x[0];
    b.rank = 2;
    b.extents[0] = static_cast<index_t>(std::extent_v<T, 0>);
    b.extents[1] = b.strides[0] = static_cast<index_t>(std::extent_v<T, 1>);
    b.strides[1] = 1;
  }
}

template <lendable T>
constexpr buffer make_buffer(T&& x) noexcept {
  using U = std::remove_cvref_t<T>;
  must_outlive<T>();
  static_assert(!packed_bits<U>,
                "std::vector<bool> keeps single bits, which cannot be lent: use std::vector<std::uint8_t> or bool[]");
  buffer b;
  b.type = type_of_elements<pointee<T>>();
  if constexpr (std::is_pointer_v<U>) {
    b.data = x;
    b.rank = -1;
  } else if constexpr (array_like<T>) {
    take_array(x, b);
  } else if constexpr (mdspan_like<U>) {
    take_view(x, b);
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
CPPO_HOST_DEVICE constexpr bool may_repeat(argument a) noexcept {
  return a == argument::advantage || a == argument::response_mask || a == argument::token_weight;
}
/// The greatest of two numbers, one of them above 0 and none below: std::gcd is for hosts.
CPPO_HOST_DEVICE constexpr index_t common_divisor(index_t a, index_t b) noexcept {
  while (b != 0) {
    index_t const rest = a % b;
    a = b, b = rest;
  }
  return a;
}
/// Do two places in `rows` rows and `columns` columns share an element, where strides are `down` and `across`?
CPPO_HOST_DEVICE constexpr bool share_elements(index_t rows, index_t columns, index_t down, index_t across) noexcept {
  down = down < 0 ? -down : down;  // equivalent: zero is its own negative
  across = across < 0 ? -across : across;
  if (rows <= 0 || columns <= 0) return false;
  if (down == 0 && across == 0) return rows > 1 || columns > 1;
  // The shortest way between places of one element: `across / g` rows down and `down / g` columns back.
  index_t const g = common_divisor(down, across);
  return across / g < rows && down / g < columns;
}
/// Do `n` steps of a stride leave what can be addressed? Past 2^59 elements the distance in bytes would overflow.
CPPO_HOST_DEVICE constexpr bool walks_off(index_t stride, index_t n) noexcept {
  index_t const most = (index_t{1} << 59) / (n > 1 ? n : 1);
  return n > 1 && (stride > most || stride < -most);
}
/// The same of any axis of something lent: a stride that was never set, say. A bare pointer has none.
CPPO_HOST_DEVICE constexpr bool walks_off(buffer const& b) noexcept {
  bool off = false;
  for (int r = 0; r < b.rank; ++r) off = off || walks_off(b.strides[r], b.extents[r]);
  return off;
}
/// What is said of that.
CPPO_HOST_DEVICE constexpr status walked_off(argument where, char const* name = nullptr) noexcept {
  return wrong_shape(where, "every element within 2^59 of the first (a stride that was never set?)", name);
}
/// Do two slots of the layout share an element of the column?
CPPO_HOST_DEVICE constexpr bool repeats(column const& c, layout const& l) noexcept {
  index_t const rows = l.is_packed() ? 1 : l.responses(), columns = l.is_packed() ? l.elements() : l.width();
  return share_elements(rows, columns, c.response_stride, c.token_stride);
}

/// Places one value per response.
CPPO_HOST_DEVICE constexpr status place_per_response(buffer const& b, layout const& l, argument where,
                                                     column& out) noexcept {
  if (b.rank == 2) return wrong_shape(where, "one dimension, with a value per response");
  if (b.rank == 1 && b.extents[0] != l.responses()) return wrong_extent(where, "values", b.extents[0], l.responses());
  out.response_stride = b.rank == 1 ? b.strides[0] : 1;
  return {};
}
/// Places one value per slot: an extent that is known is that of the layout, exactly.
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
CPPO_HOST_DEVICE constexpr status place(buffer const& lent, layout const& l, argument where, column& out) noexcept {
  out = column{lent.data, lent.type, 0, 0};
  if (lent.rank == 0) return {};
  if (lent.data == nullptr) return l.elements() == 0 ? status{} : status{status_code::null_buffer, where};
  if (walks_off(lent)) return walked_off(where);
  if (lent.per_response && may_repeat(where)) return place_per_response(flattened(lent), l, where, out);
  if (lent.per_response) return repeated(where);
  status const s = place_per_slot(l.is_packed() ? flattened(lent) : lent, l, where, out);
  return s.ok() && !may_repeat(where) && repeats(out, l) ? repeated(where) : s;
}

}  // namespace detail

/// A value given once per response, as `per_response` made it.
template <class Element>
struct per_response_buffer {
  using element = Element;  ///< element type, const where it may not be written
  detail::buffer source;    ///< what was lent
};

/// Responses one after the other, by an array of cumulative lengths.
template <detail::array_like Array>
  requires(std::rank_v<std::remove_reference_t<Array>> == 1)
constexpr packed_layout packed(Array&& cu_seqlens) noexcept {
  using array = std::remove_reference_t<Array>;
  detail::must_outlive<Array>();
  return packed(static_cast<std::remove_extent_t<array> const*>(cu_seqlens),
                static_cast<index_t>(std::extent_v<array>) - 1);
}
/// Never, of braces, which make a temporary: `packed({0, 6, 16})`.
template <class Offset, std::size_t N>
constexpr packed_layout packed(Offset const (&&cu_seqlens)[N]) noexcept {
  detail::must_outlive<Offset const[N]>();
  return packed(static_cast<Offset const*>(cu_seqlens), static_cast<index_t>(N) - 1);
}
/// The same by an mdspan of rank 1 without gaps.
template <detail::mdspan_like View>
constexpr auto packed(View const& cu_seqlens) noexcept {
  static_assert(
      detail::is_solid<View>(),
      "packed(cu_seqlens) reads offsets one after the other: lend an mdspan of rank 1 in layout_right, a span or a "
      "pointer");
  return packed(cu_seqlens.data_handle(), static_cast<index_t>(cu_seqlens.extent(0)) - 1);
}

/// Never, of what holds no offsets.
template <class Other>
  requires(!detail::holds_offsets<std::remove_cvref_t<Other>> && !detail::mdspan_like<std::remove_cvref_t<Other>> &&
           std::rank_v<std::remove_reference_t<Other>> != 1)
constexpr packed_layout packed(Other&&) noexcept {
  static_assert(detail::never<Other>, "packed takes the cumulative lengths of the responses, 0 first: a container, an "
                                      "array or a view of integers, or packed(pointer, responses)");
  return packed_layout(layout{});
}

/// Lends one value per response ([B]) where the batch expects one per token: a GRPO advantage, for example.
template <detail::lendable T>
constexpr per_response_buffer<detail::pointee<T>> per_response(T&& x) noexcept {
  detail::buffer b = detail::make_buffer(static_cast<T&&>(x));
  b.per_response = true;
  return {b};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
