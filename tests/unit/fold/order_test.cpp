// Order statistics: every list of up to five values from a small grid, against sorting.
#include "support/catch_compat.hpp"

#include <cppo/execution/block/folds.hpp>
#include <cppo/fold/selection.hpp>
#include <cppo/testing/host_block.hpp>

#include <algorithm>
#include <cmath>

namespace {

using namespace cppo;
using namespace cppo::quantities;

// What a block of threads finds.
template <class Kind>
float on_block(std::vector<float> const& x, double parameter) {
  using block = testing::host_block<3>;
  block threads;
  return cppo::detail::block_select<Kind, float>(threads, parameter, [&x](int th, auto const& f) {
    for (auto k = static_cast<std::size_t>(th); k < x.size(); k += 3) f(x[k]);
  });
}
// What seq and blocks find, which must be one number.
template <class Kind>
float found(std::vector<float> x, double parameter) {
  float const block = on_block<Kind>(x, parameter);
  float const one = cppo::detail::select_admitted<Kind>(x.data(), static_cast<index_t>(x.size()), parameter);
  REQUIRE(one == block);
  return one;
}

// Calls f(values, those that are not left out in order) for all lists.
template <class F>
void each_list(std::vector<float> const& grid, F const& f) {
  for (std::size_t n = 0; n <= 5; ++n) {
    std::size_t lists = 1;
    for (std::size_t k = 0; k < n; ++k) lists *= grid.size();
    for (std::size_t code = 0; code < lists; ++code) {
      std::vector<float> x;
      for (std::size_t k = 0, rest = code; k < n; ++k, rest /= grid.size()) x.push_back(grid[rest % grid.size()]);
      std::vector<float> sorted = x;
      std::erase(sorted, static_cast<float>(left_out));
      std::sort(sorted.begin(), sorted.end());
      f(x, sorted);
    }
  }
}
// The k-th smallest by its condition alone.
struct last_of_k {
  static constexpr bool takes_all = true;
  static constexpr bool admits(double x, standing const& s, double k) noexcept {
    return kth_smallest_of<rank_form::number>::admits(x, s, k);
  }
};
double mean_of(std::vector<float> const& x, double cap) {
  double sum = 0;
  for (float const y : x) sum += std::min(static_cast<double>(y), cap);
  return sum / static_cast<double>(x.size());
}

std::vector<float> const grid{-2.0F, 0.0F, 0.25F, 0.5F, static_cast<float>(left_out)};

}  // namespace

TEST_CASE("order: the k-th smallest and largest are those of the sorted list", "[fold]") {
  each_list(grid, [](std::vector<float> const& x, std::vector<float> const& sorted) {
    auto const n = sorted.size();
    for (std::size_t k = 1; k <= 6; ++k) {
      std::size_t const place = std::min(k, n);
      auto const wanted = static_cast<double>(k);
      float const small = found<kth_smallest_of<rank_form::number>>(x, wanted);
      float const large = found<kth_largest_of<rank_form::number>>(x, wanted);
      REQUIRE(small == (n == 0 ? 0.0F : sorted[place - 1]));
      REQUIRE(large == (n == 0 ? 0.0F : sorted[n - place]));
    }
  });
}

TEST_CASE("order: what is at least `at_quantile` is what is at least the quantile between neighbours", "[fold]") {
  each_list({-2.0F, 0.0F, 0.5F, 1.0F}, [](std::vector<float> const& x, std::vector<float> const& sorted) {
    for (double const p : {0.125, 0.25, 0.5, 0.75, 0.8, 1.0}) {
      float const edge = found<kth_smallest_of<rank_form::quantile>>(x, p);
      if (sorted.empty()) continue;
      double const place = p * static_cast<double>(sorted.size() - 1), low = std::floor(place);
      auto const at = static_cast<std::size_t>(low);
      double const below = sorted[at], above = sorted[std::min(at + 1, sorted.size() - 1)];
      double const quantile = below + (place - low) * (above - below);
      for (float const y : sorted) REQUIRE((y >= edge) == (static_cast<double>(y) >= quantile));
    }
  });
}

TEST_CASE("order: trimmed drops the largest values, as few as bring the mean below the bound", "[fold]") {
  each_list(grid, [](std::vector<float> const& x, std::vector<float> const& sorted) {
    for (double const bound : {-2.0, -0.5, 0.0, 0.125, 0.25, 0.5, 1.0}) {
      std::vector<float> rest = sorted;
      while (!rest.empty() && mean_of(rest, 1e9) >= bound && rest.front() != rest.back()) std::erase(rest, rest.back());
      REQUIRE(found<trimmed_below>(x, bound) == (rest.empty() ? 0.0F : rest.back()));
    }
  });
}

TEST_CASE("order: capped is the largest value at which all can be cut off, and 0 if there is none", "[fold]") {
  each_list({0.0F, 0.25F, 0.5F, 2.0F, static_cast<float>(left_out)},
            [](std::vector<float> const& x, std::vector<float> const& sorted) {
    for (double const bound : {0.0, 0.125, 0.25, 0.375, 0.5, 1.0, 3.0}) {
      float want = 0.0F;
      for (float const y : sorted) want = mean_of(sorted, static_cast<double>(y)) < bound ? y : want;
      REQUIRE(found<capped_below>(x, bound) == want);
    }
  });
}

TEST_CASE("order: ranks as shares are rounded down or up, and are at least 1", "[fold]") {
  CHECK(rank_of(rank_form::share, 2e-4, 100) == 1);
  CHECK(rank_of(rank_form::share, 0.5, 7) == 3);
  CHECK(rank_of(rank_form::share_up, 0.2, 10) == 2);
  CHECK(rank_of(rank_form::share_up, 0.2, 11) == 3);
  CHECK(rank_of(rank_form::quantile, 0.8, 11) == 9);
  CHECK(rank_of(rank_form::quantile, 0.8, 12) == 10);
  CHECK(rank_of(rank_form::quantile, 0.8, 1) == 1);
  CHECK(rank_of(rank_form::number, 9.0, 4) == 4);
}

TEST_CASE("order: ranks and bounds out of range are refused", "[fold]") {
  CHECK(kth_largest(ratio, 3).check().in_range);
  CHECK(!kth_largest(ratio, 0).check().in_range);
  CHECK(!kth_smallest(ratio, share(0.0)).check().in_range);
  CHECK(!kth_smallest(ratio, at_quantile(1.5)).check().in_range);
  CHECK(kth_smallest(ratio, at_quantile(0.0)).check().in_range);  // the smallest
  CHECK(!trimmed(ratio, 2000.0).check().in_range);
  CHECK(capped(ratio, 0.04).check().in_range);
}

TEST_CASE("order: of many values too, which are divided by their leading bits", "[fold]") {
  std::uint64_t state = 1;
  auto const draw = [&state] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<float>(state >> 40) * 0x1p-24F;
  };
  for (std::size_t const n : {2047U, 2048U, 2049U, 20000U}) {
    for (int const form : {0, 1, 2, 3, 4}) {  // spread out, both signs, ties, nearly all equal, both zeros
      std::vector<float> x;
      for (std::size_t k = 0; k < n; ++k) {
        float const u = draw(), tied = static_cast<float>(static_cast<int>(u * 5.0F)) - 2.0F;
        float const zero = k % 3 == 0 ? 0.0F : -0.0F;
        x.push_back(form == 0   ? u * u * u
                    : form == 1 ? u - 0.5F
                    : form == 2 ? tied
                    : form == 3 ? (u < 0.001F ? -u : 0.25F)
                                : (k % 3 == 2 ? -0.5F * (1.0F + u) : zero));
      }
      std::vector<float> sorted = x;
      std::sort(sorted.begin(), sorted.end());
      for (std::size_t const k : {std::size_t{1}, std::size_t{2}, n / 5, n / 2, n - 1, n}) {
        INFO(n << " values of form " << form << ", k " << k);
        CHECK(found<kth_smallest_of<rank_form::number>>(x, static_cast<double>(k)) == sorted[k - 1]);
        CHECK(found<kth_largest_of<rank_form::number>>(x, static_cast<double>(k)) == sorted[n - k]);
        CHECK(found<last_of_k>(x, static_cast<double>(k)) == sorted[k - 1]);
      }
      for (double const bound : {-0.6, -0.3, 0.0, 0.1, 0.2, 0.5}) {
        INFO(n << " values of form " << form << ", bound " << bound);
        CHECK(std::binary_search(sorted.begin(), sorted.end(), found<trimmed_below>(x, bound)));
        float const cap = found<capped_below>(x, bound);
        CHECK((cap == 0.0F || std::binary_search(sorted.begin(), sorted.end(), cap)));
      }
      std::vector<float> moved = x;
      (void)cppo::detail::select_admitted<kth_smallest_of<rank_form::number>>(moved.data(), static_cast<index_t>(n), 9);
      std::sort(moved.begin(), moved.end());
      CHECK(moved == sorted);  // reordered, and none lost: pieces look at them again
    }
  }
}
