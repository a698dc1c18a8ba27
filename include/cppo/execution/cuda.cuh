/// @file
/// The CUDA executor: runs a region on a device, with the bits of `seq`. For files that nvcc compiles.
///
///     cppo::device_workspace memory;
///     auto const gpu = cppo::on(stream).with_workspace(memory);
///     cppo::status queued = cppo::policy_loss(gpu, batch, region, {.gradient = g, .mask = m});   // does not wait
///     cppo::report r;
///     cppo::status done = cppo::fetch(gpu, &r);                                                  // waits
///
/// Everything lent must lie in memory that the device reads (device, managed or pinned); so must the offsets of a
/// packed batch (`packed_on_device`). Carries and totals are read on both sides and must be pinned or managed. A call
/// puts kernels into the stream and returns; with a workspace it allocates nothing and may be captured into a graph.
/// What is wrong with the data is known when the kernels have run, and `fetch` returns it, as `policy_loss` does on a
/// host. If the file was built with --use_fast_math, which no macro shows, `fetch` returns `arithmetic_relaxed`: then
/// outputs are written but must not be used.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/cuda_half.hpp>
#include <cppo/execution/cuda/kernels.cuh>
#include <cppo/execution/cuda/launcher.cuh>
#include <cppo/execution/cuda/workspace.cuh>

#include <cuda_runtime_api.h>

#include <utility>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// True if the device reads the memory at p. `host_reads`: true if the host does.
inline bool device_reads(void const* p) noexcept {
  cudaPointerAttributes a{};
  return cudaPointerGetAttributes(&a, p) == cudaSuccess && a.type != cudaMemoryTypeUnregistered &&
         a.devicePointer != nullptr;
}
inline bool both_read(void const* p) noexcept {
  cudaPointerAttributes a{};
  return device_reads(p) && cudaPointerGetAttributes(&a, p) == cudaSuccess && a.hostPointer != nullptr;
}

}  // namespace detail

/// Runs calls on the current device, in the order of a stream.
class cuda_t {
 public:
  /// Use `on`.
  explicit constexpr cuda_t(cudaStream_t stream) noexcept : stream_(stream) {}
  /// The same executor with a workspace that it keeps between calls. The workspace must outlive them.
  constexpr cuda_t with_workspace(device_workspace& w) const noexcept {
    cuda_t e = *this;
    e.owner_ = &w;
    return e;
  }
  /// The same executor with memory of the caller's as workspace; `device_workspace_bytes` says how much. Bytes before
  /// the first multiple of 256 are not used.
  cuda_t with_workspace(void* data, std::size_t bytes) const noexcept {
    std::size_t const skip = (256 - reinterpret_cast<std::uintptr_t>(data) % 256) % 256;
    cuda_t e = *this;
    e.lent_ = static_cast<unsigned char*>(data) + skip;
    e.lent_bytes_ = bytes > skip ? bytes - skip : 0;
    return e;
  }
  /// The same executor, which keeps every report for `fetch`, even if the call does not ask for one.
  constexpr cuda_t with_report() const noexcept {
    cuda_t e = *this;
    e.reports_ = true;
    return e;
  }
  /// The same executor for a call that reads what another one finds in logits, earlier in the stream. Where that is
  /// refused, so is the call. Used by `policy_loss_from_logits`.
  constexpr cuda_t after(detail::call_state const* before) const noexcept {
    cuda_t e = *this;
    e.before_ = before;
    return e;
  }
  /// True if every report is kept.
  constexpr bool reports() const noexcept { return reports_; }
  /// The stream.
  constexpr cudaStream_t stream() const noexcept { return stream_; }
  /// The workspace, null where there is none yet.
  void* workspace() const noexcept { return owner_ != nullptr ? owner_->data() : lent_; }

  /// Sets `p` to `bytes` bytes of the workspace; without one, to new memory: `own` is true, and the caller frees it.
  status obtain(std::size_t bytes, void*& p, bool& own) const noexcept {
    own = owner_ == nullptr && lent_ == nullptr;
    cudaError_t e = cudaSuccess;
    if (own) {
      e = cudaMallocAsync(&p, bytes, stream_);
    } else if (owner_ == nullptr) {
      if (lent_bytes_ < bytes)
        return {status_code::workspace_too_small, argument::none, -1, -1, static_cast<index_t>(bytes)};
      p = lent_;
    } else {
      cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
      if (owner_->bytes() < bytes) e = cudaStreamIsCapturing(stream_, &capturing);
      if (capturing != cudaStreamCaptureStatusNone)
        return {status_code::workspace_too_small, argument::none, -1, -1, static_cast<index_t>(bytes)};
      if (e == cudaSuccess) e = owner_->reserve(bytes, stream_);
      p = owner_->data();
    }
    return e == cudaSuccess ? status{} : detail::failed(e);
  }

  /// Checks that everything lent lies where the device reads it.
  template <class Real>
  status check_memory(rollout_batch_view<Real> const& batch, loss_outputs const& out,
                      loss_options const& o) const noexcept;
  /// True: the device checks its arithmetic itself, and `fetch` returns what it finds.
  template <class Real>
  constexpr bool arithmetic_holds(detail::checked_call<Real> const&) const noexcept {
    return true;
  }
  /// Puts the steps of a checked call into the stream. Only in files that nvcc compiles.
  template <class Real, class Region>
  status run_call(detail::task<Real, Region>& t, report* wanted) const noexcept;

 private:
  cudaStream_t stream_;
  bool reports_ = false;
  detail::call_state const* before_ = nullptr;
  device_workspace* owner_ = nullptr;
  void* lent_ = nullptr;
  std::size_t lent_bytes_ = 0;
};

/// The device executor on a stream of the current device.
constexpr cuda_t on(cudaStream_t stream) noexcept { return cuda_t(stream); }

/// Number of bytes of workspace that a call on this batch needs, from an address that is a multiple of 256.
template <class Real, class Region>
std::size_t device_workspace_bytes(rollout_batch_view<Real> const& batch, Region const&) noexcept {
  return detail::call_memory<Real>().template place<Region>(nullptr, batch.shape());
}

/// Waits for the stream and returns the status of the executor's last call, as `policy_loss` on a host does. `r` gets
/// its report: only counts, unless the call asked for a report or the executor is `with_report()`. The executor must
/// have a workspace.
inline status fetch(cuda_t const& executor, report* r = nullptr) noexcept {
  auto const* const state = static_cast<detail::call_state const*>(executor.workspace());
  if (state == nullptr) return {status_code::workspace_too_small};
  detail::call_state copy;
  cudaError_t e = cudaMemcpyAsync(&copy, state, sizeof copy, cudaMemcpyDeviceToHost, executor.stream());
  if (e == cudaSuccess) e = cudaStreamSynchronize(executor.stream());
  if (e != cudaSuccess) return detail::failed(e);
  if (r != nullptr && copy.refused.ok() && !copy.outcome.nothing_written()) *r = copy.report;
  if (copy.outcome.code == status_code::log_sum_exp_invalid)  // a text of this side
    copy.outcome.name = copy.outcome.where == argument::rollout_log_prob ? "rollout.log_sum_exp" : "log_sum_exp";
  if (copy.of_logits && copy.outcome.where == argument::log_prob) copy.outcome.name = "log_prob of the logits";
  return copy.outcome;
}

template <class Real>
status cuda_t::check_memory(rollout_batch_view<Real> const& batch, loss_outputs const& out,
                            loss_options const& o) const noexcept {
  using detail::both_read, detail::buffer, detail::device_reads, detail::named_output, detail::named_outputs;
  int device = 0;
  if (cudaError_t const e = cudaGetDevice(&device); e != cudaSuccess) return detail::failed(e);
  layout const& l = batch.shape();
  if (l.is_packed() && l.responses() > 0 && !device_reads(l.offsets()))
    return {status_code::not_device_memory, argument::offsets};
  for (int place = 0; place < detail::input_places; ++place) {
    auto const a = detail::input_at(place);
    if (a != argument::top_k && batch[a].lent() && !device_reads(batch[a].data))
      return {status_code::not_device_memory, a};
  }
  if (batch.has(argument::top_k)) {
    for (buffer const* b : {&batch.lists().ids, &batch.lists().log_prob, &batch.lists().rollout_log_prob}) {
      if (b->data != nullptr && !device_reads(b->data)) return {status_code::not_device_memory, argument::top_k};
    }
  }
  for (named_output const& n : named_outputs(out)) {
    void const* const p = n.lent->source().data;
    if (p == nullptr || device_reads(p)) continue;
    return {.code = status_code::not_device_memory, .where = n.where, .name = n.member};
  }
  if (out.report != nullptr && !device_reads(out.report)) return {status_code::not_device_memory, argument::report};
  bool const pieces =
      (o.carries.empty() || both_read(o.carries.data())) && (o.totals.empty() || both_read(o.totals.data())) &&
      (o.folds.empty() || device_reads(o.folds.data()));
  return pieces ? status{} : status{status_code::not_device_memory, argument::carry};
}

#if defined(__CUDACC__)

namespace detail {

template <pass Pass, class Real, class Region>
void run_responses(launcher& queue, device_call<Real, Region> call) noexcept {
  layout const& l = call.t.batch.shape();
  call.clusters = Pass == pass::usual && queue.wants_clusters(cluster_kernel<Real, Region>, l.responses());
  auto const has_work = [&](team who) {
    return l.is_packed() ? who != team::cluster || call.clusters : who == team_for(l.width(), call.clusters);
  };
  if (has_work(team::cluster))
    queue.run_clusters(cluster_kernel<Real, Region>, l.responses(), threads_per_response<Real>, call);
  if (has_work(team::block))
    queue.run_persistent(long_kernel<Pass, Real, Region>, l.responses(), threads_per_response<Real>, call);
  if (has_work(team::warp)) {
    queue.run_persistent(short_kernel<Pass, Real, Region>, (l.responses() + warps_per_block - 1) / warps_per_block,
                         32 * warps_per_block, call);
  }
}

/// Puts the step before all others into a stream.
template <class Real, class Region>
void begin_steps(launcher& queue, device_call<Real, Region> const& call, cudaStream_t stream,
                 call_state const* before) noexcept {
  if (call.t.batch.shape().is_packed()) queue.run(prepare_kernel<Real, Region>, 1, threads_for_steps, call);
  else queue.note(cudaMemsetAsync(call.m.state, 0, sizeof(call_state), stream));
  if (call.follows) queue.run(follow_kernel<Real, Region>, 1, 1, call, before);
}

/// Puts the passes for the folds of a region into a stream, level by level.
template <class Real, class Region>
void run_folds(launcher& queue, device_call<Real, Region>& call) noexcept {
  fold_totals const* const known = call.t.folds.totals;
  call.t.folds = call.m.columns;
  call.t.folds.folds = values_of_folds(call.t.region);
  call.t.folds.totals = known;
  index_t const responses = call.t.batch.shape().responses();
  each_level(call.t.region, [&](auto level) {
    constexpr int here = decltype(level)::value;
    queue.run_persistent(level_kernel<here, Real, Region>, responses, threads_for_steps, call);
    queue.run(settle_kernel<here, Real, Region>, 1, threads_for_steps, call);
  });
}

}  // namespace detail

template <class Real, class Region>
status cuda_t::run_call(detail::task<Real, Region>& t, report* wanted) const noexcept {
  using detail::pass;
  status const given = detail::check_fold_totals(t, detail::values_of_folds(t.region));
  if (!given.ok()) return given;
  t.reports = wanted != nullptr || reports();
  layout const& l = t.batch.shape();
  detail::launcher queue(stream());
  detail::device_call<Real, Region> call{t, {}, false, before_ != nullptr};
  void* memory = nullptr;
  bool own = false;
  status const s = obtain(call.m.template place<Region>(nullptr, l), memory, own);
  if (!s.ok()) return s;
  call.m.template place<Region>(memory, l);
  detail::begin_steps(queue, call, stream(), before_);
  if (l.responses() > 0) {
    if constexpr (detail::has_folds<Region>) detail::run_folds(queue, call);
    if (t.needs_sweep()) detail::run_responses<pass::count>(queue, call);
    if (t.needs_sweep()) queue.run(detail::conclude_kernel<Real, Region>, 1, detail::threads_for_steps, call);
    if (is_usual(t)) detail::run_responses<pass::usual>(queue, call);
    else detail::run_responses<pass::any>(queue, call);
  }
  if (l.clears_rest() && l.elements() > 0) {
    queue.run_persistent(detail::clear_kernel<Real, Region>,
                         (l.elements() + detail::threads_for_steps - 1) / detail::threads_for_steps,
                         detail::threads_for_steps, call);
  }
  queue.run(detail::fold_kernel<Real, Region>, static_cast<int>(detail::fold_parts(l.responses())),
            detail::threads_for_steps, call, wanted);
  if (own) queue.note(cudaFreeAsync(memory, stream()));
  return queue.result();
}

#endif

}}  // namespace cppo

#include <cppo/macros_on.inc>
