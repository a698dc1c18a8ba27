/// @file
/// What runs regions that have folds, on the host and in pieces.
#pragma once

#include <cppo/execution/call/fold_levels.hpp>
#include <cppo/rules/fold_pieces.hpp>

#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD && !defined(__CUDA_ARCH__)
#include <cppo/execution/simd/fold_pass.hpp>
#endif
