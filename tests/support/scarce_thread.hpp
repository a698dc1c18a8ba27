// A thread class of which only so many can be started, to test code that must work with fewer threads.
#pragma once

#include <system_error>
#include <thread>

struct scarce_thread {
  static inline int left = 0;
  static inline int joined = 0;
  std::thread real;
  template <class Work>
  explicit scarce_thread(Work const& work) {
    if (left-- <= 0) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    real = std::thread(work);
  }
  void join() {
    real.join();
    ++joined;
  }
};
