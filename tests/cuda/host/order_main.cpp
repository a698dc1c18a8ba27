// Runs the units of order.cpp.
#include <cstdio>

#define CPPO_UNITS(f) f(order_1) f(order_2) f(order_3) f(order_4) f(order_5)
#define CPPO_DECLARE(unit) char const* unit();
CPPO_UNITS(CPPO_DECLARE)

int main() {
  int failed = 0;
  auto const check = [&failed](char const* unit, char const* wrong) {
    failed += wrong != nullptr ? 1 : 0;
    if (wrong != nullptr) std::printf("%s: %s\n", unit, wrong);
  };
#define CPPO_CHECK(unit) check(#unit, unit());
  CPPO_UNITS(CPPO_CHECK)
  return failed;
}
