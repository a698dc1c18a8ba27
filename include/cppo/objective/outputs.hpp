/// @file
/// What a call may write: the buffers that are lent for it, and their numbers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/buffer.hpp>
#include <cppo/objective/report.hpp>

#include <array>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

/// A buffer that a call writes: a pointer, container or view of float, double, half or bfloat16. A mask may also be
/// bool or any integers, a trace of decisions any integers.
class output {
 public:
  constexpr output() noexcept = default;
  /// Lends a buffer. A bare pointer is written in the layout's order, a view by its own strides.
  template <detail::lendable T>
    requires(!std::is_const_v<detail::pointee<T>>)
  constexpr output(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {}
  /// Chosen for what cannot be lent. Compilers show the line, and with it the sentence.
  /// @{
  template <detail::lendable T>
    requires(std::is_const_v<detail::pointee<T>>)
  output(T&&) = delete;  // an output must be writable: lend elements that are not const
  template <detail::lent_as_view_only T>
  output(T&&) = delete;  // lend an Eigen object as as_view(x) of <cppo/interop/eigen.hpp>, which knows its strides
  template <detail::not_lendable T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, output>)
  output(T&&) = delete;  // what is lent is a pointer, an array, a container or a view of elements in memory
  /// @}
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

/// The one list of outputs, in the order in which a task numbers them; what a call without trace may write comes first,
/// and of that loss, gradient and mask. `plain(x)`: the member of `loss_outputs`, `traced(x)`: that of `token_trace`.
#define CPPO_OUTPUTS(plain, traced)                                                                               \
  plain(loss) plain(gradient) plain(mask) plain(gate)                                                             \
  traced(divergence) traced(weight) traced(weighted_divergence) traced(prefix_drift) traced(prefix_weight)        \
  traced(threshold) traced(excess) traced(decision)

namespace detail {

#define CPPO_DETAIL_EACH(name) name,
/// The numbered outputs of a task.
enum class sink : std::uint8_t { CPPO_OUTPUTS(CPPO_DETAIL_EACH, CPPO_DETAIL_EACH) count };
#undef CPPO_DETAIL_EACH
inline constexpr int sinks = static_cast<int>(sink::count);
inline constexpr int first_traced = static_cast<int>(sink::divergence);
static_assert(sizeof(token_trace) / sizeof(output) == sinks - first_traced, "an output is not in the list");
static_assert(sizeof(loss_outputs) / sizeof(output) == sinks, "an output is not in the list");

#define CPPO_DETAIL_EACH(name) #name,
/// Their names.
inline constexpr std::string_view sink_names[] = {CPPO_OUTPUTS(CPPO_DETAIL_EACH, CPPO_DETAIL_EACH)};
#undef CPPO_DETAIL_EACH

/// An output as its caller names it.
struct named_output {
  output const* lent;
  argument where;
  char const* member = nullptr;  ///< the member of the trace, if it is one
};
#define CPPO_DETAIL_PLAIN(name) named_output{&o.name, argument::name},
#define CPPO_DETAIL_TRACED(name) named_output{&o.trace.name, argument::trace, "trace." #name},
/// The outputs, by sink.
constexpr std::array<named_output, sinks> named_outputs(loss_outputs const& o) noexcept {
  return {CPPO_OUTPUTS(CPPO_DETAIL_PLAIN, CPPO_DETAIL_TRACED)};
}
#undef CPPO_DETAIL_PLAIN
#undef CPPO_DETAIL_TRACED
#define CPPO_DETAIL_PLAIN(name) f(sink::name, o.name);
#define CPPO_DETAIL_TRACED(name) f(sink::name, o.trace.name);
/// f(sink, output) for each output.
template <class F>
constexpr void each_output(loss_outputs& o, F const& f) {
  CPPO_OUTPUTS(CPPO_DETAIL_PLAIN, CPPO_DETAIL_TRACED)
}
#undef CPPO_DETAIL_PLAIN
#undef CPPO_DETAIL_TRACED

}  // namespace detail

}}  // namespace cppo

#undef CPPO_OUTPUTS

#include <cppo/macros_on.inc>
