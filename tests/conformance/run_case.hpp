/// @file
/// One case of the vectors, from JSON to what the library answers.
#pragma once

#include "advantage_cases.hpp"
#include "cppo_cases.hpp"
#include "divergence_cases.hpp"
#include "fold_cases.hpp"
#include "mask_cases.hpp"
#include "rejection_cases.hpp"
#include "surrogate_cases.hpp"

namespace conformance {

/// Runs a case of advantages, which are computed on the host.
template <class Executor>
json run_advantage_on(object_reader const& c) {
  if (std::is_same_v<Executor, cppo::simd_t>) return run_advantage(advantage_executor::simd, c);
  if (std::is_same_v<Executor, cppo::seq_t>) return run_advantage(advantage_executor::seq, c);
  throw unsupported("advantages are computed on the host");
}

/// Runs a case of a rule with folds; null if there is none of that name.
template <class Real, class Executor>
json run_fold_method(object_reader const& c, std::string const& method) {
  fold_executor where = std::is_same_v<Real, double> ? fold_executor::seq_double : fold_executor::seq;
  bool const others = std::is_same_v<Real, float> && !std::is_same_v<Executor, cppo::seq_t>;
  if (others) where = std::is_same_v<Executor, cppo::simd_t> ? fold_executor::simd : fold_executor::bodies;
  for (auto const run : {run_response_case, run_scan_case, run_batch_case}) {
    if (json r = run(where, c, method); !r.is_null()) return r;
  }
  return {};
}

/// Runs a case by its method.
template <class Real, class Executor>
json run_method(Executor const& executor, object_reader const& c) {
  if (c.has("kind") && c.text("kind") == "advantage") return run_advantage_on<Executor>(c);
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
  if (surrogate_cases<Executor, Real>::knows(method)) return surrogate_cases<Executor, Real>(executor, c).run(method);
  if (json r = run_fold_method<Real, Executor>(c, method); !r.is_null()) return r;
  throw unsupported("there is no method \"" + method + "\" here");
}

/// What the library answers to one case; `unsupported` or `rejected` with the reason where it does not.
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
  }
  r["name"] = name;
  return r;
}

/// The cases of a file. Throws `format_error`.
inline json parse_cases(std::string const& text) {
  try {
    json cases = json::parse(text);
    if (!cases.is_array()) throw format_error("the file must hold an array of cases");
    return cases;
  } catch (json::exception const& e) {
    std::string const what = e.what();  // "[json.exception...] parse error at line 3, column 5: ..."
    throw format_error("the file is not valid JSON: " + what.substr(what.find("] ") + 2));
  }
}

}  // namespace conformance
