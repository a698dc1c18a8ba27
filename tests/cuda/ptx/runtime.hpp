// The stand-in for the CUDA runtime: one device, and what a program has registered.
#pragma once

#include "device.hpp"
#include "fat_binary.hpp"

#include <cuda_runtime_api.h>

#include <functional>

namespace ptx {

// What happens in the order of a stream, at once or, while it is captured, when its graph is launched.
using operation = std::function<void(stream_id)>;

class runtime {
 public:
  static runtime& get();

  device gpu;
  int architecture, processors, resident;  // PTX_ARCH, PTX_PROCESSORS, PTX_RESIDENT

  // A program's modules and kernels.
  int add_binary(void const* wrapper);
  void add_kernel(int number, void const* host, char const* name) { kernels_.emplace(host, registered{number, name}); }
  function const& kernel(void const* host);
  cudaError_t launch(void const* host, dim3 grid, dim3 threads, void** arguments, u32 cluster_size, cudaStream_t in);

  cudaStream_t create_stream();
  stream_id number_of(cudaStream_t s) const;
  // Runs or captures.
  void submit(cudaStream_t in, operation what);
  bool capturing(cudaStream_t s) const { return captures_.contains(s); }
  void begin_capture(cudaStream_t s) { captures_[s]; }
  std::vector<operation> end_capture(cudaStream_t s);

  // Bytes of the device that the host or a copy reads and writes; a finding where they are not all in one allocation.
  void note_copy(void const* p, std::size_t n, bool written);
  // Prints what was found and counted; whether anything is wrong.
  bool report();
  // A fault ends the program.
  [[noreturn]] static void stop(fault const& f);

 private:
  runtime();
  struct binary {
    std::vector<embedded> texts;
    module* read = nullptr;
  };
  struct registered {
    int from;
    std::string name;
  };
  module& module_of(int number);
  std::vector<std::unique_ptr<binary>> binaries_;
  std::map<void const*, registered> kernels_;
  std::map<cudaStream_t, stream_id> streams_;
  std::map<cudaStream_t, std::vector<operation>> captures_;
};

}  // namespace ptx
