/// @file
/// The kernels, which run the steps of a call (execution/block/call.hpp) on a device.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/arithmetic.hpp>
#include <cppo/execution/cuda/collectives.cuh>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The number of threads of a block that works on a response: as many as its shared memory has room for.
template <class Real>
inline constexpr int threads_per_response = sizeof(Real) == 4 ? 256 : 128;
inline constexpr int warps_per_block = 4, blocks_per_cluster = 4;
inline constexpr int threads_for_steps = 256;

/// Index of the first element of a response, on the packed axis or in its row; 0 if it is padded.
CPPO_HOST_DEVICE inline index_t first_element(layout const& l, index_t b) noexcept {
  return l.is_packed() ? l.begin(b) : b * l.width();
}

/// A call on a device, and from where its responses are taken.
template <class Real, class Region>
struct device_call {
  task<Real, Region> t;
  call_memory<Real> m;
  bool clusters;  ///< true if the longest responses go to clusters of blocks
  bool follows;   ///< true if a call before it in the stream may refuse it

  CPPO_HOST_DEVICE bool refused() const noexcept {
    return (t.needs_sweep() || t.batch.shape().is_packed() || follows) && !m.state->refused.ok();
  }
};

/// What a kernel does with responses.
enum class pass : std::uint8_t { count, usual, any };

#if defined(__CUDACC__)

/// A block of threads takes one response after the other and calls `body(b)`.
template <team Who, class Block, class Real, class Region, class F>
__device__ void each_response(device_call<Real, Region> const& call, Block const& block, std::uint32_t& taken,
                              int worker, int workers, pass how, F const& body) {
  layout const& l = call.t.batch.shape();
  if (!l.is_packed()) {
    for (index_t b = worker; b < l.responses(); b += workers) body(b);
    return;
  }
  // Responses are taken longest first by whoever is free. A count of the batch takes them in turn.
  call_state& s = *call.m.state;
  index_t const for_clusters = call.clusters ? s.for_clusters : 0;
  index_t const first = Who == team::cluster ? 0 : Who == team::block ? for_clusters : s.not_for_warps;
  index_t const last = Who == team::cluster ? for_clusters : Who == team::block ? s.not_for_warps : l.responses();
  if (how == pass::count) {
    for (index_t k = first + worker; k < last; k += workers) body(call.m.order[k]);
    return;
  }
  for (;;) {
    block.each([&](int th) {
      if (th == 0) taken = atomicAdd(&s.taken[static_cast<int>(Who)], 1U);
    });
    index_t const k = first + taken;
    if (k >= last) return;
    block.each([](int) {});  // all have read it
    body(call.m.order[k]);
  }
}

template <class Real, class Region>
__global__ void __launch_bounds__(threads_for_steps)
    prepare_kernel(__grid_constant__ device_call<Real, Region> const call) {
  using block = cuda_block<threads_for_steps>;
  __shared__ typename block::storage collectives;
  __shared__ std::uint32_t buckets[64];
  block threads(collectives);
  prepare_call(threads, buckets, call.t, call.m);
}
/// Refuses the call if the one before it, which finds its log-probs in logits, was refused. One thread does.
template <class Real, class Region>
__global__ void follow_kernel(__grid_constant__ device_call<Real, Region> const call, call_state const* before) {
  call.m.state->of_logits = true;
  if (!before->refused.ok()) call.m.state->refused = before->refused;
}
template <class Real, class Region>
__global__ void __launch_bounds__(threads_for_steps)
    conclude_kernel(__grid_constant__ device_call<Real, Region> const call) {
  using block = cuda_block<threads_for_steps>;
  __shared__ typename block::storage collectives;
  block threads(collectives);
  if (call.m.state->refused.ok()) conclude_count(threads, call.t, call.m);
}

/// A block of threads computes the folds of a level for each response.
template <int Level, class Real, class Region>
__global__ void __launch_bounds__(threads_for_steps)
    level_kernel(__grid_constant__ device_call<Real, Region> const call) {
  using block = cuda_block<threads_for_steps>;
  __shared__ typename block::storage collectives;
  block threads(collectives);
  if (call.t.batch.shape().is_packed() && !call.m.state->refused.ok()) return;
  for (index_t b = blockIdx.x; b < call.t.batch.shape().responses(); b += gridDim.x)
    block_folds<block, Real, Region>(threads, call.t, b).template run<Level>();
}
/// One block computes those over the whole batch.
template <int Level, class Real, class Region>
__global__ void __launch_bounds__(threads_for_steps)
    settle_kernel(__grid_constant__ device_call<Real, Region> const call) {
  using block = cuda_block<threads_for_steps>;
  __shared__ typename block::storage collectives;
  block threads(collectives);
  if (call.t.batch.shape().is_packed() && !call.m.state->refused.ok()) return;
  settle_folds<Level>(threads, call.t);
}

/// Decides one response, whatever its case. Not inlined, so that the fast path keeps its registers.
template <class Block, class Real, class Region>
__noinline__ __device__ void decide_any(typename Block::storage& collectives, unsigned char* memory,
                                        device_call<Real, Region> const& call, index_t b, Real* divergences,
                                        double divisor) {
  using body = block_response<Block, Real, Region, body_for::any>;
  Block threads(collectives);
  (void)body(threads, *reinterpret_cast<typename body::storage*>(memory), call.t, b, divergences, divisor)
      .run(call.m.outcomes[b]);
}

/// A team's share of the responses.
template <pass Pass, team Who, class Block, class Real, class Region>
__device__ void work(device_call<Real, Region> const& call, typename Block::storage& collectives, unsigned char* memory,
                     std::uint32_t& taken, int worker, int workers) {
  constexpr body_for calls = Pass == pass::usual ? body_for::usual : body_for::any;
  using body = block_response<Block, Real, Region, calls>;
  layout const& l = call.t.batch.shape();
  if (Pass == pass::count ? l.is_packed() && !call.m.state->refused.ok() : call.refused()) return;
  Block threads(collectives);
  double const divisor = Pass == pass::count ? 1.0 : call_divisor(call.t, call.m);
  each_response<Who>(call, threads, taken, worker, workers, Pass, [&](index_t b) {
    Real* const divergences = call.m.divergences != nullptr ? call.m.divergences + first_element(l, b) : nullptr;
    if constexpr (Pass == pass::any) {
      decide_any<Block>(collectives, memory, call, b, divergences, divisor);
    } else {
      body one(threads, *reinterpret_cast<typename body::storage*>(memory), call.t, b, divergences, divisor);
      if constexpr (Pass == pass::count) {
        index_t const n = one.count();
        if (threads.rank() == 0) call.m.tokens[b] = n;
      } else if (!one.run(call.m.outcomes[b])) {
        if constexpr (Who == team::cluster) {
          using first = cuda_block<threads_per_response<Real>>;
          static_assert(sizeof(typename block_response<first, Real, Region, body_for::any>::storage) <=
                        sizeof(typename body::storage));
          if (threads.rank() < first::threads)
            decide_any<first>(collectives.own, memory, call, b, divergences, divisor);
          threads.sync();
        } else {
          decide_any<Block>(collectives, memory, call, b, divergences, divisor);
        }
      }
    }
  });
}

/// A block of threads takes each response.
template <pass Pass, class Real, class Region>
__global__ void __launch_bounds__(threads_per_response<Real>, 3)
    long_kernel(__grid_constant__ device_call<Real, Region> const call) {
  using block = cuda_block<threads_per_response<Real>>;
  using body = block_response<block, Real, Region, body_for::usual>;
  __shared__ typename block::storage collectives;
  __shared__ alignas(16) unsigned char memory[sizeof(typename body::storage)];
  __shared__ std::uint32_t taken;
  work<Pass, team::block, block>(call, collectives, memory, taken, static_cast<int>(blockIdx.x),
                                 static_cast<int>(gridDim.x));
}
/// A cluster of blocks takes each response, on the fast path. Does nothing if compiled for devices without clusters.
template <class Real, class Region>
__global__ void __launch_bounds__(threads_per_response<Real>, 2)
    cluster_kernel(__grid_constant__ device_call<Real, Region> const call) {
#if CPPO_HAS_CLUSTERS
  using block = cuda_cluster<threads_per_response<Real>, blocks_per_cluster>;
  using body = block_response<block, Real, Region, body_for::usual>;
  __shared__ typename block::storage collectives;
  __shared__ alignas(16) unsigned char memory[sizeof(typename body::storage)];
  __shared__ std::uint32_t taken;
  block const threads(collectives);
  threads.sync();  // all have begun
  work<pass::usual, team::cluster, block>(call, collectives, &block::of_first(memory[0]), block::of_first(taken),
                                          static_cast<int>(blockIdx.x) / blocks_per_cluster,
                                          static_cast<int>(gridDim.x) / blocks_per_cluster);
  threads.sync();  // none reads the memory of one that has ended
#endif
}
/// A warp takes each response.
template <pass Pass, class Real, class Region>
__global__ void __launch_bounds__(32 * warps_per_block, sizeof(Real) == 4 ? 6 : 3)
    short_kernel(__grid_constant__ device_call<Real, Region> const call) {
  using body = block_response<cuda_warp, Real, Region, body_for::usual>;
  __shared__ typename cuda_warp::storage collectives[warps_per_block];
  __shared__ alignas(16) unsigned char memory[warps_per_block][(sizeof(typename body::storage) + 15) / 16 * 16];
  __shared__ std::uint32_t taken[warps_per_block];
  int const warp = static_cast<int>(threadIdx.x / 32);
  work<Pass, team::warp, cuda_warp>(call, collectives[warp], memory[warp], taken[warp],
                                    static_cast<int>(blockIdx.x) * warps_per_block + warp,
                                    static_cast<int>(gridDim.x) * warps_per_block);
}

/// Writes +0 at the slots of no response. The offsets say how many there are.
template <class Real, class Region>
__global__ void __launch_bounds__(threads_for_steps)
    clear_kernel(__grid_constant__ device_call<Real, Region> const call) {
  index_t const workers = index_t{gridDim.x} * threads_for_steps;
  if (!call.refused()) call.t.clear_spare(index_t{blockIdx.x} * threads_for_steps + threadIdx.x, workers);
}

/// Adds up outcomes. True in the last block to finish, which adds up the blocks' sums.
template <class Folding, class Real, class Region>
__device__ bool fold_outcomes(device_call<Real, Region> const& call, Folding const& folding, bool& last) {
  index_t const first = index_t{blockIdx.x} * fold_width, left = call.t.batch.shape().responses() - first;
  folding.run(call.m.outcomes + first, left < fold_width ? left : fold_width, call.m.folds[blockIdx.x]);
  if (gridDim.x == 1) return true;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(&call.m.state->folded, 1U) == gridDim.x - 1;
  __syncthreads();
  if (!last) return false;
  __threadfence();
  folding.run(call.m.folds, gridDim.x, *call.m.folds);
  return true;
}
/// Adds up outcomes. The last block to finish sets the status of the call.
template <class Real, class Region>
__global__ void __launch_bounds__(threads_for_steps)
    fold_kernel(__grid_constant__ device_call<Real, Region> const call, report* wanted) {
  using block = cuda_block<threads_for_steps>;
  using folding = block_fold<block>;
  __shared__ typename block::storage collectives;
  __shared__ typename folding::storage shared;
  __shared__ bool last;
  block threads(collectives);
  call_state& s = *call.m.state;
  bool const refused = call.refused();
  if (refused ? blockIdx.x > 0 : !fold_outcomes(call, folding(threads, shared), last)) return;
  __syncthreads();
  if (threadIdx.x != 0) return;
  if (refused) {
    s.outcome = s.refused;
    return;
  }
  s.report = call.m.folds->report;
  s.outcome = conclude(call.t, call.m.folds->first_bad, s.report);
  if (!(keeps_arithmetic<float_lane>() && keeps_arithmetic<double_lane>()))
    s.outcome = {status_code::arithmetic_relaxed};
  if (wanted != nullptr) *wanted = s.report;
}

#endif

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
