// The inline namespace tells apart instruction sets with registers of one width: inline functions may differ.
#include <cppo/config.hpp>

#include <string_view>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

constexpr std::string_view name = TEXT(CPPO_ABI);
#if defined(__BMI2__)
static_assert(name.ends_with("_avx_fc080000"));
#elif defined(__FMA__)
static_assert(name.ends_with("_avx_fd000000"));
#else
static_assert(name.ends_with("_avx_fc000000"));
#endif
