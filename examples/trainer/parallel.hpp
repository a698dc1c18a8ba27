// A loop over threads, whose result does not depend on their number.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace trainer {

/// Calls body(i) for i in 0 ... n - 1 on up to `threads` threads (0: as many as the machine has). Each i must write to
/// places of its own; what must be added up in order is added up afterwards. The first exception is thrown again. If a
/// thread cannot be started, the others do its work.
template <class Thread = std::thread, class Body>
void parallel_for(std::size_t n, int threads, Body const& body) {
  std::size_t const wanted = threads > 0 ? static_cast<std::size_t>(threads) : std::thread::hardware_concurrency();
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  auto const work = [&] {
    for (std::size_t i = next++; i < n; i = next++) {
      try {
        body(i);
      } catch (...) {
        std::scoped_lock const lock(guard);
        if (!failure) failure = std::current_exception();
        next = n;
      }
    }
  };
  std::vector<Thread> others;
  try {
    for (std::size_t t = 1; t < wanted && t < n; ++t) others.emplace_back(work);
  } catch (...) {  // as many as the machine gives
  }
  work();
  for (Thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace trainer
