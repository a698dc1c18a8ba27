/// @file
/// A lent buffer of any element type, erased: what a pointer, a container, a view or an mdspan becomes at the boundary.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>
#include <cppo/core/view.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace cppo::inline CPPO_ABI {

/// How the responses lie in memory.
class layout {
 public:
  /// [B, T], one row per response.
  CPPO_HOST_DEVICE static constexpr layout padded(index_t responses, index_t width) noexcept {
    layout l;
    l.responses_ = responses;
    l.width_ = width;
    return l;
  }
  /// Responses one after the other, cut by `responses + 1` offsets.
  template <class Offset>
  CPPO_HOST_DEVICE static constexpr layout packed(Offset const* offsets, index_t responses) noexcept {
    static_assert(detail::offset_element<Offset>, "cu_seqlens are integers: lend int32, int64, std::size_t or the like");
    layout l;
    l.responses_ = responses;
    l.offsets_ = offsets;
    l.offset_type_ = element_traits<Offset>::value;
    l.packed_ = true;
    return l;
  }
  /// The same where the offsets lie in device memory, which a host cannot read: `elements` says what the last one is.
  template <class Offset>
  CPPO_HOST_DEVICE static constexpr layout packed_on_device(Offset const* offsets, index_t responses, index_t elements) noexcept {
    layout l = packed(offsets, responses);
    l.elements_ = elements;
    l.on_device_ = true;
    return l;
  }
  /// B
  CPPO_HOST_DEVICE constexpr index_t responses() const noexcept { return responses_; }
  /// Do the offsets lie in device memory? Then `begin`, `slots` and the offsets' order are a device's to read.
  CPPO_HOST_DEVICE constexpr bool on_device() const noexcept { return on_device_; }
  /// Packed by offsets?
  CPPO_HOST_DEVICE constexpr bool is_packed() const noexcept { return packed_; }
  /// The lent offsets, null for padded, and their type.
  /// @{
  CPPO_HOST_DEVICE constexpr void const* offsets() const noexcept { return offsets_; }
  CPPO_HOST_DEVICE constexpr element_type offset_type() const noexcept { return offset_type_; }
  /// @}
  /// Width of padded rows.
  CPPO_HOST_DEVICE constexpr index_t width() const noexcept { return width_; }
  /// First element of response b on the packed axis; 0 for padded.
  CPPO_HOST_DEVICE constexpr index_t begin(index_t b) const noexcept {
    return packed_ ? detail::load_index(offsets_, offset_type_, b) : 0;
  }
  /// Number of token slots of response b, masked ones included.
  CPPO_HOST_DEVICE constexpr index_t slots(index_t b) const noexcept {
    return packed_ ? begin(b + 1) - begin(b) : width_;
  }
  /// Elements a dense buffer must hold.
  CPPO_HOST_DEVICE constexpr index_t elements() const noexcept {
    if (on_device_) return elements_;
    return packed_ ? (responses_ > 0 ? begin(responses_) : 0) : responses_ * width_;
  }
  /// Offsets and extents are sound.
  CPPO_HOST_DEVICE constexpr status check() const noexcept {
    if (parameter_check const p = check_extents(); !p) return detail::out_of_range(argument::layout, p);
    bool const fits = packed_ || width_ == 0 || responses_ <= (index_t{1} << 62) / width_;
    if (!packed_) return fits ? status{} : status{status_code::size_overflow, argument::layout};
    if (responses_ == 0) return {};
    if (offsets_ == nullptr) return {status_code::null_buffer, argument::offsets};
    if (on_device_) {
      return elements_ > (index_t{1} << 62) ? status{status_code::size_overflow, argument::offsets} : status{};
    }
    return check_order(0, responses_);
  }
  /// Offsets first ... last are sound: none below 0, none below the one before it, none out of range.
  CPPO_HOST_DEVICE constexpr status check_order(index_t first, index_t last) const noexcept {
    index_t before = begin(first);
    if (before < 0) return detail::wrong_offset(first, -1, before);
    for (index_t b = first; b < last; ++b) {
      index_t const after = begin(b + 1);
      if (after < before) return detail::wrong_offset(b, before, after);
      if (after > (index_t{1} << 62)) return {status_code::size_overflow, argument::offsets, b, -1, 1};
      before = after;
    }
    return {};
  }

 private:
  /// None of the numbers that the caller gave is below 0.
  CPPO_HOST_DEVICE constexpr parameter_check check_extents() const noexcept {
    constexpr char const* shape = "0 or more: pass B, T of the [B, T] buffers";
    constexpr char const* cuts = "0 or more: cu_seqlens holds one offset more than there are responses, {0} for none";
    if (!packed_ && responses_ < 0) return {false, "padded(responses, ...)", static_cast<double>(responses_), shape};
    if (width_ < 0) return {false, "padded(..., width)", static_cast<double>(width_), shape};
    if (responses_ < 0) return {false, "packed(cu_seqlens, responses)", static_cast<double>(responses_), cuts};
    constexpr char const* last = "0 or more: pass the last of cu_seqlens";
    return {elements_ >= 0, "packed_on_device(..., elements)", static_cast<double>(elements_), last};
  }

  index_t responses_ = 0;
  index_t width_ = 0;
  void const* offsets_ = nullptr;
  element_type offset_type_ = element_type::i64;
  bool packed_ = false;
  bool on_device_ = false;
  index_t elements_ = 0;  // where the offsets cannot be read
};

/// [B, T], one row per response, padding anywhere (the response mask says where tokens are).
CPPO_HOST_DEVICE constexpr layout padded(index_t responses, index_t width) noexcept {
  return layout::padded(responses, width);
}
/// Responses one after the other: `cu_seqlens` holds `responses + 1` cumulative lengths, int32, int64 or other integers.
template <class Offset>
CPPO_HOST_DEVICE constexpr layout packed(Offset const* cu_seqlens, index_t responses) noexcept {
  return layout::packed(cu_seqlens, responses);
}
/// The same with `cu_seqlens` in device memory; `elements` is the last of them, the number of token slots.
template <class Offset>
CPPO_HOST_DEVICE constexpr layout packed_on_device(Offset const* cu_seqlens, index_t responses, index_t elements) noexcept {
  return layout::packed_on_device(cu_seqlens, responses, elements);
}

namespace detail {

/// Shaped like an Eigen object: `data()` and `size()` alone would lose its order and strides.
template <class T>
concept only_lent_by_as_view = requires(T const& v) { v.rowStride(); } || requires(T const& v) { v.innerStride(); };
template <class T>
concept holds_offsets = !only_lent_by_as_view<T> && requires(T const& v) { v.data(); v.size(); };

}  // namespace detail

/// The same from a container of cumulative lengths; not from an Eigen object, which may have strides.
template <detail::holds_offsets Range>
constexpr layout packed(Range const& cu_seqlens) noexcept {
  return layout::packed(cu_seqlens.data(), static_cast<index_t>(cu_seqlens.size()) - 1);
}

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

template <class T>
struct pointee_of;
template <class T>
  requires std::is_pointer_v<T>
struct pointee_of<T> { using type = std::remove_pointer_t<T>; };
template <class T, std::size_t N>
struct pointee_of<T[N]> { using type = std::remove_all_extents_t<T>; };
template <mdspan_like T>
struct pointee_of<T> { using type = std::remove_pointer_t<std::decay_t<decltype(std::declval<T const&>().data_handle())>>; };
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
  if constexpr (requires { T::is_always_strided(); T::is_always_unique(); }) return T::is_always_strided() && T::is_always_unique();
  else return true;
}
/// Are the elements of a view those in memory, and not what an accessor makes of them?
template <class T>
consteval bool gives_memory() {
  bool memory = std::is_convertible_v<decltype(std::declval<T const&>().data_handle()), pointee<T>*>;
  if constexpr (requires { typename T::reference; }) memory = memory && std::is_same_v<typename T::reference, pointee<T>&>;
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
  static_assert(walks_by_strides<T>(),
                "cppo walks by strides: lend an mdspan whose layout is always strided and unique (layout_right, layout_left, "
                "layout_stride, padded ones), or a copy in such a layout");
  static_assert(gives_memory<T>(),
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

/// Places `lent` in layout `l`; the status names `where` if the shape does not fit.
CPPO_HOST_DEVICE constexpr status place(buffer const& lent, layout const& l, argument where, column& out) noexcept {
  buffer const b = l.is_packed() || lent.per_response ? flattened(lent) : lent;
  out = column{b.data, b.type, 0, 0};
  if (b.rank == 0) return {};
  index_t const need = l.elements();
  if (b.data == nullptr) {
    return need == 0 ? status{} : status{status_code::null_buffer, where};
  }
  if (b.per_response) {
    if (b.rank == 2) return wrong_shape(where, "one dimension, with a value per response");
    if (b.rank == 1 && b.extents[0] != l.responses()) return wrong_extent(where, "values", b.extents[0], l.responses());
    out.response_stride = b.rank == 1 ? b.strides[0] : 1;
  } else if (b.rank == 2) {
    if (l.is_packed()) return wrong_extent(where, "dimensions", 2, 1);
    if (b.extents[0] != l.responses()) return wrong_extent(where, "rows", b.extents[0], l.responses());
    if (b.extents[1] != l.width() && b.extents[1] != 1) return wrong_extent(where, "columns", b.extents[1], l.width());
    out.response_stride = b.strides[0];
    out.token_stride = b.extents[1] == 1 && l.width() != 1 ? 0 : b.strides[1];
  } else if (l.is_packed()) {
    if (b.rank == 1 && b.extents[0] < need) return wrong_extent(where, "elements", b.extents[0], need);
    out.token_stride = b.rank == 1 ? b.strides[0] : 1;
  } else {
    if (b.rank == 1 && b.extents[0] != need) return wrong_extent(where, "elements", b.extents[0], need);
    if (b.rank == 1 && b.strides[0] != 1 && need > 1) return wrong_shape(where, "stride 1, or two dimensions");
    out.response_stride = l.width();
    out.token_stride = 1;
  }
  return {};
}

}  // namespace detail

/// A value given once per response, as `per_response` made it.
template <class Element>
struct per_response_buffer {
  using element = Element;  ///< element type, const where it may not be written
  detail::buffer source;    ///< what was lent
};

/// Responses one after the other, by an array of cumulative lengths.
template <class Offset, std::size_t N>
constexpr auto packed(Offset const (&cu_seqlens)[N]) noexcept {
  return packed(static_cast<Offset const*>(cu_seqlens), static_cast<index_t>(N) - 1);
}
/// The same by an mdspan of rank 1 without gaps.
template <detail::mdspan_like View>
constexpr auto packed(View const& cu_seqlens) noexcept {
  static_assert(detail::is_solid<View>(),
                "packed(cu_seqlens) reads offsets one after the other: lend an mdspan of rank 1 in layout_right, a span or a "
                "pointer");
  return packed(cu_seqlens.data_handle(), static_cast<index_t>(cu_seqlens.extent(0)) - 1);
}

/// Lends one value per response ([B]) where the batch expects one per token: a GRPO advantage, for example.
template <detail::lendable T>
constexpr per_response_buffer<detail::pointee<T>> per_response(T&& x) noexcept {
  detail::buffer b = detail::make_buffer(static_cast<T&&>(x));
  b.per_response = true;
  return {b};
}

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
