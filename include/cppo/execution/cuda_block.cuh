/// @file
/// A block of threads on a device: CUB's collectives over a thread block or a warp.
#pragma once

#include <cppo/execution/block_call.hpp>

#include <cub/cub.cuh>

namespace cppo::inline CPPO_ABI::detail {

/// A value that each thread keeps to itself.
template <class T>
struct thread_value {
  T value = {};
  CPPO_HOST_DEVICE T& operator[](int) noexcept { return value; }
};

/// Memory for collectives over values of up to `Bytes` bytes of CUB's own and 64 of a result.
template <int Bytes>
struct collective_storage {
  alignas(16) unsigned char scratch[Bytes];
  alignas(16) unsigned char result[64];
};

/// What a thread block and a warp share: `Self` brings `rank()`, `sync()` and CUB's scan and reduction for a type.
template <class Self, int Threads, int Bytes>
class device_block {
 public:
  static constexpr int threads = Threads;
  using storage = collective_storage<Bytes>;
  template <class T>
  using local = thread_value<T>;

  template <class F>
  CPPO_HOST_DEVICE void each(F const& f) const noexcept {
    f(self().rank());
    self().sync();
  }
  template <class T>
  CPPO_HOST_DEVICE T exclusive_sum(thread_value<T>& x) const noexcept {
    T total{};
#if defined(__CUDA_ARCH__)
    using scan = typename Self::template scan<T>;
    using memory = typename scan::TempStorage;
    static_assert(sizeof(memory) <= Bytes && alignof(memory) <= 16);
    scan(reinterpret_cast<memory&>(storage_.scratch)).ExclusiveScan(x.value, x.value, T{}, plus{}, total);
    self().sync();
#endif
    return total;
  }
  template <class T, class Op>
  CPPO_HOST_DEVICE T reduce(thread_value<T>& x, Op const& op) const noexcept {
    static_assert(sizeof(T) <= sizeof(storage_.result));
    T all = x.value;
#if defined(__CUDA_ARCH__)
    using reduction = typename Self::template reduction<T>;
    using memory = typename reduction::TempStorage;
    static_assert(sizeof(memory) <= Bytes && alignof(memory) <= 16);
    all = reduction(reinterpret_cast<memory&>(storage_.scratch)).Reduce(x.value, op);
    if (self().rank() == 0) __builtin_memcpy(storage_.result, &all, sizeof all);
    self().sync();
    __builtin_memcpy(&all, storage_.result, sizeof all);
    self().sync();
#endif
    return all;
  }
  CPPO_HOST_DEVICE std::uint32_t add(std::uint32_t& counter, std::uint32_t n) const noexcept {
#if defined(__CUDA_ARCH__)
    return atomicAdd(&counter, n);
#else
    return counter += n;
#endif
  }

 protected:
  CPPO_HOST_DEVICE explicit device_block(storage& s) noexcept : storage_(s) {}

 private:
  CPPO_HOST_DEVICE Self const& self() const noexcept { return static_cast<Self const&>(*this); }
  storage& storage_;
};

/// A thread block.
template <int Threads>
class cuda_block : public device_block<cuda_block<Threads>, Threads, 2048> {
  using base = device_block<cuda_block<Threads>, Threads, 2048>;

 public:
  static constexpr int digit_bits = 11;
  template <class T>
  using scan = cub::BlockScan<T, Threads, cub::BLOCK_SCAN_WARP_SCANS>;
  template <class T>
  using reduction = cub::BlockReduce<T, Threads>;

  CPPO_HOST_DEVICE explicit cuda_block(typename base::storage& s) noexcept : base(s) {}
  CPPO_HOST_DEVICE int rank() const noexcept {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(threadIdx.x);
#else
    return 0;
#endif
  }
  CPPO_HOST_DEVICE void sync() const noexcept {
#if defined(__CUDA_ARCH__)
    __syncthreads();
#endif
  }
};

/// A warp.
class cuda_warp : public device_block<cuda_warp, 32, 64> {
  using base = device_block<cuda_warp, 32, 64>;

 public:
  static constexpr int digit_bits = 8;
  template <class T>
  using scan = cub::WarpScan<T>;
  template <class T>
  using reduction = cub::WarpReduce<T>;

  CPPO_HOST_DEVICE explicit cuda_warp(base::storage& s) noexcept : base(s) {}
  CPPO_HOST_DEVICE int rank() const noexcept {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(threadIdx.x % 32);
#else
    return 0;
#endif
  }
  CPPO_HOST_DEVICE void sync() const noexcept {
#if defined(__CUDA_ARCH__)
    __syncwarp();
#endif
  }
};

}  // namespace cppo::inline CPPO_ABI::detail
