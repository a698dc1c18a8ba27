/// @file
/// Numbers of the slots of a batch, for calls on rows of logits: lent, placed, and read by the number of a row.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/memory.hpp>
#include <cppo/logits/tokens.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// What numbers can be read from.
template <class T>
concept lends_reals = lendable<T> && holds_reals<std::remove_cv_t<pointee<T>>>;
}  // namespace detail

/// A buffer that a call on logits reads, with an element for each slot: a pointer, container or view.
class slot_input {
 public:
  constexpr slot_input() noexcept = default;
  /// Lends a buffer of float, double, half or bfloat16.
  template <detail::lends_reals T>
  constexpr slot_input(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {}
  /// Chosen for what cannot be lent. Compilers show the line, and with it the sentence.
  template <class T>
    requires(!detail::lends_reals<T> && !std::is_same_v<std::remove_cvref_t<T>, slot_input>)
  slot_input(T&&) = delete;  // lend float, double, cppo::half or cppo::bfloat16, an element for each slot
  /// The lent buffer.
  constexpr detail::buffer const& source() const noexcept { return source_; }
  /// True if one was lent.
  constexpr bool lent() const noexcept { return source_.rank != 0; }

 private:
  detail::buffer source_;
};

namespace detail {

/// A column whose element for row i is found by i alone.
class slot_column {
 public:
  constexpr slot_column() noexcept = default;
  /// A column of a batch, which has one element for each slot.
  CPPO_HOST_DEVICE constexpr slot_column(column const& c, layout const& l) noexcept
      : at_(c), width_(l.is_packed() ? l.elements() : l.width()) {}
  /// Places what was lent; `name` says what is meant where `where` has several.
  status take(slot_input const& lent, layout const& l, argument where, char const* name = nullptr) noexcept {
    column c;
    status s{.code = status_code::null_buffer, .where = where};
    if (lent.lent()) s = place(lent.source(), l, where, c);
    if (s.ok()) *this = slot_column(c, l);
    else s.name = name;
    return s;
  }
  CPPO_HOST_DEVICE column const& source() const noexcept { return at_; }
  CPPO_HOST_DEVICE double number(index_t row) const noexcept { return load<double>(at_.data, at_.type, offset(row)); }
  CPPO_HOST_DEVICE index_t id(index_t row) const noexcept { return load_index(at_.data, at_.type, offset(row)); }
  /// Which element belongs to a row.
  CPPO_HOST_DEVICE index_t offset(index_t row) const noexcept {
    return row / width_ * at_.response_stride + row % width_ * at_.token_stride;
  }

 private:
  column at_;
  index_t width_ = 1;
};

/// Checks that a number may be the log-sum-exp of a row: T times it is a finite float.
CPPO_HOST_DEVICE constexpr status check_log_sum_exp(token_place const& t, double x, double temperature, argument where,
                                                    char const* name) noexcept {
  constexpr auto largest = static_cast<double>(special<float>::largest);
  bool const fits = x * temperature >= -largest && x * temperature <= largest;
  return fits ? status{} : wrong_at(t, status_code::log_sum_exp_invalid, where, x, -1, name);
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
