/// @file
/// Puts kernels into a stream.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>
#include <cppo/execution/cuda/kernels.cuh>

#include <cuda_runtime_api.h>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The status for a CUDA call that failed.
inline status failed(cudaError_t e) noexcept {
  return {status_code::device_error, argument::none, -1, -1, static_cast<index_t>(e)};
}
#if defined(__CUDACC__)

/// Puts kernels into a stream and keeps the first error.
class launcher {
 public:
  explicit launcher(cudaStream_t stream) noexcept : stream_(stream) {
    int device = 0;
    note(cudaGetDevice(&device));
    note(cudaDeviceGetAttribute(&processors_, cudaDevAttrMultiProcessorCount, device));
  }
  template <class... Parameters, class... Arguments>
  void run(void (*kernel)(Parameters...), int blocks, int threads, Arguments const&... arguments) noexcept {
    if (error_ != cudaSuccess) return;
    void* pointers[] = {const_cast<void*>(static_cast<void const*>(&arguments))...};
    note(cudaLaunchKernel(reinterpret_cast<void const*>(kernel), dim3(static_cast<unsigned>(blocks)),
                          dim3(static_cast<unsigned>(threads)), pointers, 0, stream_));
  }
  /// Starts as many blocks as run at once, but at most `useful`.
  template <class... Parameters, class... Arguments>
  void run_persistent(void (*kernel)(Parameters...), index_t useful, int threads,
                      Arguments const&... arguments) noexcept {
    int resident = 0;
    note(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, threads, 0));
    index_t const most = index_t{resident > 0 ? resident : 1} * processors_;
    run(kernel, static_cast<int>(useful < most ? useful : most), threads, arguments...);
  }
  /// Starts as many clusters of `blocks_per_cluster` blocks as run at once, but at most `useful`.
  template <class... Parameters, class... Arguments>
  void run_clusters(void (*kernel)(Parameters...), index_t useful, int threads,
                    Arguments const&... arguments) noexcept {
    if (error_ != cudaSuccess) return;
    cudaLaunchAttribute size{};
    size.id = cudaLaunchAttributeClusterDimension;
    size.val.clusterDim.x = blocks_per_cluster;
    size.val.clusterDim.y = size.val.clusterDim.z = 1;
    cudaLaunchConfig_t how{};
    how.blockDim = dim3(static_cast<unsigned>(threads));
    how.gridDim = dim3(blocks_per_cluster);
    how.stream = stream_;
    how.attrs = &size;
    how.numAttrs = 1;
    auto const entry = reinterpret_cast<void const*>(kernel);
    int resident = 0;
    note(cudaOccupancyMaxActiveClusters(&resident, entry, &how));
    index_t const most = resident > 0 ? resident : 1;
    how.gridDim.x = static_cast<unsigned>(useful < most ? useful : most) * blocks_per_cluster;
    void* pointers[] = {const_cast<void*>(static_cast<void const*>(&arguments))...};
    if (error_ == cudaSuccess) note(cudaLaunchKernelExC(&how, entry, pointers));
  }
  /// True if the kernel was compiled for devices with clusters and `responses` are too few to give every block one.
  template <class... Parameters>
  bool wants_clusters(void (*kernel)(Parameters...), index_t responses) noexcept {
    cudaFuncAttributes a{};
    note(cudaFuncGetAttributes(&a, reinterpret_cast<void const*>(kernel)));
    return a.ptxVersion >= 90 && responses < index_t{2} * processors_;
  }
  void note(cudaError_t e) noexcept {
    if (error_ == cudaSuccess) error_ = e;
  }
  status result() const noexcept {
    return error_ == cudaSuccess ? status{} : failed(error_);
  }

 private:
  cudaStream_t stream_;
  int processors_ = 1;
  cudaError_t error_ = cudaSuccess;
};

#endif

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
