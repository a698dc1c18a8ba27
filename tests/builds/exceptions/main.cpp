// One unit with exceptions and one without in one program. Where a thread cannot be started, each must do its own: the
// unit without goes on without the thread, and the other lets the exception out. Linked in both orders.
#include "unit.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

void refused_thread::refuse() { throw std::bad_alloc(); }

int main() {
  std::int64_t const with = with_exceptions();
  bool thrown = false;
  try {
    (void)without_exceptions();
  } catch (std::bad_alloc const&) {
    thrown = true;
  }
  bool const apart = std::strcmp(name_with_exceptions, name_without_exceptions) != 0;
  std::printf("%s: %lld responses\n%s: %s\n", name_with_exceptions, static_cast<long long>(with),
              name_without_exceptions, thrown ? "thrown" : "not thrown");
  std::fflush(stdout);
  std::_Exit(with == 64 && thrown && apart ? 0 : 1);  // at once: what the second unit left is nobody's to free
}
