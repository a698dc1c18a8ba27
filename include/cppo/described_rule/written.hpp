/// @file
/// Takes apart what is written out in C++: a region, its losses and what they compute become pieces of a draft.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/draft.hpp>
#include <cppo/surrogate/sharing.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if T is the struct of a row.
template <class Row, class T>
consteval bool is_struct_of() {
  if constexpr (requires { typename Row::type; }) {
    return std::is_same_v<typename Row::type, T>;
  } else if constexpr (made_of_operands<T>) {
    using L = typename T::left_type;
    using R = typename T::right_type;
    if constexpr (Row::takes.count == 1) {
      if constexpr (requires { typename Row::template node<L>; })
        return std::is_same_v<T, typename Row::template node<L>>;
    } else if constexpr (Row::takes.count == 2) {
      if constexpr (requires { typename Row::template node<L, R>; })
        return std::is_same_v<T, typename Row::template node<L, R>>;
    } else if constexpr (Row::takes.count == 3 && made_of_operands<R>) {
      using M = typename R::left_type;
      using N = typename R::right_type;
      if constexpr (requires { typename Row::template node<L, M, N>; })
        return std::is_same_v<T, typename Row::template node<L, M, N>>;
    }
    return false;
  } else {
    return false;
  }
}
template <class T, class... Rows>
consteval rule_op op_among(row_list<void, Rows...>) {
  bool const same[] = {is_struct_of<Rows, T>()...};
  int i = 0;
  while (i < static_cast<int>(rule_op::count) && !same[i]) ++i;
  return static_cast<rule_op>(i);
}
/// The op of the struct T; `count` if it is of no row.
template <class T>
consteval rule_op op_of() {
  return op_among<T>(all_rows{});
}

/// Makes pieces of what is written out. A part of your own has no row.
class rule_description {
 public:
  explicit constexpr rule_description(rule_draft& to) noexcept : to_(to) {}

  constexpr rule_piece of(quantities::constant q) const noexcept { return to_.constant(q.number); }
  constexpr rule_piece of(quantities::hashed_t q) const noexcept {
    return to_.node(rule_op::hashed, {}, {std::bit_cast<double>(q.seed)});
  }
  constexpr rule_piece of(quantities::parameter q) const noexcept { return to_.constant(q.number); }
  constexpr rule_piece of(quantities::discount q) const noexcept {
    return to_.node(rule_op::discount, {}, {q.gamma});
  }
  template <class D>
  constexpr rule_piece of(quantities::measured<D> const&) const noexcept {
    static_assert(has_name<D>, "a described rule measures divergences that have a name");
    return to_.node(rule_op::measured, {}, {}, index_of<D>(named_divergences{}));
  }
  template <fold_range Range, class Statistic>
  constexpr rule_piece of(quantities::fold<Range, Statistic> const& f) const noexcept {
    constexpr fold_statistic s = statistic_of_type<typename Statistic::kind>();
    double parameter = 0.0;
    if constexpr (!is_plain(s)) parameter = f.left.parameter;
    return to_.folded(Range, s, parameter, of(f.of()));
  }
  template <class Q, class S>
  constexpr rule_piece of(surrogates::sharing_of<Q, S> const& s) const noexcept {
    to_.shared = of(s.left);
    return of(s.right);
  }
  constexpr rule_piece of(quantities::shared_t) const noexcept { return to_.shared; }
  template <int N>
  constexpr rule_piece of(stand_in<N>) const noexcept { return to_.stands[N]; }
  template <int N>
  constexpr rule_piece of(mask_stand_in<N>) const noexcept { return to_.stands[N]; }
  template <int N>
  constexpr rule_piece of(loss_stand_in<N>) const noexcept { return to_.stands[N]; }
  template <class A, class B>
  constexpr rule_piece of(both_masks<A, B> const& m) const noexcept {
    rule_piece const first = of(m.first);
    return to_.node(rule_op::both, {first, of(m.second)});
  }
  template <class A, class B>
  constexpr rule_piece of(quantities::interval<A, B> const& m) const noexcept {
    rule_piece const first = of(m.first);
    return to_.between(first, of(m.second));
  }
  template <class Words, class P>
  constexpr rule_piece of(quantities::called<Words, P> const& x) const noexcept {
    return of(static_cast<P const&>(x));
  }
  template <class A, class B>
  constexpr rule_piece of(either_mask<A, B> const& m) const noexcept {
    rule_piece const first = of(m.first);
    return to_.node(rule_op::either, {first, of(m.second)});
  }
  template <class A>
  constexpr rule_piece of(not_mask<A> const& m) const noexcept { return to_.node(rule_op::negated, {of(m.inner)}); }
  template <class B>
  constexpr rule_piece of(prefix_budget_t<B> const& m) const noexcept {
    to_.budget = m.source();
    return to_.node(rule_op::prefix_budget, {}, {m.delta()});
  }
  /// A part of a region. One without members is made anew: g++ 12 takes its bytes for uninitialised.
  template <class T>
  constexpr rule_piece part(T const& x) const noexcept {
    if constexpr (std::is_empty_v<T> && std::is_default_constructible_v<T>) return of(T{});
    else return of(x);
  }
  /// Everything else, by the rows.
  template <class T>
  constexpr rule_piece of(T const& x) const noexcept {
    constexpr rule_op op = op_of<T>();
    static_assert(op != rule_op::count, "a described rule is made of the library's own parts: this one is none");
    if constexpr (op != rule_op::count) return by_row(op, typename row_with<op>::type{}, x);
    else return {};
  }

 private:
  template <class Row, class T>
  constexpr rule_piece by_row(rule_op op, Row, T const& x) const noexcept {
    if constexpr (Row::takes.count == 0) {
      if constexpr (requires { x.low(); }) return to_.node(op, {}, {x.low(), x.high()});
      else if constexpr (Row::numbers > 0) return to_.node(op, {}, {x.delta()});
      else return to_.node(op, {});
    } else {
      rule_piece const a = of(x.left);
      if constexpr (Row::takes.count == 1) {
        if constexpr (Row::numbers == 2) return to_.node(op, {a}, {Row::number(x, 0), Row::number(x, 1)});
        else if constexpr (Row::numbers == 1) return to_.node(op, {a}, {Row::number(x, 0)});
        else return to_.node(op, {a});
      } else if constexpr (Row::takes.count == 2) {
        return to_.node(op, {a, of(x.right)});
      } else {
        rule_piece const b = of(x.right.left);
        rule_piece const c = of(x.right.right);
        if constexpr (Row::numbers == 1) return to_.node(op, {a, b, c}, {Row::number(x, 0)});
        else return to_.node(op, {a, b, c});
      }
    }
  }

  rule_draft& to_;
};

template <class D, class W, class M, class G, class S, class P>
constexpr void rule_draft::take(region<D, W, M, G, S, P> const& r) noexcept {
  rule_description const from(*this);
  divergence = describe_divergence(r.divergence());
  weight = describe_weight(r.weight());
  gate = r.gate();
  mask = from.part(r.mask());
  reports_only = detail::reports_only<D>;
  loss = from.part(r.surrogate());
  penalty = from.part(r.penalty());
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
