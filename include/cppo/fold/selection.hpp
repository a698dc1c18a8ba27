/// @file
/// Finds order statistics among values that lie in memory: by their leading bits where they are many, then by division.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/order.hpp>

#include <cstdint>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Brings the values that are not left out to the front. Returns their number.
template <class Real>
constexpr index_t without_left_out(Real* x, index_t n) noexcept {
  index_t left = 0;
  for (index_t k = 0; k < n; ++k) left += x[k] == static_cast<Real>(quantities::left_out) ? 1 : 0;
  if (left == 0) return n;
  index_t kept = 0;
  for (index_t k = 0; k < n; ++k) {
    Real const y = x[k];
    x[k] = x[kept];
    x[kept] = y;
    kept += y != static_cast<Real>(quantities::left_out) ? 1 : 0;
  }
  return kept;
}

/// Many values in buckets by their leading bits: neither branch nor value depends on what comes before it.
template <class Real>
class leading_bits {
  using number = std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>;
  using word = std::make_unsigned_t<number>;
  static constexpr int size = 8 * sizeof(Real), step = 11;

 public:
  /// So few values are not worth the buckets.
  static constexpr index_t worth = index_t{1} << step;
  static constexpr int buckets = 1 << step;
  /// Bits that are left below those of the bucket.
  int below = size - step;

  /// The bucket of x among those that share all bits in front of it; larger ones have larger values.
  constexpr int of(Real x) const noexcept {
    auto const bits = bits_as<number>(x + Real(0));  // both zeros are one value
    constexpr auto sign = static_cast<word>(word{1} << (size - 1));
    word const flips = static_cast<word>(bits >> (size - 1)) | sign;  // all bits of a negative number; no branch
    return static_cast<int>((static_cast<word>(bits) ^ flips) >> below & (buckets - 1));
  }
  /// f(place among the values, bucket) of each of n values. Buckets are found for many values at once.
  template <class F>
  constexpr void each(Real const* x, index_t n, F const& f) const noexcept {
    constexpr index_t room = 64;
    int found[room];
    for (index_t first = 0; first < n; first += room) {
      index_t const m = n - first < room ? n - first : room;
      for (index_t k = 0; k < m; ++k) found[k] = of(x[first + k]);
      for (index_t k = 0; k < m; ++k) f(first + k, found[k]);
    }
  }
  /// True if there are bits for another division.
  constexpr bool may_go_on() const noexcept { return below >= step; }
  constexpr void go_on() noexcept { below -= step; }

  /// Brings the values of one bucket to the front. Returns their number.
  constexpr index_t bring_to_front(int bucket, Real* x, index_t n) const noexcept {
    index_t kept = 0;
    each(x, n, [&](index_t k, int its) {
      Real const y = x[k];
      x[k] = x[kept];
      x[kept] = y;
      kept += its == bucket ? 1 : 0;
    });
    return kept;
  }
};
/// Brings values of one bucket, of those of x[0 .. n), to the front, and the place of one value in order to what it is
/// among them. Returns their number. Pre: n is not 0.
template <class Real>
constexpr index_t keep_bucket(leading_bits<Real> const& bits, Real* x, index_t n, index_t& place) noexcept {
  index_t counts[leading_bits<Real>::buckets] = {};
  bits.each(x, n, [&counts](index_t, int bucket) { ++counts[bucket]; });
  int bucket = 0;
  while (counts[bucket] <= place) place -= counts[bucket++];
  return bits.bring_to_front(bucket, x, n);
}

/// The middle one of three.
template <class Real>
constexpr Real median_of(Real a, Real b, Real c) noexcept {
  return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}
/// Where values smaller than v end and where those equal to it do, and the sum of both kinds.
struct split {
  index_t less, equal;
  exact_sum sum;
};
/// Reorders x[first .. last): those smaller than v, those equal to it, the others.
template <class Real>
constexpr split split_at(Real v, Real* x, index_t first, index_t last) noexcept {
  split s{first, first, {}};
  for (index_t k = first; k < last; ++k) {
    Real const y = x[k];
    if (y > v) continue;
    s.sum = s.sum + to_grid(y);
    x[k] = x[s.equal];
    x[s.equal] = y;
    if (y < v) {
      x[s.equal] = x[s.less];
      x[s.less++] = y;
    }
    ++s.equal;
  }
  return s;
}

/// Of many values, those among which the one at a place is; fewer are left alone.
template <class Real>
constexpr index_t keep_near(Real* x, index_t n, index_t& place) noexcept {
  for (leading_bits<Real> bits; n >= bits.worth; bits.go_on()) {
    n = keep_bucket(bits, x, n, place);
    if (!bits.may_go_on()) break;
  }
  return n;
}
/// The value at a place of x[0 .. n) in order, for 0 <= place < n. Reorders x. O(n) expected.
template <class Real>
constexpr Real value_at(Real* x, index_t n, index_t place) noexcept {
  index_t first = 0, last = keep_near(x, n, place);
  for (;;) {
    Real const v = median_of(x[first], x[first + (last - first) / 2], x[last - 1]);
    split const at = split_at(v, x, first, last);
    if (place < at.less) last = at.less;
    else if (place >= at.equal) first = at.equal;
    else return v;
  }
}

/// Looks for the largest value that `kind` admits, a monotone condition on where it stands: among those that have not
/// been decided, x[0 .. n).
template <class Kind, class Real>
class last_admitted {
  struct bucket {
    index_t count = 0, equal = 0;  // values, and those that are the largest
    exact_sum sum;
    Real most = Real(-divergence_limit);
  };
  using bits = leading_bits<Real>;

 public:
  constexpr last_admitted(Real* x, index_t n, double parameter, Kind kind) noexcept
      : x_(x), n_(n), all_(n), bound_(parameter), kind_(kind) {}

  /// The value; if none is admitted, what the statistic is then. Reorders x.
  constexpr Real find() noexcept {
    Real least = x_[0];
    for (index_t k = 1; k < all_; ++k) least = x_[k] < least ? x_[k] : least;
    for (bits by; n_ >= bits::worth; by.go_on()) {
      narrow(by);
      if (!by.may_go_on()) break;
    }
    while (n_ > 0) halve();
    return any_ ? found_ : none_admitted(least, kind_);
  }

 private:
  /// Decides v, the largest of `upto` undecided values, of which `less` are smaller and which add up to `sum`. If it is
  /// admitted, so are they.
  constexpr bool admits(Real v, index_t less, index_t upto, exact_sum const& sum) noexcept {
    standing const s{.below = lower_ + less, .upto = lower_ + upto, .sum = sum_ + sum, .all = all_};
    if (!kind_.admits(static_cast<double>(v), s, bound_)) return false;
    found_ = v, any_ = true;
    lower_ = s.upto, sum_ = s.sum;
    return true;
  }
  constexpr bool admits(bucket const& b) noexcept { return admits(b.most, b.count - b.equal, b.count, b.sum); }
  /// Leaves the values of the first bucket whose largest is not admitted.
  constexpr void narrow(bits const& by) noexcept {
    bucket all[bits::buckets];
    for (index_t k = 0; k < n_; ++k) {
      Real const x = x_[k];
      bucket& to = all[by.of(x)];
      ++to.count;
      to.sum = to.sum + to_grid(x);
      to.equal = x > to.most ? 1 : to.equal + (x == to.most ? 1 : 0);
      to.most = x > to.most ? x : to.most;
    }
    int at = 0;
    while (at < bits::buckets && (all[at].count == 0 || admits(all[at]))) ++at;
    n_ = by.bring_to_front(at, x_, n_);
  }
  /// Decides one value, and with it those on one side of it.
  constexpr void halve() noexcept {
    Real const v = median_of(x_[0], x_[n_ / 2], x_[n_ - 1]);
    split const at = split_at(v, x_, 0, n_);
    if (admits(v, at.less, at.equal, at.sum)) x_ += at.equal, n_ -= at.equal;
    else n_ = at.less;
  }

  Real* x_;
  index_t n_, all_;
  double bound_;
  [[no_unique_address]] Kind kind_;
  Real found_ = Real(0);
  bool any_ = false;
  index_t lower_ = 0;  // values that are admitted
  exact_sum sum_;      // of them
};

/// The value of an order statistic of those of x[0 .. n) that are not left out; 0 of none. Reorders x. O(n) expected.
template <class Kind, class Real>
constexpr Real select_admitted(Real* x, index_t n, double parameter, Kind kind = {}) noexcept {
  n = without_left_out(x, n);
  if (n <= 0) return Real(0);
  Real found;  // + 0: which of two zeros it is does not show
  if constexpr (requires { kind.place(parameter, n); }) found = value_at(x, n, kind.place(parameter, n));
  else found = last_admitted<Kind, Real>(x, n, parameter, kind).find();
  return found + Real(0);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
