// expect: this text is gone before it is read: give it a name first
// expect: text_that_ends.cpp:13:
// expect: text_that_ends.cpp:14:
// expect: text_that_ends.cpp:15:
// expect errors: 3
#include <cppo/cppo.hpp>
#include <cppo/described.hpp>

#include <string_view>

cppo::described_region const region;
cppo::region_text const named = to_text(region);
std::string_view const a = to_text(region);
std::string_view const b(describe(cppo::status()));
std::string_view const c = cppo::parse_region("ppo(0.2)").error;
std::string_view const d = named;
bool const e = to_text(region) == "ppo" && to_text(region) == std::string_view(named);
