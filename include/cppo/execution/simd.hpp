/// @file
/// What the SIMD executor runs: tokens on registers, responses on threads, with the bits of `seq`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/threads.hpp>
#include <cppo/execution/simd/executor.hpp>
#include <cppo/execution/simd/response.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// True if registers and scalars keep the numeric contract, and the registers' own conversion to the grid gives the
/// scalar's.
CPPO_WRAPS inline bool registers_keep_arithmetic() noexcept {
  if constexpr (allows_fast_math) return true;
  constexpr exact_sum want = cppo::detail::to_grid(0.7F);
  simd_ops::ints high, low;
  simd_ops::to_grid(unknown<simd_lane>(0.7F).raw(), high, low);
  simd_ops::units first, second;
  simd_ops::to_units(unknown<simd_lane>(0.7F).raw(), first, second);
  std::uint64_t const units = sum_of_units(first) + sum_of_units(second) - simd_size * simd_ops::unit_bias;
  // uncovered: no rounding mode moves the low limb of 0.7 alone
  bool const grid = wide_sum(high) == simd_size * want.high && wide_sum(low) == simd_size * want.low &&
                    units == static_cast<std::uint64_t>(simd_size * ((want.high << 25) + want.low));
  // uncovered: registers and scalars share the rounding mode: only flags could tell them apart
  return grid && scalars_keep_arithmetic() && keeps_arithmetic<simd_lane>();
}

/// Calls in float are inspected on registers, calls in double as `seq` does.
template <class Real>
struct simd_inspection {
  static bool arithmetic_holds(checked_call<Real> const&) noexcept {
    return std::is_same_v<Real, float> ? registers_keep_arithmetic() : scalars_keep_arithmetic();
  }
  static index_t count_tokens(checked_call<Real> const& t, index_t b) noexcept {
    if constexpr (std::is_same_v<Real, float>) return simd_walk(simd_call(t), b).count();
    else return count_response(t, b).tokens;
  }
};

/// The folds of one response on registers: execution/simd/fold_pass.hpp.
template <class Region>
class simd_fold_pass;

/// Calls in float run on registers of tokens.
template <class Region>
struct simd_execution<float, Region> {
  static outcome_fold execute(simd_t how, task<float, Region> const& t) {
    if constexpr (has_shapes<Region>) {
      return with_shape(t.region, [how, &t]<class Shape>(Shape const& region) {
        return simd_execution<float, Shape>::execute(how, task<float, Shape>{t, region});
      });
    } else {
      simd_call const from(t);
      auto const run = [&t, &from](index_t b, std::vector<float>& scratch, response_outcome& into) {
        simd_response<Region>(t, from, b, scratch).run(into);
      };
      return how.over_responses<float>(t.batch.shape(), simd_room(t), response_body<float>(run));
    }
  }
  /// The numbers that depend on the position alone.
  static void number_positions(task<float, Region> const& t, index_t stride, float* out) noexcept {
    fold_engine<float, Region>::template number<simd_lane>(t, stride, out);
  }
  /// One pass for the folds of a level.
  template <int Level>
  static void fold(simd_t how, task<float, Region> const& t) {
    simd_call const from(t);
    auto const run = [&t, &from](index_t b, std::vector<float>&, response_outcome&) {
      simd_fold_pass<Region>(t, from, b).template run<Level>();
    };
    (void)how.over_responses<float>(t.batch.shape(), 0, response_body<float>(run));
  }
};

/// Calls in double run the definition, as `seq` does.
template <class Region>
struct simd_execution<double, Region> {
  static outcome_fold execute(simd_t how, task<double, Region> const& t) {
    auto const run = [&t](index_t b, std::vector<double>& scratch, response_outcome& into) {
      into.add(seq_response<double, Region>(t, b, scratch).run());
    };
    return how.over_responses<double>(t.batch.shape(), seq_room(t), response_body<double>(run));
  }
  /// The numbers that depend on the position alone.
  static void number_positions(task<double, Region> const& t, index_t stride, double* out) noexcept {
    fold_engine<double, Region>::template number<double_lane>(t, stride, out);
  }
  /// One pass for the folds of a level.
  template <int Level>
  static void fold(simd_t how, task<double, Region> const& t) {
    auto const run = [&t](index_t b, std::vector<double>&, response_outcome&) {
      fold_engine<double, Region>::template pass_over<Level>(t, b);
    };
    (void)how.over_responses<double>(t.batch.shape(), 0, response_body<double>(run));
  }
};

}  // namespace detail

template <class Real>
detail::outcome_fold simd_t::over_responses(layout const& l, std::size_t room, detail::response_body<Real> body) const {
  detail::work_memory<Real> own;
  detail::work_memory<Real>* memory = &own;
  if (workspace_ != nullptr) {
    if constexpr (std::is_same_v<Real, float>) memory = &workspace_->floats_;
    else memory = &workspace_->doubles_;
  }
  int const lanes = sizeof(Real) == sizeof(float) ? detail::simd_size : 1;
  index_t const least = least_slots_ > 0 ? least_slots_ : detail::slots_worth_a_thread(lanes);
  return detail::over_responses<Real>(threads_, least, l, room, *memory, body);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
