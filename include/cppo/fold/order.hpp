/// @file
/// Order statistics of a quantity over a response or the batch: the k-th of all, and bounds on what is averaged.
///
/// Each is the largest value v that a condition admits, which looks at how many values lie below v and what they add up
/// to; as v rises, the condition is true first and false then. So the answer is one value, whatever the order in which
/// values are looked at. If no value is admitted it is the smallest.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/ranges.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// What lies below a value of a set, and in the whole set.
struct standing {
  index_t below = 0;  ///< values smaller than v
  index_t upto = 0;   ///< values at most v
  exact_sum sum;      ///< of the values at most v
  index_t all = 0;    ///< values
};

namespace quantities {

/// How a rank is given.
enum class rank_form : std::uint8_t {
  number,          ///< k
  share,           ///< the largest whole number in x n, at least 1
  share_up,        ///< the largest whole number in x n + 0.9999, at least 1
};
/// The k of a rank among n values, in [1, n].
CPPO_HOST_DEVICE constexpr index_t rank_of(rank_form form, double x, index_t n) noexcept {
  double const wanted = form == rank_form::number ? x : detail::rounded_product(x, static_cast<double>(n));
  auto const k = static_cast<index_t>(form == rank_form::share_up ? wanted + 0.9999 : wanted);
  return k < 1 ? 1 : k > n ? n : k;
}
/// A rank: a number, or a share of all.
template <rank_form Form>
struct rank {
  double value;  ///< k or x
};

/// The k-th smallest value.
template <rank_form Form>
struct kth_smallest_of {
  static constexpr bool has_own_state = true, takes_all = true;  ///< it looks at all values, not at a state
  /// True while fewer than k values are smaller.
  CPPO_HOST_DEVICE static constexpr bool admits(double, standing const& s, double x) noexcept {
    return s.below < rank_of(Form, x, s.all);
  }
};
/// The k-th largest value.
template <rank_form Form>
struct kth_largest_of {
  static constexpr bool has_own_state = true, takes_all = true;  ///< it looks at all values, not at a state
  /// True while at least k values are as large.
  CPPO_HOST_DEVICE static constexpr bool admits(double, standing const& s, double x) noexcept {
    return s.all - s.below >= rank_of(Form, x, s.all);
  }
};
/// The largest value up to which the mean of the values is below x.
struct trimmed_below {
  static constexpr bool has_own_state = true, takes_all = true;  ///< it looks at all values, not at a state
  /// True while the mean of the values up to v is below x.
  CPPO_HOST_DEVICE static constexpr bool admits(double, standing const& s, double x) noexcept {
    return s.sum.value() < detail::rounded_product(x, static_cast<double>(s.upto));
  }
};
/// The largest value at which all can be cut off so that their mean is below x.
struct capped_below {
  static constexpr bool has_own_state = true, takes_all = true;  ///< it looks at all values, not at a state
  /// True while the mean of min(value, v) is below x.
  CPPO_HOST_DEVICE static constexpr bool admits(double v, standing const& s, double x) noexcept {
    double const above = detail::rounded_product(v, static_cast<double>(s.all - s.upto));
    return s.sum.value() + above < detail::rounded_product(x, static_cast<double>(s.all));
  }
};

/// An order statistic of Q that no range has been given yet.
template <class Kind, class Q>
struct order_of {
  using kind = Kind;            ///< which
  using left_type = Q;          ///< of what
  using right_type = constant;  ///< nothing
  static constexpr needs needed = detail::needs_of<Q>;  ///< the quantity's
  Q left;                       ///< of what
  constant right{0.0};          ///< nothing
  double parameter;             ///< k, a share, or a bound
  char const* name;             ///< as its maker is called
  char const* range;            ///< of the parameter
  bool in_range;                ///< is the parameter in it?
  /// Checks the parameter and the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({{in_range, name, parameter, range}, detail::parameters_of(left)});
  }
};

template <template <rank_form> class Kind, rank_form Form, class Q>
constexpr auto ranked(Q q, rank<Form> r, char const* name) noexcept {
  bool const number = Form == rank_form::number;
  bool const fits = number ? r.value >= 1.0 && r.value <= 0x1p52 : r.value > 0.0 && r.value <= 1.0;
  return order_of<Kind<Form>, detail::quantity_of<Q>>{
      detail::as_quantity(q), {}, r.value, name, number ? "a whole number of 1 or more" : "in (0, 1]", fits};
}
template <class Kind, class Q>
constexpr auto bounded_mean(Q q, double bound, char const* name) noexcept {
  bool const fits = bound > -divergence_limit && bound <= divergence_limit;
  return order_of<Kind, detail::quantity_of<Q>>{detail::as_quantity(q), {}, bound, name, "in (-1000, 1000]", fits};
}

}  // namespace quantities

/// A rank as a share of all n values: the largest whole number in x n, at least 1.
constexpr auto share(double x) noexcept { return quantities::rank<quantities::rank_form::share>{x}; }
/// The same rounded up: the largest whole number in x n + 0.9999, at least 1.
constexpr auto share_rounded_up(double x) noexcept { return quantities::rank<quantities::rank_form::share_up>{x}; }
/// The k-th smallest and the k-th largest q of `response(...)` or `batch(...)`, by number or share; more than there are
/// count as the last.
/// @{
template <detail::quantity_operand Q, quantities::rank_form Form>
constexpr auto kth_smallest(Q q, quantities::rank<Form> k) noexcept {
  return quantities::ranked<quantities::kth_smallest_of>(q, k, "kth_smallest(..., k)");
}
template <detail::quantity_operand Q, quantities::rank_form Form>
constexpr auto kth_largest(Q q, quantities::rank<Form> k) noexcept {
  return quantities::ranked<quantities::kth_largest_of>(q, k, "kth_largest(..., k)");
}
template <detail::quantity_operand Q>
constexpr auto kth_smallest(Q q, index_t k) noexcept {
  return kth_smallest(q, quantities::rank<quantities::rank_form::number>{static_cast<double>(k)});
}
template <detail::quantity_operand Q>
constexpr auto kth_largest(Q q, index_t k) noexcept {
  return kth_largest(q, quantities::rank<quantities::rank_form::number>{static_cast<double>(k)});
}
/// @}
/// The largest q up to which the mean of all q is below `bound`; the smallest q if there is none. What lies above it is
/// what has to be dropped, and no more. [M2PO's mask]
template <detail::quantity_operand Q>
constexpr auto trimmed(Q q, double mean_below) noexcept {
  return quantities::bounded_mean<quantities::trimmed_below>(q, mean_below, "trimmed(..., mean_below)");
}
/// The largest q at which all q can be cut off, min(q, cap), so that their mean is below `bound`; the smallest q if
/// there is none. [M2PO's range]
template <detail::quantity_operand Q>
constexpr auto capped(Q q, double mean_below) noexcept {
  return quantities::bounded_mean<quantities::capped_below>(q, mean_below, "capped(..., mean_below)");
}

namespace detail {

/// True if a fold looks at all values, not at a state.
template <class Fold>
inline constexpr bool takes_all = requires { requires Fold::statistic::takes_all; };

/// Finds an order statistic among x[0 .. n), which it reorders. O(n) expected.
template <class Kind, class Real>
class admitted_search {
 public:
  constexpr admitted_search(Real* x, index_t n, double parameter) noexcept
      : x_(x), n_(n), last_(n), parameter_(parameter) {}

  /// The value; 0 of none.
  constexpr Real find() noexcept {
    if (n_ <= 0) return Real(0);
    while (first_ < last_) narrow(median(x_[first_], x_[first_ + (last_ - first_) / 2], x_[last_ - 1]));
    return any_ ? found_ : smallest();
  }

 private:
  static constexpr Real median(Real a, Real b, Real c) noexcept {
    if (a < b) return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
  }
  constexpr Real smallest() const noexcept {
    Real least = x_[0];
    for (index_t k = 1; k < n_; ++k) least = x_[k] < least ? x_[k] : least;
    return least;
  }
  /// Asks whether v, one of the values between `first_` and `last_`, is admitted, and leaves out what that decides.
  constexpr void narrow(Real v) noexcept {
    index_t less = first_, equal = first_;  // what lies before them is less than v, and at most v
    exact_sum sum = sum_;
    for (index_t k = first_; k < last_; ++k) {
      Real const y = x_[k];
      if (y > v) continue;
      sum = sum + to_grid(y);
      x_[k] = x_[equal];
      x_[equal] = y;
      if (y < v) {
        x_[equal] = x_[less];
        x_[less++] = y;
      }
      ++equal;
    }
    if (Kind::admits(static_cast<double>(v), {less, equal, sum, n_}, parameter_)) {
      any_ = true;
      found_ = v;
      sum_ = sum;
      first_ = equal;
    } else {
      last_ = less;
    }
  }

  Real* x_;
  index_t n_, first_ = 0, last_;
  double parameter_;
  exact_sum sum_;  // of what lies before `first_`
  Real found_ = Real(0);
  bool any_ = false;
};
template <class Kind, class Real>
constexpr Real select_admitted(Real* x, index_t n, double parameter) noexcept {
  return admitted_search<Kind, Real>(x, n, parameter).find();
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
