// Includes the headers with executors in one order, CPPO_FIRST to CPPO_FIFTH. The units rotate it, so that each header
// comes first once and before every other one. Every executor is then asked for what it answers itself.
#include CPPO_FIRST
#include CPPO_SECOND
#include CPPO_THIRD
#include CPPO_FOURTH
#include CPPO_FIFTH

#include "in_place_of_kernels.hpp"

#include <cfenv>
#include <vector>

namespace {

using cppo::argument, cppo::status_code;

// An executor declared after everything, whose answers no host gives.
struct elsewhere : cppo::host_executor<elsewhere> {
  template <class Real>
  cppo::status check_memory(cppo::rollout_batch_view<Real> const& batch, cppo::loss_outputs const&,
                            cppo::loss_options const&) const {
    return batch.shape().responses() == 1 ? cppo::status{status_code::not_device_memory, argument::mask}
                                          : cppo::status{};
  }
  template <class Real>
  bool arithmetic_holds(cppo::detail::checked_call<Real> const& t) const {
    return t.batch.shape().responses() != 2;
  }
  template <class Real>
  cppo::index_t count_tokens(cppo::detail::checked_call<Real> const&, cppo::index_t) const {
    return 2;
  }
  template <class Real, class Region>
  cppo::detail::outcome_fold execute(cppo::detail::task<Real, Region> const& t) const {
    return cppo::seq.execute(t);
  }
};

static_assert(cppo::executor<elsewhere> && cppo::executor<cppo::cuda_t>);
static_assert(cppo::executor<cppo::seq_t> && cppo::executor<cppo::simd_t>);

std::vector<float> const x(12, -0.5F), ones(12, 1.0F);

template <class Executor>
cppo::status call(Executor const& executor, cppo::index_t responses, float* gradient) {
  auto const batch = cppo::rollout_batch(cppo::padded(responses, 12 / responses), cppo::log_prob(x),
                                         cppo::rollout_log_prob(x), cppo::advantage(ones));
  return policy_loss(executor, batch, cppo::ppo(), {.gradient = gradient}, {.aggregate = cppo::token_mean});
}
template <class Executor>
float gradient_of(Executor const& executor) {
  float g[12] = {};
  return call(executor, 3, g).ok() ? g[11] : 0.0F;
}

// On a device all of the batch must lie where it reads.
bool host_memory_is_refused() {
  float g[12] = {};
  cppo::status const s = call(cppo::on(nullptr), 3, g);
  return s.code == status_code::not_device_memory && s.where == argument::log_prob;
}
bool device_offsets_are_taken() {
  void* memory = nullptr;
  if (cudaMallocAsync(&memory, 64, nullptr) != cudaSuccess) return false;
  auto* const offsets = new (memory) std::int64_t[2]{0, 0};
  float const* const none = nullptr;
  auto const batch = cppo::rollout_batch(cppo::packed_on_device(offsets, 1, 0), cppo::log_prob(none),
                                         cppo::rollout_log_prob(none), cppo::advantage(none));
  bool const there = policy_loss(cppo::on(nullptr), batch, cppo::ppo(), {}).ok();
  bool const here = policy_loss(cppo::seq, batch, cppo::ppo(), {}).code == status_code::executor_unavailable;
  (void)cudaFree(memory);
  return there && here;
}
bool registers_are_asked() {
  float g[12] = {};
  std::fesetround(FE_UPWARD);
  cppo::status const s = call(cppo::simd, 3, g);
  std::fesetround(FE_TONEAREST);
  return s.code == status_code::arithmetic_relaxed;
}
bool one_of_ones_own_is_asked() {
  float g[12] = {};
  bool const memory = call(elsewhere{}, 1, g).where == argument::mask;
  bool const arithmetic = call(elsewhere{}, 2, g).code == status_code::arithmetic_relaxed;
  return memory && arithmetic && call(elsewhere{}, 3, g).ok() &&
         g[0] == -1.0F / 6.0F;  // 3 responses of 2 tokens, it says
}

}  // namespace

// What is wrong in this order, null if nothing is.
char const* CPPO_UNIT() {
  float const want = gradient_of(cppo::seq);
  if (want != -1.0F / 12.0F) return "seq";
  if (gradient_of(cppo::simd) != want || !registers_are_asked()) return "simd";
  if (gradient_of(cppo::testing::kernel_bodies<4>{}) != want) return "kernel bodies";
  if (!host_memory_is_refused() || !device_offsets_are_taken()) return "the device";
  if (gradient_of(cppo::testing::on_copies{}) != want) return "copies on the device";
  return one_of_ones_own_is_asked() ? nullptr : "an executor of one's own";
}
