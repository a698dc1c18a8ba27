/// @file
/// A rule that is being put together: pieces of its program, which become one in `rule_writer`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/region.hpp>
#include <cppo/described_rule/program.hpp>

#include <initializer_list>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Consecutive nodes of a draft, in postfix order. A piece is a number, a mask or a loss.
struct rule_piece {
  int first = 0, size = 0;
};
/// A node of a draft.
struct draft_node {
  rule_op what = rule_op::nothing;
  std::uint8_t which = 0;    ///< the fold, or the divergence, or `rule_node::bounds`
  std::uint16_t number = 0;  ///< the first of its numbers
};
/// A fold of a draft.
struct draft_fold {
  fold_range range = fold_range::response;
  fold_statistic statistic = fold_statistic::sum;
  double parameter = 0.0;
  rule_piece of;
};

/// A quantity, mask or loss that stands for piece N of a draft: functions of the library are called with it, and what
/// they return is taken apart.
/// @{
template <int N>
struct stand_in {
  static constexpr bool made_of_quantities = true;
  template <class V>
  CPPO_HOST_DEVICE constexpr V operator()(token<V> const&) const noexcept { return V(0); }
  template <class V>
  CPPO_HOST_DEVICE constexpr V slope(token<V> const&) const noexcept { return V(0); }
};
template <int N>
struct mask_stand_in {
  static constexpr bool made_of_masks = true;
  template <class V>
  CPPO_HOST_DEVICE constexpr auto operator()(token<V> const&) const noexcept { return V(0) <= V(0); }
};
template <int N>
struct loss_stand_in {
  static constexpr bool made_of_surrogates = true;
  template <class V>
  CPPO_HOST_DEVICE constexpr surrogate_value<V> operator()(token<V> const&) const noexcept { return {V(0), V(0)}; }
};
/// @}

/// A rule that is being put together.
class rule_draft {
 public:
  static constexpr int most_nodes = 2048, most_numbers = 256, most_folds = 128, most_stands = 4;

  named_divergence divergence = no_divergence;
  described_weight weight;
  described_budget budget;
  described_gate gate;
  bool reports_only = false;
  rule_piece mask, loss, penalty;
  rule_piece stands[most_stands] = {};  ///< what the stand-ins stand for
  parameter_check found;      ///< of what a function has made
  rule_piece shared;          ///< what a loss that was written out shares

  /// Keeps every token, with the loss -A rho.
  constexpr rule_draft() noexcept {
    mask = node(rule_op::keep_all, {});
    loss = node(rule_op::ratio_loss, {});
    penalty = node(rule_op::nothing, {});
  }

  /// False if something did not fit.
  constexpr bool fits() const noexcept { return fits_; }
  constexpr draft_node const& operator[](int i) const noexcept { return nodes_[i]; }
  constexpr double number(int i) const noexcept { return numbers_[i]; }
  constexpr double const* numbers() const noexcept { return numbers_; }
  constexpr draft_fold const& fold(int k) const noexcept { return folds_[k]; }
  /// The last node of a piece, which gives its value.
  constexpr draft_node const& root(rule_piece p) const noexcept { return nodes_[p.first + p.size - 1]; }
  /// True if a piece is a number; then it is `number(root(p).number)`.
  constexpr bool is_constant(rule_piece p) const noexcept { return root(p).what == rule_op::constant; }

  /// A node with its operands, in the order of the struct that evaluates it.
  constexpr rule_piece node(rule_op what, std::initializer_list<rule_piece> operands,
                            std::initializer_list<double> numbers = {}, int which = 0) noexcept {
    int size = 1;
    bool in_place = operands.size() > 0;
    int next = in_place ? operands.begin()->first : size_;
    int const first = next;
    for (rule_piece const& p : operands) {
      in_place = in_place && p.first == next;
      next += p.size;
      size += p.size;
    }
    in_place = in_place && next == size_;
    rule_piece const whole{in_place ? first : size_, size};
    if (size > most_nodes - whole.first) return too_much();
    for (rule_piece const& p : operands) {
      for (int k = 0; !in_place && k < p.size; ++k) nodes_[size_++] = nodes_[p.first + k];
    }
    nodes_[size_++] = {what, static_cast<std::uint8_t>(which), place(numbers)};
    return whole;
  }
  /// Both bounds of one quantity; their order is checked.
  constexpr rule_piece between(rule_piece low, rule_piece high) noexcept {
    return node(rule_op::both, {low, high}, {}, rule_node::bounds);
  }
  constexpr rule_piece constant(double x) noexcept { return node(rule_op::constant, {}, {x}); }
  /// A statistic over a range.
  constexpr rule_piece folded(fold_range range, fold_statistic s, double parameter, rule_piece of) noexcept {
    if (fold_count_ == most_folds) return too_much();
    folds_[fold_count_] = {range, s, parameter, of};
    return node(rule_op::fold, {}, {}, fold_count_++);
  }

  /// The parts of a region that is written out; described_rule/written.hpp.
  template <class D, class W, class M, class G, class S, class P>
  constexpr void take(region<D, W, M, G, S, P> const& r) noexcept;
  /// Those of one that is data.
  constexpr void take(described_region const& r) noexcept {
    divergence = r.divergence(), weight = r.weight(), budget = r.budget(), gate = r.gate();
    reports_only = r.reports_only();
    mask = take_steps(r.mask());
    fits_ = fits_ && r.fits();
  }
  /// Says that something has no place here.
  constexpr rule_piece too_much() noexcept {
    fits_ = false;
    return {0, 1};
  }

 private:
  constexpr std::uint16_t place(std::initializer_list<double> numbers) noexcept {
    int const at = number_count_;
    if (at + static_cast<int>(numbers.size()) > most_numbers) return too_much(), std::uint16_t{0};
    for (double const x : numbers) numbers_[number_count_++] = x;
    return static_cast<std::uint16_t>(at);
  }
  constexpr rule_piece take_steps(described_mask const& from) noexcept {
    rule_piece waiting[described_mask::capacity + 1] = {};
    int top = 0;
    for (int k = 0; k < from.size(); ++k) {
      described_mask::step const& s = from[k];
      int const taken = described_mask::operands(s.what);
      top += 1 - taken;
      rule_piece& x = waiting[top - 1];
      if (taken == 2) x = node(s.what == mask_step::both ? rule_op::both : rule_op::either, {x, waiting[top]});
      else if (taken == 1) x = node(rule_op::negated, {x});
      else x = take_clause(s);
    }
    return top == 1 ? waiting[0] : too_much();
  }
  constexpr rule_piece take_clause(described_mask::step const& s) noexcept {
    switch (s.what) {
      case mask_step::keep_none: return node(rule_op::keep_none, {});
      case mask_step::toward_rollout: return node(rule_op::toward_rollout, {});
      case mask_step::ratio_within: return node(rule_op::ratio_within, {}, {s.low, s.high});
      case mask_step::divergence_within: return node(rule_op::divergence_within, {}, {s.low, s.high});
      case mask_step::prefix_budget: return node(rule_op::prefix_budget, {}, {s.low});
      case mask_step::response_max_within: return node(rule_op::response_max_within, {}, {s.low});
      case mask_step::response_mean_within: return node(rule_op::response_mean_within, {}, {s.low});
      default: return node(rule_op::keep_all, {});
    }
  }

  draft_node nodes_[most_nodes] = {};
  double numbers_[most_numbers] = {};
  draft_fold folds_[most_folds] = {};
  int size_ = 0, number_count_ = 0, fold_count_ = 0;
  bool fits_ = true;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
