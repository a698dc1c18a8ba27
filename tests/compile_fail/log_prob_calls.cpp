// expect: log_probs and find_logits begin with an executor of this host: cppo::seq, or cppo::simd
// expect: file that nvcc compiles with cppo::on(stream), by <cppo/logits/cuda.cuh>
// expect: the second argument of log_probs and find_logits is a batch, as cppo::logit_batch(...) makes it
// expect: logits(V, x) takes float, cppo::half or cppo::bfloat16
// expect: logit_batch takes a layout, logits(V, x), and then token_id(y), response_mask(m) and top_k_ids(k, ids)
// expect: top_k_ids(k, ids) takes ids: lend integers
// expect: logit_batch takes each input once
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

float x[4];
double wide[4];
int ids[4];
auto const batch = cppo::logit_batch(cppo::padded(1, 1), cppo::logits(4, x));
auto const a = cppo::log_probs(cppo::simd, batch, {});
auto const b = cppo::log_probs(batch, cppo::seq, {});
auto const c = cppo::log_probs(cppo::seq, x, {.log_prob = x});
auto const d = cppo::logits(4, wide);
auto const e = cppo::logit_batch(cppo::padded(1, 1), cppo::logits(4, x), ids);
auto const f = cppo::logit_batch(cppo::logits(4, x), cppo::padded(1, 1));
auto const g = cppo::top_k_ids(4, x);
auto const h = cppo::logit_batch(cppo::padded(1, 1), cppo::logits(4, x), cppo::token_id(ids), cppo::token_id(ids));
