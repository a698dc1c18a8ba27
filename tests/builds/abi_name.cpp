// The name of the inline namespace: the level's name, or digits where the mix has no name. Inline functions may differ
// between them.
#include <cppo/config.hpp>

#include <string_view>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

constexpr std::string_view name = TEXT(CPPO_ABI);
static_assert(name == EXPECTED);
