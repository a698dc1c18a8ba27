/// @file
/// CUDA's half types as elements, declared by name only. Whoever has values of them includes cuda_fp16.h and
/// cuda_bf16.h.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/element.hpp>

struct __half;
struct __nv_bfloat16;

namespace cppo { inline namespace CPPO_ABI {

/// CUDA's half.
template <>
struct element_traits<__half> {
  static constexpr element_type value = element_type::f16;  ///< IEEE half
};
/// CUDA's bfloat16.
template <>
struct element_traits<__nv_bfloat16> {
  static constexpr element_type value = element_type::bf16;  ///< bfloat16
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
