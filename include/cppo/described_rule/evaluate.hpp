/// @file
/// Evaluates a part of a program for a token, on lanes of any type, by the library's own structs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/divergence.hpp>
#include <cppo/described/mask.hpp>
#include <cppo/described_rule/program.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// How many tokens, or registers of them, a walk takes along: a node is looked at once for all.
template <class V>
inline constexpr int walked_together = V::size > 1 ? 4 : 1;

/// Values that wait for an operation, one for each token: numbers or losses with their slopes, or masks. Not as lanes,
/// of which g++ clears arrays in a function that may be constexpr.
template <class V>
class rule_values {
  using mask = typename V::mask;
  static constexpr auto most = static_cast<std::size_t>(walked_together<V>);

 public:
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V number(int u) const noexcept { return V::from_raw(x_[u]); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(int u) const noexcept { return V::from_raw(dx_[u]); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr mask kept(int u) const noexcept { return mask(kept_[u]); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set(int u, V x) noexcept { x_[u] = x.raw(); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set_slope(int u, V dx) noexcept { dx_[u] = dx.raw(); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set(int u, mask kept) noexcept { kept_[u] = kept.raw(); }

 private:
  typename V::register_type x_[most], dx_[most];
  typename mask::raw_type kept_[most];
};

/// A part of a program on its way from the first node to the last.
template <class V, with_excess Excess>
class rule_walk {
  static constexpr bool far = Excess == with_excess::yes;
  static constexpr bool knows_positions = requires(token<V> const& t) { t.number_of_position(); };
  static constexpr auto most = static_cast<std::size_t>(walked_together<V>);

 public:
  static constexpr int together = walked_together<V>;
  /// For `count` tokens, or registers of them: at most `together`.
  CPPO_HOST_DEVICE constexpr rule_walk(rule_program const& of, token<V> const* t, int count) noexcept
      : of_(of), t_(t), count_(count) {
    if constexpr (knows_positions) known_ = t->number_of_position() != nullptr ? of.of_position_count : 0;
  }
  /// Evaluates a part. What it comes to are the values below, of token u.
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr void run(rule_part const& part) noexcept {
    rule_node const* const nodes = of_.begin(part);
    top_ = -1;
    int k = 0;
    for (int known = first_known(part);; ++known) {
      for (int const end = place_of_known(part, known); k < end; ++k) {
        rule_node const& n = nodes[k];
        with_row(n.what, [&](auto op, auto row) CPPO_INLINE_LAMBDA { take<op()>(n, row); });
      }
      if (k >= part.size) return;
      k += of_.of_positions[known].size;
      read_of_position(nodes[k - 1], known);
    }
  }
  /// Evaluates the mask, and notes what its clauses keep.
  CPPO_HOST_DEVICE constexpr void run_mask() noexcept {
    for (auto& kind : clauses_) each([&](int u) CPPO_INLINE_LAMBDA { kind[u] = (V(0) <= V(0)).raw(); });
    run(of_.mask);
  }
  CPPO_HOST_DEVICE constexpr V number(int u) const noexcept { return waiting_[0].number(u); }
  CPPO_HOST_DEVICE constexpr surrogate_value<V> loss(int u) const noexcept {
    return {waiting_[0].number(u), waiting_[0].slope(u)};
  }
  CPPO_HOST_DEVICE constexpr typename V::mask kept(int u) const noexcept { return waiting_[0].kept(u); }
  CPPO_HOST_DEVICE constexpr V excess(int u) const noexcept { return V::from_raw(beyond_[0][u]); }
  /// Kept by every clause of the mask that is counted under k.
  CPPO_HOST_DEVICE constexpr typename V::mask kept_by(clause k, int u) const noexcept {
    return typename V::mask(clauses_[static_cast<int>(k)][u]);
  }

 private:
  // A register that is stored may be any of the members, for all that a compiler knows: what a loop over tokens reads
  // of them is copied before.

  /// f(u) of each token.
  template <class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void each(F const& f) const noexcept {
    if constexpr (most == 1) return f(0);
    int const count = count_;
    CPPO_UNROLL(1)
    for (int u = 0; u < count; ++u) f(u);
  }
  template <rule_op Op, class Row>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void take(rule_node const& n, Row) noexcept {
    if constexpr (!runs_on<Row, V> || Op == rule_op::gae) return;
    else if constexpr (Op == rule_op::constant) {
      V const x(of_.numbers[n.number]);
      push(n.sloped, [x](int) CPPO_INLINE_LAMBDA { return x; });
    } else if constexpr (Op == rule_op::measured) measure(n);
    else if constexpr (Op == rule_op::fold) read_fold(n);
    else if constexpr (Op == rule_op::hashed) {
      quantities::hashed_t const q{bits_as<std::uint64_t>(of_.numbers[n.number])};
      push(n.sloped, [q, t = t_](int u) CPPO_INLINE_LAMBDA { return q(t[u]); });
    } else if constexpr (Op == rule_op::both || Op == rule_op::either) combine(Op);
    else if constexpr (Op == rule_op::negated) negate();
    else operate(n, Row{}, std::make_integer_sequence<int, Row::takes.count>{});
  }
  /// Puts x(u), of slope 0 if it is asked for.
  template <class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void push(bool sloped, F const& x) noexcept {
    rule_values<V>* const to = waiting_ + ++top_;
    each([=](int u) CPPO_INLINE_LAMBDA {
      to->set(u, x(u));
      if (sloped) to->set_slope(u, V(0));
    });
  }

  /// Operand I of a node, at token u. `first`: where the first operand waits.
  template <class Row, int I>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr auto operand_at(rule_values<V> const* first, int u) noexcept {
    rule_values<V> const& v = first[I];
    if constexpr (Row::takes.of[I] == operand::mask) return known_mask<V>{v.kept(u)};
    else if constexpr (Row::takes.of[I] == operand::loss) return known_loss<V>{{v.number(u), v.slope(u)}};
    else return known_number<V>{v.number(u), v.slope(u)};
  }
  template <class Row, int... I>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void operate(rule_node const& n, Row,
                                                             std::integer_sequence<int, I...>) noexcept {
    top_ += 1 - Row::takes.count;
    rule_values<V>* const to = waiting_ + top_;
    [[maybe_unused]] double const* const numbers = of_.numbers + n.number;
    token<V> const* const t = t_;
    if constexpr (Row::gives == operand::mask) {
      [[maybe_unused]] auto* const beyond = beyond_[far ? top_ : 0];
      auto* const counted = n.counted != clause::other ? clauses_[static_cast<int>(n.counted)] : nullptr;
      each([=](int u) CPPO_INLINE_LAMBDA {
        auto const node = node_of<Row>(numbers, operand_at<Row, I>(to, u)...);
        typename V::mask const kept = node(t[u]);
        to->set(u, kept);
        if constexpr (far) beyond[u] = excess_of(node, t[u]).raw();
        if (counted != nullptr) counted[u] = (typename V::mask(counted[u]) & kept).raw();
      });
    } else {
      bool const sloped = n.sloped && !n.flat;
      each([=](int u) CPPO_INLINE_LAMBDA {
        put(*to, u, t[u], sloped, Row{}, node_of<Row>(numbers, operand_at<Row, I>(to, u)...));
      });
      if (n.flat) each([=](int u) CPPO_INLINE_LAMBDA { to->set_slope(u, V(0)); });
    }
  }
  /// Writes what a node that is no mask comes to at token u.
  template <class Row, class Node>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr void put(rule_values<V>& to, int u, token<V> const& t,
                                                                bool sloped, Row, Node const& node) noexcept {
    if constexpr (Row::gives == operand::number) {
      V const x = node(t);
      if constexpr (has_slope<Node>) if (sloped) to.set_slope(u, node.slope(t));
      to.set(u, x);
    } else {
      surrogate_value<V> const s = node(t);
      to.set(u, s.loss);
      to.set_slope(u, s.slope);
    }
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void combine(rule_op op) noexcept {
    rule_values<V>* const to = waiting_ + --top_;
    [[maybe_unused]] auto* const beyond = beyond_ + (far ? top_ : 0);
    bool const all = op == rule_op::both;
    each([=](int u) CPPO_INLINE_LAMBDA {
      auto const x = to[0].kept(u), y = to[1].kept(u);
      to->set(u, all ? x & y : x | y);
      if constexpr (far) {
        V const a = V::from_raw(beyond[0][u]), b = V::from_raw(beyond[1][u]);
        beyond[0][u] = (all ? max(a, b) : min(a, b)).raw();
      }
    });
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void negate() noexcept {
    rule_values<V>* const to = waiting_ + top_;
    [[maybe_unused]] auto* const beyond = beyond_[far ? top_ : 0];
    each([=](int u) CPPO_INLINE_LAMBDA {
      auto const kept = !to->kept(u);
      to->set(u, kept);
      if constexpr (far) beyond[u] = select(kept, V(0), excess_limit<V>()).raw();
    });
  }
  /// The divergence of this number in the list of those that have a name.
  CPPO_HOST_DEVICE constexpr void measure(rule_node const& n) noexcept {
    [&]<class... Ds>(divergence_list<Ds...>) {
      int i = 0;
      push(n.sloped, [](int) CPPO_INLINE_LAMBDA { return V(0); });
      ((i++ == n.which ? measure_as<Ds>(n) : void()), ...);
    }(named_divergences{});
  }
  template <class D>
  CPPO_HOST_DEVICE constexpr void measure_as([[maybe_unused]] rule_node const& n) noexcept {
    if constexpr (!reads_lists<D>) {
      rule_values<V>* const to = waiting_ + top_;
      [[maybe_unused]] bool const sloped = n.sloped;
      each([=, t = t_](int u) CPPO_INLINE_LAMBDA {
        quantities::measured<D> const q{D{}};
        if constexpr (has_slope<quantities::measured<D>>) if (sloped) to->set_slope(u, q.slope(t[u]));
        to->set(u, q(t[u]));
      });
    }
  }
  /// The first number that depends on the position alone and stands in a part, or after it.
  CPPO_HOST_DEVICE constexpr int first_known(rule_part const& part) const noexcept {
    int k = 0;
    while (k < known_ && of_.of_positions[k].first < part.first) ++k;
    return k;
  }
  /// Where one begins in a part; the end of the part where there is none.
  CPPO_HOST_DEVICE constexpr int place_of_known(rule_part const& part, int k) const noexcept {
    int const place = k < known_ ? of_.of_positions[k].first - part.first : part.size;
    return place < part.size ? place : part.size;
  }
  /// Reads one, found before, in place of the part that ends with node n.
  CPPO_HOST_DEVICE constexpr void read_of_position(rule_node const& n, int k) noexcept {
    if constexpr (knows_positions) {
      push(n.sloped, [t = t_, k](int u) CPPO_INLINE_LAMBDA {
        return V::from_raw(V::ops::load(t[u].number_of_position(k)));
      });
    }
  }
  CPPO_HOST_DEVICE constexpr void read_fold(rule_node const& n) noexcept {
    rule_fold const& f = of_.folds[n.which];
    push(n.sloped, [t = t_, slot = n.which, by_token = f.range <= fold_range::from](int u) CPPO_INLINE_LAMBDA {
      return by_token ? t[u].token_fold(slot) : t[u].response_fold(slot);
    });
    if (!n.sloped || f.range == fold_range::before) return;
    rule_walk<V, with_excess::no> inner(of_, t_, count_);  // the slope is that of what is folded
    inner.run(f.of);
    each([&](int u) CPPO_INLINE_LAMBDA { waiting_[top_].set_slope(u, inner.loss(u).slope); });
  }

  rule_program const& of_;
  token<V> const* t_;
  rule_values<V> waiting_[rule_program::deepest];
  typename V::register_type beyond_[far ? rule_program::deepest : 1][most];
  typename V::mask::raw_type clauses_[6][most];
  int top_ = -1, count_, known_ = 0;
};

/// A part of a program as a quantity.
struct rule_quantity {
  template <class V>
  static constexpr int together = walked_together<V>;
  rule_program const* of;
  rule_part part;
  template <class V>
  CPPO_HOST_DEVICE constexpr V operator()(token<V> const& t) const noexcept {
    rule_walk<V, with_excess::no> walk(*of, &t, 1);
    walk.run(part);
    return walk.number(0);
  }
  /// Writes the numbers of as many registers of tokens as a walk takes along, one after the other.
  template <class V>
  CPPO_SELDOM void of_all(token<V> const* t, typename V::value_type* out) const noexcept {
    rule_walk<V, with_excess::no> walk(*of, t, walked_together<V>);
    walk.run(part);
    for (int u = 0; u < walked_together<V>; ++u) V::ops::save(out + u * V::size, walk.number(u).raw());
  }
  /// Writes the numbers for the positions 1, 2, ..., `count`, of a part that depends on them alone. Whole walks are
  /// written.
  template <class V>
  void of_positions(index_t count, typename V::value_type* out) const noexcept {
    token<V> at[static_cast<std::size_t>(together<V>)];
    response_summary const whole;
    for (token<V>& t : at) t = token<V>(V(0), V(0), V(0));
    for (index_t p = 0; p < count; p += together<V> * V::size) {
      for (int u = 0; u < together<V>; ++u) at[u].set_weight(position<V>(p + u * V::size + 1), whole, V(0));
      of_all(static_cast<token<V> const*>(at), out + p);
    }
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
    rule_walk<V, with_excess::no> walk(*of, &t, 1);
    walk.run(part);
    return walk.loss(0);
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
