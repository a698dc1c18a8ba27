/// @file
/// A divergence chosen at run time, by name.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/binary.hpp>
#include <cppo/divergence/none.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/divergence/single_sample.hpp>
#include <cppo/divergence/top_k.hpp>

#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class... Ds>
struct divergence_list {};

/// A divergence and its name.
template <class D>
struct with_name {
  std::string_view name;
  D divergence;
};
template <class... Ds>
struct divergence_table {
  using types = divergence_list<Ds...>;
  std::string_view names[sizeof...(Ds)];
  constexpr explicit divergence_table(with_name<Ds> const&... rows) noexcept : names{rows.name...} {}
};

/// The one list of divergences that have a name, in the order of `divergence_names()`.
inline constexpr divergence_table divergences_by_name{
    with_name{"no_divergence", no_divergence},
    with_name{"binary_tv", binary_tv},
    with_name{"binary_kl", binary_kl},
    with_name{"binary_kl_reverse", binary_kl_reverse},
    with_name{"top_k_tv", top_k_tv},
    with_name{"top_k_kl", top_k_kl},
    with_name{"top_k_tv_replace_last", top_k_tv_replace_last},
    with_name{"top_k_kl_replace_last", top_k_kl_replace_last},
    with_name{"top_k_tv_list", top_k_tv_list},
    with_name{"top_k_kl_list", top_k_kl_list},
    with_name{"k1", k1},
    with_name{"k2", k2},
    with_name{"k3", k3},
    with_name{"precomputed", precomputed},
};
using named_divergences = decltype(divergences_by_name)::types;
/// The index of D, -1 if it has no name.
template <class D, class... Ds>
consteval int index_of(divergence_list<Ds...>) noexcept {
  int index = -1, i = 0;
  ((index = std::is_same_v<D, Ds> ? i : index, ++i), ...);
  return index;
}
template <class D>
concept has_name = index_of<D>(named_divergences{}) >= 0;
/// Any of the Top-K divergences, so that their code is compiled once and not once for each.
class any_top_k {
 public:
  template <top_k_form Form>
  CPPO_HOST_DEVICE constexpr any_top_k(top_k_tv_t<Form>) noexcept : form_(Form), sums_(sums::tv) {}
  template <top_k_form Form>
  CPPO_HOST_DEVICE constexpr any_top_k(top_k_kl_t<Form>) noexcept : form_(Form), sums_(sums::kl) {}
  constexpr bool is_kl() const noexcept { return sums_ == sums::kl; }
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept {
    return form_ == top_k_form::list_only ? argument::top_k : argument::token_id;
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr V at(token<V> const& t) const noexcept {
    partition<V> const cells = partition_of(t, form_);
    return sums_ == sums::tv ? cells.tv() : kl_of(cells);
  }

 private:
  enum class sums : std::uint8_t { tv, kl };
  top_k_form form_;
  sums sums_;
};
/// The type under which the code of a divergence is compiled.
template <class D>
using compiled_as = std::conditional_t<std::is_convertible_v<D, any_top_k>, any_top_k, D>;
/// f(name, divergence) for each.
template <class F, class... Ds>
constexpr void each_named(divergence_table<Ds...> const& all, F const& f) {
  std::string_view const* name = all.names;
  (f(*name++, Ds{}), ...);
}
inline constexpr auto const& divergence_names = divergences_by_name.names;

}  // namespace detail

/// A divergence chosen at run time, by its index in `divergence_names()`. The region has one type for all of them.
class named_divergence {
 public:
  static constexpr bool is_costly = true;  ///< some of them are
  /// The divergence of this type, which must be in the list.
  template <class D>
    requires detail::has_name<D>
  constexpr named_divergence(D) noexcept : index_(detail::index_of<D>(detail::named_divergences{})) {}
  /// The divergence at this index of `divergence_names()`.
  explicit constexpr named_divergence(int index) noexcept : index_(index) {}
  /// The divergence of this name; its index is -1 if there is none.
  static constexpr named_divergence find(std::string_view name) noexcept {
    for (int i = 0; i < count; ++i) {
      if (detail::divergence_names[i] == name) return named_divergence(i);
    }
    return named_divergence(-1);
  }
  /// Index in `divergence_names()`.
  CPPO_HOST_DEVICE constexpr int index() const noexcept { return index_; }
  /// Checks that there is a divergence at the index, so that the name was known.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return {index_ >= 0 && index_ < count, "named_divergence", static_cast<double>(index_),
            "a position in divergence_names(): -1 says that find() knows no such name"};
  }
  /// Calls f(D) with the divergence chosen. Pre: check().
  template <class F>
  constexpr auto visit(F const& f) const {
    return visit_in(f, detail::named_divergences{});
  }
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept { return reads_of(detail::named_divergences{}); }
  /// True if executors with registers compute it in a pass of its own, before the tokens are decided.
  CPPO_HOST_DEVICE constexpr bool is_apart() const noexcept { return index_ != none && index_ != usual; }
  /// The largest D of the divergence chosen.
  constexpr double largest() const noexcept { return largest_of(detail::named_divergences{}); }
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    return by_index(t, detail::named_divergences{});
  }
  /// D_t of a divergence that is not `is_apart()`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V at_once(token<V> const& t) const noexcept {
    return index_ == usual ? binary_tv.at(t) : V(0);
  }
  /// True if both are the same divergence.
  friend constexpr bool operator==(named_divergence, named_divergence) noexcept = default;

 private:
  template <class V, class D, class... Ds>
  CPPO_HOST_DEVICE constexpr V by_index(token<V> const& t, detail::divergence_list<D, Ds...>,
                                        int i = 0) const noexcept {
    if constexpr (detail::measures_on<D, V>) {
      if (i == index_) return detail::divergence_of(detail::compiled_as<D>(D{}), t);
    }
    if constexpr (sizeof...(Ds) > 0) return by_index(t, detail::divergence_list<Ds...>{}, i + 1);
    else return V(0);  // equivalent: reached only where the precondition of `at` is broken
  }
  template <class F, class D, class... Ds>
  constexpr auto visit_in(F const& f, detail::divergence_list<D, Ds...>, int i = 0) const {
    if constexpr (sizeof...(Ds) > 0) {
      if (i != index_) return visit_in(f, detail::divergence_list<Ds...>{}, i + 1);
    }
    return f(detail::compiled_as<D>(D{}));
  }
  template <class D, class... Ds>
  CPPO_HOST_DEVICE constexpr argument reads_of(detail::divergence_list<D, Ds...>, int i = 0) const noexcept {
    if constexpr (detail::declares_input<D>) {
      if (i == index_) return D{}.reads();
    }
    if constexpr (sizeof...(Ds) > 0) return reads_of(detail::divergence_list<Ds...>{}, i + 1);
    else return argument::none;
  }
  template <class D, class... Ds>
  constexpr double largest_of(detail::divergence_list<D, Ds...>, int i = 0) const noexcept {
    if (i == index_) return detail::largest_divergence(D{});
    if constexpr (sizeof...(Ds) > 0) return largest_of(detail::divergence_list<Ds...>{}, i + 1);
    else return divergence_limit;
  }
  static constexpr int count = static_cast<int>(sizeof detail::divergence_names / sizeof *detail::divergence_names);
  static constexpr int none = detail::index_of<no_divergence_t>(detail::named_divergences{});
  static constexpr int usual = detail::index_of<binary_tv_t>(detail::named_divergences{});
  int index_;
};

/// The names of the divergences, in the order of their indices.
constexpr auto const& divergence_names() noexcept { return detail::divergence_names; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
