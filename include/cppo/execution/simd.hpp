/// @file
/// The SIMD executor: the same region on registers of tokens, threads over responses, the same bits as `seq`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/parallel.hpp>
#include <cppo/execution/simd_response.hpp>

namespace cppo::inline CPPO_ABI {

namespace detail {

/// Do registers keep the contract, and scalars, and is the registers' own way onto the grid the same?
inline bool registers_keep_arithmetic() noexcept {
  if constexpr (allows_fast_math) return true;
  constexpr exact_sum want = cppo::detail::to_grid(0.7F);
  simd_ops::ints high, low;
  simd_ops::to_grid(unknown<simd_lane>(0.7F).raw(), high, low);
  bool const grid = wide_sum(high) == simd_size * want.high && wide_sum(low) == simd_size * want.low;
  return grid && scalars_keep_arithmetic() && keeps_arithmetic<simd_lane>();
}

}  // namespace detail

/// Runs calls on SIMD registers, in float; calls in double run the scalar definition. One thread unless asked.
class simd_t : public host_executor<simd_t> {
 public:
  constexpr simd_t() noexcept = default;
  /// The same executor on up to `n` threads over responses; 0: as many as the machine has, less: one. Each is to have
  /// `least_slots` slots of the batch, or fewer threads are used; 0 or less: what pays for its start, some 200 us of work.
  constexpr simd_t with_threads(int n, index_t least_slots = 0) const noexcept {
    simd_t s = *this;
    s.threads_ = n;
    s.least_slots_ = least_slots;
    return s;
  }
  /// The same executor with memory that it keeps between calls; it must outlive them.
  constexpr simd_t with_workspace(workspace& w) const noexcept {
    simd_t s = *this;
    s.workspace_ = &w;
    return s;
  }
  /// Threads asked for.
  constexpr int threads() const noexcept { return threads_; }
  /// body(b, scratch) for every response; `scratch` can hold `room` numbers.
  template <class Real, class Task, class Body>
  detail::outcome_fold over_responses(Task const& t, std::size_t room, Body const& body) const {
    detail::work_memory<Real> own;
    detail::work_memory<Real>* memory = &own;
    if (workspace_ != nullptr) {
      if constexpr (std::is_same_v<Real, float>) memory = &workspace_->floats_;
      else memory = &workspace_->doubles_;
    }
    int const lanes = sizeof(Real) == sizeof(float) ? detail::simd_size : 1;
    index_t const least = least_slots_ > 0 ? least_slots_ : detail::slots_worth_a_thread(lanes);
    return detail::over_responses<Real>(threads_, least, t, room, *memory, body);
  }
  /// Asks the registers too.
  template <class Real, class Region>
  bool arithmetic_holds(detail::task<Real, Region> const& t) const noexcept {
    if constexpr (std::is_same_v<Real, float>) return detail::registers_keep_arithmetic();
    else return host_executor::arithmetic_holds(t);
  }
  /// Counts on registers, in float.
  template <class Real, class Region>
  index_t count_tokens(detail::task<Real, Region> const& t, index_t b) const noexcept {
    if constexpr (std::is_same_v<Real, float>) {
      std::vector<float> none;
      return detail::simd_response<Region>(t, b, none).count();
    } else {
      return host_executor::count_tokens(t, b);
    }
  }
  /// Runs a call on registers of tokens, responses over threads; calls in double run the scalar definition.
  template <class Real, class Region>
  detail::outcome_fold execute(detail::task<Real, Region> const& t) const {
    if constexpr (std::is_same_v<Real, float>) {
      return over_responses<float>(t, detail::simd_room(t), [&t](index_t b, std::vector<float>& scratch) {
        return detail::simd_response<Region>(t, b, scratch).run();
      });
    } else {
      return over_responses<double>(t, detail::seq_room(t), [&t](index_t b, std::vector<double>& scratch) {
        return detail::seq_response<double, Region>(t, b, scratch).run();
      });
    }
  }

 private:
  int threads_ = 1;
  index_t least_slots_ = 0;
  workspace* workspace_ = nullptr;
};
/// SIMD registers, one thread; `simd.with_threads(n)` for more.
inline constexpr simd_t simd{};

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
