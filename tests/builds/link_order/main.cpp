// Two units for two instruction sets in one program: each runs its own code, both give the same bits.
#include "unit.hpp"

#include <cstdio>
#include <cstring>
#include <initializer_list>

int main() {
  unit_answer const a = plain_unit(), b = wide_unit();
  for (unit_answer const* x : {&a, &b}) {
    std::printf("%s: loss %.17g, kept %lld\n", x->abi, x->loss, static_cast<long long>(x->kept));
  }
  bool const apart = std::strcmp(a.abi, b.abi) != 0;
  bool const same = a.bits == b.bits && a.kept == b.kept && a.loss == b.loss && a.kept > 0;
  return apart && same ? 0 : 1;
}
