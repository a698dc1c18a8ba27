/// @file
/// CPPO_ABI, the inline namespace that holds everything. Its name has the version, the instruction set, and whatever
/// else changes the body of an inline function, so that two translation units which differ in these share no function.
///
///     v0_2_v3            version 0.2, x86-64-v3; also baseline, v2, v4 and armv8
///     v0_2_fd000000      a mix of instruction sets without a name: a bit for each extension listed below
///     v0_2_v3_nothrow    -fno-exceptions; `_fast`: CPPO_ALLOW_FAST_MATH
///
/// Not in the name: CPPO_USE_XSIMD, CPPO_USE_CUDA and CPPO_USE_EIGEN, which add functions and change none
/// (testing/region_runner.hpp handles its own case); and what leaves the bits as they are, such as
/// CPPO_NO_FORCED_INLINING, optimisation and sanitizers.
#pragma once

#include <cppo/version.hpp>

// 1 where a macro is defined to 1, else 0.
#define CPPO_DETAIL_IS_1 0, 1
#define CPPO_DETAIL_SECOND(a, b, ...) b
#define CPPO_DETAIL_BIT_2(known) CPPO_DETAIL_SECOND(known, 0, 0)
#define CPPO_DETAIL_BIT_1(value) CPPO_DETAIL_BIT_2(CPPO_DETAIL_IS_##value)
#define CPPO_DETAIL_BIT(macro) CPPO_DETAIL_BIT_1(macro)

#define CPPO_DETAIL_HEX_0000 0
#define CPPO_DETAIL_HEX_0001 1
#define CPPO_DETAIL_HEX_0010 2
#define CPPO_DETAIL_HEX_0011 3
#define CPPO_DETAIL_HEX_0100 4
#define CPPO_DETAIL_HEX_0101 5
#define CPPO_DETAIL_HEX_0110 6
#define CPPO_DETAIL_HEX_0111 7
#define CPPO_DETAIL_HEX_1000 8
#define CPPO_DETAIL_HEX_1001 9
#define CPPO_DETAIL_HEX_1010 a
#define CPPO_DETAIL_HEX_1011 b
#define CPPO_DETAIL_HEX_1100 c
#define CPPO_DETAIL_HEX_1101 d
#define CPPO_DETAIL_HEX_1110 e
#define CPPO_DETAIL_HEX_1111 f
#define CPPO_DETAIL_HEX_2(a, b, c, d) CPPO_DETAIL_HEX_##a##b##c##d
#define CPPO_DETAIL_HEX_1(a, b, c, d) CPPO_DETAIL_HEX_2(a, b, c, d)
#define CPPO_DETAIL_HEX(a, b, c, d) \
  CPPO_DETAIL_HEX_1(CPPO_DETAIL_BIT(a), CPPO_DETAIL_BIT(b), CPPO_DETAIL_BIT(c), CPPO_DETAIL_BIT(d))
#define CPPO_DETAIL_DIGITS_1(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h
#define CPPO_DETAIL_DIGITS(a, b, c, d, e, f, g, h) CPPO_DETAIL_DIGITS_1(a, b, c, d, e, f, g, h)

// A hexadecimal digit for each four of the extensions that compilers use in plain code, and the mixes that have a name.
#if defined(__aarch64__)
#define CPPO_DETAIL_EXTENSIONS \
  CPPO_DETAIL_DIGITS( \
    CPPO_DETAIL_HEX(__ARM_FEATURE_SVE, __ARM_FEATURE_SVE2, __ARM_FEATURE_ATOMICS, __ARM_FEATURE_DOTPROD), \
    CPPO_DETAIL_HEX(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC, __ARM_FEATURE_BF16_VECTOR_ARITHMETIC, \
                    __ARM_FEATURE_MATMUL_INT8, __ARM_FEATURE_CRC32), \
    CPPO_DETAIL_HEX(__ARM_FEATURE_CSSC, __ARM_FEATURE_MOPS, __ARM_FEATURE_FRINT, __ARM_FEATURE_RCPC), , , , , )
#define CPPO_DETAIL_NAME_000 0, armv8
#else
#define CPPO_DETAIL_EXTENSIONS \
  CPPO_DETAIL_DIGITS( \
    CPPO_DETAIL_HEX(__SSE3__, __SSSE3__, __SSE4_1__, __SSE4_2__), \
    CPPO_DETAIL_HEX(__POPCNT__, __AVX__, __F16C__, __FMA__), \
    CPPO_DETAIL_HEX(__FMA4__, __XOP__, __AVX2__, __BMI__), \
    CPPO_DETAIL_HEX(__BMI2__, __LZCNT__, __MOVBE__, __TBM__), \
    CPPO_DETAIL_HEX(__AVX512F__, __AVX512CD__, __AVX512DQ__, __AVX512BW__), \
    CPPO_DETAIL_HEX(__AVX512VL__, __AVX512VBMI__, __AVX512VBMI2__, __AVX512IFMA__), \
    CPPO_DETAIL_HEX(__AVX512VNNI__, __AVX512BITALG__, __AVX512VPOPCNTDQ__, __AVX512BF16__), \
    CPPO_DETAIL_HEX(__AVX512FP16__, __AVXVNNI__, __GFNI__, __APX_F__))
#define CPPO_DETAIL_NAME_00000000 0, baseline
#define CPPO_DETAIL_NAME_f8000000 0, v2
#define CPPO_DETAIL_NAME_ff3e0000 0, v3
#define CPPO_DETAIL_NAME_ff3ef800 0, v4
#endif
#define CPPO_DETAIL_TARGET_2(known, digits) CPPO_DETAIL_SECOND(known, digits, 0)
#define CPPO_DETAIL_TARGET_1(digits) CPPO_DETAIL_TARGET_2(CPPO_DETAIL_NAME_##digits, digits)
#define CPPO_DETAIL_TARGET(digits) CPPO_DETAIL_TARGET_1(digits)

#if defined(CPPO_ALLOW_FAST_MATH)
#define CPPO_DETAIL_MATH _fast
#else
#define CPPO_DETAIL_MATH
#endif
#if defined(__cpp_exceptions)
#define CPPO_DETAIL_THROWS
#else
#define CPPO_DETAIL_THROWS _nothrow
#endif

#define CPPO_DETAIL_JOIN_1(a, b, target, math, throws) v##a##_##b##_##target##math##throws
#define CPPO_DETAIL_JOIN(a, b, target, math, throws) CPPO_DETAIL_JOIN_1(a, b, target, math, throws)
#if CPPO_VERSION_PATCH == 0
#define CPPO_DETAIL_MINOR CPPO_VERSION_MINOR
#else
#define CPPO_DETAIL_WITH_PATCH_1(minor, patch) minor##_##patch
#define CPPO_DETAIL_WITH_PATCH(minor, patch) CPPO_DETAIL_WITH_PATCH_1(minor, patch)
#define CPPO_DETAIL_MINOR CPPO_DETAIL_WITH_PATCH(CPPO_VERSION_MINOR, CPPO_VERSION_PATCH)
#endif
/// The inline namespace of this version and target.
#define CPPO_ABI \
  CPPO_DETAIL_JOIN(CPPO_VERSION_MAJOR, CPPO_DETAIL_MINOR, CPPO_DETAIL_TARGET(CPPO_DETAIL_EXTENSIONS), \
                   CPPO_DETAIL_MATH, CPPO_DETAIL_THROWS)
