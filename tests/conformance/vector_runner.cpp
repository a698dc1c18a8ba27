// Runs a file of reference vectors through the library and writes what it answers, in the format that
// check_vectors.py compares.
//
//     vector_runner --executor seq|simd [--double] --vectors FILE --results FILE
//
// Exit status: 0 results written, 2 a wrong flag, or a file that is missing, unwritable or not in the format.

#include "cppo_cases.hpp"
#include "divergence_cases.hpp"
#include "mask_cases.hpp"
#include "rejection_cases.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>

namespace conformance {
namespace {

/// Methods of the format that cppo does not offer, and what keeps it from them.
std::map<std::string, char const*> const not_offered = {
    {"vanilla", "the clipped loss is a constant where it clips; a masked token's loss is 0 here, and there is no dual clip"},
    {"cispo", "rho is clipped from below too; here it can be capped from above only"},
    {"sapo", "a sigmoid of the ratio replaces it; the surrogate here is linear in the ratio"},
    {"gspo", "one length-normalised ratio for a whole response; ratios here are per token"},
    {"geo_mean", "one geometric-mean ratio for a whole response; ratios here are per token"},
};

template <class Real, class Executor>
json run_method(Executor const& executor, object_reader const& c) {
  if (!c.has("layout") && !c.object("params").has("method")) return divergence_case<Executor, Real>(executor, c).run();
  std::string const method = c.object("params").text("method");
  if (method == "cppo") return run_cppo<Real>(executor, c);
  if (method == "ppo_mask") return run_ppo_mask<Real>(executor, c);
  if (method == "dppo_mask") return run_dppo_mask<Real>(executor, c);
  if (method == "dppo_tv") return run_dppo<Real>(executor, c, case_divergence("binary_tv"));
  if (method == "dppo_kl") return run_dppo<Real>(executor, c, case_divergence("binary_kl"));
  if (method == "trm_max") return run_trm<Real>(executor, c, true);
  if (method == "trm_avg") return run_trm<Real>(executor, c, false);
  if (method.starts_with("rs_")) return run_rejection<Real>(executor, c, method);
  if (auto const found = not_offered.find(method); found != not_offered.end()) throw unsupported(found->second);
  throw unsupported("there is no method \"" + method + "\" here");
}

template <class Real, class Executor>
json run_case(Executor const& executor, json const& source, std::size_t index) {
  std::string const name = object_reader(source, "case " + std::to_string(index)).text("name");
  json r;
  try {
    r = run_method<Real>(executor, object_reader(source, "case \"" + name + "\""));
  } catch (unsupported const& e) {
    r = {{"unsupported", e.what()}};
  } catch (rejected const& e) {
    r = {{"rejected", e.what()}};
    std::cerr << "vector_runner: case \"" << name << "\": " << e.what() << '\n';
  }
  r["name"] = name;
  return r;
}

template <class Real, class Executor>
json run_cases(Executor const& executor, json const& cases) {
  json results = json::array();
  for (json const& c : cases) results.push_back(run_case<Real>(executor, c, results.size()));
  return {{"results", results}};
}

json read_vectors(std::string const& path) {
  std::ifstream file(path);
  if (!file) throw format_error("the file cannot be read");
  try {
    json const cases = json::parse(file);
    if (!cases.is_array()) throw format_error("the file must hold an array of cases");
    return cases;
  } catch (json::exception const& e) {
    std::string const what = e.what();  // "[json.exception...] parse error at line 3, column 5: ..."
    throw format_error("the file is not valid JSON: " + what.substr(what.find("] ") + 2));
  } catch (std::ios_base::failure const&) {  // a folder, for one
    throw format_error("the file cannot be read");
  }
}

template <class Executor>
json run_cases(Executor const& executor, bool in_double, json const& cases) {
  return in_double ? run_cases<double>(executor, cases) : run_cases<float>(executor, cases);
}

json run_file([[maybe_unused]] std::string const& executor, bool in_double, json const& cases) {
#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
  if (executor == "simd") return run_cases(cppo::simd, in_double, cases);
#endif
  return run_cases(cppo::seq, in_double, cases);
}

/// One sentence on stderr, exit status 2.
int refuse(std::string const& what) {
  std::string sentence = what;
  std::replace_if(sentence.begin(), sentence.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, ' ');
  std::cerr << "vector_runner: " << sentence << '\n';
  return 2;
}

}  // namespace
}  // namespace conformance

int main(int argc, char** argv) {
  using namespace conformance;
  std::string executor, vectors, results;
  bool in_double = false;
  CLI::App app("Runs reference vectors through cppo.", "vector_runner");
  app.add_option("--executor", executor, "seq or simd")->required()->check(CLI::IsMember({"seq", "simd"}));
  app.add_option("--vectors", vectors, "file of cases")->required();
  app.add_option("--results", results, "file to write")->required();
  app.add_flag("--double", in_double, "lend buffers of double: double arithmetic");
  try {
    app.parse(argc, argv);
  } catch (CLI::Success const& e) {
    return app.exit(e);
  } catch (CLI::ParseError const& e) {
    return refuse(e.what());
  }
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
