/// @file
/// The status of a call: a small value that says what went wrong, where it did, and what to do about it. No allocation,
/// no exception.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/argument.hpp>
#include <cppo/core/parameter_check.hpp>
#include <cppo/core/types.hpp>

namespace cppo { inline namespace CPPO_ABI {

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
  log_prob_too_low,          ///< log pi is finite but below `loss_options::log_prob_floor`
  rollout_log_prob_too_low,  ///< log mu is
  top_k_too_low,             ///< a listed log-prob is
  fold_out_of_range,         ///< a term of a fold of the region is NaN or beyond +-1000
  entropy_invalid,             ///< NaN, infinite or negative
  reference_log_prob_invalid,  ///< NaN, infinite or positive
  reference_log_prob_too_low,  ///< finite but below `loss_options::log_prob_floor`

  null_buffer = 96,          ///< a buffer is null although it must hold values
  extent_mismatch,           ///< a buffer does not have the batch's shape; `wanted`: the extent it would need
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
  reward_invalid,            ///< NaN or infinite
  value_invalid,             ///< a value or bootstrap value is NaN or infinite
  folded_out_of_range,       ///< what an advantage rule folds is NaN or beyond +-2^20, where sums are not exact
  result_not_finite,         ///< an advantage rule gives NaN or an infinity, as it is or as it would be stored
  not_in_response_batch,     ///< an advantage rule reads an input that the batch does not lend
  states_mismatch,           ///< states of folds are not those that the rule needs next
  logit_invalid,             ///< NaN or +inf, or a row of -inf alone
  id_out_of_vocabulary,      ///< a sampled or listed id is no column of the logits
  sampled_id_masked,         ///< the logit of a sampled id is -inf
  not_in_logit_batch,        ///< the call reads an input that the batch of logits does not lend
  shards_mismatch,           ///< what was found in shards of the vocabulary is not of one batch, or not of each id once
  log_sum_exp_invalid,       ///< a lent log-sum-exp of a row of logits is NaN or infinite
};

/// One sentence for each code: `what is wrong: what to do`. A sentence about one argument begins with its name, or with
/// "the buffer" if it may be any; `describe` puts the name, the place and the numbers there.
CPPO_HOST_DEVICE constexpr char const* sentence(status_code code) noexcept {
  switch (code) {
    case status_code::ok: return "ok";
    case status_code::no_active_tokens:
      return "no token is active (response_mask is 0 everywhere): loss and gradient are 0; skip the optimizer step if "
             "no other micro-batch or rank has tokens";
    case status_code::bad_input_excluded:
      return "tokens with bad input were left out as if their response_mask were 0: mask or recompute them";
    case status_code::bad_input_propagated:
      return "tokens with bad input have NaN loss and gradient, as on_bad_input::propagate asks: mask or recompute "
             "them";
    case status_code::log_prob_invalid:
      return "log_prob must be finite and at most 0 (plus log_prob_tolerance) where response_mask is 1: mask the "
             "token, or recompute its log-softmax";
    case status_code::rollout_log_prob_invalid:
      return "rollout_log_prob must be finite and at most 0 (plus log_prob_tolerance) where response_mask is 1: mask "
             "the token, or recompute it with the weights that sampled it";
    case status_code::advantage_invalid:
      return "advantage must be finite where response_mask is 1: check groups of one response or of equal rewards, "
             "whose standard deviation is NaN or 0";
    case status_code::response_mask_invalid:
      return "response_mask must be 0 or 1: pass a binary mask, not weights (token_weight takes those)";
    case status_code::divergence_invalid:
      return "divergence_values must be finite and not below 0 where response_mask is 1: recompute them, or mask the "
             "token";
    case status_code::token_weight_invalid:
      return "token_weight must be finite where response_mask is 1: recompute it, or mask the token";
    case status_code::top_k_invalid:
      return "top_k must list log-probs of at most 0 (plus log_prob_tolerance; -inf is valid) where response_mask is "
             "1: pass log-softmax values, and id -1 in unused entries";
    case status_code::piece_rejected:
      return "another piece of this response holds bad input, so all its pieces are left out: mask that token";
    case status_code::log_prob_too_low:
      return "log_prob must be at least log_prob_floor where response_mask is 1 (lower ones stand in for -inf): mask "
             "the token, recompute its log-softmax, or lower log_prob_floor";
    case status_code::rollout_log_prob_too_low:
      return "rollout_log_prob must be at least log_prob_floor where response_mask is 1 (engines write -9999 for "
             "-inf): mask the token, recompute it with the weights that sampled it, or lower log_prob_floor";
    case status_code::top_k_too_low:
      return "top_k must list log-probs of at least log_prob_floor, or -inf: pass -inf for probability 0, id -1 in "
             "unused entries, or lower log_prob_floor";
    case status_code::fold_out_of_range:
      return "region folds a number that is NaN or beyond +-1000, so its response was left out: bound it, as in "
             "clamped(q, -1000, 1000)";
    case status_code::entropy_invalid:
      return "entropy must be finite and not below 0 where response_mask is 1: recompute it, or mask the token";
    case status_code::reference_log_prob_invalid:
      return "reference_log_prob must be finite and at most 0 (plus log_prob_tolerance) where response_mask is 1: mask "
             "the token, or recompute its log-softmax";
    case status_code::reference_log_prob_too_low:
      return "reference_log_prob must be at least log_prob_floor where response_mask is 1 (lower ones stand in for "
             "-inf): mask the token, recompute its log-softmax, or lower log_prob_floor";
    case status_code::null_buffer: return "the buffer is null, but the call reads or writes it: lend a valid pointer";
    case status_code::extent_mismatch:
      return "the buffer must have the batch's shape: use [B, T] for padded, [N] for packed (with_capacity(n) or "
             "part_of(n) where buffers hold more slots), [N, k] in top_k; per_response([B]) for advantage, "
             "response_mask and token_weight alone";
    case status_code::bad_offsets:
      return "cu_seqlens must begin at 0, never decrease and end at the number of slots: pass cumulative sums of the "
             "lengths, not lengths; where buffers hold more slots, use packed(...).part_of(n) or .with_capacity(n)";
    case status_code::size_overflow:
      return "the buffer would need more than 2^62 elements: check its extents, strides and offsets";
    case status_code::bad_parameter:
      return "an option or a parameter is outside its range: describe(status) names it, its value, its range and the "
             "remedy";
    case status_code::missing_input:
      return "the buffer is read by the region, but was not lent: add it to rollout_batch(...)";
    case status_code::reward_invalid:
      return "reward must be finite: recompute it, or leave the response out of the batch";
    case status_code::value_invalid:
      return "value must be finite where response_mask is 1, and bootstrap_value always: recompute it, or mask the "
             "token";
    case status_code::folded_out_of_range:
      return "reward must be in [-2^20, 2^20] where a rule folds it, and so must what else it folds, since sums are "
             "exact there: divide rewards by a constant, or fold clamped(...)";
    case status_code::result_not_finite:
      return "the rule gives a number that is not finite in the output's type: add a small number to what it divides "
             "by, or lend an output of a wider type";
    case status_code::not_in_response_batch:
      return "the buffer is read by the rule, but was not lent: add it to response_batch(...)";
    case status_code::states_mismatch:
      return "states must hold every level of the rule and every group of the batch: pass what sum_rewards, or "
             "sum_folds, makes of the same rule, one level after the other, combined over micro-batches and ranks";
    case status_code::logit_invalid:
      return "logits must be finite or -inf, and not -inf in a whole row, where response_mask is 1: look for an "
             "overflow in the model, or mask the token";
    case status_code::id_out_of_vocabulary:
      return "the buffer must hold ids in 0 ... V - 1 where response_mask is 1 (-1 in unused entries of lists): pass "
             "the ids of the tokenizer that the logits are of, or mask the token";
    case status_code::sampled_id_masked:
      return "logits must be above -inf at the sampled id, which has no log-prob otherwise: mask the same ids when "
             "sampling and when training, or mask the token";
    case status_code::not_in_logit_batch:
      return "the buffer is read by the call, but was not lent: add it to logit_batch(...)";
    case status_code::shards_mismatch:
      return "what was found is not of this batch and call, or not of each id once: pass what find_logits finds in "
             "each shard of the vocabulary, combined";
    case status_code::log_sum_exp_invalid:
      return "the buffer must hold finite log-sum-exps where response_mask is 1: lend what log_probs writes for the "
             "same logits and temperature, or mask the token";
    case status_code::horizon_too_short:
      return "a response has more valid tokens than the horizon: raise horizon, or use position_convention::own_length";
    case status_code::output_overlap:
      return "the buffer shares memory with an input or another output: lend the output memory of its own";
    case status_code::carry_mismatch:
      return "carries and totals must hold one entry per piece and cover its tokens: pass what plan_pieces, or "
             "summarize_piece and sum_piece, make of the same pieces and options (a plan's outcome says why there is "
             "none)";
    case status_code::executor_unavailable:
      return "the buffer lies on a device, where this executor cannot read it: call with on(stream), or lend host "
             "memory";
    case status_code::element_type_mismatch:
      return "the buffer has elements of the wrong type: lend outputs as float, double, half or bfloat16 (mask as "
             "any integer or bool too, trace.decision as any integer), and give lend a matrix_view of the tensor's "
             "dtype";
    case status_code::arithmetic_relaxed:
      return "arithmetic does not round as IEEE says: compile without -ffast-math and its parts, and set the rounding "
             "mode to nearest";
    case status_code::not_device_memory:
      return "the buffer is not in memory that the device reads: lend device, managed or pinned memory (for carries "
             "and totals managed or pinned)";
    case status_code::workspace_too_small:
      return "the call needs a workspace of `count` bytes: lend one by with_workspace(...), and reserve that much "
             "before a graph is captured";
    case status_code::bad_pieces:
      return "the buffer numbers the pieces wrongly: pass one entry per piece, response_of in 0 ... responses - 1, "
             "and no order_of twice in a response";
    case status_code::bad_tensor:
      return "tensor must have one or two dimensions, none below 0: lend [N] or [B, T], with a shape that is not null";
    case status_code::misaligned:
      return "tensor begins at an address that is no multiple of its elements' size: pass another byte_offset, or a "
             "copy";
    case status_code::not_host_memory:
      return "tensor lies on a device: pass a copy on the host, or use lend_on_device and call with on(stream)";
    case status_code::device_error:
      return "a CUDA call failed and outputs are not valid: pass `count` of the status to cudaGetErrorString";
  }
  return "unknown status";
}

/// How a call ended. `response` is the row or the packed response and `token` the column inside it, excluded slots
/// counted; both count from 0 and are -1 where they do not apply. They name the first bad place in (response, token)
/// order. `describe(s)` makes one sentence of it all.
struct [[nodiscard]] status {
  status_code code = status_code::ok;    ///< what happened
  argument where = argument::none;       ///< the argument concerned
  index_t response = -1;                 ///< first place: response
  index_t token = -1;                    ///< first place: token
  index_t count = 0;                     ///< how many tokens (or places) are affected
  argument other = argument::none;       ///< `output_overlap`: what the argument shares memory with
  bool has_value = false;                ///< true if `value` holds the number that is wrong
  std::uint8_t unused[3] = {};           ///< in place of padding: a status may be copied by its bytes
  double value = 0.0;                    ///< the wrong number: an input at its first bad place, an option, an extent
  index_t wanted = -1;                   ///< what an extent or a count must be, or reach; of a logit its id; -1: does
                                         ///< not apply
  char const* name = nullptr;   ///< what is meant where `where` has several: an option, a parameter, a trace's member
  char const* range = nullptr;  ///< of an option or a parameter, with the remedy; of an extent: what is counted. Both
                                ///< are literals of the host: code that a device may run leaves them alone

  /// True if every output that was asked for is valid. The code may still report something notable.
  CPPO_HOST_DEVICE constexpr bool ok() const noexcept { return static_cast<std::uint8_t>(code) < 64; }
  /// True if nothing was written: a shape, a parameter or an argument is wrong. Only a device may have written all the
  /// same, if it found out too late (`arithmetic_relaxed`, or `device_error` from `fetch`); its outputs must not be
  /// used.
  CPPO_HOST_DEVICE constexpr bool nothing_written() const noexcept { return static_cast<std::uint8_t>(code) >= 96; }
  /// True if `ok()`.
  CPPO_HOST_DEVICE explicit constexpr operator bool() const noexcept { return ok(); }
  /// What is wrong and what to do, the same for every status of this code. `describe` also says where.
  CPPO_HOST_DEVICE constexpr char const* message() const noexcept { return sentence(code); }
};

namespace detail {

/// The status for a number out of its range. A part that names no parameter gives only the fact.
CPPO_HOST_DEVICE constexpr status out_of_range(argument where, parameter_check const& p) noexcept {
  return {.code = status_code::bad_parameter, .where = where, .has_value = p.name != nullptr, .value = p.value,
          .name = p.name, .range = p.range};
}
/// The status for a wrong number of elements, rows or the like.
CPPO_HOST_DEVICE constexpr status wrong_extent(argument where, char const* counted, index_t found, index_t wanted,
                                               char const* name = nullptr) noexcept {
  return {.code = status_code::extent_mismatch, .where = where, .has_value = true, .value = static_cast<double>(found),
          .wanted = wanted, .name = name, .range = counted};
}
/// The status for an output that shares memory with something else.
CPPO_HOST_DEVICE constexpr status shared_memory(argument where, argument other, char const* name = nullptr) noexcept {
  return {.code = status_code::output_overlap, .where = where, .other = other, .name = name};
}
/// The status for offset b + 1 where it is lower than the one `before` it, or for offset 0 where it is wrong: then
/// `before` is -1.
CPPO_HOST_DEVICE constexpr status wrong_offset(index_t b, index_t before, index_t offset) noexcept {
  return {.code = status_code::bad_offsets, .where = argument::offsets, .response = b, .count = 1, .has_value = true,
          .value = static_cast<double>(offset), .wanted = before};
}
/// The status for an element that stands for more than one token where it may not.
CPPO_HOST_DEVICE constexpr status repeated(argument where, char const* name = nullptr) noexcept {
  char const* const own = is_input(where)
                              ? "an element of its own for each token; only advantage, response_mask and token_weight "
                                "may repeat"
                              : "an element of its own for each slot, since each is written";
  return {.code = status_code::extent_mismatch, .where = where, .name = name, .range = own};
}
/// The status for offset b + 1 where it is past the number of slots, or should be that number and is not.
CPPO_HOST_DEVICE constexpr status wrong_end(index_t b, index_t offset, index_t slots) noexcept {
  return {.code = status_code::bad_offsets, .where = argument::offsets, .response = b, .count = 1,
          .other = argument::layout, .has_value = true, .value = static_cast<double>(offset), .wanted = slots};
}
/// The status for a shape that is wrong in another way than by a number.
CPPO_HOST_DEVICE constexpr status wrong_shape(argument where, char const* must_have,
                                              char const* name = nullptr) noexcept {
  return {.code = status_code::extent_mismatch, .where = where, .name = name, .range = must_have};
}

}  // namespace detail

/// What to do with bad input at an active token (NaN, infinity, log-prob above 0 or below the floor, mask value that is
/// not 0 or 1).
enum class on_bad_input : std::uint8_t {
  reject,     ///< that response's outputs become excluded, the others are computed, the status is an error (default)
  exclude,    ///< the token becomes inactive, as if its response mask were 0; the status is notable
  propagate,  ///< the token counts, its outputs are a quiet NaN (mask 0); for debugging
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
