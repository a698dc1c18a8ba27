// The advantage rules by name, each compiled once, so that many tests may run them; and each once more as data.
#pragma once

#include <cppo/advantage.hpp>

#include <rapidcheck.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace cppo_test {

// A rule whose type is forgotten. `threads` 0: seq, else simd on as many.
struct advantage_run {
  std::string name;
  std::string text = {};  // of a rule as data; empty of one that is written out
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

// Any rule as data.
advantage_run run_of_text(std::string name, std::string text);
// Every named rule, under the names of `reference_advantage`: written out, then as data.
std::vector<advantage_run> const& advantage_runs();

// One of them, as an argument of a property.
struct any_run {
  std::size_t which;
  advantage_run const& operator*() const { return advantage_runs()[which]; }
  advantage_run const* operator->() const { return &**this; }
  friend std::ostream& operator<<(std::ostream& out, any_run const& r) {
    return out << r->name << (r->text.empty() ? "" : " as data");
  }
};

}  // namespace cppo_test

template <>
struct rc::Arbitrary<cppo_test::any_run> {
  static Gen<cppo_test::any_run> arbitrary() {
    return gen::map(gen::inRange<std::size_t>(0, cppo_test::advantage_runs().size()),
                    [](std::size_t which) { return cppo_test::any_run{which}; });
  }
};
