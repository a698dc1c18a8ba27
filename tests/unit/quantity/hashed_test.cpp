// The hash of a token: the same in float and double, uniform, and another one for another token or seed.
#include "support/catch_compat.hpp"
#include "support/hand_token.hpp"

#include <cppo/quantity/hashed.hpp>

#include <cmath>
#include <set>

namespace {

using namespace cppo;

template <class V>
double hash_of(std::uint64_t seed, index_t position, float rollout_log_prob, float advantage) {
  response_summary const response = cppo_test::hand_token{}.response;
  token<V> t{V(-1), V(rollout_log_prob), V(advantage)};
  t.set_weight(cppo::position<V>(position), response, V(1));
  return static_cast<double>(hashed(seed)(static_cast<token<V> const&>(t)).raw());
}
double hash_in_float(std::uint64_t seed, index_t position, float rollout_log_prob = -1, float advantage = 1) {
  return hash_of<float_lane>(seed, position, rollout_log_prob, advantage);
}

}  // namespace

TEST_CASE("hashed: float and double draw the same number, from 0 to below 1") {
  for (index_t k = 1; k < 2000; ++k) {
    auto const x = static_cast<float>(k) / -777.0F;
    double const h = hash_in_float(5, k, x, x * x);
    REQUIRE(h == hash_of<double_lane>(5, k, x, x * x));
    REQUIRE((h >= 0.0 && h < 1.0));
  }
}

TEST_CASE("hashed: each input and the seed change the number, and zeros of either sign are one") {
  double const h = hash_in_float(1, 1);
  CHECK(h != hash_in_float(2, 1));
  CHECK(h != hash_in_float(1, 2));
  CHECK(h != hash_in_float(1, 1, -1.0000001F));
  CHECK(h != hash_in_float(1, 1, -1, 1.0000001F));
  CHECK(hash_in_float(1, 1, -0.0F, -0.0F) == hash_in_float(1, 1, 0.0F, 0.0F));
}

TEST_CASE("hashed: numbers are spread evenly, and few are equal") {
  constexpr int tokens = 20000, cells = 20;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    std::vector<int> in(cells);
    std::set<double> seen;
    double products = 0, last = 0.5;
    for (int k = 0; k < tokens; ++k) {
      double const h = hash_in_float(seed, k / 10 + 1, static_cast<float>(k % 10) * -0.1F);
      ++in[static_cast<std::size_t>(h * cells)];
      seen.insert(h);
      products += (h - 0.5) * (last - 0.5);
      last = h;
    }
    for (int const n : in) CHECK(std::abs(n - tokens / cells) < 160);     // 5 standard deviations
    CHECK(std::abs(products) < 5.0 * std::sqrt(tokens) / 12.0);           // neighbours do not go together
    CHECK(seen.size() > tokens - 100);                                     // of 2^23 numbers about 24 meet
  }
}
