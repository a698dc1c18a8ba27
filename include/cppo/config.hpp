/// @file
/// The macros and functions that differ between compilers and targets. No other header asks which compiler reads it,
/// but those that its first page names in execution/simd/, and code that uses a device's own instructions.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/abi.hpp>

#include <cfloat>

// g++ has a macro for each part of -ffast-math, clang for all of it only: core/arithmetic.hpp checks the rest at run
// time.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#if !defined(CPPO_ALLOW_FAST_MATH)
#error "cppo: -ffast-math and its parts (-fassociative-math, -freciprocal-math, -fno-signed-zeros, -ffinite-math-only) void the numeric contract: masks would differ between builds and NaN would go unseen. Compile without them, or define CPPO_ALLOW_FAST_MATH to give the contract up."
#endif
#endif

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "cppo: float arithmetic is evaluated in a wider type here (x87); compile with -msse2 -mfpmath=sse."
#endif

/// Before a function in which unsigned numbers wrap round on purpose: clang's -fsanitize=integer does not report it.
#if defined(__clang__) && !defined(__CUDACC__)
#define CPPO_WRAPS __attribute__((no_sanitize("unsigned-integer-overflow", "unsigned-shift-base")))
#else
#define CPPO_WRAPS
#endif

/// Marks a function for host and device. Expands to nothing outside CUDA.
#if defined(__CUDACC__)
#define CPPO_HOST_DEVICE __host__ __device__
#else
#define CPPO_HOST_DEVICE
#endif

/// Before a function for host and device that calls a function it is given, which may be for the host alone: nvcc would
/// warn.
#if defined(__CUDACC__)
#define CPPO_CALLS_WHAT_IT_IS_GIVEN _Pragma("nv_exec_check_disable")
#else
#define CPPO_CALLS_WHAT_IT_IS_GIVEN
#endif

/// Asks for inlining where the cost of a call would be a multiple of the body. CPPO_NO_FORCED_INLINING leaves it to the
/// compiler: builds take a third of the time and `simd` several times as long, with the same bits.
/// @{
#if (defined(__GNUC__) || defined(__clang__)) && !defined(CPPO_NO_FORCED_INLINING)
#define CPPO_ALWAYS_INLINE inline __attribute__((always_inline))
#define CPPO_INLINE_LAMBDA __attribute__((always_inline))
#else
#define CPPO_ALWAYS_INLINE inline
#define CPPO_INLINE_LAMBDA
#endif
/// @}

/// Before a function that is called where it is needed and not copied there: code that few tokens run.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(__CUDACC__)
#define CPPO_SELDOM __attribute__((noinline))
#else
#define CPPO_SELDOM
#endif

/// Before a function that runs once a call: it is compiled to be short, which takes the compiler less time than to make
/// it fast.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(__CUDACC__)
#define CPPO_ONCE_PER_CALL __attribute__((cold))
#else
#define CPPO_ONCE_PER_CALL
#endif

/// CPPO_UNROLL(n), written before a loop of n rounds, unrolls the loop late: the compiler inlines into the body and
/// optimises it once, and copies it n times after that. CPPO_UNROLLS is 1 if the compiler can do so.
/// @{
#define CPPO_PRAGMA(x) _Pragma(#x)
#if defined(__clang__) && !defined(__CUDACC__)
#define CPPO_UNROLLS 1
#define CPPO_UNROLL(n) CPPO_PRAGMA(clang loop unroll_count(n))
#elif defined(__GNUC__) && !defined(__CUDACC__)
#define CPPO_UNROLLS 1
#define CPPO_UNROLL(n) CPPO_PRAGMA(GCC unroll n)
#else
#define CPPO_UNROLLS 0
#define CPPO_UNROLL(n)
#endif
/// @}

/// Written before a loop, unrolls it wholly in code for a device.
#if defined(__CUDA_ARCH__)
#define CPPO_UNROLL_ON_DEVICE CPPO_PRAGMA(unroll)
#else
#define CPPO_UNROLL_ON_DEVICE
#endif

/// `try` and `catch (...)` where exceptions exist; elsewhere the first block runs alone.
/// @{
#if defined(__cpp_exceptions)
#define CPPO_TRY try
#define CPPO_CATCH_ALL catch (...)
#else
#define CPPO_TRY if (true)
#define CPPO_CATCH_ALL else
#endif
/// @}

/// Keeps a rounded product from being contracted with an addition. `x` is a float, a double or a SIMD register.
#if defined(__CUDA_ARCH__)
#define CPPO_ROUNDED(x)
#elif (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__i386__))
#if defined(__AVX512F__)
#define CPPO_ROUNDED(x) asm("" : "+v"(x))
#elif defined(__FMA__) || defined(__FMA4__)
#define CPPO_ROUNDED(x) asm("" : "+x"(x))
#else
#define CPPO_ROUNDED(x)
#endif
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
#define CPPO_ROUNDED(x) asm("" : "+w"(x))
#elif defined(__GNUC__) || defined(__clang__)
#define CPPO_ROUNDED(x) asm("" : "+m"(x))
#else
#define CPPO_ROUNDED(x)
#endif

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if CPPO_ALLOW_FAST_MATH gives up the numeric contract.
#if defined(CPPO_ALLOW_FAST_MATH)
inline constexpr bool allows_fast_math = true;
#else
inline constexpr bool allows_fast_math = false;
#endif

/// a * b, rounded to float. No compiler, at any setting, fuses this product with an addition that uses it.
CPPO_HOST_DEVICE constexpr float rounded_product(float a, float b) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) return __fmul_rn(a, b);
#endif
  float p = a * b;
  if (!__builtin_is_constant_evaluated()) { CPPO_ROUNDED(p); }
  return p;
}

/// a * b rounded to double before anything can be added to it.
CPPO_HOST_DEVICE constexpr double rounded_product(double a, double b) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) return __dmul_rn(a, b);
#endif
  double p = a * b;
  if (!__builtin_is_constant_evaluated()) { CPPO_ROUNDED(p); }
  return p;
}

/// Bit pattern of `x` as another type of the same size.
template <class To, class From>
CPPO_HOST_DEVICE constexpr To bits_as(From const& x) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, x);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
