// The inline namespace tells AVX with fused multiply-add from AVX alone: their inline functions may differ.
#include <cppo/config.hpp>

#include <string_view>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

constexpr std::string_view name = TEXT(CPPO_ABI);
#if defined(__FMA__)
static_assert(name.ends_with("_avx_fma"));
#else
static_assert(name.ends_with("_avx"));
#endif
