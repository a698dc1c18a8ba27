// Regions, the names that they may hold, options, reports and findings through the C interface.
#include "c_call.hpp"

#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/testing/generators.hpp>

#include <cmath>
#include <limits>
#include <set>

namespace {

using cppo_test::region_of;

std::string text_of(cppo_region const& region) {
  std::string text(static_cast<std::size_t>(cppo_region_text(&region, nullptr, 0)), ' ');
  CHECK(cppo_region_text(&region, text.data(), static_cast<std::int64_t>(text.size()) + 1) ==
        static_cast<std::int64_t>(text.size()));
  return text;
}
std::uint64_t reads(std::string const& text) {
  cppo_region const region = region_of(text);
  return cppo_region_reads(&region);
}
constexpr std::uint64_t bit(int id) { return std::uint64_t{1} << id; }

/// A report of a call on a random batch.
cppo::report random_report(std::uint64_t seed, cppo::loss_options const& options) {
  auto const batch = cppo::testing::generate<float>(seed);
  cppo::report r;
  CHECK(policy_loss(cppo::seq, batch.view(), cppo::fixed_cppo(), {.report = &r}, options).ok());
  return r;
}
std::vector<double> numbers_of(cppo::report const& r) {
  std::vector<double> numbers;
  cppo::report::each_field([&](char const*, auto const& x) { numbers.push_back(static_cast<double>(x)); }, r);
  numbers.push_back(static_cast<double>(r.scaling.aggregate));
  numbers.push_back(r.scaling.known ? 1.0 : 0.0);
  numbers.push_back(static_cast<double>(r.scaling.horizon));
  numbers.push_back(r.scaling.normalizer);
  return numbers;
}

}  // namespace

TEST_CASE("a region's text is that of the C++ library") {
  for (char const* text : {"fixed_cppo(delta = 0.15)", "softened(dppo(delta = 0.1), reciprocal_gate)",
                           R"({"trm_mean": {"delta": 0.1, "divergence": "top_k_kl"}})"}) {
    cppo_region const region = region_of(text);
    CHECK(text_of(region) == std::string(to_text(cppo::parse_region(text).region)));
    CHECK(text_of(region_of(text_of(region))) == text_of(region));
  }
}

TEST_CASE("a text that does not fit is cut and ended") {
  cppo_region const region = region_of("ppo()");
  std::string const whole = text_of(region);
  char text[12] = "###########";
  CHECK(cppo_region_text(&region, text, 10) == static_cast<std::int64_t>(whole.size()));
  CHECK(std::string(text) == whole.substr(0, 9));
  CHECK(text[10] == '#');
  CHECK(cppo_region_text(&region, nullptr, 10) == static_cast<std::int64_t>(whole.size()));
  CHECK(cppo_region_text(&region, text, -3) == static_cast<std::int64_t>(whole.size()));
  CHECK(std::string(text) == whole.substr(0, 9));
}

TEST_CASE("numbers are lent beside the text") {
  double const numbers[] = {0.25, 0.75};
  cppo_region region;
  cppo_status s;
  CHECK(cppo_region_parse("fixed_cppo(delta = $0, w_min = $1)", numbers, 2, &region, &s) == 0);
  CHECK(text_of(region) == text_of(region_of("fixed_cppo(delta = 0.25, w_min = 0.75)")));
}

TEST_CASE("the inputs that a region reads") {
  CHECK(reads("ppo()") == 0);
  CHECK(reads("dppo(divergence = precomputed)") == bit(cppo_divergence_values));
  CHECK(reads("dppo(divergence = top_k_tv)") == (bit(cppo_token_id) | bit(cppo_top_k_ids) | bit(cppo_top_k_log_probs) |
                                                 bit(cppo_top_k_rollout_log_probs)));
  CHECK(cppo_region_reads(nullptr) == 0);
}

TEST_CASE("every name of the list is one that a text may hold, and every divergence is in it") {
  std::set<std::string> names;
  for (std::int64_t i = 0; cppo_part_name(i) != nullptr; ++i) {
    std::string const name = cppo_part_name(i);
    names.insert(name);
    cppo_region region;
    cppo_status s;
    CHECK(cppo_region_parse((name + "()").c_str(), nullptr, 0, &region, &s) >= 0);
    CHECK(std::string(s.message).find("nothing named") == std::string::npos);
    CHECK(std::string(cppo_part_kind(i)) != "");
    REQUIRE(cppo_part_parameters(i) != nullptr);
    if (name == "fixed_cppo") CHECK(std::string(cppo_part_parameters(i)) == "delta, delta_b, w_min, divergence");
  }
  for (std::string_view const d : cppo::divergence_names()) CHECK(names.count(std::string(d)) == 1);
  CHECK(names.count("trust_region") == 1);
  CHECK(cppo_part_name(-1) == nullptr);
  CHECK(cppo_part_kind(1000) == nullptr);
  CHECK(cppo_part_parameters(1000) == nullptr);
}

TEST_CASE("options begin with the defaults of the C++ library") {
  cppo_options given, wanted = cppo_test::c_options({});
  std::memset(&given, 0x55, sizeof given);
  cppo_options_init(&given);
  CHECK(given.size == sizeof given);
  CHECK(given.log_ratio_clamp == cppo::surrogate_options{}.log_ratio_clamp);
  CHECK(given.log_prob_floor == cppo::loss_options{}.log_prob_floor);
  CHECK(given.threads == 1);
  CHECK(given.executor == cppo_simd);
  CHECK((given.carries == nullptr && given.totals == nullptr));
  CHECK(given.ratio_cap == wanted.ratio_cap);
  cppo_options_init(nullptr);
}

TEST_CASE("a report's fields are those of the C++ library, in its order") {
  std::vector<std::string> names;
  cppo::report const r;
  cppo::report::each_field([&](char const* name, auto const&) { names.push_back(name); }, r);
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(names[i] == cppo_report_name(static_cast<std::int64_t>(i)));
    int const rule = names[i].starts_with("max") ? 1 : names[i].starts_with("min") ? 2 : 0;
    CHECK(cppo_report_rule(static_cast<std::int64_t>(i)) == rule);
  }
  auto const n = static_cast<std::int64_t>(names.size());
  CHECK(std::string(cppo_report_name(n)) == "aggregate");
  CHECK(std::string(cppo_report_name(n + 3)) == "normalizer");
  CHECK(cppo_report_rule(n) == 3);
  CHECK(cppo_report_count() == n + 4);
  CHECK(cppo_report_count() <= CPPO_REPORT_ROOM);
  CHECK(cppo_report_name(n + 4) == nullptr);
  CHECK(cppo_report_name(-1) == nullptr);
}

TEST_CASE("reports add up as in the C++ library, and their measures are its") {
  cppo::loss_options const means{.aggregate = cppo::token_mean};
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    cppo::loss_options const others = seed % 4 != 0 ? means : cppo::loss_options{};
    cppo::report const a = random_report(seed, means), b = random_report(seed + 100, others);
    std::vector<double> both = numbers_of(a);
    cppo_report_add(both.data(), numbers_of(b).data());
    CHECK(cppo_test::unlike(cppo_test::report_of(both.data()), a + b) == "");
    std::int64_t i = 0;
    (a + b).each_measure([&](char const* name, double value) {
      CHECK(std::string(cppo_measure_name(i)) == name);
      double const got = cppo_measure(both.data(), i++);
      CHECK((got == value || (std::isnan(got) && std::isnan(value))));
    });
    CHECK(cppo_measure_name(i) == nullptr);
    CHECK(std::isnan(cppo_measure(both.data(), i)));
  }
}

TEST_CASE("a report of numbers that none holds is read without harm") {
  using limits = std::numeric_limits<double>;
  for (double const junk : {limits::quiet_NaN(), limits::infinity(), -1e300}) {
    std::vector<double> numbers(CPPO_REPORT_ROOM, junk), empty = numbers_of({});
    cppo_report_add(numbers.data(), empty.data());
    for (std::int64_t i = 0; cppo_measure_name(i) != nullptr; ++i) cppo_measure(numbers.data(), i);
    CHECK(std::isnan(cppo_measure(numbers.data(), 0)));
  }
  cppo_report_add(nullptr, nullptr);
  CHECK(std::isnan(cppo_measure(nullptr, 0)));
}

TEST_CASE("findings are those of diagnose") {
  auto const region = cppo::parse_region("dppo(delta = 2, divergence = precomputed)").region;
  cppo_region const c_region = region_of("dppo(delta = 2, divergence = precomputed)");
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    auto batch = cppo::testing::generate<double>(seed, {.max_length = 200});
    if (batch.part) continue;
    if (seed % 2 == 0) batch.rollout_log_prob = batch.log_prob;
    cppo_test::c_batch lent(batch.view());
    for (bool const with_region : {false, true}) {
      auto const want = with_region ? diagnose(batch.view(), region) : diagnose(batch.view());
      std::vector<cppo_finding> found(32, {-7, 0, nullptr, nullptr});
      auto const n = cppo_diagnose(lent.get(), with_region ? &c_region : nullptr, nullptr, found.data(), 32);
      REQUIRE(n == static_cast<std::int64_t>(want.ranked().size()));
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        CHECK(found[i].id == static_cast<std::int64_t>(want.ranked()[i].what));
        CHECK(found[i].tokens == want.ranked()[i].tokens);
        CHECK(std::string(found[i].sentence) == sentence(want.ranked()[i].what));
        CHECK(std::string(found[i].name) == name(want.ranked()[i].what));
      }
      CHECK(found[static_cast<std::size_t>(n)].id == -7);
      CHECK(cppo_diagnose(lent.get(), with_region ? &c_region : nullptr, nullptr, nullptr, 0) == n);
    }
  }
}

TEST_CASE("a diagnosis of wrong arguments is -1") {
  auto const batch = cppo::testing::generate<float>(1, {.holes = false});
  cppo_test::c_batch lent(batch.view());
  cppo_region const junk{};
  cppo_finding found;
  CHECK(cppo_diagnose(nullptr, nullptr, nullptr, &found, 1) == -1);
  CHECK(cppo_diagnose(lent.get(), &junk, nullptr, &found, 1) == -1);
  CHECK(cppo_diagnose(lent.get(), nullptr, nullptr, nullptr, 1) == -1);
  lent.lent[0].id = 99;
  CHECK(cppo_diagnose(lent.get(), nullptr, nullptr, &found, 1) == -1);
}
