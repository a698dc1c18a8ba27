// Any region as data is its text, and the other way round; any text is read or refused with a place; and a region by
// name has the same bits as data.
#include "support/any_region.hpp"
#include "support/described_runs.hpp"
#include "properties/code_batch.hpp"
#include "properties/region_choice.hpp"

#include <cppo/described/to_text.hpp>

#include <algorithm>

namespace {

using namespace cppo;
using namespace cppo_test;

// Draws of 64 bits, whatever the size of the case.
rc::Gen<std::vector<std::uint64_t>> draws(std::size_t n) {
  return rc::gen::container<std::vector<std::uint64_t>>(
      n, rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
}

// Where an error says that it is; 0 if it does not.
std::size_t column_of(std::string_view error) {
  constexpr std::string_view begin = "column ";
  return error.starts_with(begin) ? std::stoul(std::string(error.substr(begin.size()))) : 0;
}
void read_or_refused(std::string const& text) {
  auto const p = parse_region(text);
  std::string const error(p.error);
  if (p) {
    RC_ASSERT(error.empty());
    RC_ASSERT(static_cast<bool>(p.region.check()));
    RC_ASSERT(parse_region(to_text(p.region)).region == p.region);
    return;
  }
  RC_ASSERT(p.region == described_region());
  RC_ASSERT(column_of(error) >= 1U);
  RC_ASSERT(column_of(error) <= text.size() + 1);
  RC_ASSERT(std::all_of(error.begin(), error.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}
// Words of the language, which mutated text puts together anew.
constexpr std::string_view words[] = {
    "trust_region", "softened", "reporting", "fixed_cppo", "ppo", "dppo", "trm_max", "permuted", "reversed",
    "linear_weight", "uniform_weight", "prefix_budget", "calibrated_budget", "keep_all", "toward_rollout",
    "divergence_within", "all_of",
    "binary_tv", "k1", "hard_gate", "cppo::", "(", ")", "{", "}", "[", "]", "\"", ",", ":", "=", ".delta", "!", "&",
    "|",
    "0.15", "-1", "1e999", "nan", "$0", " ", std::string_view("\0", 1), "\xce\xb4", "\\"};
std::string mutated(std::string text, choices& from) {
  for (auto n = from.below(6); n > 0; --n) {
    std::size_t const at = from.below(text.size() + 1);
    std::string_view const word = words[from.below(std::size(words))];
    switch (from.below(4)) {
      case 0: text.erase(at, from.below(12)); break;
      case 1: text.insert(at, word); break;
      case 2: text.replace(at, from.below(12), word); break;
      default: if (at < text.size()) text[at] = static_cast<char>(from.next());
    }
  }
  return text;
}

}  // namespace

TEST_CASE("property: any described region is its text, and its text is canonical", "[property][described]") {
  property("region, text, region", [] {
    choices from(*draws(220));
    described_region const region = any_region(from);
    RC_ASSERT(static_cast<bool>(region.check()));
    region_text const text = to_text(region);
    auto const again = parse_region(text);
    RC_LOG() << std::string(text) << "\n" << std::string(again.error) << "\n";
    RC_ASSERT(again.good);
    RC_ASSERT(again.region == region);
    RC_ASSERT(std::string(to_text(again.region)) == std::string(text));
    auto const json = parse_region("\"" + std::string(text) + "\"");
    RC_ASSERT(json.region == region);
  });
}

TEST_CASE("property: any text is read or refused with a column, and what is read is in range",
          "[property][described]") {
  property("mutated text", [] {
    choices from(*draws(280));
    constexpr std::string_view forms[] = {
        R"({"fixed_cppo": {"delta": 0.15, "divergence": "top_k_tv"}})", "dppo({.delta = 0.1}, binary_kl)",
        R"({"softened": [{"reporting": [{"ppo": {"epsilon": 0.2}}, "k1"]}, "reciprocal_gate"]})",
        R"({"trust_region": ["k3", {"permuted": [{"reversed": "uniform_weight"}, 7]}, )"
        R"({"any_of": ["keep_all", "!keep_none"]}]})",
        ""};
    auto const form = from.below(std::size(forms) * 2);
    std::string const whole(to_text(any_region(from)));
    std::string const other = mutated(form < std::size(forms) ? std::string(forms[form]) : whole, from);
    RC_LOG() << other << "\n";
    read_or_refused(other);
  });
}

TEST_CASE("property: a region by name has the same bits as data", "[property][described]") {
  property("seq, simd, threads", [](region_choice const& choice, code_batch const& codes) {
    chosen_region config = choice.config();
    config.seed |= 1;  // odd: run_on writes the region out where it is one of those that stand for all
    described_region const as_data = described(config);
    auto const batch = codes.make();
    auto const want = run_on(config, batch);
    std::size_t const executor = choice.seed % 4;
    auto const on = described_runner(as_data);
    auto const got = on.run(executor, batch, {});
    std::string const wrong = unlike_runs(got, want, batch.rows());
    RC_LOG() << on.name(executor) << ": " << std::string(to_text(as_data)) << "\n" << wrong << "\n";
    RC_ASSERT(wrong.empty());
  });
}
