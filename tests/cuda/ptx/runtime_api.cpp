// The calls of the CUDA runtime that the library and its programs make. One that is missing is an error of the linker,
// which names it.
#include "runtime.hpp"

#include <algorithm>
#include <chrono>

using ptx::runtime;

namespace {

// What a call does; a fault ends the program and says why.
template <class F>
cudaError_t guarded(F const& f) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(f())>) {
      f();
      return cudaSuccess;
    } else {
      return f();
    }
  } catch (ptx::fault const& wrong) {
    runtime::stop(wrong);
  }
}
cudaError_t allocate(void** p, std::size_t n, ptx::memory_kind kind) {
  *p = runtime::get().gpu.memory.allocate(n, kind);
  return *p != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t release(void* p) {
  if (p == nullptr || runtime::get().gpu.memory.free(p)) return cudaSuccess;
  runtime::get().gpu.found.add("free of what was not allocated, or freed before");
  return cudaErrorInvalidValue;
}
void copy(void* to, void const* from, std::size_t n) {
  runtime::get().note_copy(from, n, false);
  runtime::get().note_copy(to, n, true);
  std::memcpy(to, from, n);
}
void fill(void* p, int value, std::size_t n) {
  runtime::get().note_copy(p, n, true);
  std::memset(p, value, n);
}
struct event {
  ptx::timeline::moment at;
  std::chrono::steady_clock::time_point when;
};
event& event_of(cudaEvent_t e) { return *reinterpret_cast<event*>(e); }
struct graph {
  std::vector<ptx::operation> steps;
};

}  // namespace

extern "C" {

// ---- what nvcc puts into a program

void** __cudaRegisterFatBinary(void* wrapper) {
  try {
    return reinterpret_cast<void**>(static_cast<std::uintptr_t>(runtime::get().add_binary(wrapper)) + 1);
  } catch (ptx::fault const& wrong) {
    runtime::stop(wrong);
  }
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterVar(void**, char*, char*, char const*, int, std::size_t, int, int) {}
void __cudaRegisterFunction(void** binary, char const* host, char*, char const* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  runtime::get().add_kernel(static_cast<int>(reinterpret_cast<std::uintptr_t>(binary)) - 1, host, name);
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, void const* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 threads, void** arguments, std::size_t,
                               cudaStream_t in) {
  return guarded([&] { return runtime::get().launch(kernel, grid, threads, arguments, 1, in); });
}
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) {
  runtime::stop(ptx::fault("a launch by <<<>>> is not known"));
}
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, struct CUstream_st*) {
  runtime::stop(ptx::fault("a launch by <<<>>> is not known"));
}

// ---- launches

cudaError_t cudaLaunchKernel(void const* kernel, dim3 grid, dim3 threads, void** arguments, std::size_t shared,
                             cudaStream_t in) {
  return guarded([&] {
    if (shared != 0) throw ptx::fault("dynamic shared memory is not known");
    return runtime::get().launch(kernel, grid, threads, arguments, 1, in);
  });
}
cudaError_t cudaLaunchKernelExC(cudaLaunchConfig_t const* how, void const* kernel, void** arguments) {
  return guarded([&] {
    ptx::u32 size = 1;
    for (unsigned k = 0; k < how->numAttrs; ++k) {
      cudaLaunchAttribute const& a = how->attrs[k];
      if (a.id != cudaLaunchAttributeClusterDimension) throw ptx::fault("an attribute of a launch is not known");
      size = a.val.clusterDim.x * a.val.clusterDim.y * a.val.clusterDim.z;
    }
    return runtime::get().launch(kernel, how->gridDim, how->blockDim, arguments, size, how->stream);
  });
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, void const* kernel) {
  return guarded([&] {
    ptx::function const& f = runtime::get().kernel(kernel);
    *a = {};
    a->ptxVersion = a->binaryVersion = f.owner->architecture;
    a->sharedSizeBytes = static_cast<std::size_t>(f.shared_bytes);
    a->maxThreadsPerBlock = 1024;
  });
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, void const*, int, std::size_t, unsigned) {
  *n = runtime::get().resident;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* n, void const* f, int threads, std::size_t shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n, f, threads, shared, 0);
}
cudaError_t cudaOccupancyMaxActiveClusters(int* n, void const*, cudaLaunchConfig_t const*) {
  *n = 1;
  return cudaSuccess;
}

// ---- memory

cudaError_t cudaMalloc(void** p, std::size_t n) { return allocate(p, n, ptx::memory_kind::device); }
cudaError_t cudaMallocAsync(void** p, std::size_t n, cudaStream_t) { return allocate(p, n, ptx::memory_kind::device); }
cudaError_t cudaMallocManaged(void** p, std::size_t n, unsigned) { return allocate(p, n, ptx::memory_kind::managed); }
cudaError_t cudaMallocHost(void** p, std::size_t n) { return allocate(p, n, ptx::memory_kind::pinned); }
cudaError_t cudaFree(void* p) { return release(p); }
cudaError_t cudaFreeHost(void* p) { return release(p); }
cudaError_t cudaFreeAsync(void* p, cudaStream_t) { return release(p); }
cudaError_t cudaMemcpy(void* to, void const* from, std::size_t n, cudaMemcpyKind) {
  return guarded([&] {
    copy(to, from, n);
    runtime::get().gpu.streams.wait(0);
  });
}
cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t n, cudaMemcpyKind, cudaStream_t in) {
  return guarded([&] { runtime::get().submit(in, [=](ptx::stream_id) { copy(to, from, n); }); });
}
cudaError_t cudaMemset(void* p, int value, std::size_t n) {
  return guarded([&] { fill(p, value, n); });
}
cudaError_t cudaMemsetAsync(void* p, int value, std::size_t n, cudaStream_t in) {
  return guarded([&] { runtime::get().submit(in, [=](ptx::stream_id) { fill(p, value, n); }); });
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, void const* p) {
  ptx::allocation const* const from = runtime::get().gpu.memory.find(reinterpret_cast<std::uintptr_t>(p), 1);
  *a = {};
  a->type = cudaMemoryTypeUnregistered;
  a->hostPointer = const_cast<void*>(p);
  if (from == nullptr || from->kind == ptx::memory_kind::freed) return cudaSuccess;
  bool const both = from->kind == ptx::memory_kind::managed || from->kind == ptx::memory_kind::pinned;
  a->type = both ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
  if (from->kind == ptx::memory_kind::managed) a->type = cudaMemoryTypeManaged;
  a->devicePointer = const_cast<void*>(p);
  a->hostPointer = both ? const_cast<void*>(p) : nullptr;
  return cudaSuccess;
}

// ---- the device

cudaError_t cudaGetDevice(int* d) {
  *d = 0;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* n) {
  *n = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {};
  std::strcpy(p->name, "the interpreter of PTX");
  p->major = runtime::get().architecture / 10;
  p->minor = runtime::get().architecture % 10;
  p->multiProcessorCount = runtime::get().processors;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr what, int) {
  return guarded([&] {
    bool const is_known = what == cudaDevAttrMultiProcessorCount;
    if (!is_known) throw ptx::fault("attribute " + std::to_string(what) + " of a device is not known");
    *value = runtime::get().processors;
  });
}
cudaError_t cudaDeviceSynchronize() {
  runtime::get().gpu.streams.wait_for_all();
  return cudaSuccess;
}
char const* cudaGetErrorString(cudaError_t e) {
  return e == cudaSuccess ? "no error" : "an error of the interpreter of PTX";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }

// ---- streams, events, graphs

cudaError_t cudaStreamCreate(cudaStream_t* s) {
  *s = runtime::get().create_stream();
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  return guarded([&] { runtime::get().gpu.streams.wait(runtime::get().number_of(s)); });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  return guarded([&] { runtime::get().gpu.streams.wait(runtime::get().number_of(s), event_of(e).at); });
}
cudaError_t cudaEventCreate(cudaEvent_t* e) {
  *e = reinterpret_cast<cudaEvent_t>(new event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  delete &event_of(e);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  return guarded([&] {
    event_of(e) = {runtime::get().gpu.streams.after(runtime::get().number_of(s)), std::chrono::steady_clock::now()};
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  runtime::get().gpu.streams.wait_on_host(event_of(e).at);
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  *ms = std::chrono::duration<float, std::milli>(event_of(to).when - event_of(from).when).count();
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode) {
  runtime::get().begin_capture(s);
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* g) {
  if (!runtime::get().capturing(s)) return cudaErrorIllegalState;
  *g = reinterpret_cast<cudaGraph_t>(new graph{runtime::get().end_capture(s)});
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  *status = runtime::get().capturing(s) ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* e, cudaGraph_t g, unsigned long long) {
  *e = reinterpret_cast<cudaGraphExec_t>(new graph(*reinterpret_cast<graph*>(g)));
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t e, cudaStream_t in) {
  return guarded([&] {
    for (ptx::operation const& step : reinterpret_cast<graph*>(e)->steps) runtime::get().submit(in, step);
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t g) {
  delete reinterpret_cast<graph*>(g);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t e) {
  delete reinterpret_cast<graph*>(e);
  return cudaSuccess;
}

}  // extern "C"
