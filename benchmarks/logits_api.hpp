// The functions of a library of passes over logits, built for one instruction set. Plain C, as bench_api.hpp.
#pragma once

#include "bench_api.hpp"

extern "C" {

enum bench_logit_element : std::int32_t { bench_logits_float, bench_logits_bfloat16 };

// Logits [rows, ids], dense, and what a call is lent beside them.
struct bench_logits {
  std::int64_t rows, ids;
  std::int32_t element;  // bench_logit_element
  std::int32_t threads;
  void const* logits;
  std::int64_t const* id;  // the sampled id of each row
  std::int64_t k;          // 0: no ids are listed
  std::int64_t const* listed;
};

// What `log_probs` writes; null, and 0 largest, where it is not asked for.
struct bench_log_prob_outputs {
  float *log_prob, *listed, *entropy;
  double* log_sum_exp;
  std::int64_t largest;
  std::int64_t* largest_id;
};
// Calls it so many times. These return 0 or the status code of the call.
std::int32_t bench_log_probs(bench_logits const* logits, bench_log_prob_outputs const* outputs, std::int64_t times);

// The gradient, in elements as the logits are, from slopes of log-probs and, if it is not 0, of entropies.
struct bench_slopes {
  double const *slope, *log_sum_exp;
  float const* entropy;
  double entropy_slope;
};
std::int32_t bench_logits_gradient(bench_logits const* logits, bench_slopes const* of, void* gradient);

// TV and, if it is not null, KL of the policies of two such rows.
std::int32_t bench_full_divergences(bench_logits const* pi, double const* pi_log_sum_exp, bench_logits const* mu,
                                    double const* mu_log_sum_exp, double* tv, double* kl);

// Logits as a model has them, about normal with a spread of 3; the same for the same seed.
void bench_fill_logits(std::int32_t element, std::int64_t n, std::uint64_t seed, void* logits);

// The bounds that memory sets: reads n bytes; copies n bytes past the caches, where the target can.
std::int64_t bench_read_bytes(void const* from, std::int64_t n);
void bench_copy_bytes(void* to, void const* from, std::int64_t n);
}
