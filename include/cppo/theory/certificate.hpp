/// @file
/// The tightest bound on |Delta| that the measured divergences of a batch give, and the surrogate gain that must exceed
/// it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/divergence/binary.hpp>
#include <cppo/divergence/none.hpp>
#include <cppo/divergence/reported.hpp>
#include <cppo/divergence/single_sample.hpp>
#include <cppo/divergence/top_k.hpp>
#include <cppo/theory/bound.hpp>
#include <cppo/theory/profile.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace theory {

/// What the divergences of a batch are of the full laws.
enum class measured : std::uint8_t {
  unknown,          ///< not stated; Binary and Top-K are lower bounds
  total_variation,  ///< the exact total variation of the full laws, or more
  kl,               ///< the exact KL(mu || pi) of the full laws, or more; TV is then at most sqrt(KL/2)
};

/// The bounds that a certificate compares.
enum class bound_kind : std::uint8_t {
  product,           ///< sum of u_t beta_t [App. B.9, before its budget]
  suffix_sum,        ///< sum of u_t times the sum of the later ell_j [Eq. 14]
  adaptive,          ///< `suffix_adaptive` [arXiv 2512.23075]
  coupling,          ///< `coupling_residual`
  pinsker_marginal,  ///< `pinsker_marginal_residual`; needs KL
  mixed,             ///< `mixed_residual`; needs KL
  prefix,            ///< Eq. 6, with the measured prefix average under the region's weights at length T
  terminal,          ///< Eq. 18, with the measured average over t < T
  classical,         ///< 2 xi T(T-1) epsilon^2
};
/// The number of bounds.
inline constexpr int bound_kinds = 9;

/// The name of a bound.
constexpr std::string_view name(bound_kind k) noexcept {
  constexpr std::string_view names[bound_kinds] = {"product form", "suffix sum",     "adaptive",
                                                   "coupling",     "Pinsker-marginal", "mixed",
                                                   "prefix average", "terminal average", "classical"};
  return names[static_cast<int>(k)];
}

/// The options of a certificate.
struct certificate_options {
  measured divergence = measured::unknown;  ///< what the region's divergence is of the full laws
  double xi = 1.0;                          ///< |R| <= xi, in the units of the advantages; finite, not negative
};

/// What was measured, and the bounds that follow.
struct certificate_result {
  status outcome;            ///< of the call that measured; if it is not ok, nothing else is set
  bool certifies = false;    ///< true if the divergences are exact; if not, |Delta| may exceed `residual`
  index_t responses = 0;     ///< responses with a valid token
  index_t horizon = 0;       ///< T: the longest response; shorter ones drift by 0 after their end
  double max_divergence = 0.0;   ///< largest D_t, as total variation
  double prefix_average = 0.0;   ///< largest over m < T of (sum of w_j u_j)/W_m: the delta_b that would have sufficed
  double terminal_average = 0.0; ///< mean of u_t over t < T
  double bounds[bound_kinds] = {};  ///< each on |Delta|, by `bound_kind`; +inf where one does not apply
  bound_kind tightest = bound_kind::product;  ///< the smallest, the first of equals
  double residual = std::numeric_limits<double>::infinity();  ///< the bound `tightest`: pi is better if L' exceeds it
  double surrogate_gain = 0.0;  ///< L' as measured: mean over responses of the sum of A_t (rho_t - 1)

  /// True if pi is better than mu, provided that the batch stands for all rollouts.
  bool improves() const noexcept { return certifies && surrogate_gain > residual; }
};

namespace detail {

/// What the numbers of a divergence are, as far as its type tells.
enum class divergence_kind : std::uint8_t {
  nothing,          ///< nothing is measured
  total_variation,  ///< TV, or not known to be anything else
  kl,               ///< KL(mu || pi): bounds TV by Pinsker, and takes part in the KL bounds
  reverse_kl,       ///< KL(pi || mu): bounds TV by Pinsker alone
  estimate,         ///< an estimate of a KL, exact only on average: shown as a KL, certifies nothing
};
template <class D>
constexpr divergence_kind kind_of(D const&) noexcept {
  if constexpr (std::is_same_v<D, no_divergence_t>) return divergence_kind::nothing;
  else if constexpr (std::is_same_v<D, binary_kl_t>) return divergence_kind::kl;
  else if constexpr (std::is_same_v<D, binary_kl_reverse_t>) return divergence_kind::reverse_kl;
  else if constexpr (std::is_same_v<D, k1_t> || std::is_same_v<D, k2_t> || std::is_same_v<D, k3_t>)
    return divergence_kind::estimate;
  else return divergence_kind::total_variation;
}
template <top_k_form F>
constexpr divergence_kind kind_of(top_k_kl_t<F> const&) noexcept {
  return divergence_kind::kl;
}
constexpr divergence_kind kind_of(cppo::detail::any_top_k const& d) noexcept {
  return d.is_kl() ? divergence_kind::kl : divergence_kind::total_variation;
}
constexpr divergence_kind kind_of(named_divergence const& d) noexcept {
  return d.visit([](auto chosen) { return kind_of(chosen); });
}
template <class D>
constexpr divergence_kind kind_of(reported<D> const& d) noexcept {
  return kind_of(static_cast<D const&>(d));
}

/// u_t, ell_t and KL of a batch. They are added up response by response.
struct drift_profile {
  std::vector<double> u, ell;
  double kappa = 0.0, kappa_seq = 0.0, gain = 0.0;
  index_t responses = 0;
  bool negative = false;  // a divergence below 0, which no divergence has: counted as 0

  void add(std::size_t t, double d, divergence_kind kind) {
    if (u.size() <= t) {
      u.resize(t + 1, 0.0);
      ell.resize(t + 1, 0.0);
    }
    negative = negative || d < 0.0;
    d = std::max(d, 0.0);
    double const tv = kind == divergence_kind::total_variation ? d : std::min(1.0, std::sqrt(d / 2.0));
    u[t] += tv;
    ell[t] = std::max(ell[t], tv);
    kappa = std::max(kappa, d);
    kappa_seq += d;
  }
  void finish(divergence_kind kind) {
    double const n = responses > 0 ? static_cast<double>(responses) : 1.0;
    for (double& x : u) x /= n;
    gain /= n;
    kappa_seq /= n;
    if (kind != divergence_kind::kl) kappa = kappa_seq = std::numeric_limits<double>::infinity();
  }
};

/// Adds up a batch, given D_t at every slot. A slot whose decision is `excluded` holds no token.
template <class Real>
drift_profile profile_of(rollout_batch_view<Real> const& batch, std::vector<double> const& d,
                         std::vector<std::uint8_t> const& decided, divergence_kind kind) {
  drift_profile p;
  layout const& l = batch.shape();
  for (index_t b = 0; b < l.responses(); ++b) {
    auto slot = static_cast<std::size_t>(l.is_packed() ? l.begin(b) : b * l.width());
    std::size_t t = 0;
    for (index_t i = 0; i < l.slots(b); ++i, ++slot) {
      if (decided[slot] == static_cast<std::uint8_t>(decision::excluded)) continue;
      p.add(t++, d[slot], kind);
      double const log_ratio = static_cast<double>(batch.value(argument::log_prob, b, i)) -
                               static_cast<double>(batch.value(argument::rollout_log_prob, b, i));
      p.gain += static_cast<double>(batch.value(argument::advantage, b, i)) * std::expm1(log_ratio);
    }
    if (t > 0) ++p.responses;
  }
  p.finish(kind);
  return p;
}

/// Finds the averages of drift that budgets would have had to allow.
inline void measure_averages(certificate_result& c, std::vector<double> const& u, std::vector<double> const& w) {
  double drift = 0.0, total = 0.0, plain = 0.0;
  for (std::size_t m = 0; m + 1 < u.size(); ++m) {
    drift += w[m] * u[m];
    total += w[m];
    plain += u[m];
    c.prefix_average = std::max(c.prefix_average, drift / total);
  }
  if (c.horizon > 1) c.terminal_average = plain / static_cast<double>(c.horizon - 1);
}

/// Computes every bound, and finds the smallest.
inline void evaluate(certificate_result& c, drift_profile const& p, bool schedule_falls, double xi) {
  index_t const T = c.horizon;
  double const most = c.max_divergence;
  auto const set = [&c](bound_kind k, double x) { c.bounds[static_cast<int>(k)] = x; };
  set(bound_kind::product, profile_residual(p.u, suffix_escapes(p.ell), xi));
  set(bound_kind::suffix_sum, profile_residual(p.u, suffix_sums(p.ell), xi));
  set(bound_kind::adaptive, profile_residual(p.u, suffix_adaptive(T, most, p.kappa), xi));
  set(bound_kind::coupling, coupling_residual(T, most, xi));
  double const infinity = std::numeric_limits<double>::infinity();
  bool const knows_kl = p.kappa < infinity;
  set(bound_kind::pinsker_marginal, knows_kl ? pinsker_marginal_residual(T, p.kappa, xi) : infinity);
  set(bound_kind::mixed, knows_kl ? mixed_residual(T, p.kappa, p.kappa_seq, xi) : infinity);
  set(bound_kind::prefix, schedule_falls ? prefix_residual(T, most, c.prefix_average, xi) : infinity);
  set(bound_kind::terminal, terminal_residual(T, most, c.terminal_average, xi));
  set(bound_kind::classical, classical_residual(T, most, xi));
  double const* const least = std::min_element(c.bounds, c.bounds + bound_kinds);
  c.tightest = static_cast<bound_kind>(least - c.bounds);
  c.residual = *least;
}

}  // namespace detail

/// Measures D_t of every valid token under the region's divergence, takes u_t as their mean over responses and ell_t as
/// their maximum, and returns every bound on |Delta| that follows, the tightest, and the surrogate gain it must beat.
///
///     J(pi) - J(mu) >= L' - residual      [Eq. 1, Eq. 14]
///
/// The region's mask decides nothing here: drift counts whether a token is kept or masked. Shapes and bad input: as for
/// `policy_loss`; but one bad token, or an xi out of range (`bad_parameter`), and there is no certificate. Positions: t
/// counts valid tokens, and T is the longest response.
/// A certificate needs `options.divergence`, because only the caller knows if D_t is exact. Without it `certifies` is
/// false; the KLs in either direction and their estimates k1, k2 and k3 are then read as what they are, and all else as
/// total variation. Estimates, a divergence below 0 and no divergence at all do not certify either.
/// A batch is a sample: u_t and L' are means and ell_t a maximum over its rollouts, and the bound holds for a mu that
/// is uniform over these. A region with a surrogate of its own is refused: the bounds are about -A rho M. Cost: one
/// call of `policy_loss`, and memory for two numbers a slot.
template <class Real, trust_region_like Region>
certificate_result certificate(rollout_batch_view<Real> const& batch, Region const& region,
                               certificate_options const& options = {}) {
  static_assert(!cppo::detail::has_own_surrogate<Region>,
                "a certificate is about the loss -A rho M: give it the region without objective(...) and penalties");
  certificate_result c;
  c.outcome = batch.check();
  if (c.outcome.ok() && !(options.xi >= 0.0 && options.xi < std::numeric_limits<double>::infinity())) {
    c.outcome = cppo::detail::out_of_range(argument::options, {false, "xi", options.xi,
                                           "0 or more, and finite: it bounds |R|, in the units of the advantages"});
  }
  if (!c.outcome.ok()) return c;
  auto const slots = static_cast<std::size_t>(batch.shape().elements());
  std::vector<double> d(slots);
  std::vector<std::uint8_t> decided(slots);
  c.outcome = policy_loss(seq, batch, region, {.trace = {.divergence = d, .decision = decided}});
  if (!c.outcome.ok()) return c;
  detail::divergence_kind const guessed = detail::kind_of(region.divergence());
  bool const measures = guessed != detail::divergence_kind::nothing && guessed != detail::divergence_kind::estimate;
  detail::divergence_kind kind = guessed;
  if (options.divergence == measured::total_variation) kind = detail::divergence_kind::total_variation;
  if (options.divergence == measured::kl && guessed == detail::divergence_kind::total_variation)
    kind = detail::divergence_kind::kl;
  detail::drift_profile const p = detail::profile_of(batch, d, decided, kind);
  c.certifies = options.divergence != measured::unknown && measures && !p.negative && p.responses > 0;
  c.responses = p.responses;
  c.horizon = static_cast<index_t>(p.u.size());
  for (double const x : p.ell) c.max_divergence = std::max(c.max_divergence, x);
  c.surrogate_gain = p.gain;
  detail::measure_averages(c, p.u, weights_of(region.weight(), c.horizon));
  detail::evaluate(c, p, tail_ratio_falls(region.weight(), c.horizon), options.xi);
  return c;
}

}}}  // namespace cppo::theory

#include <cppo/macros_on.inc>
