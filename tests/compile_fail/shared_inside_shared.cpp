// expect: a loss that shares a number holds none that shares another
// expect errors: 1
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

using namespace cppo;

auto const inner = [](auto q) { return detail::sharing(ratio, [q](auto r) { return score_form(q * r); }); };
auto const both = detail::sharing(prob, inner);
