// The functions of a library of all named rules, built for one instruction set. Plain C, as bench_api.hpp.
#pragma once

#include "../bench_api.hpp"

extern "C" {

enum bench_element : std::int32_t { bench_float, bench_bfloat16 };

// What a call is lent. All numbers have the same element type; outputs are float and bytes.
struct bench_inputs {
  std::int64_t responses;
  std::int64_t width;              // padded; ignored where cu_seqlens is lent
  std::int32_t const* cu_seqlens;  // packed, responses + 1 of them; null: padded
  std::int32_t element;
  void const *log_prob, *rollout_log_prob, *advantage;
  std::uint8_t const* response_mask;  // null: every slot is a token
  void const* divergence;             // null: not lent
  std::int64_t k;                     // length of the lists; 0: none are lent
  std::int64_t const *sampled, *ids;
  void const *list_log_prob, *list_rollout_log_prob;
  void const *entropy, *reference_log_prob;  // null: not lent
  double normalizer;                         // tokens, or responses where their means are averaged
};

// What a rule reads beside log-probs and advantages.
enum bench_reads : std::int32_t {
  bench_reads_nothing,
  bench_reads_divergence,
  bench_reads_lists,
  bench_reads_entropy,
  bench_reads_reference
};
// Trust regions with the loss -A rho M, or the rules of cppo/rules.hpp.
enum bench_family : std::int32_t { bench_regions, bench_field };

struct bench_rule_info {
  char const* region;      // a name of this benchmark's
  char const* divergence;  // as in cppo::divergence_names()
  std::int32_t reads;      // bench_reads
  double delta, delta_b, w_min;
  std::int32_t family;                    // bench_family
  std::int32_t levels;                    // passes for folds, before tokens are decided
  std::int32_t averages_response_means;  // 1: seq_mean_token_mean, 0: token_mean
};

// The rules, from 0; null behind the last.
bench_rule_info const* bench_rule_at(std::int32_t rule);
// Gradient, mask and report of a batch, by `simd` on one thread. Returns 0 or the status code of the call.
std::int32_t bench_run_rule(std::int32_t rule, bench_inputs const* inputs, bench_outputs const* outputs,
                            bench_outcome* outcome);
// The names of cppo::divergence_names(); null behind the last.
char const* bench_divergence_name(std::int32_t i);
// The weights of "cppo_shuffled" in a response of n tokens.
void bench_shuffled_weights(std::int64_t n, double w_min, float* weights);

// Reads every byte that a call is lent and writes its outputs, with next to no arithmetic.
void bench_rule_twin(std::int64_t n, bench_inputs const* inputs, bench_outputs const* outputs);

struct bench_lists {
  std::int64_t k;
  std::int64_t *sampled, *ids;
  float *log_prob, *rollout_log_prob;
};
// Lists of n tokens: nine in ten hold the sampled token, with its log-probs, and both policies' mass is below 1.
void bench_fill_lists(std::int64_t n, std::uint64_t seed, double spread, bench_data const* data,
                      bench_lists const* lists);
// |pi - mu| of n tokens.
void bench_fill_divergence(std::int64_t n, bench_data const* data, float* divergence);
// Entropies of n tokens, and a reference policy whose log-probs have the given spread around those of the rollout.
void bench_fill_more(std::int64_t n, std::uint64_t seed, double spread, bench_data const* data, float* entropy,
                     float* reference_log_prob);
// Each number rounded to the nearest bfloat16.
void bench_to_bfloat16(std::int64_t n, float const* from, std::uint16_t* to);
}
