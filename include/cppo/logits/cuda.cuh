/// @file
/// `log_probs`, `full_divergences` and `logits_gradient` on a device, with the bits of `seq`. For files that nvcc
/// compiles.
///
///     cppo::device_workspace memory;
///     auto const gpu = cppo::on(stream).with_workspace(memory);
///     auto const batch = cppo::logit_batch(cppo::padded(B, T), cppo::logits(V, x), cppo::token_id(y));
///     cppo::status queued = cppo::log_probs(gpu, batch, {.log_prob = lp, .log_sum_exp = total});   // does not wait
///     cppo::status done = cppo::fetch(gpu);                                                        // waits
///
/// All that is lent must lie where the device reads it; offsets of a packed batch in memory that both sides read
/// (pinned or managed). What the data has wrong is found on the device: then nothing is written, and `fetch` says what
/// a host says. A call with a workspace allocates nothing and may be captured into a graph.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/cuda.cuh>
#include <cppo/logits/block_call.hpp>
#include <cppo/logits/refused.hpp>
#include <cppo/logits/refused_losses.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Number of bytes of workspace that `log_probs`, with that many of the largest logits, `full_divergences` and
/// `logits_gradient` need on a device, from an address that is a multiple of 256.
inline std::size_t device_workspace_bytes(logit_batch_view const& batch, index_t largest_count = 0) noexcept {
  return detail::row_memory().place(nullptr, batch, largest_count);
}

namespace detail {

/// Checks that the device reads a batch. Offsets are read on both sides.
inline status check_device_memory(logit_batch_view const& batch) noexcept {
  auto const missing = [](argument where) { return status{status_code::not_device_memory, where}; };
  auto const reads = [](void const* p) { return p == nullptr || device_reads(p); };
  layout const& l = batch.shape();
  if (l.is_packed() && l.responses() > 0 && !device_reads(l.offsets())) return missing(argument::offsets);
  if (!reads(batch.logits().source().data)) return missing(argument::logits);
  if (!reads(batch.token_ids().data)) return missing(argument::token_id);
  if (!reads(batch.mask().data)) return missing(argument::response_mask);
  return reads(batch.listed().source.data) ? status{} : missing(argument::top_k);
}
/// The status if the device does not read a buffer of a call.
inline void check_device_buffer(status& s, void const* p, argument where, char const* name) noexcept {
  if (s.ok() && p != nullptr && !device_reads(p))
    s = {.code = status_code::not_device_memory, .where = where, .name = name};
}
inline status check_device_memory(placed_log_probs const& to, logit_batch_view const& batch) noexcept {
  status s = check_device_memory(batch);
  for (placed_numbers const* n : {&to.log_prob, &to.log_sum_exp, &to.entropy})
    check_device_buffer(s, n->data, n->where, n->name);
  for (placed_list const* n : {&to.listed, &to.largest, &to.largest_id})
    check_device_buffer(s, n->to.data, argument::top_k, n->name);
  return s;
}

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
  __shared__ alignas(16) unsigned char memory[sizeof(typename body::storage)];
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
  __shared__ alignas(16) unsigned char memory[sizeof(shared_gradient)];
  Block threads(collectives);
  for (index_t row = blockIdx.x; row < c.call.batch().shape().elements(); row += gridDim.x)
    write_gradient_row(threads, *reinterpret_cast<shared_gradient*>(memory), c, row);
}

template <class Block, divergences_are Which>
__global__ void __launch_bounds__(threads_per_row, 3)
    write_divergences_kernel(__grid_constant__ rows_to_divergences const c) {
  __shared__ typename Block::storage collectives;
  __shared__ alignas(16) unsigned char memory[sizeof(shared_divergence)];
  Block threads(collectives);
  for (index_t row = blockIdx.x; row < c.call.batch().shape().elements(); row += gridDim.x)
    write_divergences_row<Which>(threads, *reinterpret_cast<shared_divergence*>(memory), c, row);
}

/// Calls queue_steps(queue) with the call's memory placed in the workspace.
template <class F>
status with_row_memory(cuda_t const& gpu, row_memory& m, logit_batch_view const& batch, index_t most,
                       F const& queue_steps) noexcept {
  void* memory = nullptr;
  bool own = false;
  status const s = gpu.obtain(m.place(nullptr, batch, most), memory, own);
  if (!s.ok()) return s;
  m.place(memory, batch, most);
  launcher queue(gpu.stream());
  queue.note(cudaMemsetAsync(m.state, 0, sizeof(call_state), gpu.stream()));
  if (batch.shape().elements() > 0) queue_steps(queue);
  if (own) queue.note(cudaFreeAsync(memory, gpu.stream()));
  return queue.result();
}
/// Blocks whose threads take an element each.
constexpr index_t blocks_for(index_t elements) noexcept { return (elements + threads_per_row - 1) / threads_per_row; }

/// Puts the steps of a call that has taken its buffers into the stream; s says how that ended. write(queue) puts the
/// last step there.
template <class Call, class F>
status queue_numbers(cuda_t const& gpu, rows_with_numbers<Call>& c, status s, F const& write) noexcept {
  using block = cuda_block<threads_per_row>;
  if (s.ok()) s = check_device_memory(c.call.batch());
  c.call.each_buffer([&](void const* p, argument where, char const* name) { check_device_buffer(s, p, where, name); });
  if (!s.ok()) return s;
  return with_row_memory(gpu, c.m, c.call.batch(), 0, [&](launcher& queue) {
    constexpr int n = threads_per_row;
    queue.run_persistent(check_numbers_kernel<block, Call>, blocks_for(c.call.batch().shape().elements()), n, c);
    queue.run(conclude_numbers_kernel<block, Call>, 1, n, c);
    write(queue);
  });
}

#endif

}  // namespace detail

#if defined(__CUDACC__)

/// `log_probs` on a device; see there. A row takes a block of threads. Bits, statuses and memory are those of a host.
inline status log_probs(cuda_t const& gpu, logit_batch_view const& batch, log_prob_outputs const& out) {
  using namespace detail;
  using block = cuda_block<threads_per_row>;
  rows_to_log_probs call{batch, {}, {}};
  status s = place_log_probs(batch, out, call.out);
  if (s.ok()) s = check_device_memory(call.out, batch);
  if (!s.ok()) return s;
  index_t const rows = batch.shape().elements(), ids = batch.logits().ids();
  index_t const most = call.out.most < ids ? call.out.most : ids;
  return with_row_memory(gpu, call.m, batch, most, [&](launcher& queue) {
    constexpr int n = threads_per_row;
    if (call.out.want_moment()) queue.run_persistent(find_rows_kernel<block, moment_is::summed>, rows, n, call);
    else queue.run_persistent(find_rows_kernel<block, moment_is::left_out>, rows, n, call);
    queue.run(conclude_rows_kernel<block>, 1, n, call);
    queue.run_persistent(write_rows_kernel<block>, blocks_for(rows * call.numbers()), n, call);
  });
}

/// `logits_gradient` on a device; see there. A row takes a block of threads.
inline status logits_gradient(cuda_t const& gpu, logit_batch_view const& batch, logit_slopes const& slopes,
                              output const& gradient) {
  using namespace detail;
  using block = cuda_block<threads_per_row>;
  rows_to_gradient c{gradient_call(batch), {}};
  return queue_numbers(gpu, c, c.call.take(slopes, gradient), [&](launcher& queue) {
    queue.run_persistent(write_slopes_kernel<block>, batch.shape().elements(), threads_per_row, c);
  });
}

/// `full_divergences` on a device; see there. A row takes a block of threads, and log-sum-exps of both policies, as
/// `log_probs` writes them, may be those of calls before this one in the stream.
inline status full_divergences(cuda_t const& gpu, logit_batch_view const& batch, slot_input const& log_sum_exp,
                               policy_rows const& mu, full_divergence_outputs const& outputs) {
  using namespace detail;
  using block = cuda_block<threads_per_row>;
  rows_to_divergences c{divergence_call(batch), {}};
  return queue_numbers(gpu, c, c.call.take(log_sum_exp, mu, outputs), [&](launcher& queue) {
    constexpr int n = threads_per_row;
    index_t const rows = batch.shape().elements();
    if (c.call.wants_kl()) queue.run_persistent(write_divergences_kernel<block, divergences_are::both>, rows, n, c);
    else queue.run_persistent(write_divergences_kernel<block, divergences_are::tv>, rows, n, c);
  });
}

#endif

}}  // namespace cppo

#include <cppo/macros_on.inc>
