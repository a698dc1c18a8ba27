// The advantage rules by name, each compiled once, so that many tests may run them.
#pragma once

#include <cppo/advantage.hpp>

#include <functional>
#include <string>
#include <vector>

namespace cppo_test {

// A rule whose type is forgotten. `threads` 0: seq, else simd on as many.
struct advantage_run {
  std::string name;
  bool per_token = false;
  int levels = 0;
  std::function<cppo::status(int threads, cppo::response_batch_view const&, cppo::advantage_output const&)> compute;
  std::function<cppo::status(int threads, cppo::response_batch_view const&, cppo::advantage_output const&,
                             cppo::advantage_states const& known)>
      compute_from;
  std::function<cppo::status(int threads, cppo::response_batch_view const&, cppo::advantage_states const& known,
                             cppo::advantage_states& sums)>
      sum;
};

// Every named rule, under the names of `reference_advantage`.
std::vector<advantage_run> const& advantage_runs();

}  // namespace cppo_test
