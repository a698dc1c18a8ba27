// What each clause of a rule as data does to a batch is what it does in the rule written out.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described_rule.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/generators.hpp>

#include <algorithm>
#include <cmath>

namespace {

using namespace cppo;

auto const unsure_half = at_least(entropy, batch(kth_largest(entropy, share(0.5))));
auto const within = all_of(divergence_within(0.05), prefix_budget(0.05, 0.01), between(log_ratio, -0.5, below(0.5)));
auto const mask = any_of(toward_rollout, within) & !unsure_half;
auto const written = objective(trust_region(binary_tv, linear_weight(0.8), mask), clipped(0.8, 1.2));

bool same(std::vector<clause_count> const& a, std::vector<clause_count> const& b) {
  bool alike = a.size() == b.size();
  for (std::size_t k = 0; alike && k < a.size(); ++k) {
    alike = a[k].kind == b[k].kind && a[k].refused == b[k].refused && a[k].decided == b[k].decided;
  }
  return alike;
}

}  // namespace

TEST_CASE("clauses of a rule as data: the counts of the rule written out") {
  index_t decided = 0, compared = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto const b = testing::generate<float>(seed, {.entropy = true});
    std::vector<clause_count> wanted, found(2);
    status const s = count_clauses(seq, b.view(), written, wanted);
    status const t = count_clauses(seq, b.view(), described_rule(written), found);
    REQUIRE(s.code == t.code);
    INFO("seed " << seed);
    CHECK(same(found, wanted));
    for (clause_count const& n : found) decided += n.decided > 0 ? 1 : 0;
    compared += s.ok() ? 1 : 0;
    if (s.ok()) CHECK(found.size() == 6);
  }
  CHECK((decided > 60 && compared > 20));
}

TEST_CASE("clauses of a region as data: the counts of the region written out") {
  auto const region = softened(fixed_cppo({.delta = 0.05, .delta_b = 0.01}), reciprocal_gate);
  index_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto const b = testing::generate<float>(seed);
    std::vector<clause_count> wanted, found;
    compared += count_clauses(seq, b.view(), region, wanted).ok() ? 1 : 0;
    CHECK(count_clauses(seq, b.view(), described_region(region), found).ok() == !wanted.empty());
    CHECK(same(found, wanted));
  }
  CHECK(compared > 10);
}

TEST_CASE("a clause under a negation is counted as other, as reports do") {
  auto const region = trust_region(binary_tv, uniform_weight, (!ratio_within(0.9, 1.1)) | toward_rollout);
  std::vector<clause_count> n;
  for (std::uint64_t seed = 1; n.empty(); ++seed) {
    auto const b = testing::generate<float>(seed);
    status const s = count_clauses(seq, b.view(), region, n);
    CHECK(s.ok() == !n.empty());
  }
  REQUIRE(n.size() == 2);
  CHECK((n[0].kind == clause::other && n[1].kind == clause::toward));
}

TEST_CASE("responses with bad input are left out of the counts where the call leaves them out") {
  index_t left_out = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto const clean = testing::generate<float>(seed);
    std::vector<std::uint8_t> decisions(static_cast<std::size_t>(clean.view().shape().elements()));
    if (!policy_loss(seq, clean.view(), fixed_cppo(), {.trace = {.decision = decisions}}).ok()) continue;
    auto const first = static_cast<std::size_t>(std::find_if(decisions.begin(), decisions.end(), [](auto d) {
      return d != 0; }) - decisions.begin());
    if (first == decisions.size()) continue;
    auto spoilt = clean;
    spoilt.log_prob[first] = std::nanf("");
    for (on_bad_input const how : {on_bad_input::exclude, on_bad_input::propagate, on_bad_input::reject}) {
      loss_options const options{.bad_input = how};
      report totals;
      std::vector<clause_count> static_counts, counts;
      status const s = policy_loss(seq, spoilt.view(), fixed_cppo({.delta = 0.05, .delta_b = 0.01}),
                                   {.report = &totals}, options);
      auto const region = fixed_cppo({.delta = 0.05, .delta_b = 0.01});
      CHECK(count_clauses(seq, spoilt.view(), region, static_counts, options).code == s.code);
      CHECK(count_clauses(seq, spoilt.view(), described_region(region), counts, options).code == s.code);
      CHECK((!s.nothing_written() && counts.size() == 3 && same(counts, static_counts)));
      if (how != on_bad_input::propagate) CHECK(counts[0].decided == totals.masked());
      left_out += s.ok() ? 0 : 1;
    }
  }
  CHECK(left_out > 5);
}
