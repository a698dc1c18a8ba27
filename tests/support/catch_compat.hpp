// Catch2, of version 2.13 or 3. Include this file and nothing of Catch2 itself.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string>

namespace cppo_test {

using Catch::Generators::from_range;
using Catch::Generators::values;

#if __has_include(<catch2/catch_test_macros.hpp>)
using approx = Catch::Approx;
inline auto contains(std::string const& words) { return Catch::Matchers::ContainsSubstring(words); }
#else
using approx = Catch::Detail::Approx;
inline auto contains(std::string const& words) { return Catch::Matchers::Contains(words); }
#endif

}  // namespace cppo_test
