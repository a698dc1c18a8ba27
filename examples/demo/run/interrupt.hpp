// Handles Ctrl-C: the program finishes what it can show; a second Ctrl-C ends it at once.
#pragma once

#include <atomic>

namespace demo {

/// Catches the interrupt signal from now on. The flag is set when it arrives.
std::atomic<bool> const& catch_interrupt();

}  // namespace demo
