#include "measure.hpp"

#include <chrono>
#include <cmath>
#include <ctime>

namespace bench {

namespace {

using timer = std::chrono::steady_clock;

double nanoseconds(timer::time_point from, timer::time_point to) {
  return std::chrono::duration<double, std::nano>(to - from).count();
}

double once(contender const& k, int copies) {
  double total = 0.0;
  for (int c = 0; c < copies; ++c) {
    k.prepare(c);
    auto const begin = timer::now();
    k.run(c);
    total += nanoseconds(begin, timer::now());
  }
  return total / (k.units * copies);
}

}  // namespace

timing interleave(std::vector<contender> const& contenders, int copies, effort const& e) {
  std::vector<std::vector<double>> samples(contenders.size());
  auto const begin = timer::now();
  std::clock_t const cpu = std::clock();
  int const least = e.one_round ? 1 : e.repeats, most = e.one_round ? 1 : e.most;
  for (int repeat = -1; repeat < most; ++repeat) {
    if (repeat >= least && nanoseconds(begin, timer::now()) > e.seconds * 1e9) break;
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      std::size_t const k = (i + static_cast<std::size_t>(repeat + 1)) % contenders.size();
      double const ns = once(contenders[k], copies);
      if (repeat >= 0) samples[k].push_back(std::round(ns * 1e5) / 1e5);
    }
  }
  double const spent = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC * 1e9;
  timing all{{}, spent / nanoseconds(begin, timer::now())};
  for (std::size_t k = 0; k < contenders.size(); ++k) all.samples[contenders[k].name] = samples[k];
  return all;
}

}  // namespace bench
