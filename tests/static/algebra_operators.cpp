// Every pair of values of the algebra under every operator and function of two, and every value under those of one: it
// has the meaning that docs/concepts.md gives it, or is refused. A refusal is known by its result, which is one of few
// types; that it does not compile, and what it says, is in compile_fail/operators_that_do_not_exist.cpp.
#include <cppo/cppo.hpp>
#include <cppo/described_rule.hpp>
#include <cppo/rules.hpp>

#include <type_traits>
#include <utility>

namespace algebra_operators {
namespace {

using cppo::token;

// Parts of a user's own.
struct own_quantity {
  template <class V>
  constexpr V operator()(token<V> const& t) const {
    return t.ratio();
  }
};
struct own_mask {
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.ratio() <= V(1);
  }
};
struct own_loss {
  template <class V>
  constexpr cppo::surrogate_value<V> operator()(token<V> const& t) const {
    return {t.ratio(), t.ratio()};
  }
};

enum class kind { number, quantity, divergence, unfinished, mask, loss, region, rule };
template <kind K, class T, bool Own = false>
struct value {
  using type = T;
  static constexpr kind is = K;
  static constexpr bool own = Own;  // its namespace is not the library's
};
template <class... Values>
struct list {};

constexpr auto kept = cppo::at_most(cppo::ratio, 1.2);
using values = list<
    value<kind::number, double, true>, value<kind::number, int, true>,
    value<kind::quantity, decltype(cppo::ratio)>, value<kind::quantity, decltype(cppo::advantage)>,
    value<kind::quantity, decltype(1 - cppo::log_ratio)>,
    value<kind::quantity, decltype(cppo::response(cppo::mean(cppo::log_ratio)))>,
    value<kind::quantity, own_quantity, true>, value<kind::divergence, decltype(cppo::binary_tv)>,
    value<kind::unfinished, decltype(cppo::mean(cppo::ratio))>,
    value<kind::unfinished, decltype(cppo::deviation(cppo::ratio))>,
    value<kind::unfinished, decltype(cppo::halving_sum(cppo::ratio, 2))>,
    value<kind::unfinished, decltype(cppo::kth_largest(cppo::ratio, cppo::share(0.2)))>,
    value<kind::unfinished, decltype(cppo::below(1.2))>, value<kind::unfinished, decltype(cppo::share(0.2))>,
    value<kind::mask, decltype(cppo::toward_rollout)>, value<kind::mask, decltype(kept)>,
    value<kind::mask, decltype(kept & cppo::toward_rollout)>, value<kind::mask, decltype(!cppo::toward_rollout)>,
    value<kind::mask, own_mask, true>, value<kind::loss, decltype(cppo::ratio_form)>,
    value<kind::loss, decltype(cppo::clipped(0.8, 1.2))>, value<kind::loss, own_loss, true>,
    value<kind::region, decltype(cppo::ppo())>, value<kind::region, decltype(cppo::gspo())>,
    value<kind::rule, cppo::described_region>, value<kind::rule, cppo::described_rule>>;

template <class T>
constexpr bool is_number_like = T::is == kind::number || T::is == kind::quantity || T::is == kind::divergence;
template <class L, class R>
constexpr bool both_numbers =
    is_number_like<L> && is_number_like<R> && (L::is == kind::quantity || R::is == kind::quantity);
/// Pairs that argument-dependent lookup does not bring to the library: numbers and parts of one's own by themselves,
/// and a divergence by itself, of which the namespace of quantities knows nothing.
template <class L, class R>
constexpr bool apart = (L::own || L::is == kind::divergence) && (R::own || R::is == kind::divergence);

/// Regions and rules as data are compared.
template <class L, class R>
constexpr bool same_rule = L::is == kind::rule && std::is_same_v<L, R>;

enum class gives { refusal, quantity, mask, loss, region };
template <class T>
constexpr gives what = cppo::quantity<T>          ? gives::quantity
                       : cppo::token_mask<T>      ? gives::mask
                       : cppo::token_surrogate<T> ? gives::loss
                                                  : gives::region;
/// What a result stands for.
template <class Result, class... Operands>
constexpr gives given() {
  using T = std::remove_cvref_t<Result>;
  constexpr bool refused = std::is_same_v<T, cppo::keep_all_t> || std::is_same_v<T, cppo::quantities::constant> ||
                           std::is_same_v<T, cppo::surrogates::nothing_t> ||
                           std::is_same_v<T, cppo::detail::open_region> ||
                           (std::is_same_v<T, std::remove_const_t<typename Operands::type>> || ...);
  if constexpr (refused) return gives::refusal;
  else return what<T>;
}

/// The meaning of operators on two values.
/// @{
template <class L, class R>
constexpr gives of_numbers = both_numbers<L, R> ? gives::quantity : gives::refusal;
template <class L, class R>
constexpr gives of_sums = L::is == kind::loss && R::is == kind::loss     ? gives::loss
                          : L::is == kind::region && R::is == kind::loss ? gives::region
                                                                         : of_numbers<L, R>;
template <class L, class R>
constexpr gives of_products = is_number_like<L> && R::is == kind::loss ? gives::loss : of_numbers<L, R>;
template <class L, class R>
constexpr gives of_masks = L::is == kind::mask && R::is == kind::mask ? gives::mask : gives::refusal;
template <class...>
constexpr gives of_none = gives::refusal;
/// @}

// A pair without an operator is no refusal: it fails to compile here.
#define CHECK_PAIR(expression, meaning) \
  static_assert(given<decltype(expression), L, R>() == meaning<L, R>, #expression)
template <class L, class R>
struct pair {
  static typename L::type const& l;
  static typename R::type const& r;
  static consteval bool check() {
    if constexpr (!apart<L, R>) {
      CHECK_PAIR(l + r, of_sums);
      CHECK_PAIR(l - r, of_numbers);
      CHECK_PAIR(l * r, of_products);
      CHECK_PAIR(l / r, of_numbers);
      CHECK_PAIR(l % r, of_none);
      CHECK_PAIR(l ^ r, of_none);
      CHECK_PAIR(l < r, of_none);
      CHECK_PAIR(l <= r, of_none);
      CHECK_PAIR(l > r, of_none);
      CHECK_PAIR(l >= r, of_none);
      if constexpr (!same_rule<L, R>) {
        CHECK_PAIR(l == r, of_none);
        CHECK_PAIR(l != r, of_none);
      }
      CHECK_PAIR(l & r, of_masks);
      CHECK_PAIR(l | r, of_masks);
      CHECK_PAIR(l && r, of_none);
      CHECK_PAIR(l || r, of_none);
      CHECK_PAIR(min(l, r), of_numbers);
      CHECK_PAIR(max(l, r), of_numbers);
    }
    return true;
  }
};

// Values that lookup brings to the library by themselves.
template <class T>
constexpr bool alone = !T::own && T::is != kind::divergence;
template <class T>
constexpr gives of_quantity = T::is == kind::quantity ? gives::quantity : gives::refusal;
template <class T>
constexpr gives of_mask = T::is == kind::mask ? gives::mask : gives::refusal;
#define CHECK_ONE(expression, meaning) static_assert(given<decltype(expression), T>() == meaning<T>, #expression)
template <class T>
struct one {
  static typename T::type const& x;
  static consteval bool check() {
    if constexpr (alone<T>) {
      CHECK_ONE(-x, of_quantity);
      CHECK_ONE(exp(x), of_quantity);
      CHECK_ONE(log(x), of_quantity);
      CHECK_ONE(abs(x), of_quantity);
      CHECK_ONE(sqrt(x), of_quantity);
      CHECK_ONE(!x, of_mask);
      CHECK_ONE(+x, of_none);
      CHECK_ONE(~x, of_none);
    }
    return true;
  }
};

template <class L, class... Rs>
constexpr bool row(list<Rs...>) {
  return one<L>::check() && (pair<L, Rs>::check() && ...);
}
template <class... Ls>
constexpr bool all(list<Ls...>) {
  return (row<Ls>(values{}) && ...);
}
static_assert(all(values{}));
#undef CHECK_PAIR
#undef CHECK_ONE

}  // namespace
}  // namespace algebra_operators
