#include "bench_api.hpp"
#include "user_parts.hpp"

#include <cppo/cppo.hpp>

namespace {

template <class Batch, class Region>
std::int32_t call(std::int32_t threads, Batch const& batch, Region const& region, bench_parameters const& p,
                  bench_outputs const& o, bench_outcome& outcome) {
  cppo::report r;
  cppo::loss_outputs const outputs{.gradient = o.gradient, .mask = o.mask, .report = &r};
  cppo::loss_options const options{.aggregate = cppo::token_mean, .normalizer = p.normalizer};
  static thread_local cppo::workspace memory;  // as a trainer keeps one
  auto const simd = cppo::simd.with_threads(threads).with_workspace(memory);
  cppo::status const s = threads == 0 ? cppo::policy_loss(cppo::seq, batch, region, outputs, options)
                                      : cppo::policy_loss(simd, batch, region, outputs, options);
  outcome = {r.loss(), r.mean_delta_b(), r.counts.tokens, r.kept, r.masked_budget};
  return s.ok() ? 0 : 1 + static_cast<std::int32_t>(s.code);
}

template <class Batch>
std::int32_t choose(std::int32_t rule, std::int32_t threads, Batch const& batch, bench_parameters const& p,
                    bench_outputs const& o, bench_outcome& outcome) {
  cppo::cppo_options const options{.delta = p.delta, .delta_b = p.delta_b, .w_min = p.w_min};
  switch (rule) {
  case bench_fixed: return call(threads, batch, cppo::fixed_cppo(options), p, o, outcome);
  case bench_calibrated:
    return call(threads, batch, cppo::calibrated_cppo({.delta = p.delta, .delta_b = p.delta_b, .w_min = p.w_min}), p, o,
                outcome);
  case bench_composed:
    return call(threads, batch, user::cppo_in_parts(options, user::shared_exponential_tv{}), p, o, outcome);
  case bench_composed_textbook:
    return call(threads, batch, user::cppo_in_parts(options, user::textbook_tv{}), p, o, outcome);
  default: return -1;
  }
}

}  // namespace

std::int32_t bench_policy_loss(std::int32_t rule, std::int32_t threads, bench_batch const* b, bench_parameters const* p,
                               bench_outputs const* o, bench_outcome* outcome) {
  using namespace cppo;
  layout const shape = b->cu_seqlens != nullptr
                           ? packed(b->cu_seqlens, static_cast<index_t>(b->responses))
                           : padded(static_cast<index_t>(b->responses), static_cast<index_t>(b->width));
  auto const run = [&](auto const&... mask) {
    auto const batch = rollout_batch(shape, log_prob(b->log_prob), rollout_log_prob(b->rollout_log_prob),
                                     advantage(b->advantage), mask...);
    return choose(rule, threads, batch, *p, *o, *outcome);
  };
  return b->response_mask != nullptr ? run(response_mask(b->response_mask)) : run();
}

// The benchmarks' CMake sets these macros.
char const* bench_instruction_set() { return BENCH_ISA; }
char const* bench_compiler() { return BENCH_COMPILER; }
char const* bench_flags() { return BENCH_FLAGS; }
