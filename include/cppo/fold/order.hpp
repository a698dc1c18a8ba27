/// @file
/// Order statistics of a quantity over a response or the batch: the k-th of all, and bounds on what is averaged.
///
/// Each is the largest value v that a condition admits. The condition looks at how many values lie below v and what
/// they add up to; as v rises it is true at first, then false. So there is one answer, in whatever order the values are
/// looked at. If no value is admitted, the answer is the smallest value, or 0 for `capped`. Given `among(mask, q)`, it
/// looks only at the tokens that the mask keeps.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/ranges.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// What lies below a value of a set, and in the whole set.
struct standing {
  index_t below = 0;  ///< values smaller than v
  index_t upto = 0;   ///< values at most v
  exact_sum sum = {}; ///< of the values at most v
  index_t all = 0;    ///< values
};

namespace quantities {

/// How a rank is given.
enum class rank_form : std::uint8_t {
  number,          ///< k
  share,           ///< the largest whole number in x n, at least 1
  share_up,        ///< the largest whole number in x n + 0.9999, at least 1
  quantile,        ///< 1 + the smallest whole number that is not below x (n - 1)
};
/// The k of a rank among n values, in [1, n].
CPPO_HOST_DEVICE constexpr index_t rank_of(rank_form form, double x, index_t n) noexcept {
  bool const quantile = form == rank_form::quantile;
  double const wanted =
      form == rank_form::number ? x : detail::rounded_product(x, static_cast<double>(quantile ? n - 1 : n));
  auto k = static_cast<index_t>(form == rank_form::share_up ? wanted + 0.9999 : wanted);
  if (quantile) k += static_cast<double>(k) < wanted ? 2 : 1;
  return k < 1 ? 1 : k > n ? n : k;
}
/// A rank: a number, or a share of all.
template <rank_form Form>
struct rank {
  static constexpr bool is_unfinished = true;  ///< no number before a statistic takes it
  double value;  ///< k or x
};

/// The k-th smallest value.
template <rank_form Form>
struct kth_smallest_of {
  static constexpr bool has_own_state = true;  ///< it looks at values, not at a state
  static constexpr bool takes_all = true;      ///< at all of them
  /// True while fewer than k values are smaller.
  CPPO_HOST_DEVICE static constexpr bool admits(double, standing const& s, double x) noexcept {
    return s.below < rank_of(Form, x, s.all);
  }
  /// Its place among n values in order, from 0.
  static constexpr index_t place(double x, index_t n) noexcept { return rank_of(Form, x, n) - 1; }
};
/// The k-th largest value.
template <rank_form Form>
struct kth_largest_of {
  static constexpr bool has_own_state = true;  ///< it looks at values, not at a state
  static constexpr bool takes_all = true;      ///< at all of them
  /// True while at least k values are as large.
  CPPO_HOST_DEVICE static constexpr bool admits(double, standing const& s, double x) noexcept {
    return s.all - s.below >= rank_of(Form, x, s.all);
  }
  /// Its place among n values in order, from 0.
  static constexpr index_t place(double x, index_t n) noexcept { return n - rank_of(Form, x, n); }
};
/// The largest value up to which the mean of the values is below x.
struct trimmed_below {
  static constexpr bool has_own_state = true;  ///< it looks at values, not at a state
  static constexpr bool takes_all = true;      ///< at all of them
  /// True while the mean of the values up to v is below x.
  CPPO_HOST_DEVICE static constexpr bool admits(double, standing const& s, double x) noexcept {
    return s.sum.value() < detail::rounded_product(x, static_cast<double>(s.upto));
  }
};
/// The largest value at which all can be cut off so that their mean is below x; 0 if there is none.
struct capped_below {
  static constexpr bool has_own_state = true;    ///< it looks at values, not at a state
  static constexpr bool takes_all = true;        ///< at all of them
  static constexpr bool is_zero_of_none = true;  ///< not the smallest value if none is admitted
  /// True while the mean of min(value, v) is below x.
  CPPO_HOST_DEVICE static constexpr bool admits(double v, standing const& s, double x) noexcept {
    double const above = detail::rounded_product(v, static_cast<double>(s.all - s.upto));
    return s.sum.value() + above < detail::rounded_product(x, static_cast<double>(s.all));
  }
};

/// What stands for a token that an order statistic does not look at: the largest float.
inline constexpr double left_out = 0x1.fffffep127;

/// An order statistic of Q that no range has been given yet.
template <class Kind, class Q>
struct order_of {
  static constexpr bool is_unfinished = true;  ///< no number before a range takes it
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

/// The order statistic that `name` makes, at a rank.
template <template <rank_form> class Kind, rank_form Form, class Q>
constexpr auto ranked(Q q, rank<Form> r, char const* name) noexcept {
  bool const number = Form == rank_form::number, quantile = Form == rank_form::quantile;
  bool const fits = number ? r.value >= 1.0 && r.value <= 0x1p52
                           : (r.value > 0.0 || (quantile && r.value == 0.0)) && r.value <= 1.0;
  char const* const range = number ? "a whole number of 1 or more" : quantile ? "in [0, 1]" : "in (0, 1]";
  return order_of<Kind<Form>, detail::quantity_of<Q>>{detail::as_quantity(q), {}, r.value, name, range, fits};
}
/// The order statistic that `name` makes, whose mean a bound holds.
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
/// The rank of the smallest value that is not below the quantile x, which is interpolated between neighbours. So the
/// values that are at least this one are those that are at least the quantile.
constexpr auto at_quantile(double x) noexcept { return quantities::rank<quantities::rank_form::quantile>{x}; }
/// q of the tokens that the mask keeps, for an order statistic: it does not look at the others, nor count them.
template <token_mask M, detail::quantity_operand Q>
constexpr auto among(M mask, Q q) noexcept {
  return where(mask, q, quantities::left_out);
}
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
/// The largest q at which all q can be cut off, min(q, cap), so that their mean is below `bound`; 0 if there is none.
/// For q that are not negative. [M2PO's range]
template <detail::quantity_operand Q>
constexpr auto capped(Q q, double mean_below) noexcept {
  return quantities::bounded_mean<quantities::capped_below>(q, mean_below, "capped(..., mean_below)");
}

namespace detail {

/// True if a fold looks at all values, not at a state.
template <class Fold>
inline constexpr bool takes_all = requires { requires Fold::statistic::takes_all; };

/// What an order statistic is if no value is admitted.
template <class Kind, class Real>
CPPO_HOST_DEVICE constexpr Real none_admitted(Real smallest, [[maybe_unused]] Kind kind = {}) noexcept {
  if constexpr (requires { kind.is_zero_of_none; }) return kind.is_zero_of_none ? Real(0) : smallest;
  else return smallest;
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
