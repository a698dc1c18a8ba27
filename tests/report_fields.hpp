// Every field of a report by name, in one list: what compares reports, and what hashes them, can forget none.
// Include the library before it, from its headers or from the single one.
#pragma once

#include <bit>
#include <cstdint>
#include <iterator>
#include <vector>

namespace cppo_test {

struct report_field {
  char const* name;
  std::uint64_t bits;
  double value;  // for messages

  report_field(char const* n, cppo::index_t x)
      : name(n), bits(static_cast<std::uint64_t>(x)), value(static_cast<double>(x)) {}
  report_field(char const* n, double x) : name(n), bits(std::bit_cast<std::uint64_t>(x)), value(x) {}
};

inline std::vector<report_field> fields(cppo::report const& r) {
  report_field const single[] = {
      {"tokens", r.counts.tokens},
      {"responses", r.counts.responses},
      {"kept", r.kept},
      {"kept_toward", r.kept_toward},
      {"masked_ratio", r.masked_ratio},
      {"masked_divergence", r.masked_divergence},
      {"masked_budget", r.masked_budget},
      {"masked_response", r.masked_response},
      {"masked_other", r.masked_other},
      {"clamped", r.clamped},
      {"capped", r.capped},
      {"bad_tokens", r.bad_tokens},
      {"rejected_responses", r.rejected_responses},
      {"loss", r.loss},
      {"sum_divergence", r.sum_divergence},
      {"max_divergence", r.max_divergence},
      {"sum_weighted", r.sum_weighted},
      {"sum_gate", r.sum_gate},
      {"sum_ratio", r.sum_ratio},
      {"max_ratio", r.max_ratio},
      {"sum_k1", r.sum_k1},
      {"sum_k3", r.sum_k3},
      {"sum_delta_b", r.sum_delta_b},
      {"min_delta_b", r.min_delta_b},
      {"max_delta_b", r.max_delta_b},
  };
  constexpr int bins = cppo::report::bins;
  static_assert(sizeof r == (std::size(single) + 2 * bins) * sizeof(std::uint64_t), "a field is not in this list");
  std::vector<report_field> all(std::begin(single), std::end(single));
  for (int i = 0; i < bins; ++i) {
    all.emplace_back("position_tokens", r.position_tokens[i]);
    all.emplace_back("position_masked", r.position_masked[i]);
  }
  return all;
}

}  // namespace cppo_test
