/// @file
/// One pass over a row of logits.
///
/// Each stretch is added with the largest logit so far as the maximum. A stretch that raises the maximum is held back
/// until a later one does, or the row ends: then its maximum is left out of the sums, which have a term of 1 for it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/largest.hpp>
#include <cppo/logits/terms.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Reads n elements of a half type as floats, on registers where V has some. Specialised in registers.hpp.
template <class V>
struct half_reader {
  static void read(float* out, void const* in, element_type type, int n) noexcept {
    for (int k = 0; k < n; ++k) out[k] = load<float>(in, type, k);
  }
};

/// The logits of one row, a stretch at a time.
template <class V>
class row_reader {
 public:
  row_reader(logit_rows const& rows, index_t row) noexcept
      : data_(static_cast<char const*>(rows.row(row))), type_(rows.type()), vocabulary_(rows.vocabulary()) {}

  index_t vocabulary() const noexcept { return vocabulary_; }
  /// The number of logits of the stretch that begins at id `first`, with what fills it up.
  int size(index_t first) const noexcept {
    index_t const left = vocabulary_ - first;
    if (left >= stretch) return stretch;
    int const n = static_cast<int>(left) + stretch_step - 1;
    return n - n % stretch_step;
  }
  /// The stretch that begins at id `first`; where it lies, or in memory that the next call overwrites.
  float const* read(index_t first) noexcept {
    bool const whole = vocabulary_ - first >= stretch;
    return whole && type_ == element_type::f32 ? reinterpret_cast<float const*>(place(first)) : copy(first);
  }
  /// The same in memory that may be written.
  float* copy(index_t first) noexcept {
    index_t const left = vocabulary_ - first;
    int const n = left < stretch ? static_cast<int>(left) : stretch;
    if (type_ == element_type::f32) __builtin_memcpy(copy_, place(first), static_cast<std::size_t>(n) * sizeof(float));
    else half_reader<V>::read(copy_, place(first), type_, n);
    for (int k = n; k < size(first); ++k) copy_[k] = -special<float>::infinity;
    return copy_;
  }
  /// Where id `first` lies, which may be past the end of the row.
  char const* place(index_t first) const noexcept { return data_ + first * size_of(type_); }
  /// Bytes of 16 logits.
  int step() const noexcept { return 16 * static_cast<int>(size_of(type_)); }

 private:
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
      float const* const x = reader_.read(first);
      float const here = largest_of<V>(x, reader_.size(first));
      if (here > largest.bound()) offer(largest, x, first);
      if (!(here > maximum_)) {
        add(x, first);
        continue;
      }
      raise(here);
      if (held_ >= 0) add(reader_.read(held_), held_);
      held_ = first;
    }
    return finish();
  }

 private:
  /// Makes `to` the maximum of the sums.
  void raise(float to) noexcept {
    if (maximum_ > -special<float>::infinity) {
      double const apart = (static_cast<double>(maximum_) - static_cast<double>(to)) / temperature_;
      totals_.lower(apart * 1.4426950408889634, exp_nonpositive(apart));
    }
    maximum_ = scale_.maximum = to;
  }
  void add(float const* x, index_t first) noexcept {
    add_terms<V, Moment>(x, reader_.size(first), scale_, totals_, reader_.place(first + 2 * stretch), reader_.step());
  }
  void offer(largest_list& largest, float const* x, index_t first) const noexcept {
    int const n = reader_.size(first);
    for (int k = 0; k < n; ++k) {
      float const bound = largest.bound();
      k = first_where<V>(x, k, n, [bound](auto y) { return y > bound; });
      if (k < n) largest.take(x[k], first + k);
    }
  }

  logit_sums finish() noexcept {
    logit_sums s{maximum_, -1, totals_.rest.total(), 0.0};  // NaN, where it is all that is not -inf
    if (held_ < 0 || maximum_ == special<float>::infinity) return s;
    float* const x = reader_.copy(held_);
    int const n = reader_.size(held_);
    float const m = maximum_;
    int const at = first_where<V>(x, 0, n, [m](auto y) { return y == m; });
    x[at] = -special<float>::infinity;
    add(x, held_);
    s.rest = totals_.rest.total();
    s.moment = rounded_product(totals_.moment.total(), 0.6931471805599453);
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
