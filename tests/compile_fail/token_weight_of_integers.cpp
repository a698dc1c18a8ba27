// expect: lend raw 16-bit words as reinterpret_cast<cppo::bfloat16 const*>(p)
#include <cppo/cppo.hpp>

std::uint16_t words[4];
auto const named = cppo::token_weight(words);
