/// @file
/// Runs calls on a device wherever their buffers are: tests that compare executors on a host then compare a device too.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/cuda.cuh>

#include <cstring>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

namespace kernels {

/// Copies of host memory on the device. They are freed in the destructor.
class device_copies {
 public:
  /// Makes copies in `stream`.
  explicit device_copies(cudaStream_t stream) noexcept : stream_(stream) {}
  device_copies(device_copies const&) = delete;
  device_copies& operator=(device_copies const&) = delete;
  ~device_copies() {
    for (copy const& c : copies_) (void)cudaFreeAsync(c.device, stream_);
  }
  /// The address of a device copy of `bytes` bytes from `host` on.
  template <class T>
  T const* of(T const* host, std::size_t bytes) {
    if (host == nullptr || bytes == 0) return host;
    return static_cast<T const*>(copy_of(host, {reinterpret_cast<std::uintptr_t>(host), static_cast<index_t>(bytes)}));
  }
  /// Replaces `data` by the address of a copy of the buffer's memory, whatever its strides.
  void move(void const*& data, cppo::detail::footprint const& f) {
    if (f.size == 0) return;
    auto const* const host = static_cast<char const*>(data);
    auto const skipped = static_cast<index_t>(f.first() - reinterpret_cast<std::uintptr_t>(data));
    data = static_cast<char const*>(copy_of(host + skipped, f)) - skipped;
  }
  /// Copies every element since copy `first` back, and nothing that lies between: that may be another buffer's.
  void bring_back(std::size_t first) {
    std::vector<char> bytes;
    for (std::size_t k = first; k < copies_.size(); ++k) {
      copy const& c = copies_[k];
      bytes.resize(static_cast<std::size_t>(c.memory.bytes()));
      note(cudaMemcpyAsync(bytes.data(), c.device, bytes.size(), cudaMemcpyDeviceToHost, stream_));
      note(cudaStreamSynchronize(stream_));
      if (error_ != cudaSuccess) return;
      for (index_t i = 0; i < c.memory.extents[0]; ++i) {
        for (index_t j = 0; j < c.memory.extents[1]; ++j) {
          index_t const at = i * c.memory.steps[0] + j * c.memory.steps[1] - c.memory.low();
          std::memcpy(c.host + at, bytes.data() + at, static_cast<std::size_t>(c.memory.size));
        }
      }
    }
  }
  /// The number of copies.
  std::size_t size() const noexcept { return copies_.size(); }
  /// The first error that CUDA reported.
  cudaError_t error() const noexcept { return error_; }

 private:
  struct copy {
    char* host;  // the lowest byte of `memory`
    void* device;
    cppo::detail::footprint memory;
  };
  // A copy of `memory`, whose lowest byte is at `host`.
  void const* copy_of(void const* host, cppo::detail::footprint const& memory) {
    void* device = nullptr;
    auto const bytes = static_cast<std::size_t>(memory.bytes());
    note(cudaMallocAsync(&device, bytes, stream_));
    if (error_ != cudaSuccess) return host;
    copies_.push_back({static_cast<char*>(const_cast<void*>(host)), device, memory});
    note(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_));
    return device;
  }
  void note(cudaError_t e) noexcept {
    if (error_ == cudaSuccess) error_ = e;
  }
  cudaStream_t stream_;
  cudaError_t error_ = cudaSuccess;
  std::vector<copy> copies_;
};

}  // namespace kernels

/// An executor that copies every buffer to the device, runs there, waits, and copies the outputs back. For tests.
struct on_copies : host_executor<on_copies> {
  cudaStream_t stream = nullptr;  ///< where it runs

  /// Runs a checked call on copies.
  template <class Real, class Region>
  status run_call(cppo::detail::task<Real, Region>& t, report* wanted) const;
};

namespace kernels {

/// Replaces what pieces know beyond themselves by copies.
template <class Real>
void move_pieces(cppo::detail::checked_call<Real>& t, device_copies& copies) {
  auto const pieces = static_cast<std::size_t>(t.batch.shape().responses());
  t.carries = copies.of(t.carries, pieces * sizeof(prefix_sums));
  t.totals = copies.of(t.totals, pieces * sizeof(response_summary));
  t.folds.totals = copies.of(t.folds.totals, static_cast<std::size_t>(t.fold_totals_lent) * sizeof(fold_totals));
}

}  // namespace kernels

template <class Real, class Region>
status on_copies::run_call(cppo::detail::task<Real, Region>& t, report* wanted) const {
  kernels::device_copies copies(stream);
  layout const& l = t.batch.shape();
  layout there = l;
  auto const slots = static_cast<std::size_t>(l.elements());
  if (l.is_packed() && l.responses() > 0) {
    index_t const bytes = (l.responses() + 1) * cppo::detail::size_of(l.offset_type());
    there = l.moved_to_device(copies.of(static_cast<char const*>(l.offsets()), static_cast<std::size_t>(bytes)));
  }
  auto const move = [&]<class B>(B& b) {
    if constexpr (std::is_same_v<B, cppo::detail::column>)
      copies.move(b.data, footprint_of(b, l));  // of a part its own slots alone
    else copies.move(b.data, footprint_of(b, static_cast<index_t>(slots), t.batch.lists().k));
  };
  cppo::detail::task<Real, Region> moved = t;
  moved.batch = t.batch.moved(there, move);
  kernels::move_pieces(moved, copies);
  std::size_t const outputs = copies.size();
  for (cppo::detail::column& c : moved.out) {
    if (c.lent()) move(c);
  }
  if (copies.error() != cudaSuccess) return cppo::detail::failed(copies.error());
  device_workspace memory;
  cuda_t gpu = on(stream).with_workspace(memory);
  if (wanted != nullptr) gpu = gpu.with_report();
  status s = gpu.run_call(moved, nullptr);
  if (!s.ok()) return s;  // the workspace waits for what was queued
  s = fetch(gpu, wanted);
  copies.bring_back(outputs);
  return copies.error() == cudaSuccess ? s : cppo::detail::failed(copies.error());
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
