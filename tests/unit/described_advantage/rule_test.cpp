// Advantage rules as data: each has the bits of the rule that is written out, on every executor.
#include "support/advantage_runs.hpp"
#include "support/catch_compat.hpp"
#include "support/rewarded_batch.hpp"
#include "support/rule_texts.hpp"

#include <cppo/core/describe.hpp>
#include <cppo/described_advantage/compute.hpp>
#include <cppo/described_advantage/parse.hpp>

#include <bit>
#include <random>

namespace {

using namespace cppo;
using namespace cppo_test;

// Rewards that no grid holds, of up to 40 responses; of few there are groups of one, and equal rewards.
rewarded rewards_of(unsigned seed) {
  std::minstd_rand draw(seed + 1);
  std::vector<int> codes(seed % 41);
  for (int& c : codes) c = static_cast<int>(draw() % 10000);
  rewarded r = drawn_rewards(codes);
  for (double& x : r.reward) x = x * 1.1 + (seed % 3 == 0 ? 0.0 : 0.3);
  return r;
}
std::vector<std::uint64_t> bits_of(std::vector<double> const& x) {
  std::vector<std::uint64_t> bits;
  for (double const a : x) bits.push_back(std::bit_cast<std::uint64_t>(a));
  return bits;
}
// What a run writes; nothing if it does not answer ok. Of rules on responses, one number a response or one a slot.
std::vector<std::uint64_t> bits_of(advantage_run const& rule, rewarded const& r, int threads, bool slots) {
  std::vector<double> out(numbers_of(r, slots), 77.0);
  advantage_output const to = slots ? advantage_output(out) : advantage_output(per_response(out));
  return rule.compute(threads, lend(r), to).ok() ? bits_of(out) : std::vector<std::uint64_t>{};
}
void same_bits(advantage_run const& written, advantage_run const& data) {
  INFO(data.text);
  CHECK(data.per_token == written.per_token);
  CHECK(data.levels == written.levels);
  for (unsigned seed = 0; seed < 60; ++seed) {
    rewarded const r = rewards_of(seed);
    for (bool const slots : {true, false}) {
      if (!slots && written.per_token) continue;
      auto const want = bits_of(written, r, 0, slots);
      INFO("seed " << seed << (slots ? ", a number a slot" : ", a number a response"));
      CHECK(want.size() == numbers_of(r, slots));
      for (int const threads : {0, 1, 3}) CHECK(bits_of(data, r, threads, slots) == want);
    }
  }
}
template <class Rule>
void same_bits(Rule const& written, std::string const& text) {
  INFO(text);
  parsed_advantage const p = parse_advantage(text);
  INFO(std::string(p.error));
  REQUIRE(p.good);
  CHECK(p.rule == described_advantage(written));
  for (unsigned seed = 1; seed < 30; ++seed) {
    rewarded const r = rewards_of(seed);
    std::vector<double> want(r.mask.size()), got(r.mask.size(), 3.0);
    status const s = compute_advantage(seq, lend(r), written, want);
    status const t = compute_advantage(seq, lend(r), p.rule, got);
    CHECK(t.code == s.code);
    CHECK((!s.ok() || bits_of(got) == bits_of(want)));
  }
}

// A rule of so many folds, one inside the other.
template <int Folds>
constexpr auto folds_in_folds() {
  if constexpr (Folds == 0) return reward;
  else return group(mean(reward - folds_in_folds<Folds - 1>()));
}

}  // namespace

TEST_CASE("every named rule as data has the bits of the rule written out", "[described][advantage]") {
  int pairs = 0;
  for (advantage_run const& written : advantage_runs()) {
    if (!written.text.empty()) continue;
    for (advantage_run const& data : advantage_runs()) {
      if (data.text.empty() || data.name != written.name) continue;
      same_bits(written, data);
      ++pairs;
    }
  }
  CHECK(pairs == 11);
}

TEST_CASE("rules of one's own as data have the bits of those written out", "[described][advantage]") {
  same_bits(where(at_least(reward, above(0)), 2, 0.5) * (reward - group(mean(reward))),
            "where(at_least(reward, above(0)), 2, 0.5) * (reward - group(mean(reward)))");
  auto const difficulty = 1 - group(count(at_least(reward, above(0)))) / group(count(keep_all));
  same_bits(difficulty * grpo(1e-4, overlong(4, 2)),
            "(1 - group(count(at_least(reward, above(0)))) / group(count(keep_all))) * grpo(1e-4, overlong(4, 2))");
  same_bits(whitened(grpo()), "whitened(grpo())");  // four levels of folds
  same_bits(whitened(whitened(advantage)) + reward, "whitened(whitened(advantage)) + reward");
  same_bits(exp(-abs(reward)) * position_value / response_length,
            "exp(-abs(reward)) * position_value / response_length");
  same_bits(batch(weighted_mean(reward, response_length)) - sqrt(group(population_variance(each_token(reward)))),
            "batch(weighted_mean(reward, response_length)) - sqrt(group(population_variance(each_token(reward))))");
  same_bits(dynamic_sampling() & !at_most(batch(least(position_value)), below(1)),
            "dynamic_sampling() & !at_most(batch(least(position_value)), below(1))");
}

TEST_CASE("gae as data is gae, with its options", "[described][advantage]") {
  described_advantage const rule(gae(0.9, 0.8));
  CHECK(rule == parse_advantage("gae(gamma = 0.9, lambda = 0.8)").rule);
  CHECK((rule.is_gae() && rule.is_of_tokens() && levels_of(rule) == 0));
  std::vector<double> const r{1, 0, 0.5, -1, 2, 0.25}, v{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, boot{0.7, -0.7};
  std::vector<double> want(6), got(6), returns(6), more(6);
  std::vector<gae_state> first(2), other(2);
  auto const lent = response_batch(padded(2, 3), reward(r), value(v), bootstrap_value(boot));
  REQUIRE(compute_advantage(seq, lent, gae(0.9, 0.8), want, {.returns = returns, .first = first}).ok());
  REQUIRE(compute_advantage(seq, lent, rule, got, {.returns = more, .first = other}).ok());
  CHECK((got == want && more == returns));
  CHECK((other[0].value == first[0].value && other[1].advantage == first[1].advantage));
  got.assign(6, 0.0);
  REQUIRE(compute_advantage(seq, lent, rule, got, advantage_states{}).ok());
  CHECK(got == want);
  advantage_states sums;
  CHECK(sum_rewards(seq, lent, rule, {}, sums).code == status_code::states_mismatch);
}

TEST_CASE("a rule as data refuses what the rule written out does not compile with, or refuses",
          "[described][advantage]") {
  rewarded const r = rewards_of(9);
  std::vector<double> out(r.mask.size(), 5.0), returns(r.mask.size());
  auto const says = [&](described_advantage const& rule, advantage_output const& to, gae_options const& o = {}) {
    return std::string(describe(compute_advantage(seq, lend(r), rule, to, o)));
  };
  described_advantage const plain(grpo()), tokens(reinforce_pp()), wrong(grpo(-1.0)), odd(gae(2.0));
  CHECK(says(plain, out, {.returns = returns}).find("no returns, after or first") != std::string::npos);
  std::vector<double> one_each(r.size());
  CHECK(says(tokens, per_response(one_each)).find("a number for each token under this rule") != std::string::npos);
  CHECK(says(wrong, out).find("a number of the rule that was made data is -1") != std::string::npos);
  CHECK(says(odd, out).find("gamma is 2") != std::string::npos);
  CHECK(!wrong.check());
  CHECK(compute_advantage(seq, lend(r), plain, out, advantage_states{}).code == status_code::states_mismatch);
  CHECK(out == std::vector<double>(out.size(), 5.0));
}

TEST_CASE("an advantage rule that is too large is none", "[described][advantage]") {
  CHECK(described_advantage(folds_in_folds<16>()).fits());
  described_advantage const rule(folds_in_folds<17>());
  CHECK(!rule.fits());
  REQUIRE(!rule.check());
  CHECK(std::string_view(rule.check().name) == "fits() of a described_advantage");
  CHECK(std::string_view(rule.check().range) == "1, which is at most 128 nodes, 32 numbers and 16 folds: compute an "
                                                "inner rule first, lend what it gives as advantage, and read that");
  std::vector<double> out(4, 5.0);
  std::vector<double> const r(4);
  std::vector<int> const g(4);
  auto const lent = response_batch(padded(4, 1), reward(r), group_id(g));
  CHECK(compute_advantage(seq, lent, rule, out).code == status_code::bad_parameter);
  CHECK(out == std::vector<double>(4, 5.0));
}

TEST_CASE("an advantage rule as data is a plain value that knows what it reads", "[described][advantage]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<described_advantage>);
  auto const reads = [](char const* text) {
    unsigned bits = 0;
    each_input_of(parse_advantage(text).rule, [&](argument a) { bits |= 1U << static_cast<unsigned>(a); });
    return bits;
  };
  auto const bit = [](argument a) { return 1U << static_cast<unsigned>(a); };
  unsigned const r = bit(argument::reward), g = bit(argument::group_id), m = bit(argument::response_mask);
  CHECK(described_advantage() == parse_advantage("reward").rule);
  CHECK(reads("grpo") == (r | g));
  CHECK(reads("grpo(q = overlong(8, 2))") == (r | g | m));
  CHECK(reads("batch(mean(reward))") == r);
  CHECK(reads("batch(mean(each_token(reward)))") == (r | m));
  CHECK(reads("whitened(advantage)") == (bit(argument::advantage) | m));
  CHECK(reads("gae") == (r | m | bit(argument::value) | bit(argument::bootstrap_value)));
  CHECK(described_advantage(dynamic_sampling()).is_mask());
  CHECK(!described_advantage(opo()).is_mask());
}
