/// @file
/// One pass over a row of logits.
///
/// Each stretch is added with the largest logit so far as the maximum. A stretch that raises the maximum is held back
/// until a later one does, or the row ends: then its maximum is left out of the sums, which have a term of 1 for it.
/// Few stretches raise it. So each is added at once, and taken back if it holds a logit that is not below.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/largest.hpp>
#include <cppo/logits/terms.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Asks for memory past p, which will be read: for what is near into the first cache, for what is far into the second,
/// since the first waits for few lines at a time. An address of nothing does no harm.
CPPO_ALWAYS_INLINE void ask_past([[maybe_unused]] void const* p) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  auto const at = reinterpret_cast<std::uintptr_t>(p);
  __builtin_prefetch(reinterpret_cast<void const*>(at + 2048));
  __builtin_prefetch(reinterpret_cast<void const*>(at + 16384), 0, 2);
#endif
}

/// Reads floats in memory as `row_reader::reading` does a row.
template <class V>
CPPO_ALWAYS_INLINE auto reading_floats(float const* x) noexcept {
  return [x](int k) CPPO_INLINE_LAMBDA { return V::from_raw(V::ops::load(x + k)); };
}

/// Reads a row of logits, a stretch at a time.
template <class V>
class row_reader {
 public:
  row_reader(logit_rows const& rows, index_t row) noexcept
      : data_(static_cast<char const*>(rows.row(row))), type_(rows.type()), vocabulary_(rows.vocabulary()) {}

  index_t vocabulary() const noexcept { return vocabulary_; }
  /// True if a whole stretch begins at id `first`.
  bool is_whole(index_t first) const noexcept { return vocabulary_ - first >= stretch; }
  /// The number of logits of the stretch that begins at id `first`, with what fills it up.
  int size(index_t first) const noexcept {
    if (is_whole(first)) return stretch;
    int const n = static_cast<int>(vocabulary_ - first) + stretch_step - 1;
    return n - n % stretch_step;
  }
  /// Reads a whole stretch: read(k) has the logits from k on. It asks for memory further on.
  auto reading(index_t first) const noexcept {
    return [from = place(first), type = type_](int k) CPPO_INLINE_LAMBDA {
      char const* const at = from + std::ptrdiff_t{k} * (type == element_type::f32 ? 4 : 2);
      ask_past(at);
      if (type == element_type::f32) return V::from_raw(V::ops::load(reinterpret_cast<float const*>(at)));
      return logit_register<V>::read(at, type);
    };
  }
  /// The logits of a stretch as floats, filled up: where they lie, or a copy that the next overwrites.
  float const* floats(index_t first) noexcept {
    bool const in_place = type_ == element_type::f32 && is_whole(first);
    return in_place ? reinterpret_cast<float const*>(place(first)) : copy(first);
  }
  /// A copy of them.
  float* copy(index_t first) noexcept {
    int const n = is_whole(first) ? stretch : static_cast<int>(vocabulary_ - first);
    if (type_ == element_type::f32) __builtin_memcpy(copy_, place(first), static_cast<std::size_t>(n) * sizeof(float));
    else logit_register<V>::copy(copy_, place(first), type_, n);
    for (int k = n; k < size(first); ++k) copy_[k] = -special<float>::infinity;
    return copy_;
  }

 private:
  char const* place(index_t first) const noexcept { return data_ + first * size_of(type_); }

  char const* data_;
  element_type type_;
  index_t vocabulary_;
  alignas(64) float copy_[stretch + 16];  // 16: what reading half types may write past the end
};

/// One pass over a row: its sums, and its largest logits where `largest` has room for some.
template <class V, moment_is Moment>
class row_pass {
 public:
  row_pass(logit_rows const& rows, index_t row) noexcept
      : reader_(rows, row), temperature_(rows.temperature()), scale_{0.0F, per_logit(rows.temperature())} {}

  /// `at` is -1 where the row has no log-probs: it holds NaN or +inf, or -inf alone.
  logit_sums run(largest_list& largest) noexcept {
    for (index_t first = 0; first < reader_.vocabulary(); first += stretch) {
      bool const added = held_ >= 0 && reader_.is_whole(first) && add_if_below(first);
      if (added && largest.bound() >= maximum_) continue;
      float const* const x = reader_.floats(first);
      if (largest.bound() < special<float>::infinity) offer(largest, x, first);
      if (!added) take(x, first, largest_of<V>(x, reader_.size(first)));
    }
    return finish();
  }

 private:
  /// Adds a whole stretch, unless it holds a logit that is not below the maximum.
  bool add_if_below(index_t first) noexcept {
    row_totals const before = totals_;
    bool const below = add_terms<V, Moment>(reader_.reading(first), stretch, scale_, totals_);
    if (!below) totals_ = before;
    return below;
  }
  void add(float const* x, index_t first) noexcept {
    (void)add_terms<V, Moment>(reading_floats<V>(x), reader_.size(first), scale_, totals_);
  }
  /// Adds the stretch x, whose largest logit is `here`, or holds it back.
  void take(float const* x, index_t first, float here) noexcept {
    if (!(here > maximum_)) return add(x, first);
    raise(here);
    if (held_ >= 0) add(reader_.floats(held_), held_);
    held_ = first;
  }
  /// Makes `to` the maximum of the sums.
  void raise(float to) noexcept {
    if (maximum_ > -special<float>::infinity) totals_.lower(lower_scale(maximum_, to, temperature_));
    maximum_ = scale_.maximum = to;
  }
  void offer(largest_list& largest, float const* x, index_t first) const noexcept {
    each_above<V>(x, reader_.size(first), [&] { return largest.bound(); },
                  [&](int k) { largest.take(x[k], first + k); });
  }
  logit_sums finish() noexcept {
    logit_sums s{maximum_, -1, totals_.rest.total(), 0.0};  // NaN, where it is all that is not -inf
    if (held_ < 0 || maximum_ == special<float>::infinity) return s;
    float* const x = reader_.copy(held_);
    int const at = first_equal<V>(x, reader_.size(held_), maximum_);
    x[at] = -special<float>::infinity;
    add(x, held_);
    s.rest = totals_.rest.total();
    if constexpr (Moment == moment_is::summed) {
      s.moment = moment_of(totals_.moment.total(), s.rest, temperature_, scale_.per_logit);
    }
    if (s.rest == s.rest) s.at = held_ + at;
    return s;
  }

  row_reader<V> reader_;
  double temperature_;
  term_scale scale_;
  row_totals totals_;
  float maximum_ = -special<float>::infinity;
  index_t held_ = -1;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
