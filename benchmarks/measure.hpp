// Times several things in alternation, so that whatever disturbs the machine disturbs all of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace bench {

/// A thing to time: `run(c)` handles `units` units of copy c. `prepare(c)` runs before it, untimed.
struct contender {
  std::string name;
  double units;
  std::function<void(int)> run;
  std::function<void(int)> prepare = [](int) {};
};

struct effort {
  int repeats = 9;         ///< at least so many
  int most = 41;           ///< at most so many
  double seconds = 0.5;    ///< between the two, until so much time has passed
  bool one_round = false;  ///< for the smoke test
};

/// The results: `samples` has the ns per unit of each contender, by repeat, as `{name: [...]}`. A first round is not
/// counted; each round begins with another contender; a repeat goes over all copies. `cpu_share` is the processor time
/// of this process over the time that passed: less than 1 per thread if others used the core.
struct timing {
  nlohmann::ordered_json samples;
  double cpu_share;
};
timing interleave(std::vector<contender> const& contenders, int copies, effort const& e);

}  // namespace bench
