// expect: token_id(...) takes ids: lend integers
#include <cppo/cppo.hpp>

float id[4];
auto const named = cppo::token_id(id);
