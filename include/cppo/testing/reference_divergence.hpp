/// @file
/// The oracle's divergences, in double with functions of the C library, each written as its definition.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/reference_options.hpp>

#include <algorithm>
#include <cmath>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// log(1 - e^x) for x <= 0.
inline double reference_log1mexp(double x) { return x > -0.7 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x)); }

/// KL of two Bernoulli laws with success log-probabilities a and b. 0 log 0 = 0; infinite if b gives no probability to
/// what a does. A log-probability above 0 is taken as 0.
inline double reference_bernoulli_kl(double a, double b) {
  a = std::min(a, 0.0);
  b = std::min(b, 0.0);
  if (a == b) return 0.0;
  double const rest = -std::expm1(a);
  double const hit = std::exp(a) * (a - b);
  double const miss = rest > 0.0 ? rest * (reference_log1mexp(a) - reference_log1mexp(b)) : 0.0;
  return std::max(hit + miss, 0.0);
}

/// The cells of a Top-K partition as pairs of log-probs: the listed tokens, y_t, and the mass of all other tokens.
class reference_partition {
 public:
  /// Adds a cell.
  void add(double log_p, double log_q) {
    double const p = std::exp(log_p);
    double const q = std::exp(log_q);
    p_sum_ += p;
    q_sum_ += q;
    tv_ += std::fabs(p - q) / 2.0L;
    if (q > 0.0) kl_ += static_cast<long double>(q) * (log_q - log_p);
  }
  /// Adds the cell of all other tokens. Its mass is max(1 - sum, 0), at least 1e-12 inside the logarithm.
  void add_other() {
    double const p = other(p_sum_, 0.0), q = other(q_sum_, 0.0), kl = other_kl(p, q);
    tv_ += std::fabs(p - q) / 2.0L;
    kl_ += kl;
    for (double const more_p : {-rounding, rounding}) {
      for (double const more_q : {-rounding, rounding}) {
        double const moved = other_kl(other(p_sum_, more_p), other(q_sum_, more_q));
        kl_slack_ = std::max(kl_slack_, std::fabs(moved - kl));
      }
    }
  }
  /// The total variation: half the L1 distance.
  double tv() const { return static_cast<double>(tv_); }
  /// KL(mu || pi), not below 0.
  double kl() const { return static_cast<double>(std::max(kl_, 0.0L)); }
  /// How far that moves where the mass of all other tokens moves by what sums in float round: far where next to none is
  /// left.
  double kl_slack() const { return kl_slack_; }

 private:
  static constexpr double rounding = 3e-7;
  static double other(long double sum, double more) { return static_cast<double>(std::max(1.0L - sum + more, 0.0L)); }
  static double other_kl(double p, double q) {
    return q > 0.0 ? q * (std::log(std::max(q, 1e-12)) - std::log(std::max(p, 1e-12))) : 0.0;
  }

  double kl_slack_ = 0.0;
  long double p_sum_ = 0, q_sum_ = 0, tv_ = 0, kl_ = 0;
};

/// What a Top-K partition does with y_t.
enum class reference_sampled : std::uint8_t { own_cell, replaces_last, as_listed };

/// The partition of the token at slot i of response b. If y_t has a cell of its own, it has the token's own log-probs.
template <class Real>
reference_partition reference_top_k(rollout_batch_view<Real> const& batch, index_t b, index_t i,
                                    reference_sampled how) {
  top_k_row<Real> const row = batch.top_k_at(b, i);
  bool const own = how != reference_sampled::as_listed;
  bool listed = false;
  for (index_t j = 0; j < row.k(); ++j) listed = listed || row.id(j) == row.sampled();
  reference_partition cells;
  for (index_t j = 0; j < row.k(); ++j) {
    bool const overwritten = how == reference_sampled::replaces_last && !listed && j == row.k() - 1;
    bool const is_sampled = own && row.id(j) == row.sampled();
    if (row.id(j) < 0 || overwritten || is_sampled) continue;
    cells.add(static_cast<double>(row.log_prob(j)), static_cast<double>(row.rollout_log_prob(j)));
  }
  if (own) {
    cells.add(static_cast<double>(batch.value(argument::log_prob, b, i)),
              static_cast<double>(batch.value(argument::rollout_log_prob, b, i)));
  }
  cells.add_other();
  return cells;
}

/// The divergence before it is saturated.
template <class Real>
double unclamped_reference_divergence(rollout_batch_view<Real> const& batch, index_t b, index_t i,
                                      reference_divergence what) {
  auto const lp = static_cast<double>(batch.value(argument::log_prob, b, i));
  auto const lq = static_cast<double>(batch.value(argument::rollout_log_prob, b, i));
  double const d = lp - lq;
  using enum reference_divergence;
  switch (what) {
    case none: return 0.0;
    case binary_tv: return std::fabs(std::exp(lp) - std::exp(lq));
    case binary_kl: return reference_bernoulli_kl(lq, lp);
    case binary_kl_reverse: return reference_bernoulli_kl(lp, lq);
    case top_k_tv: return reference_top_k(batch, b, i, reference_sampled::own_cell).tv();
    case top_k_kl: return reference_top_k(batch, b, i, reference_sampled::own_cell).kl();
    case top_k_tv_replace_last: return reference_top_k(batch, b, i, reference_sampled::replaces_last).tv();
    case top_k_kl_replace_last: return reference_top_k(batch, b, i, reference_sampled::replaces_last).kl();
    case top_k_tv_list: return reference_top_k(batch, b, i, reference_sampled::as_listed).tv();
    case top_k_kl_list: return reference_top_k(batch, b, i, reference_sampled::as_listed).kl();
    case k1: return -d;
    case k2: return d * d / 2.0;
    case k3: return std::expm1(d) - d;
    case precomputed: return static_cast<double>(batch.value(argument::divergence, b, i));
  }
  return 0.0;
}

/// How far D_t in float may be from D_t where only the rest of a Top-K partition makes it uncertain; 0 elsewhere.
template <class Real>
double reference_divergence_slack(rollout_batch_view<Real> const& batch, index_t b, index_t i,
                                  reference_divergence what) {
  using enum reference_divergence;
  switch (what) {
    case top_k_kl: return reference_top_k(batch, b, i, reference_sampled::own_cell).kl_slack();
    case top_k_kl_replace_last: return reference_top_k(batch, b, i, reference_sampled::replaces_last).kl_slack();
    case top_k_kl_list: return reference_top_k(batch, b, i, reference_sampled::as_listed).kl_slack();
    default: return 0.0;
  }
}

/// D_t of the token at slot i of response b. Divergences saturate at +-1000; an infinite one counts as 1000.
template <class Real>
double reference_divergence_of(rollout_batch_view<Real> const& batch, index_t b, index_t i, reference_divergence what) {
  double const d = unclamped_reference_divergence(batch, b, i, what);
  return std::isnan(d) ? 1000.0 : std::clamp(d, -1000.0, 1000.0);
}

/// The q-quantile with linear interpolation, at place q (n - 1) between order statistics, by sorting. 0 for no values.
inline double reference_quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  double const place = q * static_cast<double>(values.size() - 1);
  double const below = std::floor(place);
  auto const k = static_cast<std::size_t>(below);
  if (k + 1 >= values.size()) return values.back();
  return values[k] + (values[k + 1] - values[k]) * (place - below);
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
