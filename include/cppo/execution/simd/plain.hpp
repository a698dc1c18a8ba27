/// @file
/// What is the same for every response of a call, found once: above all whether its buffers are the usual ones.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/slots.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The usual buffers: log-probs, advantage and gradient as dense floats, of equal strides between responses, the mask
/// as dense bytes or none, and nothing else. A response of few tokens costs less with them.
struct plain_buffers {
  float const* pi = nullptr;  ///< null: other buffers
  float const* mu = nullptr;
  float const* advantage = nullptr;
  float* gradient = nullptr;
  std::uint8_t* mask = nullptr;
  index_t response_stride = 0;

  plain_buffers() = default;
  explicit plain_buffers(checked_call<float> const& t) noexcept {
    column const& pi_column = t.batch[argument::log_prob];
    auto const alike = [&pi_column](column const& c) {
      return c.lent() && c.token_stride == 1 && c.response_stride == pi_column.response_stride;
    };
    auto const floats = [&](column const& c) { return alike(c) && c.type == element_type::f32; };
    auto const out = [&t](sink s) -> column const& { return t.out[static_cast<int>(s)]; };
    column const& mask_column = out(sink::mask);
    bool const bytes = alike(mask_column) &&
                       (mask_column.type == element_type::u8 || mask_column.type == element_type::boolean);
    bool const inputs = floats(pi_column) && floats(t.batch[argument::rollout_log_prob]) &&
                        floats(t.batch[argument::advantage]) && !t.batch.has(argument::token_weight) &&
                        !t.batch.has(argument::divergence) && !t.batch.has(argument::top_k) &&
                        !t.batch.has(argument::entropy) && !t.batch.has(argument::reference_log_prob);
    bool const outputs = floats(out(sink::gradient)) && (bytes || !mask_column.lent()) && !out(sink::loss).lent() &&
                         !out(sink::gate).lent() && !t.wants_trace();
    if (!inputs || !outputs) return;  // equivalent: the same numbers by way of the columns
    pi = static_cast<float const*>(pi_column.data);
    mu = static_cast<float const*>(t.batch[argument::rollout_log_prob].data);
    advantage = static_cast<float const*>(t.batch[argument::advantage].data);
    gradient = const_cast<float*>(static_cast<float const*>(out(sink::gradient).data));
    mask = const_cast<std::uint8_t*>(static_cast<std::uint8_t const*>(mask_column.data));
    response_stride = pi_column.response_stride;
  }
  /// Where these are lent, the element of slot 0 of a response that lies there.
  index_t base(index_t response, index_t first) const noexcept { return response * response_stride + first; }
};

/// A call, and what its responses need not find out one by one.
struct simd_call {
  checked_call<float> const& call;
  plain_buffers plain;
  bool never_on_registers;  ///< traces need not be fast

  explicit simd_call(checked_call<float> const& t) noexcept
      : call(t), plain(t),
        never_on_registers(t.wants_trace()) {}
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
