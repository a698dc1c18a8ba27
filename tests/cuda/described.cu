// Regions that are data, on a device: what a program that reads its region runs. Compares with seq, as equality does.
//
//     described [--quick]
#pragma GCC diagnostic ignored "-Warray-bounds"  // g++ at -O1 sees what no caller does
#include "equality.hpp"

#include <cppo/described.hpp>

#include <cstdio>
#include <cstring>

namespace {

using namespace cppo_test;

// Every clause, operator, weight, budget and gate there is, in usual shapes and in others.
constexpr char const* texts[] = {
    "fixed_cppo(delta = 0.1, delta_b = 0.02)",
    "calibrated_cppo(delta = 0.1, delta_b = 0.01, divergence = binary_kl)",
    "softened(calibrated_cppo(delta = 0.05), reciprocal_gate)",
    "ppo(epsilon_high = 0.28)",
    "reporting(ppo(), binary_tv)",
    "dppo(delta_low = 0.05, delta_high = 0.1, divergence = k3)",
    "trm_max(delta = 0.2)",
    "trm_mean(delta = 0.02)",
    "trust_region(binary_tv, permuted(linear_weight(0.5), 7), toward_rollout | prefix_budget(0.1, 0.02))",
    "trust_region(binary_tv, reversed(linear_weight(0.5)), toward_rollout | prefix_budget(0.1, 0.02))",
    "trust_region(k1, linear_weight(0.5), !prefix_budget(0.1, 0.02) | divergence_within(0.05) & ratio_within(0.9, 2))",
    "softened(trust_region(binary_tv, uniform_weight, !(keep_none | divergence_within(0.05, 0.1)) & keep_all), "
    "reciprocal_gate)",
};

// The first difference from seq.
template <class T>
std::string compare(char const* text) {
  cppo::parsed_region const read = cppo::parse_region(text);
  if (!read) return std::string(read.error.c_str());
  for (std::uint64_t seed = 0; seed < (quick ? 3U : 60U); ++seed) {
    std::string const wrong = compare_one(generate<T>(seed), read.region, seed);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("there is no CUDA device: skipped\n");
    return 77;
  }
  int failed = 0;
  for (char const* text : texts) {
    std::string wrong = compare<float>(text);
    if (wrong.empty()) wrong = compare<double>(text);
    std::printf("%s: %s\n", text, wrong.empty() ? "ok" : wrong.c_str());
    failed += wrong.empty() ? 0 : 1;
  }
  return failed == 0 ? 0 : 1;
}
