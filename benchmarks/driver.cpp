// Loads a library built for one instruction set and measures it. `./run bench` calls this program, and so can you:
//   cppo_bench --library PATH [--library PATH ...] --suites shapes,lengths,variants,threads,quantile,memory,
//              instruction_sets
#include "driver.hpp"

#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>

namespace bench {

void emit(nlohmann::ordered_json const& row) { std::cout << row.dump() << std::endl; }

void emit(nlohmann::ordered_json row, timing const& t) {
  row["cpu_share"] = t.cpu_share;
  row["samples"] = t.samples;
  emit(row);
}

void emit_skipped(std::string const& suite, std::string const& name, std::string const& why) {
  emit({{"suite", suite}, {"name", name}, {"skipped", why}});
}

contender time_call(library const& lib, problem const& p, layout const& l, call const& what,
                    bench_parameters const& parameters, bool with_mask) {
  auto const run = [&lib, &p, &l, what, parameters, with_mask](int c) {
    bench_batch const b = p.batch(l, c, with_mask);
    bench_outputs const o = p.outputs(c);
    bench_outcome outcome;
    if (lib.policy_loss(what.rule, what.threads, &b, &parameters, &o, &outcome) != 0) {
      throw std::runtime_error("the call " + what.name + " failed");
    }
  };
  bool const warm = in_cache(p.tokens());
  return {what.name, static_cast<double>(p.tokens()), run, [&p, warm](int c) { p.before_call(c, warm); }};
}

contender time_exp(library const& lib) {
  constexpr std::int64_t n = 2048, passes = 32;
  auto const in = std::make_shared<std::vector<float>>(), out = std::make_shared<std::vector<float>>(n);
  for (int i = 0; i < n; ++i) in->push_back(-0.003F * static_cast<float>(i));
  return {"exp", static_cast<double>(n * passes),
          [&lib, in, out](int) { lib.exp(in->data(), out->data(), n, passes); }};
}

bool in_cache(std::int64_t tokens) { return tokens <= std::int64_t{1} << 16; }

}  // namespace bench

int main(int argc, char** argv) try {
  using namespace bench;
  arguments const a = read_arguments(argc, argv);
  std::vector<library> libs;
  for (std::string const& path : a.libraries) libs.push_back(load(path));
  library const& lib = libs.front();
  emit({{"suite", "build"}, {"isa", lib.isa}, {"lanes", lib.lanes}, {"compiler", lib.compiler}, {"flags", lib.flags}});
  for (std::string const& suite : a.suites) {
    if (suite == "shapes") suite_shapes(lib, a);
    else if (suite == "instruction_sets") suite_instruction_sets(libs, a);
    else if (suite == "lengths") suite_lengths(lib, a);
    else if (suite == "variants") suite_variants(lib, a);
    else if (suite == "threads") suite_threads(lib, a);
    else if (suite == "quantile") suite_quantile(lib, a);
    else if (suite == "memory") suite_memory(lib, a);
    else throw std::runtime_error("unknown suite: " + suite);
  }
} catch (std::exception const& e) {
  std::fprintf(stderr, "cppo_bench: %s\n", e.what());
  return 1;
}
