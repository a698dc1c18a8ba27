#include "report.hpp"

#include <array>
#include <limits>
#include <string_view>

namespace c_api {

namespace {

constexpr int fields = cppo::detail::report_words;
constexpr int sums = cppo::detail::report_fields.counts + cppo::detail::report_fields.sums;

constexpr std::array<char const*, report_numbers> names_of_report() noexcept {
  std::array<char const*, report_numbers> names{};
  cppo::report const r;
  std::size_t k = 0;
  auto const take = [&](char const* name, auto const&) { names[k++] = name; };
  cppo::report::each_field(take, r);
  for (char const* name : {"aggregate", "known", "horizon", "normalizer"}) names[k++] = name;
  return names;
}
constexpr auto names = names_of_report();

/// The measures: calls f(i, name, value of a report) for each.
template <class F>
constexpr void each_measure(cppo::report const& r, F const& f) {
  std::int64_t i = 0;
  r.each_measure([&](char const* name, double value) { f(i++, name, value); });
}

/// The nearest count.
cppo::index_t count_of(double x) noexcept {
  constexpr double most = 0x1p62;
  return x >= most ? cppo::index_t{1} << 62 : x > -most ? static_cast<cppo::index_t>(x) : 0;  // NaN: 0
}

}  // namespace

void write(cppo::report const& r, double* into) noexcept {
  auto const put = [&into](char const*, auto const& x) { *into++ = static_cast<double>(x); };
  cppo::report::each_field(put, r);
  *into++ = static_cast<double>(r.scaling.aggregate);
  *into++ = r.scaling.known ? 1.0 : 0.0;
  *into++ = static_cast<double>(r.scaling.horizon);
  *into++ = r.scaling.normalizer;
}

cppo::report report_of(double const* from) noexcept {
  cppo::report r;
  auto const take = [&from]<class T>(char const*, T& x) {
    if constexpr (std::is_same_v<T, double>) x = *from++;
    else x = count_of(*from++);
  };
  cppo::report::each_field(take, r);
  auto const scaling = [from](scaling_field f) { return from[static_cast<int>(f)]; };
  double const aggregate = scaling(scaling_field::aggregate);
  bool const exists = aggregate >= 0.0 && aggregate <= static_cast<double>(cppo_seq_mean_token_sum_norm);
  r.scaling.known = scaling(scaling_field::known) != 0.0;
  r.scaling.horizon = count_of(scaling(scaling_field::horizon));
  r.scaling.normalizer = exists ? scaling(scaling_field::normalizer) : std::numeric_limits<double>::quiet_NaN();
  if (exists) r.scaling.aggregate = static_cast<cppo::aggregation>(static_cast<int>(aggregate));
  return r;
}

}  // namespace c_api

char const* cppo_report_name(std::int64_t i) {
  return i >= 0 && i < c_api::report_numbers ? c_api::names[static_cast<std::size_t>(i)] : nullptr;
}
std::int32_t cppo_report_rule(std::int64_t i) {
  enum { add, maximum, minimum, equal };
  if (i < c_api::sums) return add;
  if (i >= c_api::fields) return equal;
  return std::string_view(cppo_report_name(i)).starts_with("max") ? maximum : minimum;
}
std::int64_t cppo_report_count() { return c_api::report_numbers; }

void cppo_report_add(double* into, double const* other) {
  if (into == nullptr || other == nullptr) return;
  cppo::report const both = c_api::report_of(into) + c_api::report_of(other);
  c_api::write(both, into);
}

char const* cppo_measure_name(std::int64_t i) {
  char const* name = nullptr;
  c_api::each_measure({}, [&](std::int64_t k, char const* its, double) { name = k == i ? its : name; });
  return name;
}
double cppo_measure(double const* report, std::int64_t i) {
  double value = std::numeric_limits<double>::quiet_NaN();
  if (report == nullptr) return value;
  c_api::each_measure(c_api::report_of(report), [&](std::int64_t k, char const*, double its) {
    value = k == i ? its : value;
  });
  return value;
}
