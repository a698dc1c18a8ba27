/// @file
/// The SIMD executor: the same region on registers of tokens, threads over responses, the same bits as `seq`.
#pragma once

#include <cppo/execution/parallel.hpp>
#include <cppo/execution/simd_executor.hpp>
#include <cppo/execution/simd_response.hpp>

namespace cppo::inline CPPO_ABI {

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

namespace detail {

/// Asks the registers too, and their own way onto the grid.
template <class Region>
bool arithmetic_holds(simd_t const&, task<float, Region> const& t) noexcept {
  if constexpr (allows_fast_math) return true;
  constexpr exact_sum want = cppo::detail::to_grid(0.7F);
  simd_ops::ints high, low;
  simd_ops::to_grid(unknown<simd_lane>(0.7F).raw(), high, low);
  bool const grid = wide_sum(high) == simd_size * want.high && wide_sum(low) == simd_size * want.low;
  return grid && arithmetic_holds(seq, t) && keeps_arithmetic<simd_lane>();
}

/// Counts on registers.
template <class Region>
index_t count_tokens(simd_t const&, task<float, Region> const& t, index_t b) noexcept {
  std::vector<float> none;
  return simd_response<Region>(t, b, none).count();
}

}  // namespace detail

/// Runs a call on registers of tokens, responses over threads.
template <class Region>
detail::outcome_fold execute(simd_t how, detail::task<float, Region> const& t) {
  return how.over_responses<float>(t, detail::simd_room(t), [&t](index_t b, std::vector<float>& scratch) {
    return detail::simd_response<Region>(t, b, scratch).run();
  });
}

/// Calls in double run the scalar definition, responses over threads.
template <class Region>
detail::outcome_fold execute(simd_t how, detail::task<double, Region> const& t) {
  return how.over_responses<double>(t, detail::seq_room(t), [&t](index_t b, std::vector<double>& scratch) {
    return detail::seq_response<double, Region>(t, b, scratch).run();
  });
}

}  // namespace cppo::inline CPPO_ABI
