/// @file
/// A block of threads on a device, by CUB's collectives: a thread block, a warp, or the blocks of a cluster.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/call.hpp>

#include <cooperative_groups.h>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <cub/warp/warp_scan.cuh>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A value that each thread has for itself.
template <class T>
struct thread_value {
  T value = {};
  CPPO_HOST_DEVICE T& operator[](int) noexcept { return value; }
};

/// Bytes of the largest value that threads reduce, which is the counts of a response in double.
inline constexpr int reduced_bytes = 96;

/// Memory for CUB's collectives over values of up to `Bytes` bytes, and for a result.
template <int Bytes>
struct collective_storage {
  alignas(16) unsigned char scratch[Bytes];
  alignas(16) unsigned char result[reduced_bytes];
};

/// What a thread block and a warp have in common. `Self` has `rank()`, `sync()`, and CUB's scan and reduction for a
/// type.
template <class Self, int Threads, int Bytes>
class device_block {
 public:
  static constexpr int threads = Threads;
  using storage = collective_storage<Bytes>;
  template <class T>
  using local = thread_value<T>;

  template <class F>
  CPPO_HOST_DEVICE void each(F const& f) const noexcept {
    apart(f);
    self().sync();
  }
  template <class F>
  CPPO_HOST_DEVICE void apart(F const& f) const noexcept {
    f(self().rank());
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

/// A warp as a block of 32 threads, for responses that are too short for more.
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

/// 1 if the code is compiled for devices that have clusters of blocks.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define CPPO_HAS_CLUSTERS 1
#else
#define CPPO_HAS_CLUSTERS 0
#endif

/// The `Blocks` blocks of a cluster. What they share lies in the memory of the first block; see `of_first`.
template <int Threads, int Blocks>
class cuda_cluster {
 public:
  static constexpr int threads = Threads * Blocks, digit_bits = cuda_block<Threads>::digit_bits;
  /// Memory that each block has.
  struct storage {
    typename cuda_block<Threads>::storage own;
    alignas(16) unsigned char told[reduced_bytes];
  };
  template <class T>
  using local = thread_value<T>;

  CPPO_HOST_DEVICE explicit cuda_cluster(storage& s) noexcept : mine_(s.own), told_(s.told) {}
  /// The same object in the memory of the cluster's first block.
  template <class T>
  CPPO_HOST_DEVICE static T& of_first(T& mine) noexcept { return of_block(mine, 0); }

  CPPO_HOST_DEVICE int rank() const noexcept { return place() * Threads + mine_.rank(); }
  CPPO_HOST_DEVICE void sync() const noexcept {
#if CPPO_HAS_CLUSTERS
    cooperative_groups::this_cluster().sync();
#endif
  }
  template <class F>
  CPPO_HOST_DEVICE void each(F const& f) const noexcept {
    apart(f);
    sync();
  }
  template <class F>
  CPPO_HOST_DEVICE void apart(F const& f) const noexcept {
    f(rank());
  }
  template <class T>
  CPPO_HOST_DEVICE T exclusive_sum(thread_value<T>& x) const noexcept {
    T before{}, all{};
    over_blocks(mine_.exclusive_sum(x), [&](T const& here, int k) {
      if (k < place()) before = before + here;
      all = all + here;
    });
    x.value = before + x.value;
    return all;
  }
  template <class T, class Op>
  CPPO_HOST_DEVICE T reduce(thread_value<T>& x, Op const& op) const noexcept {
    T all{};
    over_blocks(mine_.reduce(x, op), [&](T const& here, int k) { all = k == 0 ? here : op(all, here); });
    return all;
  }
  CPPO_HOST_DEVICE std::uint32_t add(std::uint32_t& counter, std::uint32_t n) const noexcept {
    return mine_.add(counter, n);
  }

 private:
  CPPO_HOST_DEVICE static int place() noexcept {
#if CPPO_HAS_CLUSTERS
    return static_cast<int>(cooperative_groups::this_cluster().block_rank());
#else
    return 0;
#endif
  }
  template <class T>
  CPPO_HOST_DEVICE static T& of_block(T& mine, [[maybe_unused]] int block) noexcept {
#if CPPO_HAS_CLUSTERS
    return *cooperative_groups::this_cluster().map_shared_rank(&mine, block);
#else
    return mine;
#endif
  }
  /// Calls f(x, k) on every thread, for the x of each block k in order.
  template <class T, class F>
  CPPO_HOST_DEVICE void over_blocks(T const& x, F const& f) const noexcept {
    static_assert(sizeof(T) <= sizeof(storage::told));
    if (mine_.rank() == 0) __builtin_memcpy(told_, &x, sizeof x);
    sync();
    for (int k = 0; k < Blocks; ++k) {
      T here{};
      __builtin_memcpy(&here, __builtin_assume_aligned(&of_block(*told_, k), 16), sizeof here);
      f(here, k);
    }
    sync();
  }

  cuda_block<Threads> mine_;
  unsigned char* told_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
