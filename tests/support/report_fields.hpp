// Every field of a report by name, from the report's own list, so that code that compares or hashes reports forgets
// none. Include the library before it, from its headers or from the single one.
#pragma once

#include <bit>
#include <cstdint>
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
  std::vector<report_field> all;
  cppo::report::each_field([&all](char const* name, auto x) { all.emplace_back(name, x); }, r);
  static_assert(sizeof(cppo::loss_scaling) == 3 * sizeof(std::uint64_t), "a field is not in this list");
  all.emplace_back("aggregate", static_cast<cppo::index_t>(r.scaling.aggregate));
  all.emplace_back("scaling known", static_cast<cppo::index_t>(r.scaling.known));
  all.emplace_back("horizon", r.scaling.horizon);
  all.emplace_back("normalizer", r.scaling.normalizer);
  return all;
}

}  // namespace cppo_test
