// The halving sum: the same integers under every cut, and close to the sum in long double.
#include "support/property.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described_rule.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/fold/halving.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/host_block.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using cppo::index_t;
using cppo::detail::halving_walk;

double term(int code) { return static_cast<double>(code % 20000) / 997.0; }
double up(index_t k, index_t h) {
  return cppo::detail::power_of_half_life(static_cast<double>(k % h), static_cast<double>(h));
}

// The sums of tokens [first, last), and the integer in front of them. `after`: that of the tokens behind.
std::vector<double> walked(std::vector<double> const& x, index_t h, std::size_t first, std::size_t last,
                           index_t& units) {
  halving_walk walk(h, units);
  std::vector<double> sums;
  for (std::size_t k = last; k-- > first;) {
    auto const at = static_cast<index_t>(k);
    sums.insert(sums.begin(), walk.take(at, x[k], up(at, h)));
  }
  units = walk.units();
  return sums;
}
std::vector<double> terms(std::vector<int> const& codes) {
  std::vector<double> x;
  for (int const c : codes) x.push_back(term(c));
  return x;
}

}  // namespace

TEST_CASE("property: a halving sum has the same bits wherever it is cut", "[property][fold]") {
  cppo_test::property("cuts", [](std::vector<int> const& codes, unsigned half_life) {
    std::vector<double> const x = terms(codes);
    auto const h = static_cast<index_t>(half_life % 9 + 1);
    index_t whole_units = 0;
    std::vector<double> const whole = walked(x, h, 0, x.size(), whole_units);
    for (std::size_t cut = 0; cut <= x.size(); ++cut) {
      index_t units = 0;
      std::vector<double> const later = walked(x, h, cut, x.size(), units);
      std::vector<double> sums = walked(x, h, 0, cut, units);
      sums.insert(sums.end(), later.begin(), later.end());
      if (sums != whole || units != whole_units) return false;
    }
    return true;
  });
}

TEST_CASE("property: blocks of tokens have the bits of one token after the other", "[property][fold]") {
  cppo_test::property("blocks", [](std::vector<int> const& codes, unsigned half_life) {
    std::vector<double> x;
    for (int const c : codes) x.insert(x.end(), 3, term(c));
    auto const h = static_cast<index_t>(half_life % 200 + 1);
    std::vector<double> powers;
    for (index_t j = 0; j < h; ++j) powers.push_back(up(j, h));
    index_t units = 0;
    std::vector<double> const want = walked(x, h, 0, x.size(), units);
    halving_walk walk(h, 0);
    auto const n = static_cast<index_t>(x.size());
    for (index_t end = n; end > 0;) {
      index_t const begin = (end - 1) / h * h;
      walk.take_block(x.data() + begin, end - begin, powers.data(), end % h == 0);
      end = begin;
    }
    return x == want && walk.units() == units;
  });
}

TEST_CASE("property: a halving sum is the sum of its definition", "[property][fold]") {
  cppo_test::property("definition", [](std::vector<int> const& codes, unsigned half_life) {
    std::vector<double> const x = terms(codes);
    auto const h = static_cast<index_t>(half_life % 40 + 1);
    index_t units = 0;
    std::vector<double> const got = walked(x, h, 0, x.size(), units);
    for (std::size_t t = 0; t < x.size(); ++t) {
      long double sum = 0, size = 0;
      for (std::size_t k = t; k < x.size(); ++k) {
        sum += x[k] * std::exp2(-static_cast<long double>(k - t) / static_cast<long double>(h));
        size += std::fabs(x[k]);
      }
      if (std::fabs(got[t] - static_cast<double>(sum)) > 4e-11 + 1e-14 * static_cast<double>(size)) return false;
    }
    return true;
  });
}

TEST_CASE("halving: half-lives that are no whole number of tokens are refused", "[fold]") {
  using cppo::halving_sum;
  for (double const h : {1.0, 2.0, 32.0, 1024.0}) CHECK(halving_sum(cppo::ratio, h).check().in_range);
  for (double const h : {0.0, -1.0, 0.5, 1.5, 1025.0, std::nan("")})
    CHECK(!halving_sum(cppo::ratio, h).check().in_range);
}

namespace {

/// Two rows with holes before, between and after their tokens, and what a halving sum of d with half-life 3 is by its
/// definition.
struct rows_with_holes {
  static constexpr index_t rows = 2, width = 12;
  std::vector<std::uint8_t> valid{0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, /**/ 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1};
  std::vector<float> pi, mu, advantage;
  rows_with_holes() {
    for (int i = 0; i < rows * width; ++i) {
      mu.push_back(-0.5F - 0.03125F * static_cast<float>(i % 7));
      pi.push_back(-0.25F - 0.0625F * static_cast<float>(i % 5));
      advantage.push_back(1.0F);
    }
  }
  auto batch() const {
    using namespace cppo;
    return rollout_batch(padded(rows, width), log_prob(pi), rollout_log_prob(mu), cppo::advantage(advantage),
                         response_mask(valid));
  }
  double expected(index_t slot) const {
    double sum = 0.0;
    for (index_t k = slot; k < (slot / width + 1) * width; ++k) {
      auto const i = static_cast<std::size_t>(k);
      if (valid[i] != 0) sum += static_cast<double>(pi[i] - mu[i]) * std::exp2(-static_cast<double>(k - slot) / 3.0);
    }
    return sum;
  }
  template <class Executor, class Region>
  std::vector<float> sums(Executor const& executor, Region const& region, cppo::position_convention positions) const {
    std::vector<float> loss(valid.size());
    REQUIRE(cppo::policy_loss(executor, batch(), region, {.loss = loss}, {.positions = positions}).ok());
    return loss;
  }
};

}  // namespace

TEST_CASE("halving: under padded_column distances count columns, the same on every executor and as data", "[fold]") {
  using cppo::position_convention;
  rows_with_holes const c;
  auto const region = cppo::objective(cppo::value_form(cppo::from(cppo::halving_sum(cppo::log_ratio, 3))));
  auto const columns = c.sums(cppo::seq, region, position_convention::padded_column);
  for (std::size_t i = 0; i < c.valid.size(); ++i) {
    double const want = c.valid[i] != 0 ? c.expected(static_cast<index_t>(i)) : 0.0;
    CHECK(std::fabs(static_cast<double>(columns[i]) - want) < 1e-6);
  }
  CHECK(columns != c.sums(cppo::seq, region, position_convention::own_length));
  CHECK(columns == c.sums(cppo::simd, region, position_convention::padded_column));
  CHECK(columns == c.sums(cppo::simd.with_threads(2), region, position_convention::padded_column));
  CHECK(columns == c.sums(cppo::testing::kernel_bodies<4>{}, region, position_convention::padded_column));
  CHECK(columns == c.sums(cppo::seq, cppo::described_rule(region), position_convention::padded_column));
}
TEST_CASE("halving: under padded_column tokens without a hole between them have the bits of tokens counted", "[fold]") {
  using cppo::position_convention;
  rows_with_holes c;
  c.valid = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  auto const region = cppo::objective(cppo::value_form(cppo::from(cppo::halving_sum(cppo::log_ratio, 3))));
  auto const tokens = c.sums(cppo::seq, region, position_convention::own_length);
  CHECK(tokens == c.sums(cppo::seq, region, position_convention::padded_column));
  CHECK(tokens == c.sums(cppo::simd, region, position_convention::padded_column));
  CHECK(tokens == c.sums(cppo::testing::kernel_bodies<4>{}, region, position_convention::padded_column));
}
