// Times on a device: medians of two things that are timed in turn, so that both see the same clock.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace cppo_bench {

inline bool check(cudaError_t e, char const* what) {
  if (e != cudaSuccess) std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(e));
  return e == cudaSuccess;
}

// The median microseconds of two things that are timed in turn.
template <class F, class G>
std::pair<double, double> in_turn(cudaStream_t stream, F const& one, G const& other) {
  constexpr int rounds = 31;
  std::vector<double> times[2];
  cudaEvent_t from, to;
  (void)cudaEventCreate(&from), (void)cudaEventCreate(&to);
  auto const time = [&](auto const& f, std::vector<double>& into) {
    (void)cudaEventRecord(from, stream);
    f();
    (void)cudaEventRecord(to, stream);
    (void)cudaEventSynchronize(to);
    float ms = 0.0F;
    (void)cudaEventElapsedTime(&ms, from, to);
    into.push_back(1000.0 * static_cast<double>(ms));
  };
  for (int k = 0; k < rounds; ++k) time(one, times[0]), time(other, times[1]);
  (void)cudaEventDestroy(from), (void)cudaEventDestroy(to);
  for (auto& t : times) std::sort(t.begin(), t.end());
  return {times[0][rounds / 2], times[1][rounds / 2]};
}

// The graph of what queue() puts into a stream; null if it is not ok.
template <class F>
cudaGraphExec_t graph_of(cudaStream_t stream, F const& queue) {
  cudaGraph_t graph;
  cudaGraphExec_t run;
  (void)cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  bool const queued = queue();
  if (!check(cudaStreamEndCapture(stream, &graph), "capture") || !queued) return nullptr;
  if (!check(cudaGraphInstantiate(&run, graph, 0), "instantiate")) return nullptr;
  (void)cudaGraphDestroy(graph);
  return run;
}

}  // namespace cppo_bench
