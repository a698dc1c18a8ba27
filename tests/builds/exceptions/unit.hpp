// What two units, one with exceptions and one without, do where no thread can be started.
#pragma once

#include <cppo/execution/call/threads.hpp>

#include <cstdint>

/// A thread that never starts: its constructor throws, in main.cpp, which is built with exceptions.
struct refused_thread {
  template <class Work>
  explicit refused_thread(Work const&) { refuse(); }
  void join() {}
  static void refuse();
};

struct count_done {
  std::int64_t* done;
  void operator()(cppo::index_t, std::vector<float>&, cppo::detail::response_outcome&) const { ++*done; }
};

/// How many of 64 responses were done.
std::int64_t with_exceptions();
std::int64_t without_exceptions();
/// The names of the library's inline namespace in both.
extern char const* const name_with_exceptions;
extern char const* const name_without_exceptions;
