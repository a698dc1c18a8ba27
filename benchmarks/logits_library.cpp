#include "logits_api.hpp"
#include "random_bits.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/logits.hpp>

#include <cstring>

namespace {

using cppo::index_t;

cppo::logit_rows rows_of(bench_logits const& l) {
  if (l.element == bench_logits_float) return cppo::logits(l.ids, static_cast<float const*>(l.logits));
  return cppo::logits(l.ids, static_cast<cppo::bfloat16 const*>(l.logits));
}
cppo::logit_batch_view batch_of(bench_logits const& l) {
  auto batch = cppo::logit_batch(cppo::padded(1, l.rows), rows_of(l), cppo::token_id(l.id));
  if (l.k > 0) batch.add(cppo::top_k_ids(l.k, l.listed));
  return batch;
}
cppo::simd_t executor_of(bench_logits const& l) { return cppo::simd.with_threads(l.threads, 1); }

// Lends an output that is there.
template <class To = cppo::output, class T>
To lend(T* p) {
  return p == nullptr ? To{} : To(p);
}

template <class Element>
void fill(std::int64_t n, std::uint64_t seed, void* logits) {
  bench::random_bits draw{seed};
  auto* const x = static_cast<Element*>(logits);
  for (std::int64_t j = 0; j < n; ++j) x[j] = Element(static_cast<float>(3.0 * draw.normal()));
}

}  // namespace

std::int32_t bench_log_probs(bench_logits const* logits, bench_log_prob_outputs const* outputs, std::int64_t times) {
  bench_log_prob_outputs const& o = *outputs;
  cppo::log_prob_outputs const out{.log_prob = lend(o.log_prob), .listed_log_prob = lend(o.listed),
                                   .log_sum_exp = lend(o.log_sum_exp), .entropy = lend(o.entropy),
                                   .largest_count = o.largest, .largest_id = lend<cppo::id_output>(o.largest_id)};
  cppo::status s;
  for (std::int64_t i = 0; i < times && s.ok(); ++i) s = cppo::log_probs(executor_of(*logits), batch_of(*logits), out);
  return static_cast<std::int32_t>(s.code);
}

std::int32_t bench_logits_gradient(bench_logits const* logits, bench_slopes const* of, void* gradient) {
  cppo::logit_slopes slopes{.slope = of->slope, .log_sum_exp = of->log_sum_exp, .entropy_slope = of->entropy_slope};
  if (of->entropy != nullptr) slopes.entropy = of->entropy;
  auto const write = [&](auto* to) {
    return cppo::logits_gradient(executor_of(*logits), batch_of(*logits), slopes, to).code;
  };
  bool const floats = logits->element == bench_logits_float;
  return static_cast<std::int32_t>(floats ? write(static_cast<float*>(gradient))
                                          : write(static_cast<cppo::bfloat16*>(gradient)));
}

std::int32_t bench_full_divergences(bench_logits const* pi, double const* pi_log_sum_exp, bench_logits const* mu,
                                    double const* mu_log_sum_exp, double* tv, double* kl) {
  cppo::policy_rows const other{.logits = rows_of(*mu), .log_sum_exp = mu_log_sum_exp};
  cppo::status const s = cppo::full_divergences(executor_of(*pi), batch_of(*pi), pi_log_sum_exp, other,
                                                {.tv = lend(tv), .kl = lend(kl)});
  return static_cast<std::int32_t>(s.code);
}

void bench_fill_logits(std::int32_t element, std::int64_t n, std::uint64_t seed, void* logits) {
  if (element == bench_logits_float) fill<float>(n, seed, logits);
  else fill<cppo::bfloat16>(n, seed, logits);
}

std::int64_t bench_read_bytes(void const* from, std::int64_t n) {
  constexpr int registers = 8;
  using words = xsimd::batch<std::int32_t>;
  auto const* const data = static_cast<char const*>(from);
  auto const width = static_cast<std::int64_t>(sizeof(words));
  words sum[registers];
  for (words& s : sum) s = words(0);
  for (std::int64_t i = 0; i + registers * width <= n; i += registers * width) {
    for (int r = 0; r < registers; ++r)
      sum[r] = sum[r] + words::load_unaligned(reinterpret_cast<std::int32_t const*>(data + i + r * width));
  }
  for (int r = 1; r < registers; ++r) sum[0] = sum[0] + sum[r];
  std::int32_t lanes[words::size];
  sum[0].store_unaligned(lanes);
  return lanes[0];
}

void bench_copy_bytes(void* to, void const* from, std::int64_t n) {
  cppo::detail::stream_bytes(to, from, static_cast<std::size_t>(n));
  cppo::detail::end_of_stream();
}
