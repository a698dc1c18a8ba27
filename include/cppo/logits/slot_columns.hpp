/// @file
/// Numbers of the slots of a batch, for calls on rows of logits: lent, placed, and read by the number of a row.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/overlap.hpp>
#include <cppo/logits/batch.hpp>

#include <cstdint>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// A buffer that a call on logits reads, with an element for each slot: a pointer, container or view.
class slot_input {
 public:
  constexpr slot_input() noexcept = default;
  /// Lends a buffer.
  template <detail::lendable T>
  constexpr slot_input(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {}
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
  slot_column() noexcept = default;
  /// A column of a batch, which has one element for each slot.
  slot_column(column const& c, layout const& l) noexcept : at_(c), width_(l.is_packed() ? l.elements() : l.width()) {}
  /// Places what was lent; `name` says what is meant where `where` has several.
  status take(slot_input const& lent, layout const& l, argument where, char const* name = nullptr) noexcept {
    column c;
    status s{.code = status_code::null_buffer, .where = where};
    if (lent.lent()) s = place(lent.source(), l, where, c);
    if (s.ok()) *this = slot_column(c, l);
    else s.name = name;
    return s;
  }
  column const& source() const noexcept { return at_; }
  double number(index_t row) const noexcept { return load<double>(at_.data, at_.type, offset(row)); }
  index_t id(index_t row) const noexcept { return load_index(at_.data, at_.type, offset(row)); }
  /// Which element belongs to a row.
  index_t offset(index_t row) const noexcept {
    return row / width_ * at_.response_stride + row % width_ * at_.token_stride;
  }

 private:
  column at_;
  index_t width_ = 1;
};

/// What is done with a row.
enum class row_is : std::uint8_t {
  left_alone,  ///< its slot belongs to another call
  excluded,    ///< it belongs to no token: outputs are +0
  token,
};
/// What is done with each row of a batch: a byte a slot.
class row_kinds {
 public:
  explicit row_kinds(logit_batch_view const& batch) {
    layout const& l = batch.shape();
    kinds_.assign(static_cast<std::size_t>(l.elements()), l.clears_rest() ? row_is::excluded : row_is::left_alone);
    for (index_t b = 0; b < l.responses(); ++b) {
      for (index_t i = 0; i < l.slots(b); ++i) take(batch, b, i);
    }
  }
  row_is operator[](index_t row) const noexcept { return kinds_[static_cast<std::size_t>(row)]; }
  /// The first mask value that is neither 0 nor 1; ok if there is none.
  status const& first_bad() const noexcept { return first_bad_; }

 private:
  void take(logit_batch_view const& batch, index_t b, index_t i) noexcept {
    std::uint8_t const active = batch.active(b, i);
    kinds_[static_cast<std::size_t>(batch.row(b, i))] = active == 1 ? row_is::token : row_is::excluded;
    if (active < 2 || !first_bad_.ok()) return;
    column const& m = batch.mask();
    first_bad_ = {.code = status_code::response_mask_invalid, .where = argument::response_mask, .response = b,
                  .token = i, .count = 1, .has_value = true,
                  .value = load<double>(m.data, m.type, m.offset(batch.shape(), b, i))};
  }
  std::vector<row_is> kinds_;
  status first_bad_;
};

/// The status for a wrong number of a row, with its place.
inline status wrong_row(layout const& l, status_code code, argument where, index_t row, double x,
                        char const* name = nullptr) noexcept {
  index_t b = l.is_packed() ? 0 : row / l.width();
  while (l.is_packed() && l.begin(b + 1) <= row) ++b;
  return {.code = code, .where = where, .response = b, .token = row - (l.is_packed() ? l.begin(b) : b * l.width()),
          .count = 1, .has_value = true, .value = x, .name = name};
}
/// True if a number may be the log-sum-exp of a row: T times it is a finite float.
constexpr bool is_log_sum_exp(double x, double temperature) noexcept {
  constexpr auto largest = static_cast<double>(special<float>::largest);
  return x * temperature >= -largest && x * temperature <= largest;
}
/// The memory of a batch's logits, or of what has their shape.
inline footprint footprint_of(logit_rows const& r, layout const& l) noexcept {
  return footprint_of(r.source().data, r.type(), l.elements(), r.vocabulary(), r.row_stride(), 1);
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
