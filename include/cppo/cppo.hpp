/// @file
/// Everything that needs the standard library alone. Also includes `simd` where CPPO_USE_XSIMD is 1, and `on(stream)`
/// where CPPO_USE_CUDA is 1, in files that nvcc compiles.
///
/// Not included: rules.hpp (quantities, folds, losses of one's own, the other rules of the field), advantage.hpp,
/// described.hpp (regions as data), interop/ (Eigen, DLPack-shaped tensors) and testing/.
#pragma once

// Headers with sentences for compile errors come first: the compiler then lists few lines before the sentence.
#include <cppo/core/batch.hpp>
#include <cppo/core/token.hpp>
#include <cppo/core/refusals.hpp>
#include <cppo/region/softened.hpp>
#include <cppo/region/reporting.hpp>
#include <cppo/algorithm/refused_calls.hpp>

#include <cppo/algorithm.hpp>
#include <cppo/budget.hpp>
#include <cppo/divergence.hpp>
#include <cppo/gate.hpp>
#include <cppo/mask.hpp>
#include <cppo/objective.hpp>
#include <cppo/region.hpp>
#include <cppo/weight.hpp>

// The registers of a host mean nothing where nvcc compiles for the device.
#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD && !defined(__CUDA_ARCH__)
#include <cppo/execution/simd.hpp>
#endif

#if defined(CPPO_USE_CUDA) && CPPO_USE_CUDA
#include <cppo/execution/cuda.cuh>
#else
#include <cppo/execution/cuda/no_device.hpp>
#endif
