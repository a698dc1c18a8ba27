// Measures the device executor as a share of a copy's speed, on the same card in one run. A plain program.
//
//     bench [--json]      times are medians of graph replays; a copy of the same bytes is timed in turn with each call
#include "in_turn.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/cuda.cuh>

#include <cstdio>
#include <cstring>

namespace {

using cppo::index_t;
using cppo_bench::check, cppo_bench::graph_of, cppo_bench::in_turn;

// Log-probs like those of a policy that has moved a little.
__global__ void fill(float* pi, float* mu, float* a, index_t n, index_t width) {
  for (index_t i = blockIdx.x * index_t{blockDim.x} + threadIdx.x; i < n; i += index_t{gridDim.x} * blockDim.x) {
    auto x = static_cast<std::uint32_t>(i) * 2654435761U;
    x ^= x >> 15;
    float const u = static_cast<float>(x >> 8) * 0x1p-24F;
    float const v = static_cast<float>((x * 747796405U) >> 8) * 0x1p-24F;
    mu[i] = -0.01F - 3.0F * u * u;
    pi[i] = fminf(mu[i] + 0.1F * (v - 0.5F), 0.0F);
    a[i] = (i / width) % 2 == 0 ? 1.0F : -0.7F;
  }
}

struct buffers {
  float *pi = nullptr, *mu = nullptr, *a = nullptr, *gradient = nullptr;
  std::uint8_t* mask = nullptr;
  explicit buffers(index_t n, index_t width) {
    auto const bytes = static_cast<std::size_t>(n) * sizeof(float);
    for (float** p : {&pi, &mu, &a, &gradient}) good = good && check(cudaMalloc(p, bytes), "cudaMalloc");
    good = good && check(cudaMalloc(&mask, static_cast<std::size_t>(n)), "cudaMalloc");
    if (good) fill<<<1024, 256>>>(pi, mu, a, n, width);
  }
  buffers(buffers const&) = delete;
  buffers& operator=(buffers const&) = delete;
  ~buffers() {
    for (void* p : {static_cast<void*>(pi), static_cast<void*>(mu), static_cast<void*>(a), static_cast<void*>(gradient),
                    static_cast<void*>(mask)})
      (void)cudaFree(p);
  }
  bool good = true;
};

// What a call and a copy took, in microseconds.
void print_row(char const* name, index_t b, index_t t, double ours, double copy, bool json) {
  double const rate = 17.0 * static_cast<double>(b * t) / ours * 1e-3;
  char const* const form =
      json ? "{\"row\": \"%s\", \"responses\": %lld, \"width\": %lld, \"us\": %.2f, \"copy_us\": %.2f, \"gb_per_s\": "
             "%.1f, \"share\": %.3f}\n"
           : "%-11s %6lld x %-6lld %10.2f us   copy %10.2f us   %7.1f GB/s   %5.1f %% of the copy\n";
  std::printf(form, name, static_cast<long long>(b), static_cast<long long>(t), ours, copy, rate,
              (json ? 1.0 : 100.0) * copy / ours);
  std::fflush(stdout);
}

template <class Region>
bool row(char const* name, Region const& region, index_t b, index_t t, bool json) {
  index_t const n = b * t;
  buffers const data(n, t);
  if (!data.good) return false;
  cudaStream_t stream;
  if (!check(cudaStreamCreate(&stream), "cudaStreamCreate")) return false;
  cppo::device_workspace memory;
  auto const batch = cppo::rollout_batch(cppo::padded(b, t), cppo::log_prob(data.pi), cppo::rollout_log_prob(data.mu),
                                         cppo::advantage(data.a));
  auto const gpu = cppo::on(stream).with_workspace(memory).with_report();
  auto const call = [&] { return policy_loss(gpu, batch, region, {.gradient = data.gradient, .mask = data.mask}); };
  if (auto const s = call(); !s.ok() || !fetch(gpu).ok()) {
    std::fprintf(stderr, "%s: %s\n", name, s.message());
    return false;
  }
  cudaGraphExec_t const run = graph_of(stream, [&] { return call().ok(); });
  if (run == nullptr) return false;
  // 12 bytes of input and 5 of output for each token; a copy moves every byte twice.
  auto const copied = static_cast<std::size_t>(n) * 17 / 2;
  void *from = nullptr, *to = nullptr;
  if (!check(cudaMalloc(&from, copied), "cudaMalloc") || !check(cudaMalloc(&to, copied), "cudaMalloc")) return false;
  auto const [ours, copy] = in_turn(stream, [&] { (void)cudaGraphLaunch(run, stream); },
                                    [&] { (void)cudaMemcpyAsync(to, from, copied, cudaMemcpyDeviceToDevice, stream); });
  print_row(name, b, t, ours, copy, json);
  (void)cudaFree(from), (void)cudaFree(to);
  (void)cudaGraphExecDestroy(run), (void)cudaStreamDestroy(stream);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  bool const json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
  int devices = 0;
  if (cudaError_t const e = cudaGetDeviceCount(&devices); e != cudaSuccess || devices == 0) {
    std::printf("no device (%s): nothing to measure\n", cudaGetErrorString(e));
    return 77;
  }
  cudaDeviceProp device{};
  (void)cudaGetDeviceProperties(&device, 0);
  if (!json) std::printf("%s, with mask, gradient and report; inputs in float\n", device.name);
  bool good = true;
  for (auto const& [b, t] :
       {std::pair<index_t, index_t>{64, 8192}, {8, 32768}, {4096, 128}, {2048, 8192}, {8192, 8192}}) {
    good = row("fixed", cppo::fixed_cppo(), b, t, json) && good;
    good = row("calibrated", cppo::calibrated_cppo(), b, t, json) && good;
  }
  return good ? 0 : 1;
}
