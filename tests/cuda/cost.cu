// One call on a device, for the interpreter to count: cost.py runs it for each of its cases.
//
//     cost                                     prints the cases
//     cost fixed|calibrated|top_k report|bare RESPONSES WIDTH
#include <cppo/cppo.hpp>
#include <cppo/execution/cuda.cuh>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using cppo::index_t;
constexpr index_t listed = 8;  // K, the length of a list

// Memory of the device with what the host has made.
template <class T>
T* there(std::vector<T> const& from) {
  void* p = nullptr;
  if (cudaMalloc(&p, from.size() * sizeof(T)) != cudaSuccess) return nullptr;
  auto const copied = cudaMemcpy(p, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice);
  return copied == cudaSuccess ? static_cast<T*>(p) : nullptr;
}

// Inputs as in benchmarks/cuda/bench.cu: log-probs like those of a policy that has moved a little. In lists the sampled
// token is the first, in every second one.
struct inputs {
  std::vector<float> pi, mu, a, listed_pi, listed_mu;
  std::vector<std::int64_t> sampled, ids;
  inputs(index_t n, index_t width, bool lists) {
    for (index_t i = 0; i < n; ++i) {
      auto x = static_cast<std::uint32_t>(i) * 2654435761U;
      x ^= x >> 15;
      float const u = static_cast<float>(x >> 8) * 0x1p-24F, v = static_cast<float>((x * 747796405U) >> 8) * 0x1p-24F;
      mu.push_back(-0.01F - 3.0F * u * u);
      pi.push_back(std::min(mu.back() + 0.1F * (v - 0.5F), 0.0F));
      a.push_back((i / width) % 2 == 0 ? 1.0F : -0.7F);
      if (lists) add_list(i, v);
    }
  }
  void add_list(index_t i, float v) {
    sampled.push_back(i % 2 == 0 ? 0 : 1000);
    for (index_t j = 0; j < listed; ++j) {
      ids.push_back(j);
      listed_mu.push_back(i % 2 == 0 && j == 0 ? mu.back() : -2.5F - 0.5F * static_cast<float>(j));
      listed_pi.push_back(i % 2 == 0 && j == 0 ? pi.back() : listed_mu.back() + 0.1F * (v - 0.5F));
    }
  }
};

// What bench.cu asks for: gradient and mask; with a report, or without.
template <class Batch, class Region>
int call(Batch const& batch, Region const& region, index_t n, bool report) {
  cppo::device_workspace memory;
  auto const bare = cppo::on(nullptr).with_workspace(memory);
  auto const gpu = report ? bare.with_report() : bare;
  float* const gradient = there(std::vector<float>(static_cast<std::size_t>(n)));
  std::uint8_t* const mask = there(std::vector<std::uint8_t>(static_cast<std::size_t>(n)));
  auto s = policy_loss(gpu, batch, region, {.gradient = gradient, .mask = mask});
  if (s.ok()) s = fetch(gpu);
  if (!s.ok()) std::printf("%s\n", s.message());
  return s.ok() ? 0 : 1;
}

int run(std::string_view row, index_t b, index_t t, bool report) {
  index_t const n = b * t;
  inputs const in(n, t, row == "top_k");
  auto const shape = cppo::padded(b, t);
  auto const pi = cppo::log_prob(there(in.pi));
  auto const mu = cppo::rollout_log_prob(there(in.mu));
  auto const a = cppo::advantage(there(in.a));
  if (row == "fixed") return call(cppo::rollout_batch(shape, pi, mu, a), cppo::fixed_cppo(), n, report);
  if (row == "calibrated") return call(cppo::rollout_batch(shape, pi, mu, a), cppo::calibrated_cppo(), n, report);
  auto const lists = cppo::top_k(listed, there(in.ids), there(in.listed_pi), there(in.listed_mu));
  auto const batch = cppo::rollout_batch(shape, pi, mu, a, cppo::token_id(there(in.sampled)), lists);
  return call(batch, cppo::fixed_cppo({}, cppo::top_k_tv), n, report);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5) return run(argv[1], std::atoll(argv[3]), std::atoll(argv[4]), argv[2] == std::string_view("report"));
  // For warps, for blocks, and for clusters, where there are few responses for a kernel that can be run by them.
  for (char const* const row : {"fixed", "calibrated", "top_k"}) {
    for (char const* const kept : {"report", "bare"}) {
      for (char const* const shape : {"128 128", "32 512", "2 8192"}) std::printf("%s %s %s\n", row, kept, shape);
    }
  }
  return 0;
}
