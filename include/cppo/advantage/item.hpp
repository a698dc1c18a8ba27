/// @file
/// The items of an advantage rule as its quantities see them: a response, or a token of it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/response_batch.hpp>
#include <cppo/fold/slots.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// A response, or a token of it, in double. A rule may ask for its reward, its length, its folds, and of a token for
/// its position and its advantage. A quantity or mask of a user's own may ask for the length, and for the position if
/// it says `static constexpr bool reads_tokens = true`.
template <detail::item_asks Asks>
class token<lane<detail::item_register<Asks>>> {
  using V = lane<detail::item_register<Asks>>;

 public:
  using value_type = double;       ///< the arithmetic
  using mask_type = V::mask;       ///< what a mask returns

  /// A response of `length` valid tokens; `folds` are the values of the rule's folds for it.
  constexpr token(double reward, index_t length, double const* folds) noexcept
      : reward_(reward), length_(length), folds_(folds) {}
  /// Makes it the token at position t, with the advantage that was lent for it.
  constexpr void set_token(index_t t, double advantage) noexcept {
    position_ = t;
    advantage_ = advantage;
  }
  /// R.
  constexpr V reward() const noexcept { return V(reward_); }
  /// T.
  constexpr index_t length() const noexcept { return length_; }
  /// t, from 1.
  constexpr position<V> at() const noexcept {
    static_assert(Asks != detail::item_asks::of_response,
                  "at() needs a declaration where advantages are computed: write `static constexpr bool reads_tokens = "
                  "true;` into the part, whose rule then gives one number a token");
    return position<V>(position_);
  }
  /// The advantage that was lent.
  constexpr V advantage() const noexcept {
    static_assert(Asks == detail::item_asks::everything,
                  "a part of your own does not see the lent advantage where advantages are computed: combine it with "
                  "the quantity cppo::advantage");
    return V(advantage_);
  }
  /// The value of a fold.
  constexpr V response_fold(int slot) const noexcept { return V(folds_[slot]); }
  /// Folds over ranges of tokens, which `refuse_rule` refuses with a sentence.
  constexpr V token_fold(int) const noexcept { return V(0); }

  /// What is known of tokens of a policy alone.
  /// @{
  template <class U = V>
  constexpr V log_prob() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V rollout_log_prob() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V log_ratio() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V ratio() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V prob() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V rollout_prob() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V divergence() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V weighted_divergence() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V entropy() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr V reference_log_prob() const noexcept { return unknown<U>(); }
  template <class U = V>
  constexpr mask_type moves_toward_rollout() const noexcept { return unknown<U>() <= V(0); }
  /// @}

 private:
  // Refused where a rule runs, so that it is said once.
  template <class U>
  static constexpr V unknown() noexcept {
    static_assert(detail::never<U> || Asks != detail::item_asks::everything,
                  "an advantage rule reads reward, response_length, position_value, advantage and folds of them: "
                  "policies and divergences are known in a region");
    return V(0);
  }
  double reward_;
  index_t length_;
  double const* folds_;
  index_t position_ = 1;
  double advantage_ = 0.0;
};

namespace quantities {

/// Q of each token. In a fold it makes the tokens its items.
template <class Q>
struct of_tokens {
  using left_type = Q;                                  ///< the quantity
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_quantities = true;      ///< it has been checked on its own
  static constexpr bool reads_tokens = true;            ///< known by this
  static constexpr needs needed = detail::needs_of<Q>;  ///< the quantity's
  Q left;               ///< the quantity
  constant right{0.0};  ///< nothing
  /// Q.
  template <class V>
  constexpr V operator()(token<V> const& t) const noexcept {
    return left(t);
  }
  /// Checks the quantity.
  constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

}  // namespace quantities

/// q at every valid token: `batch(mean(each_token(reward)))` is a mean over tokens, in which a response counts as often
/// as it has tokens. Where q reads `position_value` or `advantage`, that is so anyway.
template <detail::quantity_operand Q>
constexpr auto each_token(Q q) noexcept {
  return quantities::of_tokens<detail::quantity_of<Q>>{detail::as_quantity(q)};
}

namespace detail {

/// True if Find holds of P, or of a part of P. Folds are looked into if `Find` asks for it.
template <class P, class Find>
consteval bool mentions() noexcept {
  if constexpr (is_fold<P> && !Find::in_folds) return false;
  else if constexpr (composite<P>)
    return mentions<typename P::first_type, Find>() || mentions<typename P::second_type, Find>();
  else if constexpr (negation<P>) return mentions<typename P::negated_type, Find>();
  else if constexpr (Find::template fits<P>) return true;
  else if constexpr (made_of_operands<P>)
    return mentions<typename P::left_type, Find>() || mentions<typename P::right_type, Find>();
  else return false;
}

template <class P>
concept says_reads_tokens = requires { requires P::reads_tokens; };
/// Finds what differs from token to token of one response, outside of folds.
struct differs_by_token {
  static constexpr bool in_folds = false;
  template <class P>
  static constexpr bool fits = says_reads_tokens<P> || std::is_same_v<P, quantities::position_value_t> ||
                               std::is_same_v<P, quantities::advantage_t>;
};
/// Finds a part of type Part, inside folds too.
template <class Part>
struct is_part {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = std::is_same_v<P, Part>;
};
/// Finds folds over groups.
struct is_group_fold {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = [] {
    if constexpr (is_fold<P>) return P::range == fold_range::group;
    else return false;
  }();
};

/// Finds folds over ranges that only tokens of a policy have.
struct is_other_fold {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = [] {
    if constexpr (is_fold<P>) return P::range != fold_range::group && P::range != fold_range::batch;
    else return false;
  }();
};
/// Finds folds that are not read from a `fold_state`.
struct is_fold_of_all {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = [] {
    if constexpr (is_fold<P>) return requires { requires P::statistic::has_own_state; };
    else return false;
  }();
};
/// A part that the library has not made, nor knows what it asks.
template <class P>
concept own_part = !made_of_quantities<P> && !made_of_masks<P> && !made_of_operands<P> &&
                   !std::is_same_v<P, quantities::position_value_t> && !std::is_same_v<P, quantities::advantage_t> &&
                   (quantity<P> || token_mask<P>);
/// Finds parts of a user's own: any of them may ask for the length.
struct is_own_part {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = own_part<P>;
};
/// Tries parts of a user's own on lanes that refuse what they have not declared, and finds none.
struct tries_own_parts {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = [] {
    if constexpr (own_part<P>) {
      constexpr auto asks = says_reads_tokens<P> ? item_asks::of_token : item_asks::of_response;
      using tried = token<lane<item_register<asks>>>;
      static_cast<void>(sizeof(detail::ask_call(std::declval<P const&>(), std::declval<tried const&>())));
    }
    return false;
  }();
};
/// Does not compile for a rule with folds that advantages do not have, or whose parts ask for what they do not declare.
template <class P>
constexpr void refuse_rule() noexcept {
  static_assert(!mentions<P, tries_own_parts>());
  static_assert(!mentions<P, is_fold_of_all>(), "an advantage rule folds sums, means, extremes, counts and what is "
                                                "made of them: k-th values and halving sums are known in a region");
  static_assert(!mentions<P, is_other_fold>(), "an advantage rule folds over group(...) and batch(...): before, upto, "
                                               "from and response are ranges of tokens in a region");
}
/// Finds folds whose items are tokens.
struct is_token_fold {
  static constexpr bool in_folds = true;
  template <class P>
  static constexpr bool fits = [] {
    if constexpr (is_fold<P>) return mentions<typename P::folded, differs_by_token>();
    else return false;
  }();
};

/// True if the items of P are tokens, false if they are responses.
template <class P>
inline constexpr bool of_tokens = mentions<P, differs_by_token>();

/// True if p may differ from token to token of one response. `each_token(q)` need not.
template <class P>
constexpr bool differs(P const& p) noexcept {
  if constexpr (!of_tokens<P>) return false;
  else if constexpr (composite<P>) return differs(p.first) || differs(p.second);
  else if constexpr (negation<P>) return differs(p.inner);
  else if constexpr (made_of_operands<P>) return differs(p.left) || differs(p.right);
  else if constexpr (requires { { p.differs() } -> std::same_as<bool>; }) return p.differs();
  else return true;
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
