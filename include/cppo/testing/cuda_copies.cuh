/// @file
/// Runs calls on a device wherever their buffers lie: what compares executors on a host compares a device too.
#pragma once

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/cuda.cuh>

#include <vector>

namespace cppo::inline CPPO_ABI::testing {

/// An executor that copies every buffer to the device, runs there, waits, and copies the outputs back. For tests.
struct on_copies {
  cudaStream_t stream = nullptr;  ///< where it runs
};

namespace kernels {

/// Copies on the device, freed at the end.
class device_copies {
 public:
  /// Copies in `stream`.
  explicit device_copies(cudaStream_t stream) noexcept : stream_(stream) {}
  device_copies(device_copies const&) = delete;
  device_copies& operator=(device_copies const&) = delete;
  ~device_copies() {
    for (copy const& c : copies_) (void)cudaFreeAsync(c.device, stream_);
  }
  /// Where `bytes` bytes from `host` on are copied to.
  template <class T>
  T const* of(T const* host, std::size_t bytes) {
    if (host == nullptr || bytes == 0) return host;
    void* device = nullptr;
    note(cudaMallocAsync(&device, bytes, stream_));
    if (error_ != cudaSuccess) return host;
    copies_.push_back({const_cast<void*>(static_cast<void const*>(host)), device, bytes});
    note(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_));
    return static_cast<T const*>(device);
  }
  /// The same for a buffer's memory, whatever its strides.
  void move(void const*& data, cppo::detail::footprint const& f) {
    auto const* const low = static_cast<char const*>(data) + f.low();
    data = of(low, static_cast<std::size_t>(f.size == 0 ? 0 : f.high() - f.low())) - f.low();
  }
  /// Copies everything since copy `first` back.
  void bring_back(std::size_t first) {
    for (std::size_t k = first; k < copies_.size(); ++k) {
      note(cudaMemcpyAsync(copies_[k].host, copies_[k].device, copies_[k].bytes, cudaMemcpyDeviceToHost, stream_));
    }
    note(cudaStreamSynchronize(stream_));
  }
  /// How many there are.
  std::size_t size() const noexcept { return copies_.size(); }
  /// The first error that CUDA reported.
  cudaError_t error() const noexcept { return error_; }

 private:
  struct copy {
    void* host;
    void* device;
    std::size_t bytes;
  };
  void note(cudaError_t e) noexcept {
    if (error_ == cudaSuccess) error_ = e;
  }
  cudaStream_t stream_;
  cudaError_t error_ = cudaSuccess;
  std::vector<copy> copies_;
};

}  // namespace kernels

/// Runs a checked call on copies.
template <class Real, class Region>
status run_call(on_copies const& how, cppo::detail::task<Real, Region>& t, report* wanted) {
  kernels::device_copies copies(how.stream);
  layout const& l = t.batch.shape();
  layout there = l;
  auto const slots = static_cast<std::size_t>(l.elements());
  auto const place = [&](auto const* offsets) {
    there = l.moved_to_device(copies.of(offsets, static_cast<std::size_t>(l.responses() + 1) * sizeof *offsets));
  };
  if (l.is_packed() && l.responses() > 0) {
    if (l.offset_type() == element_type::i32) place(static_cast<std::int32_t const*>(l.offsets()));
    else place(static_cast<std::int64_t const*>(l.offsets()));
  }
  auto const move = [&]<class B>(B& b) {
    if constexpr (std::is_same_v<B, cppo::detail::column>) copies.move(b.data, footprint_of(b, there));  // from slot 0 on
    else copies.move(b.data, footprint_of(b, static_cast<index_t>(slots), t.batch.lists().k));
  };
  cppo::detail::task<Real, Region> moved = t;
  moved.batch = t.batch.moved(there, move);
  moved.carries = copies.of(t.carries, static_cast<std::size_t>(l.responses()) * sizeof(prefix_sums));
  moved.totals = copies.of(t.totals, static_cast<std::size_t>(l.responses()) * sizeof(response_summary));
  std::size_t const outputs = copies.size();
  for (cppo::detail::column& c : moved.out) {
    if (c.lent()) move(c);
  }
  if (copies.error() != cudaSuccess) return cppo::detail::failed(copies.error());
  device_workspace memory;
  cuda_t gpu = on(how.stream).with_workspace(memory);
  if (wanted != nullptr) gpu = gpu.with_report();
  status s = run_call(gpu, moved, nullptr);
  if (!s.ok()) return s;  // the workspace waits for what was queued
  s = fetch(gpu, wanted);
  copies.bring_back(outputs);
  return copies.error() == cudaSuccess ? s : cppo::detail::failed(copies.error());
}

}  // namespace cppo::inline CPPO_ABI::testing
