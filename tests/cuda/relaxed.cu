// Built with --use_fast_math, which no macro shows: the device finds out, and `fetch` says so. Needs a device.
#if defined(CPPO_SINGLE_HEADER)
#define CPPO_USE_CUDA 1
#include CPPO_SINGLE_HEADER
#else
#include <cppo/cppo.hpp>
#include <cppo/execution/cuda.cuh>
#endif

#include <cstdio>

namespace {

template <class Real>
cppo::status outcome(Real* x) {
  for (int i = 0; i < 8; ++i) x[i] = static_cast<Real>(-0.5);
  auto const batch =
      cppo::rollout_batch(cppo::padded(1, 8), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
  cppo::device_workspace memory;
  auto const gpu = cppo::on(nullptr).with_workspace(memory);
  auto const queued = policy_loss(gpu, batch, cppo::ppo(), {.gradient = x + 8});
  return queued.ok() ? fetch(gpu) : queued;
}

}  // namespace

int main() {
  void* memory = nullptr;
  if (cudaError_t const e = cudaMallocManaged(&memory, 16 * sizeof(double)); e != cudaSuccess) {
    std::printf("no device (%s): skipped\n", cudaGetErrorString(e));
    return 77;
  }
  int wrong = 0;
  for (auto const& s : {outcome(static_cast<float*>(memory)), outcome(static_cast<double*>(memory))}) {
    std::puts(s.message());
    wrong += s.code == cppo::status_code::arithmetic_relaxed ? 0 : 1;
  }
  (void)cudaFree(memory);
  return wrong;
}
