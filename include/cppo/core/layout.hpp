/// @file
/// How the responses of a batch lie in its buffers: in rows, or one after the other.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>
#include <cppo/core/view.hpp>

#include <span>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

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
  /// Packed responses, one after the other, cut by `responses + 1` offsets from 0 to the number of slots.
  template <class Offset>
  CPPO_HOST_DEVICE static constexpr layout packed(Offset const* offsets, index_t responses) noexcept {
    static_assert(detail::offset_element<Offset>,
                  "cu_seqlens are integers: lend int32, int64, std::size_t or the like");
    layout l;
    l.responses_ = responses;
    l.offsets_ = offsets;
    l.offset_type_ = element_traits<Offset>::value;
    l.packed_ = true;
    return l;
  }
  /// The same with offsets in device memory, which a host cannot read: `elements` is the last of them.
  template <class Offset>
  CPPO_HOST_DEVICE static constexpr layout packed_on_device(Offset const* offsets, index_t responses,
                                                            index_t elements) noexcept {
    layout l = packed(offsets, responses);
    l.elements_ = elements;
    l.on_device_ = true;
    return l;
  }
  /// This packed layout with a copy of its offsets in device memory.
  CPPO_HOST_DEVICE constexpr layout moved_to_device(void const* offsets) const noexcept {
    layout l = *this;
    l.elements_ = elements();
    l.offsets_ = offsets;
    l.on_device_ = true;
    return l;
  }
  /// The layout of n of these responses, from b on. Slots of the others are left alone; padded rows begin at row b.
  layout some(index_t b, index_t n) const noexcept {
    layout l = *this;
    l.responses_ = n;
    if (!packed_) return l;
    l.elements_ = elements();
    l.rest_ = rest::left;
    l.offsets_ = static_cast<char const*>(offsets_) + b * detail::size_of(offset_type_);
    return l;
  }
  /// B, the number of responses.
  CPPO_HOST_DEVICE constexpr index_t responses() const noexcept { return responses_; }
  /// True if the offsets lie in device memory. Then only a device may call `begin` and `slots` and check the offsets'
  /// order.
  CPPO_HOST_DEVICE constexpr bool on_device() const noexcept { return on_device_; }
  /// True if the responses are packed, cut by offsets.
  CPPO_HOST_DEVICE constexpr bool is_packed() const noexcept { return packed_; }
  /// The lent offsets, null if padded, and their element type.
  /// @{
  CPPO_HOST_DEVICE constexpr void const* offsets() const noexcept { return offsets_; }
  CPPO_HOST_DEVICE constexpr element_type offset_type() const noexcept { return offset_type_; }
  /// @}
  /// T, the width of padded rows.
  CPPO_HOST_DEVICE constexpr index_t width() const noexcept { return width_; }
  /// Index of the first slot of response b on the packed axis; 0 if padded.
  CPPO_HOST_DEVICE constexpr index_t begin(index_t b) const noexcept {
    return packed_ ? detail::load_index(offsets_, offset_type_, b) : 0;
  }
  /// Number of slots of response b, excluded ones too.
  CPPO_HOST_DEVICE constexpr index_t slots(index_t b) const noexcept {
    return packed_ ? begin(b + 1) - begin(b) : width_;
  }
  /// Number of slots in a dense buffer, those of no response too.
  CPPO_HOST_DEVICE constexpr index_t elements() const noexcept {
    if (!packed_) return responses_ * width_;
    return states_elements() ? elements_ : end_slot();
  }
  /// Where the first response begins on the packed axis, and where the last ends.
  /// @{
  CPPO_HOST_DEVICE constexpr index_t first_slot() const noexcept { return responses_ > 0 ? begin(0) : 0; }
  CPPO_HOST_DEVICE constexpr index_t end_slot() const noexcept { return responses_ > 0 ? begin(responses_) : 0; }
  /// @}
  /// Number of slots of all responses; an upper bound where the offsets lie on a device.
  CPPO_HOST_DEVICE constexpr index_t covered() const noexcept {
    return packed_ && !on_device_ ? end_slot() - first_slot() : elements();
  }
  /// Number of slots that belong to no response and into which a call writes +0; 0 unless `clears_rest()`.
  CPPO_HOST_DEVICE constexpr index_t spare() const noexcept {
    return clears_rest() ? elements_ - (end_slot() - first_slot()) : 0;
  }
  /// Index of the k-th such slot on the packed axis.
  CPPO_HOST_DEVICE constexpr index_t spare_slot(index_t k) const noexcept {
    return k < first_slot() ? k : k - first_slot() + end_slot();
  }
  /// True if a call writes +0 into the slots of its outputs that belong to no response. `with_capacity(n)` asks for it.
  CPPO_HOST_DEVICE constexpr bool clears_rest() const noexcept { return rest_ == rest::cleared; }
  /// Checks extents and offsets.
  CPPO_ONCE_PER_CALL CPPO_HOST_DEVICE constexpr status check() const noexcept {
    if (parameter_check const p = check_extents(); !p) return detail::out_of_range(argument::layout, p);
    if (!packed_) {
      bool const fits = width_ == 0 || responses_ <= most_elements / width_;
      return fits ? status{} : status{status_code::size_overflow, argument::layout};
    }
    if (elements_ > most_elements) return {status_code::size_overflow, argument::offsets};
    if (offsets_ == nullptr) return responses_ == 0 ? status{} : status{status_code::null_buffer, argument::offsets};
    return on_device_ ? status{} : check_order(0, responses_);
  }
  /// Checks offsets first ... last: none may be below the one before it or out of range. Offset 0 must be 0 and the
  /// last offset the number of slots, unless the buffers hold slots of no response.
  CPPO_HOST_DEVICE constexpr status check_order(index_t first, index_t last) const noexcept {
    index_t before = begin(first);
    bool const whole = rest_ == rest::none;
    if (before < 0 || (whole && first == 0 && before != 0)) return detail::wrong_offset(first, -1, before);
    for (index_t b = first; b < last; ++b) {
      index_t const after = begin(b + 1);
      if (after < before) return detail::wrong_offset(b, before, after);
      if (states_elements() && after > elements_) return detail::wrong_end(b, after, elements_);
      if (after > most_elements) return {status_code::size_overflow, argument::offsets, b, -1, 1};
      before = after;
    }
    bool const falls_short = whole && on_device_ && last == responses_ && before != elements_;
    return falls_short ? detail::wrong_end(last - 1, before, elements_) : status{};
  }

 private:
  friend class packed_layout;
  /// Slots that belong to no response: there are none, a call sets them to +0, or it leaves them alone.
  enum class rest : std::uint8_t { none, cleared, left };
  static constexpr index_t most_elements = index_t{1} << 62;

  CPPO_HOST_DEVICE constexpr bool states_elements() const noexcept { return on_device_ || rest_ != rest::none; }
  /// Checks that no number given by the caller is below 0, and that without responses there are no slots.
  CPPO_HOST_DEVICE constexpr parameter_check check_extents() const noexcept {
    constexpr char const* shape = "0 or more: pass B, T of the [B, T] buffers";
    constexpr char const* cuts = "0 or more: cu_seqlens holds one offset more than there are responses, {0} for none";
    if (!packed_ && responses_ < 0) return {false, "padded(responses, ...)", static_cast<double>(responses_), shape};
    if (width_ < 0) return {false, "padded(..., width)", static_cast<double>(width_), shape};
    if (responses_ < 0) return {false, "packed(cu_seqlens, responses)", static_cast<double>(responses_), cuts};
    constexpr char const* fill = "0 or more: pass the number of slots in each buffer";
    auto const slots = static_cast<double>(elements_);
    if (rest_ == rest::cleared) return {elements_ >= 0, "with_capacity(n)", slots, fill};
    if (rest_ == rest::left) return {elements_ >= 0, "part_of(n)", slots, fill};
    bool const right = responses_ > 0 ? elements_ >= 0 : elements_ == 0;
    return {right, "packed_on_device(..., elements)", slots, "the last of cu_seqlens: 0 if there is no response"};
  }

  index_t responses_ = 0;
  index_t width_ = 0;
  void const* offsets_ = nullptr;
  element_type offset_type_ = element_type::i64;
  bool packed_ = false;
  bool on_device_ = false;
  rest rest_ = rest::none;
  index_t elements_ = 0;  // where the last offset is not their number, or cannot be read
};

/// A packed layout whose responses fill its buffers. Its members make layouts for buffers that hold more.
class packed_layout : public layout {
 public:
  /// Takes a layout made from offsets.
  CPPO_HOST_DEVICE explicit constexpr packed_layout(layout const& l) noexcept : layout(l) {}
  /// For buffers of n slots with room to spare. Slots before the first offset and after the last are excluded: nothing
  /// is read there, and every output is set to +0.
  CPPO_HOST_DEVICE constexpr layout with_capacity(index_t n) const noexcept { return within(n, rest::cleared); }
  /// For buffers of n slots of which these responses are a part. All other slots belong to other calls and are left
  /// alone.
  CPPO_HOST_DEVICE constexpr layout part_of(index_t n) const noexcept { return within(n, rest::left); }

 private:
  CPPO_HOST_DEVICE constexpr layout within(index_t n, rest r) const noexcept {
    layout l = *this;
    l.elements_ = n;
    l.rest_ = r;
    return l;
  }
};

/// [B, T], one row per response, padding anywhere (the response mask says where tokens are).
CPPO_HOST_DEVICE constexpr layout padded(index_t responses, index_t width) noexcept {
  return layout::padded(responses, width);
}
/// Responses one after the other. `cu_seqlens` holds `responses + 1` cumulative lengths, any integers: the first is 0
/// and the last the number of slots in each buffer. For buffers that hold more, see `packed_layout`.
template <class Offset>
CPPO_HOST_DEVICE constexpr packed_layout packed(Offset const* cu_seqlens, index_t responses) noexcept {
  return packed_layout(layout::packed(cu_seqlens, responses));
}
/// The same with `cu_seqlens` in device memory. `elements` is the last of them, the number of slots; `fetch` reports it
/// if it is not. `.with_capacity(n)` and `.part_of(n)` replace that number.
template <class Offset>
CPPO_HOST_DEVICE constexpr packed_layout packed_on_device(Offset const* cu_seqlens, index_t responses,
                                                          index_t elements) noexcept {
  return packed_layout(layout::packed_on_device(cu_seqlens, responses, elements));
}

namespace detail {

/// A type of Eigen's shape: `data()` and `size()` alone would lose its order and strides.
template <class T>
concept only_lent_by_as_view = requires(T const& v) { v.rowStride(); } || requires(T const& v) { v.innerStride(); };
template <class T>
concept holds_offsets = !only_lent_by_as_view<T> && requires(T const& v) { v.data(); v.size(); };

/// True if T says that it does not own what it points to, as the standard's views do.
template <class T>
inline constexpr bool is_view = std::is_pointer_v<T> || std::ranges::enable_borrowed_range<T> ||
                                (std::ranges::enable_view<T> && std::is_copy_constructible_v<T>);
/// A type like an mdspan owns nothing if it has nothing to destroy.
template <class T>
  requires requires(T const& v) { v.data_handle(); }
inline constexpr bool is_view<T> = std::is_trivially_destructible_v<T>;

/// Does not compile where `T&&` binds a temporary that owns its elements: they are gone before the batch is used.
template <class T>
constexpr void must_outlive() noexcept {
  static_assert(std::is_lvalue_reference_v<T> || is_view<std::remove_cvref_t<T>>,
                "this temporary owns its elements, which are gone before they are used: give it a name first (a view "
                "of your own says that it owns nothing by std::ranges::enable_borrowed_range<View> = true)");
}

}  // namespace detail

/// A packed layout from a container of cumulative lengths, which must outlive it. An Eigen object does not compile: it
/// may have strides.
template <class Range>
  requires detail::holds_offsets<std::remove_cvref_t<Range>>
constexpr packed_layout packed(Range&& cu_seqlens) noexcept {
  detail::must_outlive<Range>();
  return packed(cu_seqlens.data(), static_cast<index_t>(cu_seqlens.size()) - 1);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
