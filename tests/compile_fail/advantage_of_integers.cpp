// expect: lend raw 16-bit words as reinterpret_cast<cppo::bfloat16 const*>(p)
#include <cppo/cppo.hpp>

#include <vector>

std::vector<int> const per_row = {1, -1};
auto const named = cppo::advantage(cppo::per_response(per_row));
