/// @file
/// A lent buffer of any element type: what a pointer, a container, a view or an mdspan becomes when it is lent.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/layout.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A lent buffer before it is placed in a layout. Rank -1 is a bare pointer, of unknown extents.
struct buffer {
  void const* data = nullptr;
  element_type type = element_type::f32;
  int rank = 0;  // 0: not lent
  bool per_response = false;
  index_t extents[2] = {0, 0};
  index_t strides[2] = {0, 0};  // equivalent: a stride is read where the rank says that it was set
};

/// A std::mdspan, or a type of the same shape.
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
/// A type like std::vector<bool> or std::bitset, which has no array of elements to lend.
template <class T>
concept packed_bits = !range_like<T> && requires(std::remove_const_t<T>& v) { v.flip(); v.size(); };
template <class T>
concept array_like = std::is_bounded_array_v<std::remove_reference_t<T>>;
template <class T>
concept lendable =
    !only_lent_by_as_view<std::remove_cvref_t<T>> &&
    (std::is_pointer_v<std::remove_cvref_t<T>> || array_like<T> || mdspan_like<std::remove_cvref_t<T>> ||
     range_like<std::remove_reference_t<T>> || packed_bits<std::remove_reference_t<T>>);  // refused with a sentence

/// An Eigen object, which is lent by `as_view`.
template <class T>
concept lent_as_view_only = only_lent_by_as_view<std::remove_cvref_t<T>>;
/// What has no elements in memory.
template <class T>
concept not_lendable = !lendable<T> && !lent_as_view_only<T>;

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
/// Element type of a lent buffer; const if it may not be written.
template <class T>
using pointee = typename pointee_of<std::remove_reference_t<T>>::type;

/// True if each element of the view is where its strides say. A view that does not say so itself is believed.
template <class T>
consteval bool walks_by_strides() {
  constexpr bool says = requires { T::is_always_strided(), T::is_always_unique(); };
  if constexpr (says) return T::is_always_strided() && T::is_always_unique();
  else return true;
}
/// True if the view's elements are those in memory, not values that an accessor computes.
template <class T>
consteval bool gives_memory() {
  bool memory = std::is_convertible_v<decltype(std::declval<T const&>().data_handle()), pointee<T>*>;
  if constexpr (requires { typename T::reference; })
    memory = memory && std::is_same_v<typename T::reference, pointee<T>&>;
  return memory;
}
/// True if the elements of a view of this type lie in memory one after the other, without a gap.
template <class T>
consteval bool is_solid() {
  if constexpr (requires { T::is_always_exhaustive(); }) {
    return T::rank() == 1 && T::is_always_exhaustive() && walks_by_strides<T>() && gives_memory<T>();
  } else {
    return false;
  }
}

/// The buffer of a view of rank 1 or 2, which is read and written by its strides.
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
/// The buffer of an array of rank 1 or 2, which is read row after row.
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

}  // namespace detail

/// One value per response; `per_response` makes it.
template <class Element>
struct per_response_buffer {
  using element = Element;  ///< element type, const where it may not be written
  detail::buffer source;    ///< what was lent
};

/// A packed layout from an array of cumulative lengths.
template <detail::array_like Array>
  requires(std::rank_v<std::remove_reference_t<Array>> == 1)
constexpr packed_layout packed(Array&& cu_seqlens) noexcept {
  using array = std::remove_reference_t<Array>;
  detail::must_outlive<Array>();
  return packed(static_cast<std::remove_extent_t<array> const*>(cu_seqlens),
                static_cast<index_t>(std::extent_v<array>) - 1);
}
/// A list in braces is a temporary, gone before it is used: `packed({0, 6, 16})` does not compile.
template <class Offset, std::size_t N>
constexpr packed_layout packed(Offset const (&&cu_seqlens)[N]) noexcept {
  detail::must_outlive<Offset const[N]>();
  return packed(static_cast<Offset const*>(cu_seqlens), static_cast<index_t>(N) - 1);
}
/// A packed layout from an mdspan of cumulative lengths, of rank 1 and without gaps.
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
