// Any rule that a text can say: its text is canonical, and on every executor it has the bits that it has on seq. Any
// text is read, or refused with a place.
#include "support/any_rule_text.hpp"
#include "support/property.hpp"
#include "support/rule_runs.hpp"
#include "support/rule_texts.hpp"

#include <cppo/described_rule/parse.hpp>
#include <cppo/described_rule/to_text.hpp>

#include <algorithm>

namespace {

using namespace cppo;
using namespace cppo_test;

rc::Gen<std::vector<std::uint64_t>> draws() {
  return rc::gen::container<std::vector<std::uint64_t>>(
      300U, rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
}
// A refused text makes no rule, and its error names a column of it.
void demand_place(parsed_rule const& p, std::string const& text) {
  RC_ASSERT(p.rule == described_rule());
  RC_ASSERT(p.column >= 1);
  RC_ASSERT(p.column <= static_cast<index_t>(text.size()) + 1);
  std::string const error(p.error);
  RC_ASSERT(error.starts_with("column " + std::to_string(p.column) + ": "));
  RC_ASSERT(std::all_of(error.begin(), error.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}
// A rule is its text, and that is canonical.
void demand_text(described_rule const& rule) {
  RC_ASSERT(static_cast<bool>(rule.check()));
  rule_text const text = to_text(rule);
  auto const again = parse_rule(text);
  RC_LOG() << std::string(text) << "\n" << std::string(again.error) << "\n";
  RC_ASSERT(again.good);
  RC_ASSERT(again.rule == rule);
  RC_ASSERT(std::string(to_text(again.rule)) == std::string(text));
  RC_ASSERT(parse_rule("\"" + std::string(text) + "\"").rule == rule);
}
std::string mutated(std::string text, choices& from) {
  constexpr std::string_view words[] = {"ratio", "clipped", "response", "mean(", "(", ")", "{", ",", "=", "-", "*", "+",
                                        "!", "&", "1e-3", "nan", "$0", " ", "\"", "gspo", "low", ".", "\xce\xb4"};
  for (auto n = from.below(5); n > 0; --n) {
    std::size_t const at = from.below(text.size() + 1);
    std::string_view const word = words[from.below(std::size(words))];
    switch (from.below(3)) {
      case 0: text.erase(at, from.below(12)); break;
      case 1: text.insert(at, word); break;
      default: text.replace(at, from.below(12), word);
    }
  }
  return text;
}

}  // namespace

TEST_CASE("property: any rule is its text, and has one set of bits on all executors", "[property][described]") {
  int read = 0, refused = 0;
  property("text, rule, runs", [&] {
    choices from(*draws());
    std::string const text = rule_texts(from).rule();
    RC_LOG() << text << "\n";
    auto const p = parse_rule(text);
    if (!p) return ++refused, demand_place(p, text);
    ++read;
    demand_text(p.rule);
    testing::generator_options g{.max_responses = 3, .max_length = 24, .divergence = true};
    g.entropy = g.reference = true;
    auto const batch = testing::generate<float>(from.next(), g);
    auto const on = rule_runner(p.rule);
    auto const want = on.run(0, batch, {});
    for (std::size_t k = 1; k < on.executors(); ++k) {
      std::string const wrong = unlike_runs(on.run(k, batch, {}), want, batch.rows());
      RC_LOG() << on.name(k) << ": " << wrong << "\n";
      RC_ASSERT(wrong.empty());
    }
  });
  CHECK(refused < read);
}

TEST_CASE("property: any text of a rule is read or refused with a column", "[property][described]") {
  property("mutated text", [] {
    choices from(*draws());
    std::string const text = mutated(rule_texts(from).rule(), from);
    RC_LOG() << text << "\n";
    auto const p = parse_rule(text);
    if (p) demand_text(p.rule);
    else demand_place(p, text);
  });
}
