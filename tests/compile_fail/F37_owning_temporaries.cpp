// expect: this temporary owns its elements, which are gone before they are used: give it a name first
// expect: owning_temporaries.cpp:22:
// expect: owning_temporaries.cpp:23:
// expect: owning_temporaries.cpp:24:
// expect: owning_temporaries.cpp:25:
// expect: owning_temporaries.cpp:26:
// expect: owning_temporaries.cpp:27:
// expect: owning_temporaries.cpp:28:
// expect: owning_temporaries.cpp:29:
// expect: owning_temporaries.cpp:30:
// expect: owning_temporaries.cpp:31:
#include <cppo/cppo.hpp>

#include <array>
#include <string>

template <class T>
using three = T[3];
std::vector<double> named(3);

// A type of its own in each: what is refused once is not refused again.
auto const a = cppo::packed(std::vector<int>{0, 6, 16});
auto const b = cppo::log_prob(std::vector<float>(3));
auto const c = cppo::rollout_log_prob(std::move(named));
auto const d = cppo::advantage(three<float>{});
auto const e = cppo::response_mask(std::string("abc"));
auto const f = cppo::token_weight(cppo::per_response(std::array<float, 3>{}));
auto const g = cppo::top_k(1, std::vector<long>(3), named, named);
cppo::output const h = std::vector<cppo::half>(3);
cppo::loss_options const i{.totals = cppo::piece_plan().totals};
auto const j = cppo::packed({0, 6, 16});
