// Compares two runs bit for bit. The answer names the first place where they differ, and is empty if they agree.
#pragma once

#include <cppo/testing/captured_run.hpp>

#include "support/report_fields.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace cppo_test {

using cppo::index_t;

inline std::string words(cppo::testing::difference const& d) {
  if (!d.found) return "";
  auto const number = [](double x) {  // with the bits of a NaN
    char words[64];
    if (std::isnan(x))
      std::snprintf(words, sizeof words, "nan (%llx)",
                    static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(x)));
    else std::snprintf(words, sizeof words, "%.17g", x);
    return std::string(words);
  };
  return std::string(d.output) + " at slot " + std::to_string(d.slot) + ": " + number(d.got) + ", expected " +
         number(d.expected);
}

// Compares the slots in `rows` of `got` with their `source` slots of `expected` (the same slots if it is empty).
template <class Real>
std::string unlike(cppo::testing::captured_run<Real> const& got, cppo::testing::captured_run<Real> const& expected,
                   cppo::testing::slot_rows const& rows, std::vector<index_t> const& source = {}) {
  return words(cppo::testing::compare(got, expected, rows, source));
}

// The first field of a report whose bits differ.
inline std::string unlike(cppo::report const& a, cppo::report const& b) {
  std::vector<report_field> const x = fields(a), y = fields(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].bits == y[i].bits) continue;
    return x[i].name + (": " + std::to_string(x[i].value)) + " and " + std::to_string(y[i].value);
  }
  return "";
}

// True if all members of both statuses are equal.
inline bool same_status(cppo::status const& a, cppo::status const& b) {
  bool const place = a.where == b.where && a.response == b.response && a.token == b.token && a.count == b.count;
  bool const both_nan = std::isnan(a.value) && std::isnan(b.value);
  bool const number = a.has_value == b.has_value && (a.value == b.value || both_nan);
  return a.code == b.code && place && number && a.wanted == b.wanted && a.other == b.other;
}

// Compares everything in which two runs can differ.
template <class Real>
std::string unlike_runs(cppo::testing::captured_run<Real> const& got, cppo::testing::captured_run<Real> const& want,
                        cppo::testing::slot_rows const& rows) {
  if (!same_status(got.outcome, want.outcome)) return "status: " + std::string(got.outcome.message());
  std::string const outputs = unlike(got, want, rows);
  return outputs.empty() ? unlike(got.report, want.report) : outputs;
}

}  // namespace cppo_test
