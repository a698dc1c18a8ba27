// The functions of a library built for one instruction set. They are plain C, so that Python's ctypes can call them
// too.
#pragma once

#include <cstdint>

extern "C" {

struct bench_batch {
  std::int64_t responses;
  std::int64_t width;              // padded; ignored where cu_seqlens is lent
  std::int32_t const* cu_seqlens;  // packed, responses + 1 of them; null: padded
  float const* log_prob;
  float const* rollout_log_prob;
  float const* advantage;
  std::uint8_t const* response_mask;  // null: every slot is a token
};

enum bench_rule : std::int32_t {
  bench_fixed,              // cppo::fixed_cppo
  bench_calibrated,         // cppo::calibrated_cppo
  bench_composed,           // the same rule in parts written by a user; D from the token's shared exponential
  bench_composed_textbook,  // the same with D = |pi - mu| as the paper writes it
};

struct bench_parameters {
  double delta, delta_b, w_min;
  double normalizer;
};

struct bench_outputs {
  float* gradient;
  std::uint8_t* mask;
};

struct bench_outcome {
  double loss, mean_delta_b;
  std::int64_t tokens, kept, masked_budget;
};

// Computes mask, gradient and report of a batch; threads = 0 runs `seq`. Returns 0 or the status code of the call.
std::int32_t bench_policy_loss(std::int32_t rule, std::int32_t threads, bench_batch const* batch,
                               bench_parameters const* parameters, bench_outputs const* outputs,
                               bench_outcome* outcome);

enum bench_quantile_method : std::int32_t {
  bench_nth_element,       // std::nth_element, the minimum of the rest, clamp: without cppo
  bench_library_quantile,  // cppo::quantile, clamp
  bench_clamped_quantile,  // clamped_quantile_under_test
};

// clamp(quantile_q, lo, hi) of each of `rows` rows of n values, which are not changed. `scratch` holds n floats.
void bench_quantiles(std::int32_t method, float const* values, std::int64_t rows, std::int64_t n, double q, double lo,
                     double hi, float* scratch, double* out);

// Reads and writes the same streams as a call, with next to no arithmetic: the bound that memory sets.
void bench_twin(std::int64_t n, bench_batch const* batch, bench_outputs const* outputs, std::int32_t non_temporal);

// One xsimd::exp per element, `passes` times over n floats.
void bench_exp(float const* in, float* out, std::int64_t n, std::int64_t passes);

struct bench_data {
  float* log_prob;
  float* rollout_log_prob;
  float* advantage;
};

// Random tokens whose drift has the given spread; the same for the same seed.
void bench_fill(std::int64_t n, std::uint64_t seed, double spread, bench_data const* data);
// 1, or 0 with the given probability.
void bench_fill_mask(std::int64_t n, std::uint64_t seed, double holes, std::uint8_t* mask);

char const* bench_instruction_set();
std::int32_t bench_lanes();
char const* bench_compiler();
char const* bench_flags();
}
