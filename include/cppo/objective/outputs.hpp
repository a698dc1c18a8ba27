/// @file
/// What a call may write: the buffers that are lent for it, and their numbers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/buffer.hpp>
#include <cppo/objective/report.hpp>

#include <array>

namespace cppo { inline namespace CPPO_ABI {

/// A buffer that a call writes: a pointer, container or view of float, double, half or bfloat16. A mask may also be
/// bool or any integers, a trace of decisions any integers.
class output {
 public:
  constexpr output() noexcept = default;
  /// Lends a buffer. A bare pointer is written in the layout's order, a view by its own strides.
  template <detail::lendable T>
  constexpr output(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {
    static_assert(!std::is_const_v<detail::pointee<T>>, "an output must be writable: lend elements that are not const");
  }
  /// Chosen for an Eigen object: it does not compile, and says how to lend one.
  template <class T>
    requires detail::only_lent_by_as_view<std::remove_cvref_t<T>>
  constexpr output(T&&) noexcept {
    static_assert(!std::is_same_v<T, T>,
                  "lend an Eigen object as as_view(x) of <cppo/interop/eigen.hpp>, which knows its strides");
  }
  /// The lent buffer.
  constexpr detail::buffer const& source() const noexcept { return source_; }

 private:
  detail::buffer source_;
};

/// How each token's decision came about. Every member is optional. Excluded slots get 0.
struct token_trace {
  output divergence = {};           ///< D_t
  output weight = {};               ///< w_t
  output weighted_divergence = {};  ///< Z_t
  output prefix_drift = {};         ///< S_{t-1}
  output prefix_weight = {};        ///< W_{t-1}
  output threshold = {};            ///< c_t [Eq. 8]
  output excess = {};               ///< x_t of the mask [Eq. 19]; 0 for tokens kept because they move toward mu
  output decision = {};             ///< the number of its `cppo::decision`
};

/// What a call may produce. Every member is optional. Excluded slots get +0.
struct loss_outputs {
  output loss = {};      ///< token losses, scaled: they add up to `report.loss()`
  output gradient = {};  ///< d loss / d log pi of each token [Eq. 11]
  output mask = {};      ///< M_t, 0 or 1
  output gate = {};      ///< the factor on the token: M_t, or g(x_t) under a soft gate
  token_trace trace = {};                     ///< how each decision came about
  cppo::report* report = nullptr;        ///< counts and sums of the call
};

namespace detail {

/// The outputs by number.
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
  char const* member = nullptr;  ///< the member of the trace, if it is one
};
/// The outputs in the order of `sink`.
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
