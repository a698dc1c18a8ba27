// What `check_region` runs on is in the name of what runs it: a unit with `simd` and one without share none of it.
#include <cppo/testing/check_region.hpp>

#if defined(CPPO_USE_XSIMD)
namespace here = cppo::testing::seq_and_simd;
#else
namespace here = cppo::testing::seq_alone;
#endif

template <class T>
constexpr bool lives_here = false;
template <class Real>
constexpr bool lives_here<here::region_runner<Real>> = true;
template <class T>
constexpr bool lives_here<here::batch_check<T>> = true;
template <class Region>
constexpr bool lives_here<here::region_check<Region>> = true;

static_assert(lives_here<cppo::testing::region_runner<float>>);
static_assert(lives_here<cppo::testing::batch_check<float>>);
static_assert(lives_here<cppo::testing::region_check<int>>);
