/// @file
/// Bounds from numbers per position: u_t, the mean drift of a token, times lambda_t, what a drift at t costs.
///
/// |Delta| <= 4 xi sum over t < T of u_t lambda_t, with u_t = E_mu[D_t] and any lambda_t that is at least the total
/// variation of the two laws of what follows token t [Proposition 4]. The suffix functions compute such lambda_t.
/// `profile_residual` takes the sum for given u_t; `prefix_budget_residual` and `terminal_budget_residual` take the
/// largest sum over all u_t that a budget lets pass.
///
/// Positions: entry t - 1 of a span is position t; every span holds T numbers. Units: probability. If spans have
/// different lengths or hold NaN, the result is NaN.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace theory {

namespace detail {
/// The larger of two numbers; NaN if a is NaN.
inline double larger(double a, double b) noexcept { return a >= b || std::isnan(a) ? a : b; }
}  // namespace detail

/// w_1, ..., w_T of a weight, in double if the weight can be computed so.
template <weight_schedule W>
std::vector<double> weights_of(W const& schedule, index_t T) {
  std::vector<double> w;
  for (index_t t = 1; t <= T; ++t) {
    if constexpr (requires { schedule.at(position<double_lane>(t), T); }) {
      w.push_back(schedule.at(position<double_lane>(t), T).raw());
    } else {
      w.push_back(static_cast<double>(schedule.at(position<float_lane>(t), T).raw()));
    }
  }
  return w;
}

/// lambda_t = T - t, the number of tokens that follow. Theorem 1 uses lambda_t = (T-t) ell_max.
inline std::vector<double> suffix_lengths(index_t T) {
  std::vector<double> lambda;
  for (index_t t = 1; t <= T; ++t) lambda.push_back(static_cast<double>(T - t));
  return lambda;
}

/// lambda_t = sum over j > t of ell_j, given D_j <= ell_j. [Lemma 3, Eq. 13, Eq. 14]
inline std::vector<double> suffix_sums(std::span<double const> ell) {
  std::vector<double> lambda(ell.size(), 0.0);
  for (std::size_t t = ell.empty() ? 0 : ell.size() - 1; t > 0; --t) lambda[t - 1] = lambda[t] + ell[t];
  return lambda;
}

/// beta_t = 1 - product over j > t of (1 - ell_j), given D_j <= ell_j; ell_j above 1 counts as 1. [Lemma 3, App. B.9]
///
/// Computed as beta_t = ell + (1 - ell) beta_{t+1}. All terms are positive, so the relative error stays below 4 (T-t)
/// 2^-53, even where the product itself would round to 1.
inline std::vector<double> suffix_escapes(std::span<double const> ell) {
  std::vector<double> beta(ell.size(), 0.0);
  for (std::size_t t = ell.empty() ? 0 : ell.size() - 1; t > 0; --t) {
    double const step = ell[t] > 1.0 ? 1.0 : ell[t];
    beta[t - 1] = step + (1.0 - step) * beta[t];
  }
  return beta;
}

/// lambda_t = min(1, (T-t) epsilon, sqrt((T-t) kappa/2)), given D_t <= epsilon and KL <= kappa at every prefix; kappa
/// is +inf if it is not known. Used with u_t it gives the adaptive bound. [arXiv 2512.23075]
inline std::vector<double> suffix_adaptive(index_t T, double epsilon, double kappa) {
  std::vector<double> lambda = suffix_lengths(T);
  for (double& x : lambda) {
    double const linear = x * epsilon, pinsker = x > 0.0 ? std::sqrt(x * kappa / 2.0) : 0.0;
    x = linear < pinsker || std::isnan(linear) ? linear : pinsker;
    if (x > 1.0) x = 1.0;
  }
  return lambda;
}

/// |Delta| <= 4 xi sum over t < T of u_t lambda_t. [Eq. 14 with suffix_sums, App. B.9 with suffix_escapes]
inline double profile_residual(std::span<double const> u, std::span<double const> lambda, double xi = 1.0) noexcept {
  if (u.size() != lambda.size()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0.0;
  for (std::size_t t = 0; t + 1 < u.size(); ++t) sum += u[t] * lambda[t];
  return 4.0 * xi * sum;
}

/// True if lambda_t/w_t is non-increasing over t < T, which Theorem 1, the product form and the sharpness claim need.
/// Ties count as non-increasing, also where rounding has parted them by 1e-14 of their size. False if one of these
/// weights is not positive or a lambda_t is NaN.
inline bool ratio_falls(std::span<double const> lambda, std::span<double const> w) noexcept {
  if (lambda.size() != w.size()) return false;
  for (std::size_t t = 0; t + 1 < w.size(); ++t) {
    if (!(w[t] > 0.0) || std::isnan(lambda[t])) return false;
    bool const has_next = t + 2 < w.size();
    if (has_next && !(lambda[t] * w[t + 1] >= lambda[t + 1] * w[t] * (1.0 - 1e-14))) return false;
  }
  return true;
}

/// True if (T-t)/w_t is non-increasing over t < T, so that Theorem 1 applies to this weight. It is for every
/// non-decreasing weight and for the linear one, where the difference is w_min/(w_t w_{t+1}). [Proposition 5]
template <weight_schedule W>
bool tail_ratio_falls(W const& schedule, index_t T) {
  return ratio_falls(suffix_lengths(T), weights_of(schedule, T));
}

/// The largest 4 xi sum of u_t lambda_t over all u_t >= 0 with sum over j <= m of w_j u_j <= eta + delta_b W_m for
/// every m < T, whatever the order of lambda_t/w_t.
///
///     4 xi ( eta r_1 + delta_b sum over m < T of w_m r_m ),  r_m = max over m <= t < T of lambda_t/w_t
///
/// Where lambda_t/w_t is non-increasing, r_m is the ratio itself, and this is 4 xi delta_b sum of lambda_t [App. B.9,
/// B.10] plus 4 xi eta lambda_1/w_1 [Eq. 17]; with lambda_t = (T-t) ell_max the first term is Eq. 6. Elsewhere a budget
/// saved early is worth more later, and those formulas are too small. Some u_t attain it, so no smaller number holds
/// for all.
inline double prefix_budget_residual(std::span<double const> lambda, std::span<double const> w, double delta_b,
                                      double eta = 0.0, double xi = 1.0) noexcept {
  if (lambda.size() != w.size()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0.0, ratio = 0.0;
  for (std::size_t t = w.empty() ? 0 : w.size() - 1; t > 0; --t) {  // nothing follows the last token
    ratio = detail::larger(ratio, lambda[t - 1] / w[t - 1]);
    sum += w[t - 1] * ratio;
  }
  return 4.0 * xi * (delta_b * sum + eta * ratio);
}

/// The largest 4 xi sum of u_t lambda_t over all u_t >= 0 with one budget: sum over j < T of w_j u_j <= delta_b
/// W_{T-1}.
///
///     4 xi delta_b W_{T-1} max over t < T of lambda_t/w_t
///
/// At least 4 xi delta_b sum of lambda_t, and equal iff w_t is proportional to lambda_t. For w = 1 it is Eq. 18. [App.
/// B.8]
inline double terminal_budget_residual(std::span<double const> lambda, std::span<double const> w, double delta_b,
                                        double xi = 1.0) noexcept {
  if (lambda.size() != w.size()) return std::numeric_limits<double>::quiet_NaN();
  double total = 0.0, ratio = 0.0;
  for (std::size_t t = 0; t + 1 < w.size(); ++t) {
    total += w[t];
    ratio = detail::larger(ratio, lambda[t] / w[t]);
  }
  return 4.0 * xi * delta_b * total * ratio;
}

}}}  // namespace cppo::theory

#include <cppo/macros_on.inc>
