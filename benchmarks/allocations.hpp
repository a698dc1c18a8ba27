// Counts the calls of operator new, in the driver and in the libraries that it loads.
#pragma once

#include <cstdint>

namespace bench {

struct allocations {
  std::int64_t calls, bytes_at_peak;
};

/// Restarts the counting.
void reset_allocations();
/// The calls of operator new since then, and the most bytes held at once.
allocations count_allocations();

}  // namespace bench
