// Top-K lists on registers: the same bits as one token at a time, for every length, type and stride; and the same
// verdict on bad lists.
#include "support/catch_compat.hpp"
#include "support/property.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/testing/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace cppo;

constexpr float infinity = std::numeric_limits<float>::infinity();

// A padded batch with lists of length k, in rows that lie `pitch` entries apart.
template <class Id, class Number>
struct listed_batch {
  index_t responses, width, k, pitch;
  std::vector<float> pi, mu, a;
  std::vector<std::uint8_t> mask;
  std::vector<Id> sampled, ids;
  std::vector<Number> list_pi, list_mu;

  listed_batch(testing::random_source& random, index_t b, index_t t, index_t length, index_t apart)
      : responses(b), width(t), k(length), pitch(apart) {
    for (index_t i = 0; i < b * t; ++i) add(random);
  }
  void add(testing::random_source& random) {
    auto const log_prob = [&] { return static_cast<float>(-std::pow(10.0, random.uniform(-3.0, 1.3))); };
    auto const near = [&](float x) { return std::min(0.0F, x + static_cast<float>(random.uniform(-0.2, 0.2))); };
    mu.push_back(log_prob());
    pi.push_back(near(mu.back()));
    a.push_back(static_cast<float>(random.uniform(-1.0, 1.0)));
    mask.push_back(random.chance(0.8) ? 1 : 0);
    sampled.push_back(static_cast<Id>(random.below(100)));
    for (index_t j = 0; j < pitch; ++j) {
      bool const empty = j >= k || random.chance(0.1);
      float const q = random.chance(0.03) ? -infinity : log_prob();
      float const p = random.chance(0.03) ? -infinity : random.chance(0.5) ? near(q) : log_prob();
      auto const id = static_cast<int>(random.below(100));
      ids.push_back(static_cast<Id>(empty ? -1 - id % 3 : id));
      list_pi.push_back(static_cast<Number>(empty ? std::numeric_limits<float>::quiet_NaN() : p));
      list_mu.push_back(static_cast<Number>(empty ? 7.0F : q));
    }
  }
  auto lend() const {
    index_t const rows = responses * width;
    auto const view = [&](auto const& v) { return matrix_view(v.data(), rows, k, pitch, index_t{1}); };
    return rollout_batch(padded(responses, width), log_prob(pi), rollout_log_prob(mu), advantage(a),
                         response_mask(mask), token_id(sampled), top_k(k, view(ids), view(list_pi), view(list_mu)));
  }
};

struct outcome {
  status told;
  std::vector<float> gradient;
  std::vector<std::uint8_t> mask;
  report told_too;
};
template <class Executor, class Batch, class Region>
outcome run(Executor const& executor, Batch const& batch, Region const& region) {
  auto const n = static_cast<std::size_t>(batch.shape().elements());
  outcome o{{}, std::vector<float>(n), std::vector<std::uint8_t>(n), {}};
  o.told = policy_loss(executor, batch, region, {.gradient = o.gradient, .mask = o.mask, .report = &o.told_too});
  return o;
}
// 0 if both executors give the same.
template <class Batch, class Region>
int differs(Batch const& batch, Region const& region) {
  outcome const want = run(seq, batch, region), got = run(simd, batch, region);
  bool const same = want.told.code == got.told.code && want.told.response == got.told.response &&
                    want.told.token == got.told.token && want.told.count == got.told.count &&
                    want.mask == got.mask &&
                    std::memcmp(want.gradient.data(), got.gradient.data(), want.gradient.size() * sizeof(float)) == 0 &&
                    want.told_too.sum_divergence == got.told_too.sum_divergence &&
                    want.told_too.max_divergence == got.told_too.max_divergence;
  return same ? 0 : 1;
}
template <class Id, class Number>
int differences(index_t k, index_t pitch) {
  testing::random_source random(static_cast<std::uint64_t>(k * 31 + pitch));
  listed_batch<Id, Number> const b(random, 3, 71, k, pitch);
  auto const batch = b.lend();
  return differs(batch, dppo({.delta = 0.1}, top_k_tv)) + differs(batch, dppo({.delta = 0.1}, top_k_kl)) +
         differs(batch, fixed_cppo({}, top_k_tv_replace_last)) + differs(batch, fixed_cppo({}, top_k_kl_list)) +
         differs(batch, calibrated_cppo({}, named_divergence::find("top_k_kl_replace_last")));
}

// Written by a user for any number of lanes: the mass under pi of what is listed beside the sampled token.
struct listed_mass {
  constexpr argument reads() const { return argument::token_id; }
  template <class V>
  constexpr V at(token<V> const& t) const {
    auto const lists = t.lists();
    V mass(0);
    for (index_t j = 0; j < lists.k(); ++j) mass = mass + only(lists.is_other(j), exp(lists.log_prob(j)));
    return only(lists.has_sampled(), mass);
  }
};

}  // namespace

TEST_CASE("lists on registers have the bits of one token at a time, for every length", "[simd][lists]") {
  int wrong = 0;
  for (index_t k = 1; k <= 70; ++k) wrong += differences<std::int32_t, float>(k, k);
  for (index_t const k : {index_t{128}, index_t{255}, index_t{256}, index_t{257}, index_t{300}}) {
    wrong += differences<std::int64_t, float>(k, k);
  }
  CHECK(wrong == 0);
}

TEST_CASE("lists on registers may be of any type and lie apart", "[simd][lists]") {
  int wrong = 0;
  for (index_t const k : {index_t{1}, index_t{7}, index_t{20}, index_t{33}}) {
    for (index_t const apart : {index_t{0}, index_t{5}}) {
      wrong += differences<std::int64_t, float>(k, k + apart) + differences<std::int16_t, float>(k, k + apart);
      wrong += differences<std::int8_t, double>(k, k + apart) + differences<std::int32_t, bfloat16>(k, k + apart);
      wrong += differences<std::int64_t, half>(k, k + apart);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a user's divergence may read lists on any number of lanes", "[simd][lists]") {
  testing::random_source random(3);
  listed_batch<std::int64_t, float> const b(random, 4, 90, 21, 21);
  CHECK(differs(b.lend(), dppo({.delta = 0.1}, listed_mass{})) == 0);
}

TEST_CASE("ids beyond 32 bits are compared whole", "[simd][lists]") {
  testing::random_source random(4);
  listed_batch<std::int64_t, float> b(random, 1, 64, 12, 12);
  for (std::size_t i = 0; i < b.sampled.size(); ++i) {
    b.sampled[i] += std::int64_t{1} << 32;  // equal to a listed id in the lower half alone
    if (i % 3 == 0) b.ids[i * 12 + 5] = b.sampled[i];
  }
  CHECK(differs(b.lend(), dppo({.delta = 0.1}, top_k_tv_replace_last)) == 0);
}

TEST_CASE("bad lists are found on registers as elsewhere, whether the divergence reads them or not", "[simd][lists]") {
  int wrong = 0, found = 0;
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), 0.5F, infinity, -infinity}) {
    for (std::size_t const at : {std::size_t{0}, std::size_t{19}, std::size_t{20 * 63 + 7}, std::size_t{20 * 130}}) {
      testing::random_source random(5);
      listed_batch<std::int32_t, float> b(random, 2, 66, 20, 20);
      b.mask.assign(b.mask.size(), 1);
      for (auto* const all : {&b.list_pi, &b.list_mu}) std::replace(all->begin(), all->end(), 7.0F, -2.0F);
      b.list_pi[at] = -1.0F;
      b.list_mu[at] = bad;
      b.ids[at] = 4;
      auto const batch = b.lend();
      wrong += differs(batch, dppo({.delta = 0.1}, top_k_tv)) + differs(batch, dppo({.delta = 0.1}, binary_tv)) +
               differs(batch, calibrated_cppo({}, top_k_kl)) + differs(batch, dppo({}, named_divergence::find("k2")));
      found += run(simd, batch, dppo({}, binary_kl)).told.code == status_code::top_k_invalid ? 1 : 0;
    }
  }
  CHECK(wrong == 0);
  CHECK(found == 12);  // -inf is no probability, and valid
}
