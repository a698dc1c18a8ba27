// Micro-batches and ranks: the states of the parts, combined in any order, give the bits of one batch.
#include "support/advantage_runs.hpp"
#include "support/property.hpp"
#include "support/rewarded_batch.hpp"

#include <cppo/advantage/states.hpp>

namespace {

using namespace cppo;
using namespace cppo_test;
using parts_t = std::vector<rewarded>;

std::vector<double> whole(advantage_run const& rule, rewarded const& r) {
  std::vector<double> out(numbers_of(r, rule.per_token));
  advantage_output const to = rule.per_token ? advantage_output(out) : advantage_output(per_response(out));
  return rule.compute(0, lend(r), to).ok() ? out : std::vector<double>{};
}
// `ranks` ranks hold the parts in turn; each adds up its own, then the ranks are combined from the last to the first.
advantage_states sums_of(advantage_run const& rule, parts_t const& parts, std::size_t ranks,
                         advantage_states const& known) {
  std::vector<advantage_states> of_rank(ranks);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    advantage_states more;
    if (!rule.sum(0, lend(parts[p]), known, more).ok()) return detail::refused_states();
    of_rank[p % ranks] = combine(of_rank[p % ranks], more);
  }
  advantage_states all;
  for (std::size_t k = ranks; k-- > 0;) all = combine(of_rank[k], all);
  return all;
}
std::vector<double> in_parts(advantage_run const& rule, parts_t const& parts, std::size_t ranks) {
  advantage_states known;
  for (int level = 1; level <= rule.levels; ++level) known = combine(known, sums_of(rule, parts, ranks, known));
  std::vector<double> all;
  for (rewarded const& part : parts) {
    std::vector<double> out(numbers_of(part, rule.per_token));
    advantage_output const to = rule.per_token ? advantage_output(out) : advantage_output(per_response(out));
    if (!rule.compute_from(0, lend(part), to, known).ok()) return {};
    all.insert(all.end(), out.begin(), out.end());
  }
  return all;
}
advantage_run const& run_named(std::string const& name) {
  auto const& all = advantage_runs();
  return *std::find_if(all.begin(), all.end(), [&](advantage_run const& r) { return r.name == name; });
}

}  // namespace

TEST_CASE("property: micro-batches and 1 to 3 ranks have the bits of one batch", "[property][advantage]") {
  property("any rule", [](any_run const& rule, std::vector<int> const& codes, unsigned cut, unsigned ranks) {
    rewarded r = drawn_rewards(codes);
    for (double& x : r.reward) x = x * 1.3 + 0.7;
    std::size_t const one = r.size() == 0 ? 0 : cut % r.size(), two = one + (r.size() - one) / 2;
    parts_t const parts{part_of(r, 0, one), part_of(r, one, two), part_of(r, two, r.size())};
    RC_ASSERT(whole(*rule, r) == in_parts(*rule, parts, 1 + ranks % 3));
  });
}

TEST_CASE("states add up whatever the order", "[advantage]") {
  advantage_run const& rule = run_named("opo");
  rewarded const r = drawn_rewards({0, 29, 57, 85, 112, 14, 42, 9, 300});
  advantage_states a, b, c;
  REQUIRE(rule.sum(0, lend(part_of(r, 0, 3)), {}, a).ok());
  REQUIRE(rule.sum(0, lend(part_of(r, 3, 5)), {}, b).ok());
  REQUIRE(rule.sum(0, lend(part_of(r, 5, 9)), {}, c).ok());
  CHECK(combine(combine(a, b), c) == combine(c, combine(b, a)));
  CHECK(combine(a, {}) == a);
  CHECK(combine({}, a) == a);
  CHECK(a.level == 1);
  CHECK(a.groups.size() * static_cast<std::size_t>(a.states) == a.of_group.size());
}

TEST_CASE("states that are not the rule's are refused, and nothing is written", "[advantage]") {
  advantage_run const &rule = run_named("grpo"), &other = run_named("gpg");
  rewarded const r = drawn_rewards({0, 29, 57, 85, 112, 14, 42});
  std::vector<double> out(r.size(), 5.0);
  advantage_states one, strange, lacking, sums;
  REQUIRE(rule.sum(0, lend(r), {}, one).ok());
  REQUIRE(other.sum(0, lend(r), {}, strange).ok());
  REQUIRE(rule.sum(0, lend(part_of(r, 0, 1)), {}, lacking).ok());
  auto const refuses = [&](advantage_states const& known) {
    return rule.compute_from(0, lend(r), per_response(out), known).code == status_code::states_mismatch;
  };
  CHECK(refuses({}));                        // no level
  CHECK(refuses(one));                       // one of two
  CHECK(refuses(detail::refused_states()));
  CHECK(rule.sum(0, lend(r), strange, sums).code == status_code::states_mismatch);
  CHECK(sums.level < 0);                     // a failed call leaves what no call accepts
  CHECK(combine(one, sums).level < 0);
  CHECK(combine(one, strange).level < 0);
  status const s = rule.sum(0, lend(r), lacking, sums);
  CHECK(s.code == status_code::states_mismatch);
  CHECK(s.where == argument::group_id);      // a group of the batch that was not summed
  advantage_states both;
  REQUIRE(rule.sum(0, lend(r), one, both).ok());
  both = combine(one, both);
  CHECK(rule.sum(0, lend(r), both, sums).code == status_code::states_mismatch);  // there is no third level
  both.of_group.pop_back();
  CHECK(refuses(both));
  CHECK(combine(both, one).level < 0);
  CHECK(out == std::vector<double>(r.size(), 5.0));
}
