// What outputs of fewer bits make of numbers, against what `store` writes.
#include "support/catch_compat.hpp"

#include <cppo/core/narrowing.hpp>

#include <cmath>

namespace {

using cppo::element_type;
using cppo::detail::narrowing;

// x as it stands in an output of that type.
template <class Real>
double as_stored(element_type type, Real x) {
  unsigned char memory[8] = {};
  cppo::detail::store(memory, type, 0, x);
  return cppo::detail::load<double>(memory, type, 0);
}

template <class Real>
bool told_right(element_type type, Real x) {
  narrowing const as(type);
  double const y = as_stored(type, x);
  bool const overflows = std::isfinite(x) && std::isinf(y), vanishes = x != Real(0) && y == 0.0;
  return as.overflows(x) == overflows && as.vanishes(x) == vanishes;
}

}  // namespace

TEST_CASE("F40: overflow and flush are told as store makes them, for floats of every magnitude") {
  for (element_type const type : {element_type::f16, element_type::bf16, element_type::f32}) {
    std::int64_t wrong = 0, seen[2] = {};
    auto const look = [&](std::uint32_t bits) {
      auto const x = cppo::detail::bits_as<float>(bits);
      wrong += told_right(type, x) ? 0 : 1;
      seen[0] += narrowing(type).overflows(x) ? 1 : 0;
      seen[1] += narrowing(type).vanishes(x) ? 1 : 0;
    };
    for (std::uint64_t bits = 0; bits < 0x100000000; bits += 4099) look(static_cast<std::uint32_t>(bits));
    for (std::uint32_t const edge : {0x477ff000U, 0x33000000U, 0x7f7f8000U, 0x00008000U, 0x7f800000U, 0U}) {
      for (std::uint32_t k = 0; k < 8; ++k) look(edge - 4 + k), look((edge - 4 + k) | 0x80000000U);
    }
    CHECK(wrong == 0);
    CHECK((seen[0] > 0) == (type != element_type::f32));
    CHECK((seen[1] > 0) == (type != element_type::f32));
  }
}

TEST_CASE("F40: the same for doubles, which are rounded to float first") {
  for (element_type const type : {element_type::f16, element_type::bf16, element_type::f32}) {
    std::int64_t wrong = 0;
    for (double const edge : {65520.0, 65519.998046875, 0x1p-25, 0x1.ffp127, 0x1p-134, 0x1.ffffffp127, 0x1p-150}) {
      for (int ulps = -3; ulps <= 3; ++ulps) {
        double const x = edge * (1.0 + ulps * 0x1p-52);
        wrong += told_right(type, x) ? 0 : 1;
        wrong += told_right(type, -x) ? 0 : 1;
      }
    }
    for (int e = -1074; e < 1024; ++e) wrong += told_right(type, std::ldexp(1.37, e)) ? 0 : 1;
    CHECK(wrong == 0);
  }
}

TEST_CASE("outputs that hold all of a number are not looked at") {
  using cppo::detail::narrows;
  CHECK(narrows<float>(element_type::f16));
  CHECK(narrows<float>(element_type::bf16));
  CHECK_FALSE(narrows<float>(element_type::f32));
  CHECK_FALSE(narrows<float>(element_type::f64));
  CHECK(narrows<double>(element_type::f32));
  CHECK_FALSE(narrows<double>(element_type::f64));
  CHECK_FALSE(narrows<double>(element_type::u8));
}
