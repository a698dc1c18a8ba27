/** @file
 *  The improvement bound as plain C: what `theory/` of the C++ library has, under its names.
 *
 *  J(pi) - J(mu) = L' - Delta [Eq. 1]: pi is better than mu if the surrogate gain L' exceeds a bound on |Delta|. Each
 *  `_residual` is such a bound, for rewards |R| <= xi and responses of T tokens; units, equations and what must hold
 *  are those of the C++ functions. Arrays hold T numbers, entry t - 1 that of position t. NaN gives NaN, and so does a
 *  T below 0 or a pointer that is null; functions without a result then write nothing.
 */
#ifndef CPPO_THEORY_H
#define CPPO_THEORY_H

#include "cppo.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bounds from constants. [Eq. 6, 7, 15-18; arXiv 2512.23075]
 *  @{ */
CPPO_C_SHOWN double cppo_pairs_of_positions(int64_t T);
CPPO_C_SHOWN double cppo_classical_residual(int64_t T, double epsilon, double xi);
CPPO_C_SHOWN double cppo_prefix_residual(int64_t T, double ell_max, double delta_b, double xi);
CPPO_C_SHOWN double cppo_threshold_residual(int64_t T, double delta, double delta_b, double w_min, double xi);
CPPO_C_SHOWN double cppo_implemented_residual(int64_t T, double ell_max, double delta_b, double eta, double w_first,
                                              double xi);
CPPO_C_SHOWN double cppo_terminal_residual(int64_t T, double ell_max, double delta_b, double xi);
CPPO_C_SHOWN double cppo_pinsker_marginal_residual(int64_t T, double kappa, double xi);
CPPO_C_SHOWN double cppo_mixed_residual(int64_t T, double kappa, double kappa_seq, double xi);
CPPO_C_SHOWN double cppo_coupling_residual(int64_t T, double epsilon, double xi);
/** @} */

/** lambda_t: what a drift at t costs. [Eq. 13, 14, App. B.9; arXiv 2512.23075]
 *  @{ */
CPPO_C_SHOWN void cppo_suffix_lengths(int64_t T, double *lambda);
CPPO_C_SHOWN void cppo_suffix_sums(double const *ell, int64_t T, double *lambda);
CPPO_C_SHOWN void cppo_suffix_escapes(double const *ell, int64_t T, double *lambda);
CPPO_C_SHOWN void cppo_suffix_adaptive(int64_t T, double epsilon, double kappa, double *lambda);
/** @} */

/** w_1 to w_T of the region's weight. Returns the code of `status`. */
CPPO_C_SHOWN int32_t cppo_weights_of(cppo_region const *region, int64_t T, double *w, cppo_status *status);

/** Bounds from numbers per position. [Eq. 14, 17, 18, App. B.8-B.10]
 *  @{ */
CPPO_C_SHOWN double cppo_profile_residual(double const *u, double const *lambda, int64_t T, double xi);
CPPO_C_SHOWN double cppo_prefix_budget_residual(double const *lambda, double const *w, int64_t T, double delta_b,
                                                double eta, double xi);
CPPO_C_SHOWN double cppo_terminal_budget_residual(double const *lambda, double const *w, int64_t T, double delta_b,
                                                  double xi);
/** @} */
/** 1 if lambda_t/w_t is non-increasing over t < T, as `cppo::theory::ratio_falls` decides it; else 0. */
CPPO_C_SHOWN int32_t cppo_ratio_falls(double const *lambda, double const *w, int64_t T);

/** What the region's divergence is of the full laws: `cppo::theory::measured`. */
enum {
  cppo_measured_unknown,          /**< not stated */
  cppo_measured_total_variation,  /**< their total variation, or more */
  cppo_measured_kl                /**< their KL(mu || pi), or more */
};
/** The bounds that a certificate compares. */
#define CPPO_BOUND_KINDS 9

/** As `cppo::theory::certificate_result`. */
typedef struct cppo_certificate {
  uint64_t size;                   /**< sizeof(cppo_certificate) */
  int32_t certifies;               /**< 1 if the divergences are exact; else |Delta| may exceed `residual` */
  int32_t tightest;                /**< the place of the smallest bound */
  int64_t responses;               /**< those with a valid token */
  int64_t horizon;                 /**< T: the longest response */
  double max_divergence;           /**< largest D_t, as total variation */
  double prefix_average;           /**< the delta_b that would have sufficed */
  double terminal_average;         /**< mean of u_t over t < T */
  double bounds[CPPO_BOUND_KINDS]; /**< by `cppo_bound_name` */
  double residual;                 /**< the smallest: pi is better if the gain exceeds it */
  double surrogate_gain;           /**< L' as measured */
} cppo_certificate;
/** The name of bound `i` of a certificate; null past the last. */
CPPO_C_SHOWN char const *cppo_bound_name(int64_t i);
/** The tightest bound that the divergences of a batch give, as `cppo::theory::certificate`. Reads `certificate->size`
 *  and writes the rest. Returns the code of `status`. */
CPPO_C_SHOWN int32_t cppo_certify(cppo_batch const *batch, cppo_region const *region, int32_t measured, double xi,
                                  cppo_certificate *certificate, cppo_status *status);

#ifdef __cplusplus
}
#endif

#endif
