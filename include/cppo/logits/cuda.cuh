/// @file
/// Calls on logits on a device, with the bits of `seq`. For files that nvcc compiles.
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
#include <cppo/logits/kernels.cuh>
#include <cppo/logits/policy_loss.hpp>
#include <cppo/logits/refused.hpp>
#include <cppo/logits/refused_losses.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Number of bytes of workspace that `log_probs`, with that many of the largest logits, `full_divergences` and
/// `logits_gradient` need on a device, from an address that is a multiple of 256.
inline std::size_t device_workspace_bytes(logit_batch_view const& batch, index_t largest_count = 0) noexcept {
  return detail::row_memory().place(nullptr, batch, largest_count);
}

namespace detail {

/// Where the memory of the steps of `policy_loss_from_logits` lies, one after the other.
template <class Real, class Region>
struct loss_memory {
  std::size_t rows_at, numbers_at, bytes;  ///< of `log_probs`, and of the numbers of each slot; of all

  loss_memory(logit_rollout_view<Real> const& batch, entropy_use const& use) noexcept
      : rows_at(call_memory<Real>().template place<Region>(nullptr, batch.rollout().shape())),
        numbers_at(rows_at + row_memory().place(nullptr, batch.logits(), 0)),
        bytes(numbers_at + slot_numbers<Real>().place(nullptr, batch, use)) {}
};

}  // namespace detail

/// Number of bytes of workspace that `policy_loss_from_logits` needs on a device, from an address that is a multiple of
/// 256.
template <class Real, class Region>
std::size_t device_workspace_bytes(logit_rollout_view<Real> const& batch, Region const& region,
                                   logit_loss_outputs const& outputs) noexcept {
  return detail::loss_memory<Real, Region>(batch, detail::entropy_use_of(batch, region, outputs, 0.0)).bytes;
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
/// `log_probs` writes them, may be those of calls before this one in the stream. That such a call was refused is not
/// seen here: where its logits or ids may be wrong, `fetch` first.
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

namespace detail {

/// Queues the steps of `policy_loss_from_logits`, in memory that begins with that of `policy_loss`.
template <class Real, class Region>
status queue_loss(cuda_t const& gpu, loss_of_logits<Real>& call, loss_memory<Real, Region> const& m, void* memory,
                  Region const& region, loss_options const& options) {
  using block = cuda_block<threads_per_row>;
  auto const part = [&](std::size_t at) { return static_cast<unsigned char*>(memory) + at; };
  auto* const state = static_cast<call_state*>(memory);
  launcher queue(gpu.stream());
  queue.note(cudaMemsetAsync(part(m.numbers_at), 0, m.bytes - m.numbers_at, gpu.stream()));
  cuda_t const alone(gpu.stream());
  status s = call.forward(alone.with_workspace(part(m.rows_at), m.numbers_at - m.rows_at));
  cuda_t const second = alone.with_workspace(memory, m.rows_at).after(reinterpret_cast<call_state*>(part(m.rows_at)));
  if (s.ok()) s = call.decided().decide_alone(gpu.reports() ? second.with_report() : second, region, options);
  logit_batch_view const& batch = call.gradient().batch();
  index_t const rows = batch.shape().elements();
  if (!s.ok() || rows == 0) return s.ok() ? queue.result() : s;
  slot_numbers<Real> const& n = call.decided().numbers();
  slot_outputs const& to = call.decided().slots();
  rows_to_slots<Real> const slots{batch, state, to.log_prob(), to.entropy(), n.log_prob.data(), n.entropy.data()};
  if (to.log_prob().lent() || to.entropy().lent())
    queue.run_persistent(write_slots_kernel<block, Real>, blocks_for(rows), threads_per_row, slots);
  rows_to_gradient gradient{call.gradient(), {}};
  gradient.m.state = state;
  if (call.writes_gradient()) queue.run_persistent(write_slopes_kernel<block>, rows, threads_per_row, gradient);
  return queue.result();
}
/// Checks that the device reads what `policy_loss_from_logits` writes beside the outputs of `policy_loss`.
inline status check_rows_written(layout const& l, logit_loss_outputs const& out) noexcept {
  slot_outputs slots(out.log_prob, out.entropy);
  status s = slots.place_in(l);
  check_device_buffer(s, out.logits_gradient.source().data, argument::logits, "logits_gradient");
  for (placed_numbers const* n : {&slots.log_prob(), &slots.entropy()})
    check_device_buffer(s, n->data, n->where, n->name);
  return s;
}
/// Checks what needs none of the call's own numbers, so that a refused call takes no memory for them.
template <class Real, class Region>
status check_lent(cuda_t const& gpu, logit_rollout_view<Real> const& batch, Region const& region,
                  logit_loss_outputs const& out, loss_options const& options) noexcept {
  task<Real, Region> t{{.batch = batch.rollout(), .objective = surrogate<Real>({})}, region};
  loss_outputs const tokens{
      .loss = out.loss, .mask = out.mask, .gate = out.gate, .trace = out.trace, .report = out.report};
  status s = check_device_memory(batch.logits());
  if (s.ok()) s = gpu.check_memory(t.batch, tokens, options);
  if (parameter_check const p = parameters_of(region); s.ok() && !p) s = out_of_range(argument::region, p);
  if (s.ok()) s = take_options(t, options);
  if (s.ok()) s = check_surrogate(region, options.surrogate);
  if (s.ok()) s = place_outputs(t, tokens);
  return s.ok() ? check_rows_written(batch.rollout().shape(), out) : s;
}

}  // namespace detail

/// `policy_loss_from_logits` on a device; see there. `log_probs`, `policy_loss` and the gradient are put into the
/// stream one after the other, over one workspace, and nothing waits between them: where the logits or the batch are at
/// fault, which is found on the device, nothing is written, and `fetch` says what a host says. An entropy bonus is
/// refused.
template <class Real, trust_region_like Region>
status policy_loss_from_logits(cuda_t const& gpu, logit_rollout_view<Real> const& batch, Region const& region,
                               logit_loss_outputs const& outputs, loss_options const& options = {},
                               logit_loss_options const& more = {}) {
  using namespace detail;
  if (!batch.check().ok()) return batch.check();
  if (more.entropy_bonus != 0.0) return bonus_on_device(more.entropy_bonus);
  status s = check_lent(gpu, batch, region, outputs, options);
  if (!s.ok()) return s;
  entropy_use const use = entropy_use_of(batch, region, outputs, 0.0);
  loss_memory<Real, Region> const m(batch, use);
  void* memory = nullptr;
  bool own = false;
  s = gpu.obtain(m.bytes, memory, own);
  if (!s.ok()) return s;
  loss_of_logits<Real> call(batch, outputs, use, static_cast<unsigned char*>(memory) + m.numbers_at);
  s = call.check(gpu, region, options);
  if (s.ok()) s = queue_loss(gpu, call, m, memory, region, options);
  cudaError_t const freed = own ? cudaFreeAsync(memory, gpu.stream()) : cudaSuccess;
  return s.ok() && freed != cudaSuccess ? failed(freed) : s;
}

#endif

}}  // namespace cppo

#include <cppo/macros_on.inc>
