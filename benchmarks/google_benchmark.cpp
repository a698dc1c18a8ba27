// The kernel alone under Google Benchmark, for profiling and `--benchmark_filter`. It runs one thing after the other;
// ratios come from ./run bench, which alternates.
#include "bench_api.hpp"

#include <vector>

#include <benchmark/benchmark.h>

namespace {

void policy_loss(benchmark::State& state, bench_rule rule) {
  auto const length = static_cast<std::int64_t>(state.range(0)), tokens = std::int64_t{1} << 16;
  auto const n = static_cast<std::size_t>(tokens);
  std::vector<float> log_prob(n), rollout(n), advantage(n), gradient(n);
  std::vector<std::uint8_t> valid(n, 1), mask(n);
  bench_data const data{log_prob.data(), rollout.data(), advantage.data()};
  bench_fill(tokens, 1, 0.029, &data);
  bench_fill_mask(tokens, 2, state.range(1) == 0 ? 0.0 : 0.1, valid.data());
  bench_batch const batch{tokens / length, length,           nullptr,     log_prob.data(),
                          rollout.data(),  advantage.data(), valid.data()};
  bench_parameters const parameters{0.15, rule == bench_calibrated ? 0.020 : 0.015, 0.8, static_cast<double>(tokens)};
  bench_outputs const outputs{gradient.data(), mask.data()};
  for (auto _ : state) {
    bench_outcome outcome;
    if (bench_policy_loss(rule, 1, &batch, &parameters, &outputs, &outcome) != 0)
      state.SkipWithError("the call failed");
    benchmark::DoNotOptimize(outcome);
  }
  state.SetItemsProcessed(state.iterations() * tokens);
}

}  // namespace

BENCHMARK_CAPTURE(policy_loss, fixed, bench_fixed)->ArgNames({"T", "holes"})->ArgsProduct({{64, 1024, 8192}, {0, 1}});
BENCHMARK_CAPTURE(policy_loss, calibrated, bench_calibrated)
    ->ArgNames({"T", "holes"})
    ->ArgsProduct({{64, 1024, 8192}, {0, 1}});

BENCHMARK_MAIN();
