// A region of your own, written once, on seq, simd and a GPU: the same bits. For nvcc; without a device it says so.
#include <cppo/cppo.hpp>
#include <cppo/execution/cuda.cuh>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <vector>

// Keeps tokens whose ratio is near 1, and late ones whatever it is.
struct near_or_late {
  float width;
  int late;
  template <class V>
  CPPO_HOST_DEVICE constexpr auto operator()(cppo::token<V> const& t) const {
    V const rho = t.ratio();
    return ((rho >= V(1) - V(width)) & (rho <= V(1) + V(width))) | (t.at().value() >= V(late));
  }
};

int main() {
  using namespace cppo;
  index_t const responses = 16, width = 1024;
  auto const n = static_cast<std::size_t>(responses * width);
  std::vector<float> pi(n), mu(n), advantages(n);
  for (std::size_t i = 0; i < n; ++i) {
    mu[i] = -0.05F - static_cast<float>(i * 7919 % 1000) / 500.0F;
    pi[i] = mu[i] + (static_cast<float>(i % 11) - 5.0F) / 120.0F;
    advantages[i] = i / 1024 % 2 == 0 ? 1.0F : -0.5F;
  }

  // One value, close to CPPO: the paper's prefix budget, and the struct above instead of its threshold.
  auto const region = trust_region(binary_tv, linear_weight(0.8),
                                    toward_rollout | (near_or_late{0.03F, 900} & prefix_budget(0.15, 0.002)));

  auto const lend = [&](float const* p, float const* m, float const* a) {
    return rollout_batch(padded(responses, width), log_prob(p), rollout_log_prob(m), advantage(a));
  };
  auto const batch = lend(pi.data(), mu.data(), advantages.data());
  std::vector<std::uint8_t> plain(n), fast(n), there(n);
  report on_seq, on_gpu;
  status const first = policy_loss(seq, batch, region, {.mask = plain, .report = &on_seq});
  assert(first.ok());
#if defined(CPPO_USE_XSIMD) && !defined(__CUDA_ARCH__)
  status const second = policy_loss(simd, batch, region, {.mask = fast});
  assert(second.ok() && fast == plain);
#endif
  std::printf("seq and simd keep %lld of %zu tokens\n", static_cast<long long>(on_seq.kept), n);

  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no device here: the GPU's turn is left out\n");
    return 0;
  }
  // Device memory as a trainer has it already; here it is copied there first.
  float* buffers[3];
  std::uint8_t* mask = nullptr;
  std::vector<float> const* const inputs[3] = {&pi, &mu, &advantages};
  for (int k = 0; k < 3; ++k) {
    cudaMalloc(&buffers[k], n * sizeof(float));
    cudaMemcpy(buffers[k], inputs[k]->data(), n * sizeof(float), cudaMemcpyHostToDevice);
  }
  cudaMalloc(&mask, n);
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  device_workspace memory;
  auto const gpu = on(stream).with_workspace(memory).with_report();
  status const queued = policy_loss(gpu, lend(buffers[0], buffers[1], buffers[2]), region, {.mask = mask});
  status const done = queued.ok() ? fetch(gpu, &on_gpu) : queued;
  cudaMemcpy(there.data(), mask, n, cudaMemcpyDeviceToHost);
  std::printf("the GPU keeps %lld; %s\n", static_cast<long long>(on_gpu.kept), done.message());
  assert(done.ok() && there == plain && on_gpu.kept == on_seq.kept && on_gpu.loss() == on_seq.loss());
  for (float* p : buffers) cudaFree(p);
  cudaFree(mask);
  cudaStreamDestroy(stream);
}
