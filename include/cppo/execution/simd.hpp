/// @file
/// What the SIMD executor runs: the same region on registers of tokens, threads over responses, the same bits as `seq`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/threads.hpp>
#include <cppo/execution/simd/executor.hpp>
#include <cppo/execution/simd/response.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Do registers keep the contract, and scalars, and is the registers' own way onto the grid the same?
inline bool registers_keep_arithmetic() noexcept {
  if constexpr (allows_fast_math) return true;
  constexpr exact_sum want = cppo::detail::to_grid(0.7F);
  simd_ops::ints high, low;
  simd_ops::to_grid(unknown<simd_lane>(0.7F).raw(), high, low);
  // uncovered: no rounding mode moves the low limb of 0.7 alone
  bool const grid = wide_sum(high) == simd_size * want.high && wide_sum(low) == simd_size * want.low;
  // uncovered: registers and scalars share the rounding mode: only flags could tell them apart
  return grid && scalars_keep_arithmetic() && keeps_arithmetic<simd_lane>();
}

/// In float: on registers of tokens.
template <class Region>
struct simd_calls<float, Region> {
  static bool arithmetic_holds(task<float, Region> const&) noexcept { return registers_keep_arithmetic(); }
  static index_t count_tokens(task<float, Region> const& t, index_t b) noexcept {
    std::vector<float> none;
    return simd_response<Region>(t, b, none).count();
  }
  static outcome_fold execute(simd_t how, task<float, Region> const& t) {
    return how.over_responses<float>(t, simd_room(t), [&t](index_t b, std::vector<float>& scratch) {
      return simd_response<Region>(t, b, scratch).run();
    });
  }
};

/// In double: the scalar definition.
template <class Region>
struct simd_calls<double, Region> {
  static bool arithmetic_holds(task<double, Region> const&) noexcept { return scalars_keep_arithmetic(); }
  static index_t count_tokens(task<double, Region> const& t, index_t b) noexcept { return count_response(t, b).tokens; }
  static outcome_fold execute(simd_t how, task<double, Region> const& t) {
    return how.over_responses<double>(t, seq_room(t), [&t](index_t b, std::vector<double>& scratch) {
      return seq_response<double, Region>(t, b, scratch).run();
    });
  }
};

}  // namespace detail

template <class Real, class Task, class Body>
detail::outcome_fold simd_t::over_responses(Task const& t, std::size_t room, Body const& body) const {
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

}}  // namespace cppo

#include <cppo/macros_on.inc>
