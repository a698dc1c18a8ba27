// The loop over threads: every index once, whatever threads the machine gives; what one throws is thrown again.
#include "support/catch_compat.hpp"
#include "parallel.hpp"
#include "support/scarce_thread.hpp"

#include <stdexcept>

using namespace trainer;

TEST_CASE("threads that cannot be started leave nothing undone") {
  for (int const given : {0, 1, 3, 7}) {
    scarce_thread::left = given;
    scarce_thread::joined = 0;
    std::vector<int> visits(64, 0);
    parallel_for<scarce_thread>(visits.size(), 8, [&](std::size_t i) { ++visits[i]; });
    CHECK(visits == std::vector<int>(64, 1));
    CHECK(scarce_thread::joined == given);
  }
}

TEST_CASE("what a thread throws is thrown again, once all have ended") {
  for (int const given : {0, 1, 7}) {
    scarce_thread::left = given;
    scarce_thread::joined = 0;
    auto const fails = [](std::size_t i) {
      if (i == 5) throw std::domain_error("five");
    };
    CHECK_THROWS_AS(parallel_for<scarce_thread>(64, 8, fails), std::domain_error);
    CHECK(scarce_thread::joined == given);
  }
}
