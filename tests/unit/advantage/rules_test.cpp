// Every rule by name against its definition, in any order of responses, on any executor.
#include "support/advantage_runs.hpp"
#include "support/property.hpp"
#include "support/rewarded_batch.hpp"

#include <random>

namespace {

using namespace cppo;
using namespace cppo_test;

// What a rule writes; empty if it does not answer ok.
std::vector<double> run(advantage_run const& rule, rewarded const& r, int threads = 0) {
  std::vector<double> out(numbers_of(r, rule.per_token), 77.0);
  advantage_output const to = rule.per_token ? advantage_output(out) : advantage_output(per_response(out));
  return rule.compute(threads, lend(r), to).ok() ? out : std::vector<double>{};
}
bool near(std::vector<double> const& got, std::vector<double> const& wanted) {
  if (got.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(got[i] - wanted[i]) <= 1e-9 * (1.0 + std::abs(wanted[i])))) return false;
  }
  return true;
}
// What was computed of permuted responses, in the first order.
std::vector<double> put_back(std::vector<double> const& out, std::vector<std::size_t> const& order, std::size_t width) {
  std::vector<double> back(out.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    for (std::size_t i = 0; i < width; ++i) back[order[k] * width + i] = out[k * width + i];
  }
  return back;
}

}  // namespace

TEST_CASE("property: each rule is what its paper defines", "[property][advantage]") {
  property("any rule", [](any_run const& rule, std::vector<int> const& codes) {
    rewarded const r = drawn_rewards(codes);
    RC_ASSERT(near(run(*rule, r), reference_advantage(r).of(rule->name)));
  });
}

TEST_CASE("property: neither the order of responses nor threads move a bit", "[property][advantage]") {
  property("any rule", [](any_run const& rule, std::vector<int> const& codes, unsigned seed) {
    rewarded r = drawn_rewards(codes);
    for (double& x : r.reward) x *= 1.1 + 0.1 * (seed % 5);  // not on the grid
    std::vector<std::size_t> order(r.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::minstd_rand(seed));
    std::vector<double> const plain = run(*rule, r);
    RC_ASSERT(plain == put_back(run(*rule, in_order(r, order)), order, rule->per_token ? r.width : 1));
    bool const on_threads = seed % 8 == 0;  // to start them takes time
    if (on_threads) RC_ASSERT(plain == run(*rule, r, 2 + static_cast<int>(seed / 8 % 3)));
  });
}

TEST_CASE("equal rewards have advantage 0, whether or not the grid holds them", "[advantage]") {
  rewarded r = drawn_rewards({0, 28, 56, 84, 112});  // one group
  for (double const x : {0.1, 1.0 / 3.0, 999.9, 1e-300, -7e-9}) {
    r.reward.assign(5, x);
    for (advantage_run const& rule : advantage_runs()) {
      if (rule.name == "overlong" || rule.name == "dynamic_sampling" || rule.name == "reinforce_pp") continue;
      INFO(rule.name << " of " << x);
      for (double const a : run(rule, r)) CHECK(a == 0.0);
    }
  }
}

TEST_CASE("a group's spread may be as narrow or as wide as rewards are", "[advantage]") {
  for (double const spread : {1e-9, 1e-6, 1.0, 40.0, 999.0}) {
    rewarded r = drawn_rewards({0, 28, 56, 84});
    r.reward = {0.0, spread, 0.0, -spread};
    std::vector<double> const got = run(advantage_runs()[0], r), wanted = reference_advantage(r).of("grpo");
    for (std::size_t i = 0; i < 4; ++i) {
      INFO(spread << ", response " << i);
      CHECK(std::abs(got[i] - wanted[i]) <= 2e-3 * std::abs(wanted[i]) * (spread < 1e-8 ? 1.0 : 1e-3) + 1e-15);
    }
  }
}

TEST_CASE("one reward far from all others is within the grid", "[advantage]") {
  for (double const far : {1000.0, -1000.0}) {
    rewarded r = drawn_rewards(std::vector<int>(64, 0));
    r.reward.assign(64, far / -1000.0);
    r.reward[5] = far;
    CHECK(near(run(advantage_runs()[0], r), reference_advantage(r).of("grpo")));
  }
}

// Rules of one's own, newer than the papers that have names here.
TEST_CASE("an advantage rule of one's own is a line or two", "[advantage]") {
  rewarded const r = drawn_rewards({0, 29, 57, 85, 112, 14, 42});
  std::vector<double> out(r.size());
  auto const compute = [&](auto const& rule) { return compute_advantage(seq, lend(r), rule, per_response(out)).ok(); };

  // 1. Deviations of the batch, means of the group (as in "lite" PPO recipes).
  REQUIRE(compute((reward - group(mean(reward))) / (batch(deviation(reward)) + 1e-6)));
  CHECK(std::abs(std::accumulate(out.begin(), out.end(), 0.0)) < 1e-9);
  // 2. Range in place of deviation, a better response counted twice.
  auto const best = at_least(reward, group(most(reward)));
  auto const distance = (reward - group(mean(reward))) / max(group(most(reward)) - group(least(reward)), 1e-6);
  REQUIRE(compute(where(best, 2 * distance, distance)));
  for (double const a : out) CHECK(std::abs(a) <= 2.0);
  // 3. A penalty on what is longer than its group's mean, clamped; the share of right answers as difficulty.
  auto const n = response_length;
  auto const longer = clamped((n - group(mean(n))) / max(group(most(n)), 1), 0, 1);
  auto const difficulty = 1 - group(count(at_least(reward, above(0)))) / group(count(keep_all));
  REQUIRE(compute(exp(difficulty) * (reward - 0.25 * longer - group(mean(reward - 0.25 * longer)))));
  CHECK(std::any_of(out.begin(), out.end(), [](double a) { return a != 0.0; }));
}
