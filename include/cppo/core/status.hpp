/// @file
/// How a call ends: a small value that names what went wrong, where, and the remedy. No allocation, no exception.
#pragma once

#include <cppo/core/types.hpp>

namespace cppo::inline CPPO_ABI {

/// What happened. Codes below 64 are notable but not errors: every output was computed.
enum class status_code : std::int32_t {
  ok = 0,
  no_active_tokens = 1,      ///< loss and gradient are 0
  bad_input_excluded = 2,    ///< `on_bad_input::exclude` left tokens out
  bad_input_propagated = 3,  ///< `on_bad_input::propagate` wrote NaN

  log_prob_invalid = 64,     ///< NaN, infinite or positive log pi at an active token
  rollout_log_prob_invalid,  ///< NaN, infinite or positive log mu at an active token
  advantage_invalid,         ///< NaN or infinite
  response_mask_invalid,     ///< neither 0 nor 1
  divergence_invalid,        ///< lent D_t is NaN, infinite or negative
  token_weight_invalid,      ///< NaN or infinite
  top_k_invalid,             ///< a listed log-prob is NaN or positive
  piece_rejected,            ///< the totals say that another piece of this response holds bad input

  null_buffer = 96,          ///< a buffer is null although it must hold values
  extent_mismatch,           ///< a buffer does not have the batch's shape; `count`: the extent it would need
  bad_offsets,               ///< cu_seqlens does not start at 0, decreases, or ends past the slots or before them
  size_overflow,             ///< extents multiply past 2^62
  bad_parameter,             ///< a threshold, budget, weight or option outside its range
  missing_input,             ///< the region reads an input that the batch does not lend
  horizon_too_short,         ///< a response is longer than the fixed horizon
  output_overlap,            ///< an output shares memory with an input or another output
  carry_mismatch,            ///< carries and totals do not fit the pieces
  executor_unavailable,      ///< the executor cannot run this call
  element_type_mismatch,     ///< an output that takes numbers was lent as integers, or a tensor is of another type
  arithmetic_relaxed,        ///< a part of -ffast-math is on, or the rounding mode is not to nearest
  not_device_memory,         ///< a device was to run the call, and cannot read or write what was lent
  workspace_too_small,       ///< the lent workspace is smaller than the call needs, or there is none
  device_error,              ///< a CUDA call failed; `count` is its cudaError_t
  bad_pieces,                ///< pieces that are numbered wrongly; `response` is the piece
  bad_tensor,                ///< a tensor of another rank than 1 or 2, without a shape or with one below 0
  misaligned,                ///< the first element does not lie on a multiple of its size
  not_host_memory,           ///< a tensor lies on a device
};

/// Which argument the status is about.
enum class argument : std::int32_t {
  none, log_prob, rollout_log_prob, advantage, response_mask, divergence, token_weight, top_k, token_id, offsets,
  loss, gradient, mask, gate, trace, region, options, carry, report, response_of, order_of, tensor,
};

/// One sentence for each code: what is wrong and what to do.
CPPO_HOST_DEVICE constexpr char const* sentence(status_code code) noexcept {
  switch (code) {
    case status_code::ok: return "ok";
    case status_code::no_active_tokens:
      return "no token is active (every response mask is 0): loss and gradient are 0; skip the optimizer step";
    case status_code::bad_input_excluded:
      return "tokens with bad input were left out as if their response mask were 0; see the count in the report";
    case status_code::bad_input_propagated:
      return "tokens with bad input have NaN loss and gradient, as asked; see the count in the report";
    case status_code::log_prob_invalid:
      return "log_prob is NaN, infinite or positive at an active token: mask the token, or recompute its log-softmax";
    case status_code::rollout_log_prob_invalid:
      return "rollout_log_prob is NaN, infinite or positive at an active token: mask the token, or replay it in the trainer";
    case status_code::advantage_invalid:
      return "advantage is NaN or infinite at an active token: check groups of one response or of equal rewards";
    case status_code::response_mask_invalid:
      return "response_mask holds a value that is neither 0 nor 1: pass a binary mask, not weights";
    case status_code::divergence_invalid:
      return "the lent divergence is NaN, infinite or negative at an active token: recompute it, or mask the token";
    case status_code::token_weight_invalid: return "token_weight is NaN or infinite at an active token: mask the token";
    case status_code::top_k_invalid:
      return "a listed top-k log-prob is NaN or positive at an active token: pass log-softmax values, -inf where unlisted";
    case status_code::piece_rejected:
      return "another piece of this response holds bad input, so all its pieces are left out: mask the token there";
    case status_code::null_buffer: return "the buffer is null although the batch holds tokens: lend a valid pointer";
    case status_code::extent_mismatch:
      return "the buffer is not of the batch's extent, `count`: lend [B, T] padded, [N] packed (more: with_capacity, "
             "part_of); only advantage, response_mask, token_weight may repeat ([B, 1], per_response([B]), stride 0)";
    case status_code::bad_offsets:
      return "cu_seqlens must be B + 1 offsets that begin at 0, never decrease and end at the slots there are: lengths? "
             "pass their cumulative sums from 0; part of larger buffers? packed(...).part_of(n), or .with_capacity(n)";
    case status_code::size_overflow: return "the extents multiply past 2^62 elements: split the batch";
    case status_code::bad_parameter:
      return "a parameter is outside its range: thresholds in [2^-126, 1000], budgets in [0, 1000], w_min in (0, 1]";
    case status_code::missing_input:
      return "the region reads an input that the batch does not lend: add it to rollout_batch(...)";
    case status_code::horizon_too_short:
      return "a response has more valid tokens than the fixed horizon: raise the horizon or use own_length";
    case status_code::output_overlap: return "an output shares memory with an input or another output: lend it its own";
    case status_code::carry_mismatch:
      return "carries and totals must hold one entry per piece and cover its tokens: run the sums on the same pieces";
    case status_code::executor_unavailable: return "this executor cannot run the call: use seq or simd";
    case status_code::element_type_mismatch:
      return "the element type does not fit: lend float, double, half or bfloat16 where numbers are written (integers "
             "truncate), and borrow a tensor as the dtype that it has, one lane";
    case status_code::arithmetic_relaxed:
      return "arithmetic is not exact here: compile without -ffast-math and its parts, and set rounding to nearest";
    case status_code::not_device_memory:
      return "the device cannot reach this buffer: lend device, managed or pinned memory (carries, totals: not device)";
    case status_code::workspace_too_small:
      return "the call needs a workspace of `count` bytes: lend one, or reserve it before a graph is captured";
    case status_code::bad_pieces:
      return "pieces are numbered wrongly: pass one entry each per piece, response_of in 0 ... responses - 1, and "
             "no order_of twice in a response";
    case status_code::bad_tensor:
      return "the tensor is no matrix: lend one of one or two dimensions, [N] or [B, T], whose shape is not below 0";
    case status_code::misaligned:
      return "the first element does not lie on a multiple of its size: pass another byte_offset, or a copy of the tensor";
    case status_code::not_host_memory:
      return "the tensor lies on a device: copy it to the host, or lend it to a call there with borrow_on_device";
    case status_code::device_error: return "a CUDA call failed, outputs are not valid: pass `count` to cudaGetErrorString, and see CUDA's manual";
  }
  return "unknown status";
}

/// The name of an argument as the API spells it.
CPPO_HOST_DEVICE constexpr char const* name(argument a) noexcept {
  constexpr char const* names[] = {"",       "log_prob", "rollout_log_prob", "advantage", "response_mask", "divergence",
                                   "token_weight", "top_k", "token_id", "cu_seqlens", "loss", "gradient", "mask",
                                   "gate", "trace", "region", "options", "carry", "report", "response_of", "order_of",
                                   "tensor"};
  return names[static_cast<int>(a)];
}

/// How a call ended. Position: `response` is the row or the packed response, `token` the column inside it (masked
/// tokens counted), both from 0 and -1 where they do not apply; the first bad place in (response, token) order.
struct [[nodiscard]] status {
  status_code code = status_code::ok;    ///< what happened
  argument where = argument::none;       ///< the argument concerned
  index_t response = -1;                 ///< first place: response
  index_t token = -1;                    ///< first place: token
  index_t count = 0;                     ///< how many tokens (or places) are affected

  /// Every output that was asked for is valid (perhaps with something notable).
  CPPO_HOST_DEVICE constexpr bool ok() const noexcept { return static_cast<std::uint8_t>(code) < 64; }
  /// Nothing was written: shape, parameter or argument error. A device alone may have written all the same, where it
  /// found out too late (`arithmetic_relaxed`, `device_error` from `fetch`): not to be used.
  CPPO_HOST_DEVICE constexpr bool nothing_written() const noexcept { return static_cast<std::uint8_t>(code) >= 96; }
  /// Same as `ok()`.
  CPPO_HOST_DEVICE explicit constexpr operator bool() const noexcept { return ok(); }
  /// What is wrong and what to do, in one sentence.
  CPPO_HOST_DEVICE constexpr char const* message() const noexcept { return sentence(code); }
};

/// What to do with bad input at an active token (NaN, infinity, positive log-prob, mask value that is not 0 or 1).
enum class on_bad_input : std::uint8_t {
  reject,     ///< that response's outputs become excluded, the others are computed, the status is an error (default)
  exclude,    ///< the token becomes inactive, as if its response mask were 0; the status is notable
  propagate,  ///< the token counts, its outputs are a quiet NaN (mask 0); for debugging
};

}  // namespace cppo::inline CPPO_ABI
