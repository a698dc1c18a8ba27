// What `diagnose` must not find: data as engines and trainers without fault make it. A finding takes 1e-9, six standard
// errors, so that none comes here in as many tries as these tests have.
#include "support/catch_compat.hpp"
#include "support/sampled_batch.hpp"

#include <cstdlib>
#include <fstream>
#include <string>

namespace {

using namespace cppo;
using cppo_test::sampled;
using cppo_test::sampled_batch;
using cppo_test::sampling;
using testing::random_source;

constexpr auto bit(finding f) { return static_cast<unsigned>(f); }

// Any way to draw a clean batch. The drift is so small that few ratios leave [0.9, 1.1].
sampling any_clean(random_source& random) {
  constexpr index_t lengths[] = {1, 2, 5, 16, 40, 64, 150};
  constexpr double spreads[] = {1.0, 4.0, 8.0, 20.0};
  sampling s{.responses = 1 + random.below(24), .length = lengths[random.below(7)], .spread = spreads[random.below(4)],
             .drift = random.uniform(0.0, 0.09)};
  s.certain = random.chance(0.4) ? 0.25 : 0.0;
  s.top_p = random.chance(0.2) ? 0.9 : 1.0;  // the log-probs are those of all of mu
  s.bfloat16 = random.chance(0.2);
  s.padded_left = random.chance(0.3);
  s.ragged = random.chance(0.6);
  s.holes = random.chance(0.3);
  s.equal_rewards = random.chance(0.3) ? 0.5 : 0.0;
  return s;
}

// The numbers of the array that follows a key in a line of JSON.
void append_array(std::vector<float>& to, std::string const& line, std::string const& key) {
  std::size_t const at = line.find(key);
  REQUIRE(at != std::string::npos);
  char const* c = line.c_str() + line.find('[', at) + 1;
  while (*c != ']') {
    char* end = nullptr;
    to.push_back(std::strtof(c, &end));
    c = *end == ',' ? end + 1 : end;
  }
}

}  // namespace

TEST_CASE("F33: nothing is found in a million sampled tokens, a fifth of them certain", "[reliability]") {
  sampled_batch const b = sampled(1, {.responses = 1000, .length = 1000, .drift = 0.05, .certain = 0.25});
  batch_diagnosis const d = b.diagnosis();
  CHECK(d.clean());
  CHECK(d.tokens == 1000000);
  CHECK(d.zeros_on_both_sides > 200000);
  CHECK(std::fabs(d.mean_ratio - 1.0) < 1e-3);
  CHECK(std::fabs(d.ratio_errors) < 5.0);
}

TEST_CASE("F33: nothing is found in clean batches of any kind", "[reliability]") {
  random_source random(2024);
  index_t tokens = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    sampling const s = any_clean(random);
    sampled_batch const b = sampled(seed, s);
    batch_diagnosis const d = b.diagnosis();
    INFO("seed " << seed << ": " << s.responses << " x " << s.length << ", " << s.spread << ", drift " << s.drift);
    // Of a few tokens none may be active, log-probs in bfloat16 may be equal, and 5 % are a few of them.
    unsigned const small =
        bit(finding::no_active_tokens) | bit(finding::identical_policies) | bit(finding::large_mismatch);
    unsigned const so = d.nonzero_advantages == 0 && d.tokens > 0 ? bit(finding::zero_advantages) : 0U;
    CHECK((d.findings & ~(d.tokens < 400 ? small : 0U)) == so);
    tokens += d.tokens;
  }
  CHECK(tokens > 300000);
}

TEST_CASE("F33: a pi that has grown sharper or flatter is clean, however many tokens move one way", "[reliability]") {
  // The likely token of each state, nearly always the one that is drawn, moves one way.
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    for (double const by : {0.97, 1.03}) {
      sampling const s{
          .responses = 8, .length = seed % 2 == 0 ? 250 : 12, .spread = 1.0, .drift = 0.0, .lead = 6.0, .sharper = by};
      batch_diagnosis const d = sampled(seed, s).diagnosis();
      CHECK((d.findings & ~bit(finding::large_mismatch)) == 0U);
      CHECK(10 * (by > 1.0 ? d.above : d.below) > 8 * d.tokens);
      if (seed % 2 == 0) CHECK(10 * (by > 1.0 ? d.above : d.below) > 9 * d.tokens);
    }
  }
}

TEST_CASE("F33: ratios whose variance is infinite have a mean of 1 all the same", "[reliability]") {
  // Pareto with exponent 1.5: each sample's mean is ruled by its largest.
  double largest = 0.0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_source random(seed);
    std::vector<double> pi, mu(2000, -30.0), a;
    for (double const q : mu) {
      pi.push_back(q - std::log(3.0) - std::log(1.0 - random.uniform()) / 1.5);
      a.push_back(random.normal());
    }
    batch_diagnosis const d = diagnose(rollout_batch(padded(4, 500), log_prob(pi), rollout_log_prob(mu), advantage(a)));
    CHECK((d.findings & ~bit(finding::large_mismatch)) == 0U);
    largest = std::max(largest, d.mean_ratio);
  }
  CHECK(largest > 1.5);
}

TEST_CASE("F33: the rollouts of a language model, trained on for up to 64 updates", "[reliability]") {
  std::ifstream in(CPPO_SOURCE_DIR "/examples/data/rollouts/tinystories.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  REQUIRE(lines.size() == 96);
  for (std::string const updates : {"0", "1", "4", "16", "64"}) {
    std::vector<float> pi, mu, a, valid;
    std::vector<std::int64_t> offsets{0};
    for (std::string const& line : lines) {
      append_array(mu, line, "\"rollout_log_prob\":");
      append_array(pi, line, '"' + updates + "\":[");
      append_array(valid, line, "\"response_mask\":");
      a.resize(mu.size(), std::strtof(line.c_str() + line.find("\"advantage\":") + 12, nullptr));
      offsets.push_back(static_cast<std::int64_t>(mu.size()));
    }
    REQUIRE(pi.size() == mu.size());
    auto const look = [&](std::vector<float> const& p, std::vector<float> const& q) {
      return diagnose(rollout_batch(packed(offsets), log_prob(p), rollout_log_prob(q), advantage(a),
                                    response_mask(valid)));
    };
    INFO(updates << " updates");
    bool const stale = updates == "16" || updates == "64";  // a tenth and four tenths of the ratios outside [0.9, 1.1]
    CHECK(look(pi, mu).findings == (stale ? bit(finding::large_mismatch) : 0U));
    batch_diagnosis const exchanged = look(mu, pi);
    CHECK(exchanged.has(finding::swapped_policies) == stale);
    if (stale) CHECK(exchanged.ranked().front().what == finding::swapped_policies);
  }
}
