// Runs a file of reference vectors through the library and writes what it answers, in the format that
// check_vectors.py compares.
//
//     vector_runner --executor seq|simd|bodies --vectors FILE --results FILE
//     vector_runner --executor seq --double --vectors FILE --results FILE
//
// Exit status: 0 results written, 2 a wrong flag, or a file that is missing, unwritable or not in the format.

#include "run_case.hpp"

#include <cppo/testing/host_block.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace conformance {
namespace {

/// One sentence on stderr, in plain characters whatever it quotes.
void warn(std::string sentence) {
  std::replace_if(sentence.begin(), sentence.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, ' ');
  std::cerr << "vector_runner: " << sentence << '\n';
}
/// The same, and the exit status 2.
int refuse(std::string const& what) {
  warn(what);
  return 2;
}

template <class Real, class Executor>
json run_cases(Executor const& executor, json const& cases) {
  json results = json::array();
  for (json const& c : cases) {
    results.push_back(run_case<Real>(executor, c, results.size()));
    json const& r = results.back();
    if (r.contains("rejected"))
      warn("case \"" + r["name"].get<std::string>() + "\": " + r["rejected"].get<std::string>());
  }
  return {{"results", results}};
}

json read_vectors(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) throw format_error("the file cannot be read");
  return parse_cases({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

json run_file([[maybe_unused]] std::string const& executor, bool in_double, json const& cases) {
  if (in_double) return run_cases<double>(cppo::seq, cases);
#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
  if (executor == "simd") return run_cases<float>(cppo::simd, cases);
#endif
  if (executor == "bodies") return run_cases<float>(cppo::testing::kernel_bodies<32>{}, cases);
  return run_cases<float>(cppo::seq, cases);
}

}  // namespace
}  // namespace conformance

int main(int argc, char** argv) {
  using namespace conformance;
  std::string executor, vectors, results;
  bool in_double = false;
  CLI::App app("Runs reference vectors through cppo.", "vector_runner");
  app.add_option("--executor", executor, "seq, simd, or the bodies of kernels")
      ->required()
      ->check(CLI::IsMember({"seq", "simd", "bodies"}));
  app.add_option("--vectors", vectors, "file of cases")->required();
  app.add_option("--results", results, "file to write")->required();
  app.add_flag("--double", in_double, "lend buffers of double: double arithmetic, on seq alone");
  try {
    app.parse(argc, argv);
  } catch (CLI::Success const& e) {
    return app.exit(e);
  } catch (CLI::ParseError const& e) {
    return refuse(e.what());
  }
  if (in_double && executor != "seq") return refuse("--double is for --executor seq");
#if !(defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD)
  if (executor == "simd") return refuse("this build has no simd executor: build it with CPPO_USE_XSIMD=1, or use seq");
#endif
  try {
    json const answer = run_file(executor, in_double, read_vectors(vectors));
    std::ofstream file(results);
    file << answer.dump() << '\n';
    if (!file.flush()) return refuse(results + ": the file cannot be written");
  } catch (std::exception const& e) {
    return refuse(vectors + ": " + e.what());
  }
  return 0;
}
