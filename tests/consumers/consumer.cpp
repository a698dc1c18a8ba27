// What a consumer is allowed to rely on whichever way the library came in: one include, and the macros of its targets.
#if defined(CONSUMER_SINGLE_HEADER)
#include <cppo.hpp>
#else
#include <cppo/cppo.hpp>
#endif

#if defined(CONSUMER_WANTS_EIGEN)
#include <cppo/interop/eigen.hpp>
#if !CPPO_USE_EIGEN
#error "cppo::eigen did not set CPPO_USE_EIGEN"
#endif
#endif
#if defined(CONSUMER_WANTS_SIMD) && !CPPO_USE_XSIMD
#error "cppo::simd did not set CPPO_USE_XSIMD"
#endif
#if !defined(CONSUMER_WANTS_SIMD) && defined(CPPO_USE_XSIMD)
#if CPPO_USE_XSIMD
#error "CPPO_USE_XSIMD is on although nobody asked for it"
#endif
#endif

int main() { return CPPO_VERSION_MAJOR >= 0 && CPPO_VERSION_MINOR >= 0 ? 0 : 1; }
