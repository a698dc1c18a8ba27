/// @file
/// Divergences of a partition made from the K tokens that mu ranks highest.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>
#include <cppo/divergence/cell.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The cells of the partition.
enum class top_k_form : std::uint8_t {
  plus_sampled,  ///< {the K listed} + {y_t, if not listed} + {other}: the paper's form [App. D]
  replace_last,  ///< y_t overwrites the last entry if it is not listed: K cells and {other}
  list_only,     ///< the list as given + {other}; Binary <= Top-K need not hold
};

namespace detail {

/// A sum with the rounding errors of its additions.
template <class V>
class compensated_sum {
 public:
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void add(V x) noexcept {
    V const sum = sum_ + x, added = sum - sum_;
    error_ = error_ + ((sum_ - (sum - added)) + (x - added));
    sum_ = sum;
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V value() const noexcept { return sum_ + error_; }

 private:
  V sum_{0}, error_{0};
};

/// What the cells of a partition add up to. With p and q the masses of a cell under pi and mu: m = max(p, q); |p - q|,
/// apart for p > q (`up`) and p < q (`down`); and q (p / q - 1 - log(p / q)).
template <class V>
struct cell_terms {
  V mass{0};  ///< m, or m - 1 where that is more exact; `missing` counts these
  V missing{0};
  V up{0}, down{0}, kl{0};

  constexpr cell_terms() noexcept = default;
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr cell_terms(cell<typename V::value_type, V> const& c) noexcept {
    auto const near = c.larger.s == V(1);  // the mass is near 1, and what it lacks is the sum of all the others
    mass = select(near, c.larger.e, c.mass);
    missing = only(near, V(1));
    up = only(c.grew, c.gap);
    down = c.gap - up;
    kl = min(c.kl, V(1e30F));  // an infinite one would make the error of the sum NaN
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr cell_terms operator+(cell_terms a,
                                                                            cell_terms const& b) noexcept {
    a.mass = a.mass + b.mass;
    a.missing = a.missing + b.missing;
    a.up = a.up + b.up;
    a.down = a.down + b.down;
    a.kl = a.kl + b.kl;
    return a;
  }
};

/// The divergences of a partition whose cells are added one after the other; the cell of all other tokens is what they
/// leave.
template <class V>
class partition {
  using T = typename V::value_type;

 public:
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void add(cell_terms<V> const& c) noexcept {
    mass_.add(c.mass);
    missing_ = missing_ + c.missing;
    up_.add(c.up);
    down_.add(c.down);
    kl_.add(c.kl);
  }
  /// 1/2 sum |p - q|
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V tv() const noexcept {
    others const o(*this);
    V const apart = select(o.both_left, abs(o.gain), abs(o.p - o.q));
    return V(0.5) * ((up_.value() + down_.value()) + apart);
  }
  /// KL(mu || pi). A mass counts as 1e-12 or more inside the logarithm.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V kl() const noexcept {
    others const o(*this);
    V const floor(1e-12), p = max(o.p, floor), q = max(o.q, floor);
    V const gain = select(o.both_left, o.gain, p - q);
    V const rest = in_double(
        [](auto smaller, auto more) CPPO_INLINE_LAMBDA { return kl_of_masses<T>(smaller, more); }, min(p, q), gain);
    // q log(q / p) is that less the gain; of the cells added, p exceeds q by -o.gain.
    V const lost = select(o.q >= floor, rest - gain, V(0)) + o.gain;
    return kl_.value() + select(o.both_left, rest, lost);
  }

 private:
  /// The masses of all other tokens: max(1 - sum, 0).
  struct others {
    V gain;  ///< p - q, where both sums are below 1
    V p, q;
    typename V::mask both_left;
    CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr others(partition const& all) noexcept {
      V const up = all.up_.value(), down = all.down_.value();
      V const left = (V(1) - all.missing_) - all.mass_.value();  // 1 less the larger mass of each cell
      gain = down - up;
      p = max(left + down, V(0));
      q = max(left + up, V(0));
      both_left = (p >= V(1e-12)) & (q >= V(1e-12));
    }
  };
  compensated_sum<V> mass_, up_, down_, kl_;
  V missing_{0};
};

/// Entry j of the lists, or nothing where it is no cell of its own.
template <class V, class Lists>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr cell_terms<V> entry_terms(Lists const& lists, index_t j,
                                                                        typename V::mask counts) noexcept {
  using T = typename V::value_type;
  if constexpr (V::size == 1) {
    if (!counts.raw()) return cell_terms<V>();
  }
  return cell_terms<V>(cell<T, V>(lists.log_prob(j), lists.rollout_log_prob(j), counts));
}

/// The partition of a token's lists. Entries are added four at a time, so that the sums are the same on every number of
/// lanes and rounding errors do not grow with K.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr partition<V> partition_of(token<V> const& t, top_k_form form) noexcept {
  using T = typename V::value_type;
  bool const own_cell = form != top_k_form::list_only, replaces = form == top_k_form::replace_last;
  auto const lists = t.lists();
  index_t const k = lists.k();
  auto const last_counts = replaces ? lists.has_sampled() : V(0) <= V(0);
  auto const terms = [&](index_t j) CPPO_INLINE_LAMBDA {
    if (j >= k) return cell_terms<V>();
    auto counts = own_cell ? lists.is_other(j) : lists.is_listed(j);
    if (replaces && j == k - 1) counts = counts & last_counts;
    return entry_terms<V>(lists, j, counts);
  };
  partition<V> all;
  for (index_t j = 0; j < k; j += 4) all.add((terms(j) + terms(j + 1)) + (terms(j + 2) + terms(j + 3)));
  if (own_cell) all.add(cell_terms<V>(cell<T, V>(t.log_prob(), t.rollout_log_prob(), V(0) <= V(0))));
  return all;
}

/// KL(mu || pi) of a partition, in [0, 1000].
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V kl_of(partition<V> const& cells) noexcept {
  return min(max(cells.kl(), V(0)), V(divergence_limit));
}

}  // namespace detail

/// Top-K total variation, D = 1/2 sum over cells |pi(cell) - mu(cell)|; a lower bound of the full TV [App. D].
///
/// In the first two forms y_t is a cell of its own, with the token's own log-probs, so Binary-TV <= Top-K TV <= full
/// TV. Computed in the arithmetic of the call: in float the error is at most 1e-7 for lists of up to 256 entries. Cost:
/// two exponentials for each entry. The batch must lend `top_k(...)`, and `token_id(...)` for all forms except
/// `list_only`.
template <top_k_form Form = top_k_form::plus_sampled>
struct top_k_tv_t {
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept {
    return Form == top_k_form::list_only ? argument::top_k : argument::token_id;
  }
  /// The largest D there is, unless the probabilities of a list add up to more than 1.
  constexpr double largest() const noexcept { return 1.0; }
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    return detail::partition_of(t, Form).tv();
  }
};

/// Top-K KL(mu || pi) over the same partition, nats. It is infinite if pi gives no mass to a cell of mu, and saturates
/// at 1000. In float the error is at most 1e-6, but where next to no mass of pi is left outside the list: there D hangs
/// on the last bits of the log-probs.
template <top_k_form Form = top_k_form::plus_sampled>
struct top_k_kl_t {
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept { return top_k_tv_t<Form>{}.reads(); }
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    return detail::kl_of(detail::partition_of(t, Form));
  }
};

/// Top-K TV in the paper's form.
inline constexpr top_k_tv_t<> top_k_tv{};
/// Top-K KL(mu || pi) in the paper's form.
inline constexpr top_k_kl_t<> top_k_kl{};
/// Top-K TV in which y_t overwrites the last entry if it is not listed.
inline constexpr top_k_tv_t<top_k_form::replace_last> top_k_tv_replace_last{};
/// Top-K KL in which y_t overwrites the last entry if it is not listed.
inline constexpr top_k_kl_t<top_k_form::replace_last> top_k_kl_replace_last{};
/// Top-K TV of the list as given.
inline constexpr top_k_tv_t<top_k_form::list_only> top_k_tv_list{};
/// Top-K KL of the list as given.
inline constexpr top_k_kl_t<top_k_form::list_only> top_k_kl_list{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
