#include "run/interrupt.hpp"

#include <csignal>

namespace demo {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "only lock-free atomics may be touched in a signal handler");

void note_interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

std::atomic<bool> const& catch_interrupt() {
  std::signal(SIGINT, note_interrupt);
  return interrupted;
}

}  // namespace demo
