// The bits that passes over rows give, on whatever compiler, flags and registers.
#include <cppo/logits/divergence.hpp>
#include <cppo/logits/gradient.hpp>
#include <cppo/logits/log_probs.hpp>
#include <cppo/testing/random.hpp>

#include "support/catch_compat.hpp"

using namespace cppo;

namespace {

class bits {
 public:
  template <class T>
  CPPO_WRAPS void add(std::vector<T> const& x) {
    auto const* const bytes = reinterpret_cast<unsigned char const*>(x.data());
    for (std::size_t k = 0; k < x.size() * sizeof(T); ++k) hash_ = (hash_ ^ bytes[k]) * 0x100000001b3U;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

// Rows of logits that depend on no C library.
template <class Element>
std::vector<Element> rows_of(std::uint64_t seed, std::size_t n) {
  cppo::testing::random_source random(seed);
  std::vector<Element> x;
  for (std::size_t k = 0; k < n; ++k) {
    double const level = 3.0 * random.normal() + (random.chance(0.02) ? 8.0 : 0.0);
    x.push_back(Element(random.chance(0.05) && k % 7 != 0 ? -detail::special<float>::infinity
                                                          : static_cast<float>(level)));
  }
  return x;
}

template <class Element, class Executor>
void add_width(bits& all, Executor const& e, index_t width, double temperature) {
  auto const n = static_cast<std::size_t>(3 * width);
  std::vector<Element> const x = rows_of<Element>(1, n), other = rows_of<Element>(2, n);
  int const y[] = {0, 0, 0};
  double const slope[] = {0.7, -1.3, 1e-5};
  std::vector<double> total(3), other_total(3), entropy(3), tv(3), kl(3);
  std::vector<Element> gradient(n);
  std::vector<float> wide(n);
  auto const batch = logit_batch(padded(3, 1), logits(width, x).at_temperature(temperature), token_id(y));
  auto const mu = logit_batch(padded(3, 1), logits(width, other));
  REQUIRE(log_probs(e, batch, {.log_sum_exp = total, .entropy = entropy}).ok());
  REQUIRE(log_probs(e, mu, {.log_sum_exp = other_total}).ok());
  REQUIRE(logits_gradient(e, batch, {.slope = slope, .log_sum_exp = total}, gradient).ok());
  REQUIRE(logits_gradient(e, batch, {.slope = slope, .log_sum_exp = total, .entropy = entropy, .entropy_slope = -0.01},
                          wide)
              .ok());
  REQUIRE(full_divergences(e, batch, total, {.logits = mu.logits(), .log_sum_exp = other_total}, {.tv = tv, .kl = kl})
              .ok());
  all.add(total), all.add(entropy), all.add(gradient), all.add(wide), all.add(tv), all.add(kl);
}
template <class Executor>
std::uint64_t bits_on(Executor const& e) {
  bits all;
  for (index_t const width : {8, 33, 1000, 1024, 5000}) {
    for (double const temperature : {1.0, 0.7}) {
      add_width<float>(all, e, width, temperature);
      add_width<half>(all, e, width, temperature);
      add_width<bfloat16>(all, e, width, temperature);
    }
  }
  return all.value();
}

}  // namespace

TEST_CASE("passes over logits give the same bits on every machine", "[logits]") {
  constexpr std::uint64_t known = 0xca21e7efeed137a9U;
  CHECK(bits_on(seq) == known);
  CHECK(bits_on(simd) == known);
}
