/// @file
/// How much of a surrogate gain a trust region can take back: the paper's residual constants, and others beside them.
///
/// J(pi) - J(mu) = L' - Delta with L' the surrogate gain [Eq. 1], so pi is better than mu if L' exceeds a bound on
/// |Delta|. Each function here is such a bound, for rewards |R| <= xi and responses of T tokens. Divergences are exact
/// total variations at every prefix that mu can reach, and pi gives no probability to a token that mu never samples. If
/// the inputs are numbers per position rather than constants, see `profile.hpp`.
///
/// Units: probability for TV, nats for KL; xi and the result have the unit of the reward. Pre: T >= 0, all else >= 0.
/// NaN gives NaN, and so does +inf times 0. Cost: O(1) unless said otherwise. Relative error below 1e-15 times the
/// number of operations.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <cmath>

/// The finite-horizon improvement bound: it can be computed, certified for a batch, and checked by summing over every
/// response.
namespace cppo { inline namespace CPPO_ABI { namespace theory {

/// The sum of T - t over t < T, which is T(T - 1)/2. Exact below 2^53.
constexpr double pairs_of_positions(index_t T) noexcept {
  auto const n = static_cast<double>(T);
  return T > 0 ? n * (n - 1.0) / 2.0 : 0.0;
}

/// |Delta| <= 2 xi T(T-1) epsilon^2, given only D_t <= epsilon. This is the classical bound, and that of a uniform
/// threshold per token.
constexpr double classical_residual(index_t T, double epsilon, double xi = 1.0) noexcept {
  return 4.0 * xi * pairs_of_positions(T) * epsilon * epsilon;
}

/// |Delta| <= 2 xi T(T-1) ell_max delta_b. [Theorem 1, Eq. 6; Eq. 15 with ell_max = delta]
///
/// Pre: D_t <= ell_max; sum over j <= m of w_j D_j <= delta_b W_m for every m < T; and (T-t)/w_t non-increasing, which
/// `tail_ratio_falls` checks. The mask of Eq. 8 does not ensure this: for it see `implemented_residual`.
constexpr double prefix_residual(index_t T, double ell_max, double delta_b, double xi = 1.0) noexcept {
  return 4.0 * xi * pairs_of_positions(T) * ell_max * delta_b;
}

/// |Delta| <= 2 xi T(T-1) delta delta_b / w_min: as `prefix_residual`, with w_t D_t <= delta and w_t >= w_min. [Eq. 7,
/// Eq. 16]
constexpr double threshold_residual(index_t T, double delta, double delta_b, double w_min, double xi = 1.0) noexcept {
  return prefix_residual(T, delta / w_min, delta_b, xi);
}

/// |Delta| <= 2 xi T(T-1) ell_max delta_b + 4 xi ell_max (T-1) eta / w_1. [Proposition 8, Eq. 17]
///
/// As `prefix_residual`, but prefixes may exceed their budget by a slack eta: sum over j <= m of w_j D_j <= eta +
/// delta_b W_m. Eq. 8 enforces this with eta = delta, so this is the bound to claim for its mask.
constexpr double implemented_residual(index_t T, double ell_max, double delta_b, double eta, double w_first = 1.0,
                                      double xi = 1.0) noexcept {
  double const rest = T > 1 ? static_cast<double>(T - 1) : 0.0;
  return prefix_residual(T, ell_max, delta_b, xi) + 4.0 * xi * ell_max * rest * eta / w_first;
}

/// |Delta| <= 4 xi ell_max (T-1)^2 delta_b: one budget at m = T - 1 instead of one per prefix, with w = 1. [Eq. 18]
///
/// A factor 2 - 2/T above `prefix_residual`. A mean over all T tokens, the last one included, bounds the sum over t < T
/// by T delta_b, not by (T-1) delta_b: then pass delta_b T/(T-1).
constexpr double terminal_residual(index_t T, double ell_max, double delta_b, double xi = 1.0) noexcept {
  double const rest = T > 1 ? static_cast<double>(T - 1) : 0.0;
  return 4.0 * xi * ell_max * rest * rest * delta_b;
}

/// |Delta| <= (4/3) xi T^{3/2} kappa, given KL <= kappa at every prefix. It follows by using Pinsker twice. [arXiv
/// 2512.23075]
inline double pinsker_marginal_residual(index_t T, double kappa, double xi = 1.0) noexcept {
  auto const n = static_cast<double>(T);
  return 4.0 / 3.0 * xi * n * std::sqrt(n) * kappa;
}

/// |Delta| <= 2 xi T sqrt(kappa kappa_seq), with kappa_seq the KL of whole responses. [arXiv 2512.23075]
inline double mixed_residual(index_t T, double kappa, double kappa_seq, double xi = 1.0) noexcept {
  return 2.0 * xi * static_cast<double>(T) * std::sqrt(kappa * kappa_seq);
}

/// |Delta| <= 4 xi min(1, epsilon) sum over t of min(1, (t-1) epsilon), by coupling. [arXiv 2512.23075]
///
/// Cost: O(min(T, 1/epsilon)); O(T) for epsilon = 0.
constexpr double coupling_residual(index_t T, double epsilon, double xi = 1.0) noexcept {
  double const step = epsilon > 1.0 ? 1.0 : epsilon;
  double sum = step - step;  // 0, or NaN
  index_t before = 0;
  for (; before < T && static_cast<double>(before) * step < 1.0; ++before) sum += static_cast<double>(before) * step;
  return 4.0 * xi * step * (sum + static_cast<double>(T > before ? T - before : 0));
}

}}}  // namespace cppo::theory

#include <cppo/macros_on.inc>
