/// @file
/// Device memory that calls of the CUDA executor work in.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/call.hpp>

#include <cuda_runtime_api.h>

#include <utility>

namespace cppo { inline namespace CPPO_ABI {

/// Device memory that calls work in, kept between them. It grows in the stream of a call that needs more; a call of the
/// same size then allocates nothing. Before a graph is captured, run a call or `reserve`. For one call at a time, even
/// where calls go to several streams. A graph replays in the memory that it was captured with: the workspace must
/// outlive the graph and not grow meanwhile. The destructor waits for the device.
class device_workspace {
 public:
  device_workspace() noexcept = default;
  /// Takes over the memory of another workspace.
  device_workspace(device_workspace&& o) noexcept : data_(o.data_), bytes_(o.bytes_) {
    o.data_ = nullptr, o.bytes_ = 0;
  }
  /// Exchanges memory with another workspace.
  device_workspace& operator=(device_workspace&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(bytes_, o.bytes_);
    return *this;
  }
  ~device_workspace() {
    if (data_ == nullptr) return;
    (void)cudaDeviceSynchronize();
    (void)cudaFree(data_);
  }
  /// Makes room for `bytes` bytes, allocating in `stream`.
  cudaError_t reserve(std::size_t bytes, cudaStream_t stream) noexcept {
    if (bytes <= bytes_) return cudaSuccess;
    void* more = nullptr;
    cudaError_t const e = cudaMallocAsync(&more, bytes, stream);
    if (e != cudaSuccess) return e;
    if (data_ != nullptr) (void)cudaFreeAsync(data_, stream);
    data_ = more;
    bytes_ = bytes;
    return cudaMemsetAsync(data_, 0, bytes < sizeof(detail::call_state) ? bytes : sizeof(detail::call_state), stream);
  }
  /// The memory; null before the first call.
  void* data() const noexcept { return data_; }
  /// Its size in bytes.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
