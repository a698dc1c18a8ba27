/// @file
/// Divergences of a partition made from the K tokens that mu ranks highest.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The cells of the partition.
enum class top_k_form : std::uint8_t {
  plus_sampled,  ///< {the K listed} + {y_t, if not listed} + {other}: the paper's form [App. D]
  replace_last,  ///< y_t overwrites the last entry if it is not listed: K cells and {other}
  list_only,     ///< the list as given + {other}; Binary <= Top-K need not hold
};

namespace detail {

/// The mass of the cells added so far under both policies, and what they contribute to TV and KL(mu || pi).
struct top_k_sums {
  double pi = 0.0;
  double mu = 0.0;
  double gap = 0.0;
  double kl = 0.0;

  CPPO_HOST_DEVICE constexpr void add(double log_p, double log_q) noexcept {
    double const p = exp_nonpositive(log_p);
    double const q = exp_nonpositive(log_q);
    pi += p;
    mu += q;
    gap += p > q ? p - q : q - p;
    if (q > 0.0) kl += rounded_product(q, log_q - log_p);
  }
  /// Adds the cell of all other tokens. Its mass is max(1 - sum, 0), at least 1e-12 inside the logarithm.
  CPPO_HOST_DEVICE constexpr void add_other() noexcept {
    double const p = pi < 1.0 ? 1.0 - pi : 0.0;  // equivalent: at 1 both are 0
    double const q = mu < 1.0 ? 1.0 - mu : 0.0;
    gap += p > q ? p - q : q - p;
    // equivalent x2: at 1e-12 both are 1e-12; adds 0 times a finite number where q is 0
    if (q > 0.0) kl += rounded_product(q, log(q > 1e-12 ? q : 1e-12) - log(p > 1e-12 ? p : 1e-12));
  }
};

template <class V>
CPPO_HOST_DEVICE constexpr top_k_sums sum_top_k(token<V> const& t, top_k_form form) noexcept {
  auto const& row = t.top_k();
  double const own_p = static_cast<double>(t.log_prob().raw());
  double const own_q = static_cast<double>(t.rollout_log_prob().raw());
  bool listed = false;
  for (index_t j = 0; j < row.k(); ++j) listed = listed || row.id(j) == row.sampled();
  bool const own_cell = form != top_k_form::list_only;
  index_t const slots = form == top_k_form::replace_last && !listed ? row.k() - 1 : row.k();
  top_k_sums s;
  for (index_t j = 0; j < slots; ++j) {
    if (row.id(j) < 0 || (own_cell && row.id(j) == row.sampled())) continue;
    s.add(static_cast<double>(row.log_prob(j)), static_cast<double>(row.rollout_log_prob(j)));
  }
  if (own_cell) s.add(own_p, own_q);
  s.add_other();
  return s;
}

}  // namespace detail

/// Top-K total variation, D = 1/2 sum over cells |pi(cell) - mu(cell)|; a lower bound of the full TV [App. D].
///
/// In the first two forms y_t is a cell of its own, with the token's own log-probs, so Binary-TV <= Top-K TV <= full
/// TV. Computed in double, one token at a time, O(K). The batch must lend `top_k(...)`, and `token_id(...)` for all
/// forms except `list_only`.
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
    requires(V::size == 1)
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    return V(0.5 * detail::sum_top_k(t, Form).gap);
  }
};

/// Top-K KL(mu || pi) over the same partition, nats. It is infinite if pi gives no mass to a cell of mu, and saturates
/// at 1000.
template <top_k_form Form = top_k_form::plus_sampled>
struct top_k_kl_t {
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept { return top_k_tv_t<Form>{}.reads(); }
  /// D_t.
  template <class V>
    requires(V::size == 1)
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    double const kl = detail::sum_top_k(t, Form).kl;
    // equivalent: differs for -0 alone, which a sum that begins with +0 never is
    return V(kl > 0.0 ? (kl < divergence_limit ? kl : divergence_limit) : 0.0);
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
