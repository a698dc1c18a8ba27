// The suites of the benchmark driver. Each row is a line of JSON on standard output.
#pragma once

#include "measure.hpp"
#include "problem.hpp"

namespace bench {

struct arguments {
  std::vector<std::string> libraries;  ///< the first is the one measured; `instruction_sets` takes all
  std::vector<std::string> suites;
  std::vector<std::int64_t> sizes = {std::int64_t{1} << 16, std::int64_t{1} << 22, std::int64_t{1} << 26};
  std::vector<std::int64_t> lengths = {64, 1024, 8192, 32768};
  std::int64_t tokens = std::int64_t{1} << 20;  ///< of the suites `lengths` and `threads`
  effort timing;
};

arguments read_arguments(int argc, char** argv);

/// Prints a row.
void emit(nlohmann::ordered_json const& row);
/// Prints a row with what was timed for it.
void emit(nlohmann::ordered_json row, timing const& t);
/// Prints that a row is left out and why.
void emit_skipped(std::string const& suite, std::string const& name, std::string const& why);

/// A call, by the name under which it is reported.
struct call {
  std::string name;
  bench_rule rule;
  int threads = 1;  ///< 0: seq
};

/// The call on copy c, whose status is checked. Its unit is one slot.
contender time_call(library const& lib, problem const& p, layout const& l, call const& what,
                    bench_parameters const& parameters, bool with_mask);
/// One xsimd::exp over an array in the first-level cache.
contender time_exp(library const& lib);
/// True if the batch and its outputs fit into the second-level cache.
bool in_cache(std::int64_t tokens);

void suite_shapes(library const& lib, arguments const& a);
void suite_instruction_sets(std::vector<library> const& libs, arguments const& a);
void suite_lengths(library const& lib, arguments const& a);
void suite_variants(library const& lib, arguments const& a);
void suite_threads(library const& lib, arguments const& a);
void suite_quantile(library const& lib, arguments const& a);
void suite_memory(library const& lib, arguments const& a);

}  // namespace bench
