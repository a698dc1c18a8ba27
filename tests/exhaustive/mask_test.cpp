// Every decision that CPPO can take on three slots, over a grid of divergences, directions, response masks and
// parameters, on every executor, against whole numbers.
#include "support/catch_compat.hpp"
#include "exhaustive/mask_model.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/generated_batch.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <span>

namespace {

using namespace cppo_test;
using cppo::index_t;

// Divergences in units. With delta = 105 = 3 * 5 * 7 units, w D = delta exactly at D = 105 (w = 1), 112 (15/16),
// 120 (7/8), 140 (3/4), 168 (5/8), 420 (1/4) and 6720 (1/64); the others make sums that meet the budget, or miss it by
// one unit of 2^-40: 72 and 65 under weights 1 and 65/128 make 105 and 1/128.
constexpr std::array<int, 17> levels{0, 1, 11, 35, 65, 72, 104, 105, 106, 112, 119, 120, 140, 168, 210, 420, 6720};
// log pi, log mu and A of a direction: away and up, away and down, toward mu, neutral. The log-probs are one float
// apart or far apart, the advantage of any size, in turn.
struct inputs {
  float pi, mu, a;
};
inputs inputs_of(int direction, index_t turn) {
  float const sizes[] = {1.0F, 0.25F, 1e-45F, 3e38F};
  float const a = sizes[turn % 4];
  float const low = turn % 3 == 0 ? -0.50000006F : -8.0F, high = -0.5F;
  bool const flip = turn % 2 == 0;
  if (direction == 0) return {high, low, a};
  if (direction == 1) return {low, high, -a};
  if (direction == 2) return flip ? inputs{low, high, a} : inputs{high, low, -a};
  if (turn % 5 < 2) return {low, low, flip ? a : -a};
  return {flip ? low : high, flip ? high : low, turn % 5 == 2 ? -0.0F : 0.0F};
}

// Every response of three slots: each slot is a token with one of the levels and directions, or a hole of any content.
struct every_response {
  int directions, states;
  std::vector<std::uint8_t> state, valid;
  std::vector<float> pi, mu, a;

  // Four directions; or three, tokens that are toward mu and neutral ones taking turns.
  explicit every_response(int how_many) : directions(how_many), states(how_many * static_cast<int>(levels.size())) {
    for (unsigned mask = 0; mask < 8; ++mask) {
      int const of[] = {(mask & 1U) != 0 ? states : 1, (mask & 2U) != 0 ? states : 1, (mask & 4U) != 0 ? states : 1};
      for (int i = 0; i < of[0]; ++i) {
        for (int j = 0; j < of[1]; ++j) {
          for (int k = 0; k < of[2]; ++k) {
            add((mask & 1U) != 0, i);
            add((mask & 2U) != 0, j);
            add((mask & 4U) != 0, k);
          }
        }
      }
    }
  }
  index_t size() const { return static_cast<index_t>(state.size()) / 3; }
  int level(std::size_t slot) const { return levels[static_cast<std::size_t>(state[slot] / directions)]; }
  model_slots slots(std::size_t response) const {
    model_slots out;
    for (std::size_t i = 0; i < 3; ++i) {
      std::size_t const slot = 3 * response + i;
      out[i] = {valid[slot] != 0, level(slot), state[slot] % directions < 2};
    }
    return out;
  }

 private:
  void add(bool token, int s) {
    auto const turn = static_cast<index_t>(state.size());
    float const junk = cppo::testing::poison<float>(static_cast<int>(turn % cppo::testing::poisons));
    int const direction = directions == 3 && s % 3 == 2 ? 2 + static_cast<int>(turn % 2) : s % directions;
    inputs const x = token ? inputs_of(direction, turn) : inputs{junk, junk, junk};
    state.push_back(static_cast<std::uint8_t>(s));
    valid.push_back(token ? 1 : 0);
    pi.push_back(x.pi);
    mu.push_back(x.mu);
    a.push_back(x.a);
  }
};

// delta goes from 1e-8, where Z counts single units of 2^-40, to the largest there is; delta_b from 0 to the largest;
// w_min from 1/64 to 1; budgets are fixed and calibrated.
std::vector<model_parameters> every_parameters() {
  std::vector<model_parameters> all;
  for (int const scale : {-3, 7, 10, 33}) {
    std::int64_t const most = scale < 0 ? 125 : std::int64_t{1000} << scale;
    for (std::int64_t const delta_b : {std::int64_t{0}, std::int64_t{11}, std::int64_t{35}, std::int64_t{105}, most}) {
      for (int const w_min : {1, 16, 48, 64}) all.push_back({scale, scale < 0 ? 125 : 105, delta_b, w_min, false});
    }
  }
  for (int const floor : {0, 11, 35, 52}) {
    for (int const w_min : {48, 64}) all.push_back({10, 105, floor, w_min, true});
  }
  return all;
}

cppo::decision code_of(verdict v) {
  switch (v) {
    case verdict::excluded: return cppo::decision::excluded;
    case verdict::kept: return cppo::decision::kept;
    case verdict::kept_toward: return cppo::decision::kept_toward;
    case verdict::past_threshold: return cppo::decision::masked_divergence;
    case verdict::past_budget: return cppo::decision::masked_budget;
  }
  return cppo::decision::masked_other;
}

// What an enumeration met; a case is one response under one set of parameters.
struct tally {
  index_t cases = 0, decisions = 0, wrong = 0, threshold_ties = 0, budget_ties = 0;
  std::array<index_t, 5> by_verdict{};
  std::string first_wrong, without_trace;
};

// Calls `run(region)` with the region that the parameters describe.
template <class F>
void with_region(model_parameters const& p, F const& run) {
  auto const number = [&p](auto units) { return std::ldexp(static_cast<double>(units), -p.scale); };
  double const delta = number(p.delta), delta_b = number(p.delta_b), w_min = p.w_min / 64.0;
  if (p.calibrated) run(cppo::calibrated_cppo({delta, delta_b, w_min}, cppo::precomputed, {.quantile = 0.5}));
  else run(cppo::fixed_cppo({delta, delta_b, w_min}, cppo::precomputed));
}

std::string words(model_parameters const& p, model_slots const& slots) {
  std::string s = "scale " + std::to_string(p.scale) + ", delta " + std::to_string(p.delta) + ", delta_b " +
                  std::to_string(p.delta_b) + ", w_min " + std::to_string(p.w_min) + "/64" +
                  (p.calibrated ? ", calibrated" : "") + ":";
  for (model_slot const& x : slots) {
    s += x.token ? " " + std::to_string(x.divergence) + (x.away ? " away" : " toward") : " hole";
  }
  return s;
}

// The model against what an executor wrote.
void compare(tally& t, every_response const& all, model_parameters const& p, std::span<std::uint8_t const> mask,
             std::span<std::uint8_t const> code) {
  for (std::size_t r = 0; r < static_cast<std::size_t>(all.size()); ++r) {
    model_slots const slots = all.slots(r);
    model_decisions const want = decide(p, slots);
    bool right = true;
    for (std::size_t i = 0; i < 3; ++i) {
      verdict const v = want[i].what;
      bool const kept = v == verdict::kept || v == verdict::kept_toward;
      right = right && mask[3 * r + i] == (kept ? 1 : 0) && code[3 * r + i] == static_cast<std::uint8_t>(code_of(v));
      ++t.by_verdict[static_cast<std::size_t>(v)];
      bool const free = v != verdict::excluded && v != verdict::kept_toward;
      t.threshold_ties += free && want[i].threshold_tie ? 1 : 0;
      t.budget_ties += free && want[i].budget_tie ? 1 : 0;
      t.decisions += slots[i].token ? 1 : 0;
    }
    if (!right && t.wrong++ == 0) t.first_wrong = words(p, slots);
  }
  t.cases += all.size();
}

// All cases; padded and packed in turn.
template <class Executor>
tally enumerate(Executor const& executor, int directions) {
  every_response const all(directions);
  std::vector<float> d(all.state.size());
  std::vector<std::uint8_t> mask(all.state.size()), code(all.state.size()), alone(all.state.size());
  std::vector<std::int32_t> offsets;
  for (index_t r = 0; r <= all.size(); ++r) offsets.push_back(static_cast<std::int32_t>(3 * r));
  tally t;
  for (model_parameters const& p : every_parameters()) {
    for (std::size_t i = 0; i < d.size(); ++i) {
      d[i] = all.valid[i] != 0 ? std::ldexp(static_cast<float>(all.level(i)), -p.scale) : -1.0F;
    }
    cppo::layout const shape = p.w_min == 16 ? cppo::packed(offsets) : cppo::padded(all.size(), 3);
    auto const batch =
        rollout_batch(shape, cppo::log_prob(all.pi), cppo::rollout_log_prob(all.mu), cppo::advantage(all.a),
                      cppo::divergence_values(d), cppo::response_mask(all.valid));
    with_region(p, [&](auto const& region) {
      REQUIRE(policy_loss(executor, batch, region, {.mask = mask, .trace = {.decision = code}}).ok());
      std::fill(alone.begin(), alone.end(), std::uint8_t{7});
      REQUIRE(compute_mask(executor, batch, region, alone).ok());
    });
    auto const at = std::mismatch(alone.begin(), alone.end(), mask.begin()).first - alone.begin();
    if (at < std::ssize(alone) && t.without_trace.empty())
      t.without_trace = words(p, all.slots(static_cast<std::size_t>(at) / 3));
    compare(t, all, p, mask, code);
  }
  return t;
}

void check(tally const& t, index_t directions) {
  auto const sets = static_cast<index_t>(every_parameters().size());
  auto const states = static_cast<index_t>(levels.size()) * directions;
  INFO("first wrong: " << t.first_wrong);
  CHECK(t.wrong == 0);
  CHECK(t.without_trace == "");  // executors take another path to the mask alone
  CHECK(sets >= 80);
  CHECK(t.cases == sets * (1 + 3 * states + 3 * states * states + states * states * states));
  for (index_t const n : t.by_verdict) CHECK(n > 400000);
  CHECK(t.threshold_ties > 400000);
  CHECK(t.budget_ties > 400000);
  std::cout << t.cases << " cases, " << t.decisions << " decisions; ties with the threshold " << t.threshold_ties
            << ", with the budget " << t.budget_ties << '\n';
}

}  // namespace

TEST_CASE("every mask decision on three slots equals the integer model: seq", "[exhaustive]") {
  check(enumerate(cppo::seq, 3), 3);
}
TEST_CASE("every mask decision on three slots equals the integer model: simd", "[exhaustive]") {
  check(enumerate(cppo::simd, 3), 3);
}
TEST_CASE("every mask decision on three slots, in four directions, equals the integer model: seq", "[.long]") {
  check(enumerate(cppo::seq, 4), 4);
}
