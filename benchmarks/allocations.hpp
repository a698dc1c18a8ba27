// Counts what goes through operator new, in the driver and in the libraries it loads.
#pragma once

#include <cstdint>

namespace bench {

struct allocations {
  std::int64_t calls, bytes_at_peak;
};

/// Counting starts anew.
void reset_allocations();
/// Since then: calls of operator new, and the most bytes that were held at once.
allocations count_allocations();

}  // namespace bench
