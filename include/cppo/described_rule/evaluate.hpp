/// @file
/// Evaluates a part of a program for a token, on lanes of any type, by the library's own structs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/divergence.hpp>
#include <cppo/described/mask.hpp>
#include <cppo/described_rule/program.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A value that waits for an operation: a number or loss with its slope, or a mask.
template <class V>
struct rule_value {
  V x, dx;
  typename V::mask kept;
};

/// A part of a program on its way from the first node to the last.
template <class V, with_excess Excess>
class rule_walk {
  static constexpr bool far = Excess == with_excess::yes;

 public:
  CPPO_HOST_DEVICE constexpr rule_walk(rule_program const& of, token<V> const& t) noexcept : of_(of), t_(t) {
    for (auto& all : clauses) all = V(0) <= V(0);
  }
  /// Evaluates it. What it comes to is `result()`.
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr void run(rule_part const& part) noexcept {
    rule_node const* const nodes = of_.begin(part);
    for (int k = 0; k < part.size; ++k) {
      rule_node const& n = nodes[k];
      with_row(n.what, [&](auto op, auto row) CPPO_INLINE_LAMBDA { take<op()>(n, row); });
    }
  }
  CPPO_HOST_DEVICE constexpr rule_value<V> const& result() const noexcept { return waiting_[0]; }
  CPPO_HOST_DEVICE constexpr V excess() const noexcept { return beyond_[0]; }

  typename V::mask clauses[6];  ///< by kind: kept by every clause of the mask that is counted under it

 private:
  template <rule_op Op, class Row>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void take(rule_node const& n, Row) noexcept {
    if constexpr (!runs_on<Row, V> || Op == rule_op::gae) return;
    else if constexpr (Op == rule_op::constant) push(V(of_.numbers[n.number]), V(0));
    else if constexpr (Op == rule_op::measured) measure(n);
    else if constexpr (Op == rule_op::fold) read_fold(n);
    else if constexpr (Op == rule_op::hashed)
      push(quantities::hashed_t{bits_as<std::uint64_t>(of_.numbers[n.number])}(t_), V(0));
    else if constexpr (Op == rule_op::both || Op == rule_op::either) combine(Op);
    else if constexpr (Op == rule_op::negated) negate();
    else operate(n, Row{}, std::make_integer_sequence<int, Row::takes.count>{});
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void push(V x, V dx) noexcept {
    rule_value<V>& to = waiting_[++top_];
    to.x = x;
    to.dx = dx;
  }

  /// Operand I of a node, which waits.
  template <class Row, int I>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operand_at() const noexcept {
    rule_value<V> const& v = waiting_[top_ - Row::takes.count + 1 + I];
    if constexpr (Row::takes.of[I] == operand::mask) return known_mask<V>{v.kept};
    else if constexpr (Row::takes.of[I] == operand::loss) return known_loss<V>{{v.x, v.dx}};
    else return known_number<V>{v.x, v.dx};
  }
  template <class Row, int... I>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void operate(rule_node const& n, Row,
                                                             std::integer_sequence<int, I...>) noexcept {
    auto const node = node_of<Row>(of_.numbers + n.number, operand_at<Row, I>()...);
    top_ += 1 - Row::takes.count;
    rule_value<V>& to = waiting_[top_];
    if constexpr (Row::gives == operand::number) {
      to.x = node(t_);
      to.dx = V(0);
      if constexpr (has_slope<decltype(node)>) if (n.sloped) to.dx = node.slope(t_);
    } else if constexpr (Row::gives == operand::loss) {
      surrogate_value<V> const s = node(t_);
      to.x = s.loss;
      to.dx = s.slope;
    } else {
      to.kept = node(t_);
      if constexpr (far) beyond_[top_] = excess_of(node, t_);
      auto& all = clauses[static_cast<int>(n.counted)];
      all = all & to.kept;
    }
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void combine(rule_op op) noexcept {
    auto &x = waiting_[top_ - 1].kept, &y = waiting_[top_].kept;
    x = op == rule_op::both ? x & y : x | y;
    --top_;
    if constexpr (far) {
      V &a = beyond_[top_], &b = beyond_[top_ + 1];
      a = op == rule_op::both ? max(a, b) : min(a, b);
    }
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void negate() noexcept {
    auto& kept = waiting_[top_].kept;
    kept = !kept;
    if constexpr (far) beyond_[top_] = select(kept, V(0), excess_limit<V>());
  }
  /// The divergence of this number in the list of those that have a name.
  CPPO_HOST_DEVICE constexpr void measure(rule_node const& n) noexcept {
    [&]<class... Ds>(divergence_list<Ds...>) {
      int i = 0;
      push(V(0), V(0));
      ((i++ == n.which ? measure_as<Ds>(n) : void()), ...);
    }(named_divergences{});
  }
  template <class D>
  CPPO_HOST_DEVICE constexpr void measure_as([[maybe_unused]] rule_node const& n) noexcept {
    if constexpr (!reads_lists<D>) {
      quantities::measured<D> const q{D{}};
      waiting_[top_].x = q(t_);
      if constexpr (has_slope<quantities::measured<D>>) if (n.sloped) waiting_[top_].dx = q.slope(t_);
    }
  }
  CPPO_HOST_DEVICE constexpr void read_fold(rule_node const& n) noexcept {
    rule_fold const& f = of_.folds[n.which];
    V const x = f.range <= fold_range::from ? t_.token_fold(n.which) : t_.response_fold(n.which);
    V dx(0);
    if (n.sloped && f.range != fold_range::before) {  // that of what is folded
      rule_walk<V, with_excess::no> inner(of_, t_);
      inner.run(f.of);
      dx = inner.result().dx;
    }
    push(x, dx);
  }

  rule_program const& of_;
  token<V> const& t_;
  rule_value<V> waiting_[rule_program::deepest];
  V beyond_[far ? rule_program::deepest : 1];
  int top_ = -1;
};

/// A part of a program as a quantity.
struct rule_quantity {
  rule_program const* of;
  rule_part part;
  template <class V>
  CPPO_HOST_DEVICE constexpr V operator()(token<V> const& t) const noexcept {
    rule_walk<V, with_excess::no> walk(*of, t);
    walk.run(part);
    return walk.result().x;
  }
};
/// A part of a program as a surrogate.
struct rule_loss {
  static constexpr bool made_of_surrogates = true;
  static constexpr bool reads_any_input = true;
  rule_program const* of;
  rule_part part;
  template <class V>
  CPPO_HOST_DEVICE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    rule_walk<V, with_excess::no> walk(*of, t);
    walk.run(part);
    return {walk.result().x, walk.result().dx};
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
