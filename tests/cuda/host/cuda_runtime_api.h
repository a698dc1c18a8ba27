// What the headers ask of the CUDA runtime, answered by a host: the code around the kernels is tested without CUDA.
// Device memory is memory of the host of exactly its size, and known by a list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>

enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };
enum cudaMemoryType {
  cudaMemoryTypeUnregistered = 0,
  cudaMemoryTypeHost = 1,
  cudaMemoryTypeDevice = 2,
  cudaMemoryTypeManaged = 3
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone = 0 };
using cudaStream_t = struct stand_in_stream*;
struct cudaPointerAttributes {
  cudaMemoryType type;
  void* devicePointer;
  void* hostPointer;
};

namespace stand_in {

struct allocation {
  std::size_t bytes;
  bool managed;
};
// True if every allocation fails.
inline bool fails = false;
// What is allocated, by address.
inline std::map<char const*, allocation> memory;
inline allocation const* holder(void const* p) {
  auto const after = memory.upper_bound(static_cast<char const*>(p));
  if (after == memory.begin()) return nullptr;
  auto const& [begin, what] = *std::prev(after);
  return static_cast<char const*>(p) < begin + what.bytes ? &what : nullptr;
}
inline cudaError_t allocate(void** p, std::size_t bytes, bool managed) {
  *p = fails ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (*p == nullptr) return cudaErrorMemoryAllocation;
  memory[static_cast<char const*>(*p)] = {bytes, managed};
  return cudaSuccess;
}

}  // namespace stand_in

inline cudaError_t cudaMallocAsync(void** p, std::size_t bytes, cudaStream_t) {
  return stand_in::allocate(p, bytes, false);
}
inline cudaError_t cudaMallocManaged(void** p, std::size_t bytes) { return stand_in::allocate(p, bytes, true); }
inline cudaError_t cudaFree(void* p) {
  stand_in::memory.erase(static_cast<char const*>(p));
  std::free(p);
  return cudaSuccess;
}
inline cudaError_t cudaFreeAsync(void* p, cudaStream_t) { return cudaFree(p); }
inline cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* p, int value, std::size_t bytes, cudaStream_t) {
  std::memset(p, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, void const* p) {
  stand_in::allocation const* const from = stand_in::holder(p);
  *a = {cudaMemoryTypeUnregistered, nullptr, const_cast<void*>(p)};
  if (from == nullptr) return cudaSuccess;
  *a = {from->managed ? cudaMemoryTypeManaged : cudaMemoryTypeDevice, const_cast<void*>(p),
        from->managed ? const_cast<void*>(p) : nullptr};
  return cudaSuccess;
}
inline cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* s) {
  *s = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
