/// @file
/// The kernels, which run the steps of calls on logits (logits/block_call.hpp) on a device.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/cuda.cuh>
#include <cppo/logits/block_call.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

#if defined(__CUDACC__)

/// The threads that work on a row.
inline constexpr int threads_per_row = 256;

/// Marks a call whose device does not keep the arithmetic.
__device__ inline void note_arithmetic(call_state& s) noexcept {
  if (threadIdx.x == 0 && s.outcome.ok() && !(keeps_arithmetic<float_lane>() && keeps_arithmetic<double_lane>()))
    s.outcome = {status_code::arithmetic_relaxed};
}

template <class Block, moment_is Moment>
__global__ void __launch_bounds__(threads_per_row, 3) find_rows_kernel(__grid_constant__ rows_to_log_probs const call) {
  using body = block_log_probs<Block, Moment>;
  __shared__ typename Block::storage collectives;
  __shared__ alignas(typename body::storage) unsigned char memory[sizeof(typename body::storage)];
  Block threads(collectives);
  body steps(threads, call);
  for (index_t row = blockIdx.x; row < call.batch.shape().elements(); row += gridDim.x)
    steps.find(*reinterpret_cast<typename body::storage*>(memory), row);
}
template <class Block>
__global__ void __launch_bounds__(threads_per_row)
    conclude_rows_kernel(__grid_constant__ rows_to_log_probs const call) {
  __shared__ typename Block::storage collectives;
  Block threads(collectives);
  block_log_probs<Block, moment_is::left_out>(threads, call).conclude();
  note_arithmetic(*call.m.state);
}
template <class Block>
__global__ void __launch_bounds__(threads_per_row) write_rows_kernel(__grid_constant__ rows_to_log_probs const call) {
  index_t const each = call.numbers(), all = call.batch.shape().elements() * each;
  index_t const threads = index_t{gridDim.x} * threads_per_row;
  for (index_t k = index_t{blockIdx.x} * threads_per_row + threadIdx.x; k < all; k += threads)
    write_number(call, k / each, k % each);
}

template <class Block, class Call>
__global__ void __launch_bounds__(threads_per_row)
    check_numbers_kernel(__grid_constant__ rows_with_numbers<Call> const c) {
  index_t const threads = index_t{gridDim.x} * threads_per_row, rows = c.call.batch().shape().elements();
  for (index_t row = index_t{blockIdx.x} * threads_per_row + threadIdx.x; row < rows; row += threads)
    check_numbers_of(c, row);
}
template <class Block, class Call>
__global__ void __launch_bounds__(threads_per_row)
    conclude_numbers_kernel(__grid_constant__ rows_with_numbers<Call> const c) {
  __shared__ typename Block::storage collectives;
  Block threads(collectives);
  conclude_numbers(threads, c);
  note_arithmetic(*c.m.state);
}
template <class Block>
__global__ void __launch_bounds__(threads_per_row, 4) write_slopes_kernel(__grid_constant__ rows_to_gradient const c) {
  __shared__ typename Block::storage collectives;
  __shared__ alignas(shared_gradient) unsigned char memory[sizeof(shared_gradient)];
  Block threads(collectives);
  for (index_t row = blockIdx.x; row < c.call.batch().shape().elements(); row += gridDim.x)
    write_gradient_row(threads, *reinterpret_cast<shared_gradient*>(memory), c, row);
}

template <class Block, divergences_are Which>
__global__ void __launch_bounds__(threads_per_row, 3)
    write_divergences_kernel(__grid_constant__ rows_to_divergences const c) {
  __shared__ typename Block::storage collectives;
  __shared__ alignas(shared_divergence) unsigned char memory[sizeof(shared_divergence)];
  Block threads(collectives);
  for (index_t row = blockIdx.x; row < c.call.batch().shape().elements(); row += gridDim.x)
    write_divergences_row<Which>(threads, *reinterpret_cast<shared_divergence*>(memory), c, row);
}
template <class Block, class Real>
__global__ void __launch_bounds__(threads_per_row) write_slots_kernel(__grid_constant__ rows_to_slots<Real> const c) {
  index_t const threads = index_t{gridDim.x} * threads_per_row, rows = c.batch.shape().elements();
  for (index_t row = index_t{blockIdx.x} * threads_per_row + threadIdx.x; row < rows; row += threads)
    write_slot(c, row);
}

#endif

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
