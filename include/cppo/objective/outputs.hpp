/// @file
/// What a call may write: the buffers that are lent for it, and the list of them by number.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/buffer.hpp>
#include <cppo/objective/report.hpp>

#include <array>

namespace cppo { inline namespace CPPO_ABI {

/// A buffer to write: pointer, container or view of float, double, half or bfloat16. A mask may be bool or any integer
/// too, a trace of decisions any integer.
class output {
 public:
  constexpr output() noexcept = default;
  /// Lends a buffer. A bare pointer is written in the layout's order, a view by its own strides.
  template <detail::lendable T>
  constexpr output(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {
    static_assert(!std::is_const_v<detail::pointee<T>>, "an output must be writable: lend elements that are not const");
  }
  /// Never: it says what to do.
  template <class T>
    requires(!detail::lendable<T> && !std::is_same_v<std::remove_cvref_t<T>, output>)
  constexpr output(T&&) noexcept {
    detail::must_be_lendable<T>();
  }
  /// What was lent.
  constexpr detail::buffer const& source() const noexcept { return source_; }

 private:
  detail::buffer source_;
};

/// Per-token record of how decisions came about; every member is optional. Excluded slots get 0.
struct token_trace {
  output divergence = {};           ///< D_t
  output weight = {};               ///< w_t
  output weighted_divergence = {};  ///< Z_t
  output prefix_drift = {};         ///< S_{t-1}
  output prefix_weight = {};        ///< W_{t-1}
  output threshold = {};            ///< c_t [Eq. 8]
  output excess = {};               ///< x_t of the mask [Eq. 19]; 0 for tokens kept as toward mu
  output decision = {};             ///< number of the `cppo::decision`
};

/// What a call may produce; every member is optional.
struct loss_outputs {
  output loss = {};      ///< token losses, scaled: they add up to `report.loss()`
  output gradient = {};  ///< d loss / d log pi of each token
  output mask = {};      ///< M_t, 0 or 1
  output gate = {};      ///< what multiplies the token: M_t, or g(x_t) under a soft gate
  token_trace trace = {};                     ///< how each decision came about
  cppo::report* report = nullptr;        ///< diagnostics
};

namespace detail {

/// The numbered outputs of a task.
enum class sink : std::uint8_t {
  loss,
  gradient,
  mask,
  gate,
  divergence,
  weight,
  weighted_divergence,
  drift,
  prefix_weight,
  threshold,
  excess,
  decision,
  count
};
inline constexpr int sinks = static_cast<int>(sink::count);

/// An output as its caller names it.
struct named_output {
  output const* lent;
  argument where;
  char const* member = nullptr;  ///< of the trace
};
/// The outputs, by sink.
constexpr std::array<named_output, sinks> named_outputs(loss_outputs const& o) noexcept {
  token_trace const& t = o.trace;
  return {{{&o.loss, argument::loss}, {&o.gradient, argument::gradient}, {&o.mask, argument::mask},
           {&o.gate, argument::gate}, {&t.divergence, argument::trace, "trace.divergence"},
           {&t.weight, argument::trace, "trace.weight"},
           {&t.weighted_divergence, argument::trace, "trace.weighted_divergence"},
           {&t.prefix_drift, argument::trace, "trace.prefix_drift"},
           {&t.prefix_weight, argument::trace, "trace.prefix_weight"},
           {&t.threshold, argument::trace, "trace.threshold"}, {&t.excess, argument::trace, "trace.excess"},
           {&t.decision, argument::trace, "trace.decision"}}};
}

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
