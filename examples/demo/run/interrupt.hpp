// Ctrl-C asks the program to finish what it can show; a second one ends it at once.
#pragma once

#include <atomic>

namespace demo {

/// Catches the interrupt signal from now on; the flag is set when it comes.
std::atomic<bool> const& catch_interrupt();

}  // namespace demo
