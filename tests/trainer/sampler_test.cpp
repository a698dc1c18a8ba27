// Sampling with a cache against the plain forward pass; the model's published story.
#include "support/catch_compat.hpp"
#include "network.hpp"
#include "plain_softmax.hpp"
#include "sampler.hpp"
#include "tokenizer.hpp"

#include <cmath>
#include <stdexcept>

using namespace trainer;

namespace {

std::string const data = CPPO_EXAMPLE_DATA;

std::vector<random_stream> streams(std::size_t n, std::uint64_t seed) {
  std::vector<random_stream> s;
  for (std::size_t i = 0; i < n; ++i) s.emplace_back(random_stream({seed, i}));
  return s;
}

}  // namespace

TEST_CASE("greedy decoding tells the model's published story") {
  parameters<float> const w = read_model(data + "/stories260K.bin");
  tokenizer const words(data + "/tok512.bin");
  auto one = streams(1, 0);
  auto const story = sampler(w).run({tokenizer::story_token}, one, {60, tokenizer::story_token, true});
  CHECK(words.text(story[0].ids)
            .rfind("Once upon a time, there was a little girl named Lily. She loved to play outside "
                   "in the park. One day, she saw a big, red ball.",
                   0) == 0);
}

TEST_CASE("the sampler's log-probs are those of the forward pass") {
  parameters<float> const w = read_model(data + "/stories260K.bin");
  tokenizer const words(data + "/tok512.bin");
  std::vector<std::int32_t> prompt = {tokenizer::story_token};
  for (std::int32_t const id : words.ids("Once upon a time")) prompt.push_back(id);
  auto many = streams(5, 11);
  auto const responses = sampler(w).run(prompt, many, {40, tokenizer::story_token});
  network<float> const net(w.shape());
  for (sampled_response const& r : responses) {
    sequence s{prompt, static_cast<Index>(prompt.size())};
    s.ids.insert(s.ids.end(), r.ids.begin(), r.ids.end());
    network_trace<float> trace;
    net.forward(turned_weights<float>(w), s, trace);
    REQUIRE(r.mu.logits.rows() == trace.logits.rows());
    for (std::size_t t = 0; t < r.ids.size(); ++t) {
      auto const mu = trainer_test::softmax_of(r.mu.logits.row(static_cast<Index>(t)));
      auto const pi = trainer_test::softmax_of(trace.logits.row(static_cast<Index>(t)));
      for (std::size_t v = 0; v < mu.size(); ++v) REQUIRE(std::abs(mu[v] - pi[v]) < 2e-5);
      auto const id = static_cast<std::size_t>(r.ids[t]);
      CHECK(std::abs(static_cast<double>(r.mu.log_prob[t]) - std::log(mu[id])) < 4e-6);
    }
  }
}

TEST_CASE("a response depends on its own stream alone, and ends with the end token") {
  parameters<float> const w = random_model({16, 24, 1, 2, 1, 8, 64}, 3);
  auto all = streams(6, 4);
  sampling const how{50, 5};
  auto const together = sampler(w).run({1, 2}, all, how);
  bool ended_early = false;
  for (std::size_t r = 0; r < together.size(); ++r) {
    std::vector<random_stream> alone = {random_stream({4, r})};
    CHECK(sampler(w).run({1, 2}, alone, how)[0].ids == together[r].ids);
    auto const& ids = together[r].ids;
    auto const end = std::find(ids.begin(), ids.end(), 5);
    CHECK((end == ids.end() ? ids.size() == 50 : end + 1 == ids.end()));
    ended_early = ended_early || ids.size() < 50;
  }
  CHECK(ended_early);
}

TEST_CASE("tokens are drawn as often as they are likely at the temperature") {
  parameters<float> const w = random_model({16, 24, 1, 2, 1, 8, 64}, 3);
  constexpr std::size_t n = 20000;
  auto many = streams(n, 8);
  double const temperature = GENERATE(1.0, 0.5);
  auto const responses = sampler(w).run({1}, many, {1, -1, false, temperature});
  auto const mu = trainer_test::softmax_of(responses[0].mu.logits.row(0), temperature);
  std::vector<double> seen(8, 0.0);
  for (sampled_response const& r : responses) seen[static_cast<std::size_t>(r.ids[0])] += 1.0;
  for (Index i = 0; i < 8; ++i) {
    double const p = mu[static_cast<std::size_t>(i)];
    double const deviation = std::sqrt(n * p * (1.0 - p));
    CHECK(std::abs(seen[static_cast<std::size_t>(i)] - n * p) < 5.0 * deviation);
  }
}

TEST_CASE("what does not fit the context is refused") {
  parameters<float> const w = random_model({16, 24, 1, 2, 1, 8, 64}, 3);
  auto one = streams(1, 1);
  CHECK_THROWS_AS(sampler(w).run({1}, one, {64}), std::invalid_argument);
  CHECK_THROWS_AS(sampler(w).run({}, one, {4}), std::invalid_argument);
  CHECK_NOTHROW(sampler(w).run({1}, one, {63}));
}
