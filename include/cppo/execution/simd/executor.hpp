/// @file
/// The SIMD executor as a value, which says how to run. What it runs is in execution/simd.hpp, which CPPO_USE_XSIMD
/// switches on.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/host_executor.hpp>

#include <cstddef>

namespace cppo { inline namespace CPPO_ABI {

class workspace;
namespace detail {
template <class Real>
class response_body;
/// What a call asks of registers before it runs. Defined where CPPO_USE_XSIMD is 1.
template <class Real>
struct simd_inspection;
/// Runs a call on registers. Defined where CPPO_USE_XSIMD is 1.
template <class Real, class Region>
struct simd_execution;
}  // namespace detail

/// Runs calls in float on SIMD registers; calls in double run the plain definition. On one thread, unless
/// `with_threads`.
class simd_t : public host_executor<simd_t> {
 public:
  constexpr simd_t() noexcept = default;
  /// The same executor on up to `n` threads, which share the responses. 0: as many as the machine has; below 0: one.
  /// Each thread has at least `least_slots` slots of the batch, or fewer threads are used. If that is 0 or less, a
  /// thread has what pays for starting it, some 200 us of work.
  constexpr simd_t with_threads(int n, index_t least_slots = 0) const noexcept {
    simd_t s = *this;
    s.threads_ = n;
    s.least_slots_ = least_slots;
    return s;
  }
  /// The same executor with a workspace that it keeps between calls. The workspace must outlive them.
  constexpr simd_t with_workspace(workspace& w) const noexcept {
    simd_t s = *this;
    s.workspace_ = &w;
    return s;
  }
  /// The number of threads asked for, and of slots that each has at least; 0 if the call decides.
  /// @{
  constexpr int threads() const noexcept { return threads_; }
  constexpr index_t least_slots() const noexcept { return least_slots_; }
  /// @}
  /// Calls body(b, scratch, into) for every response. `scratch` can hold `room` numbers.
  template <class Real>
  detail::outcome_fold over_responses(layout const& l, std::size_t room, detail::response_body<Real> body) const;

  /// True if arithmetic keeps the numeric contract, on registers too.
  template <class Real>
  bool arithmetic_holds(detail::checked_call<Real> const& t) const noexcept {
    return detail::simd_inspection<Real>::arithmetic_holds(t);
  }
  /// The number of valid tokens of response b, counted on registers in float.
  template <class Real>
  index_t count_tokens(detail::checked_call<Real> const& t, index_t b) const noexcept {
    return detail::simd_inspection<Real>::count_tokens(t, b);
  }
  /// Runs a call: in float on registers of tokens, with responses on threads; in double by the plain definition.
  template <class Real, class Region>
    requires(sizeof(detail::simd_execution<Real, Region>) > 0)
  detail::outcome_fold execute(detail::task<Real, Region> const& t) const {
    return detail::simd_execution<Real, Region>::execute(*this, t);
  }
  /// One pass for the folds of a level, with responses on threads.
  template <class Real, class Region, int Level>
  void fold_responses(detail::task<Real, Region> const& t, std::integral_constant<int, Level>) const {
    detail::simd_execution<Real, Region>::template fold<Level>(*this, t);
  }
  /// Writes the numbers of a region that depend on the position alone, in float on registers.
  template <class Real, class Region>
  void number_positions(detail::task<Real, Region> const& t, index_t stride, Real* out) const noexcept {
    detail::simd_execution<Real, Region>::number_positions(t, stride, out);
  }

 private:
  int threads_ = 1;
  index_t least_slots_ = 0;
  workspace* workspace_ = nullptr;
};
/// Runs calls on SIMD registers, on one thread; `simd.with_threads(n)` on more. Calls need CPPO_USE_XSIMD=1.
inline constexpr simd_t simd{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
