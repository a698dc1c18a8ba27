// Times several things in alternation, so that what disturbs the machine disturbs all of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace bench {

/// One thing to time: `run(c)` handles `units` units of copy c. `prepare(c)` goes before, untimed.
struct contender {
  std::string name;
  double units;
  std::function<void(int)> run;
  std::function<void(int)> prepare = [](int) {};
};

struct effort {
  int repeats = 9;         ///< at least
  int most = 41;           ///< at most
  double seconds = 0.5;    ///< in between, until this has passed
  bool one_round = false;  ///< the smoke test's
};

/// `samples`: ns per unit of each contender, by repeat: `{name: [...]}`. One round first is not counted; rounds begin with another
/// contender each time; a repeat goes over all copies. `cpu_share` is the processor time of this process over the time
/// that passed: less than 1 for each thread where others took the core.
struct timing {
  nlohmann::ordered_json samples;
  double cpu_share;
};
timing interleave(std::vector<contender> const& contenders, int copies, effort const& e);

}  // namespace bench
