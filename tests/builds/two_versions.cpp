// Two versions of the single header in one program, one in each unit: each gives its own answers.
#include CPPO_THIS

#include "two_versions.hpp"

#include <cstdio>

version_report this_version() { return ask(); }

int main() {
  version_report const mine = this_version();
  version_report const other = other_version();
  bool const apart = mine.inline_function != other.inline_function && other.minor == mine.minor + 1;
  std::printf("minor versions %d and %d, inline functions %s\n", mine.minor, other.minor, apart ? "apart" : "shared");
  return apart && mine.answers && other.answers ? 0 : 1;
}
