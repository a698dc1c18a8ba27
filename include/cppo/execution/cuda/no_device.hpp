/// @file
/// Stands for `on(stream)` where CPPO_USE_CUDA is not 1.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// Stands for the device executor, so that nothing else is said.
struct no_device : seq_t {
  template <class... Any>
  constexpr no_device with_workspace(Any const&...) const noexcept { return *this; }
  constexpr no_device with_report() const noexcept { return *this; }
};
}  // namespace detail

/// Never: it says what to do. (By an ellipsis, so that the function of execution/cuda.cuh goes first.)
template <class Stream = void>
constexpr detail::no_device on(...) noexcept {
  static_assert(
      detail::never<Stream>,
      "on(stream) is not switched on: define CPPO_USE_CUDA=1 before cppo is included, in a file that nvcc compiles");
  return {};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
