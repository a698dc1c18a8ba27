// The halving sum: the same integers under every cut, and close to the sum in long double.
#include "support/property.hpp"

#include <cppo/fold/halving.hpp>

#include <cmath>

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
