/// @file
/// Stands in for `on(stream)` where CPPO_USE_CUDA is not 1.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// Stands in for the device executor, so that no other error follows.
struct no_device : seq_t {
  template <class... Any>
  constexpr no_device with_workspace(Any const&...) const noexcept { return *this; }
  constexpr no_device with_report() const noexcept { return *this; }
};
}  // namespace detail

/// Does not compile, and says what to do. An ellipsis makes it give way to the function in execution/cuda.cuh.
template <class Stream = void>
constexpr detail::no_device on(...) noexcept {
  static_assert(
      detail::never<Stream>,
      "on(stream) is not switched on: define CPPO_USE_CUDA=1 before cppo is included, in a file that nvcc compiles");
  return {};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
