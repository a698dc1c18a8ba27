// Two runs compared bit by bit; the answer names the first place where they differ, and is empty where they agree.
#pragma once

#include <cppo/testing/captured_run.hpp>

#include <string>

namespace cppo_test {

using cppo::index_t;

inline std::string words(cppo::testing::difference const& d) {
  if (!d.found) return "";
  return std::string(d.output) + " at slot " + std::to_string(d.slot) + ": " + std::to_string(d.got) + ", expected " +
         std::to_string(d.expected);
}

// Slots in `rows` of `got` against their `source` slots of `expected` (the same ones where it is empty).
template <class Real>
std::string unlike(cppo::testing::captured_run<Real> const& got, cppo::testing::captured_run<Real> const& expected,
                   cppo::testing::slot_rows const& rows, std::vector<index_t> const& source = {}) {
  return words(cppo::testing::compare(got, expected, rows, source));
}

// The first field of a report with other bits.
inline std::string unlike(cppo::report const& a, cppo::report const& b) {
  using cppo::testing::same_bits;
  std::string found;
  auto const field = [&found](char const* name, auto const& x, auto const& y) {
    if (same_bits(x, y) || !found.empty()) return;
    found = std::string(name) + ": " + std::to_string(x) + " and " + std::to_string(y);
  };
  field("tokens", a.counts.tokens, b.counts.tokens);
  field("responses", a.counts.responses, b.counts.responses);
  field("kept", a.kept, b.kept);
  field("kept_toward", a.kept_toward, b.kept_toward);
  field("masked_ratio", a.masked_ratio, b.masked_ratio);
  field("masked_divergence", a.masked_divergence, b.masked_divergence);
  field("masked_budget", a.masked_budget, b.masked_budget);
  field("masked_response", a.masked_response, b.masked_response);
  field("masked_other", a.masked_other, b.masked_other);
  field("clamped", a.clamped, b.clamped);
  field("capped", a.capped, b.capped);
  field("bad_tokens", a.bad_tokens, b.bad_tokens);
  field("rejected_responses", a.rejected_responses, b.rejected_responses);
  for (int i = 0; i < cppo::report::bins; ++i) {
    field("position_tokens", a.position_tokens[i], b.position_tokens[i]);
    field("position_masked", a.position_masked[i], b.position_masked[i]);
  }
  field("loss", a.loss, b.loss);
  field("sum_divergence", a.sum_divergence, b.sum_divergence);
  field("max_divergence", a.max_divergence, b.max_divergence);
  field("sum_weighted", a.sum_weighted, b.sum_weighted);
  field("sum_gate", a.sum_gate, b.sum_gate);
  field("sum_ratio", a.sum_ratio, b.sum_ratio);
  field("max_ratio", a.max_ratio, b.max_ratio);
  field("sum_k1", a.sum_k1, b.sum_k1);
  field("sum_k3", a.sum_k3, b.sum_k3);
  field("sum_delta_b", a.sum_delta_b, b.sum_delta_b);
  field("min_delta_b", a.min_delta_b, b.min_delta_b);
  field("max_delta_b", a.max_delta_b, b.max_delta_b);
  return found;
}

// The status in full.
inline bool same_status(cppo::status const& a, cppo::status const& b) {
  return a.code == b.code && a.where == b.where && a.response == b.response && a.token == b.token && a.count == b.count;
}

// Everything two runs can differ in.
template <class Real>
std::string unlike_runs(cppo::testing::captured_run<Real> const& got, cppo::testing::captured_run<Real> const& want,
                        cppo::testing::slot_rows const& rows) {
  if (!same_status(got.outcome, want.outcome)) return "status: " + std::string(got.outcome.message());
  std::string const outputs = unlike(got, want, rows);
  return outputs.empty() ? unlike(got.diagnostics, want.diagnostics) : outputs;
}

}  // namespace cppo_test
