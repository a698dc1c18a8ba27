// A device: its memory, its modules, the launches it has run, and what came out of them.
#pragma once

#include "machine.hpp"
#include "streams.hpp"

namespace ptx {

class device {
 public:
  settings how;
  device_memory memory;
  findings found;
  timeline streams;
  std::map<std::string, counters> counts;  // by kernel, mangled

  // Reads a module and gives its variables memory.
  module& add(std::string name, std::string text);
  // The kernel of that name, ready to run. Throws `fault` if there is none.
  function const& kernel(module& m, std::string_view name);
  // Runs a kernel; `parameters` are its bytes.
  void run(function const& kernel, dimension grid, dimension threads, u32 cluster_size,
           std::vector<u8> const& parameters, stream_id in = 0);
  // f(function) for all that have been read.
  template <class F>
  void each_function(F const& f) const {
    for (auto const& m : modules_) {
      for (auto const& [name, g] : m->functions) {
        if (!g->code.empty()) f(*g);
      }
    }
  }

 private:
  std::vector<std::unique_ptr<module>> modules_;
  race_detector races_;
  u64 launches_ = 0;
};

// What was counted, a line for each kernel; which lines of a module have run, a block for each function.
std::string counts_text(device const& d);
std::string coverage_text(device const& d);

}  // namespace ptx
