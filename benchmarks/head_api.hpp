// The functions of a library of the loss from a linear head, built for one instruction set. Plain C, as bench_api.hpp.
#pragma once

#include "bench_api.hpp"

extern "C" {

// A padded batch [responses, width] and a head whose products are Eigen's: hidden states [N, hidden], N = responses x
// width, a weight [hidden, ids], and a slab of so many rows. All float.
struct bench_head {
  std::int64_t responses, width, hidden, ids, slab_rows;
  std::int32_t once;  // 0: head_forward::checked_first, 1: head_forward::once
  float *hidden_states, *weight, *hidden_gradient, *weight_gradient, *slab;
  std::int64_t* id;
  float *rollout_log_prob, *advantage;
  bool* response_mask;
};

// What a call asked of the head, rows and products.
struct bench_head_work {
  std::int64_t logits_rows, gradient_rows, products;
};

// Fills hidden states, weight, ids, advantages and the log-probs of the rollout, near those of the head, for the
// response mask that is lent. Returns 0 or the status code of the call that found log-probs.
std::int32_t bench_fill_head(bench_head const* head, std::uint64_t seed);

// policy_loss_from_head under fixed CPPO; gradients are added up. Returns 0 or the status code.
std::int32_t bench_head_loss(bench_head const* head);

// Remembers each product that the call asks for, under the number that is returned; below 0: the call failed.
std::int64_t bench_head_record(bench_head const* head, bench_head_work* work);
// Those products alone, in the same order on the same memory.
void bench_head_products(bench_head const* head, std::int64_t recorded);
}
