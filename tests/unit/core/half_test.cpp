// half and bfloat16: every pattern, and rounding against a search among all values of the format.
#include "support/lane_sets.hpp"
#include "support/catch_compat.hpp"

#include <cppo/core/half.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

using namespace cppo;

// A 16-bit format by its definition: what a pattern means, and the pattern nearest to a number.
template <class Format, int ExponentBits, int FractionBits>
struct definition {
  static constexpr unsigned infinity = ((1U << ExponentBits) - 1U) << FractionBits;
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;

  // Magnitude of a pattern without sign; the pattern of infinity stands for the next power of two.
  static double magnitude(unsigned bits) {
    int const exponent = static_cast<int>(bits >> FractionBits);
    auto const fraction = static_cast<double>(bits & ((1U << FractionBits) - 1U));
    double const one = std::ldexp(1.0, FractionBits);
    return exponent == 0 ? std::ldexp(fraction, 1 - bias - FractionBits)
                         : std::ldexp(one + fraction, exponent - bias - FractionBits);
  }
  // Pattern nearest to x >= 0, the even one of two.
  static unsigned nearest(double x) {
    unsigned low = 0, high = infinity;
    if (x >= magnitude(high)) return infinity;
    while (high - low > 1) {
      unsigned const middle = (low + high) / 2;
      (magnitude(middle) <= x ? low : high) = middle;
    }
    double const below = x - magnitude(low), above = magnitude(high) - x;
    if (below == above) return low % 2 == 0 ? low : high;
    return below < above ? low : high;
  }
};
using half_definition = definition<half, 5, 10>;
using bfloat16_definition = definition<bfloat16, 8, 7>;

std::uint16_t round_to(half_definition, float x) { return to_half(x).bits; }
std::uint16_t round_to(bfloat16_definition, float x) { return to_bfloat16(x).bits; }
float widen(half_definition, std::uint16_t bits) { return to_float(half{bits}); }
float widen(bfloat16_definition, std::uint16_t bits) { return to_float(bfloat16{bits}); }

// Patterns whose number is not that of the definition, or that do not come back.
template <class D>
int wrong_patterns(D d) {
  int wrong = 0;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    auto const pattern = static_cast<std::uint16_t>(bits);
    float const x = widen(d, pattern);
    unsigned const plain = bits & 0x7fffU;
    std::uint16_t const back = round_to(d, x);
    if (plain > D::infinity) {
      bool const quiet = std::isnan(widen(d, back)) && (back & (1U << (D::infinity == 0x7c00U ? 9 : 6))) != 0;
      wrong += std::isnan(x) && quiet && (back & 0x8000U) == (bits & 0x8000U) ? 0 : 1;
      continue;
    }
    double const want = plain == D::infinity ? std::numeric_limits<double>::infinity() : D::magnitude(plain);
    wrong +=
        static_cast<double>(std::fabs(x)) == want && std::signbit(x) == (bits >= 0x8000U) && back == pattern ? 0 : 1;
  }
  return wrong;
}

template <class D>
int wrong_rounding(D d, float x) {
  unsigned const want = D::nearest(static_cast<double>(std::fabs(x)));
  return round_to(d, x) == (want | (std::signbit(x) ? 0x8000U : 0U)) ? 0 : 1;
}

// Every midpoint of neighbours with the floats next to it, then floats of every size.
template <class D>
int wrong_roundings(D d) {
  int wrong = 0;
  float const infinity = std::numeric_limits<float>::infinity();
  for (unsigned bits = 0; bits < D::infinity; ++bits) {
    auto const middle = static_cast<float>((D::magnitude(bits) + D::magnitude(bits + 1)) / 2.0);
    for (float const x : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, infinity)}) {
      if (x < infinity) wrong += wrong_rounding(d, x) + wrong_rounding(d, -x);
    }
  }
  for (std::uint64_t u = 0; u < 0x7f800000U; u += 20011)
    wrong += wrong_rounding(d, std::bit_cast<float>(static_cast<std::uint32_t>(u)));
  return wrong;
}

static_assert(to_float(half{0x3c00}) == 1.0F && to_float(bfloat16{0x3f80}) == 1.0F);
static_assert(to_half(65504.0F).bits == 0x7bff && to_half(65519.996F).bits == 0x7bff &&
              to_half(65520.0F).bits == 0x7c00);
static_assert(to_half(0x1p-24F).bits == 1 && to_half(0x1p-25F).bits == 0 && to_half(0x1.8p-24F).bits == 2);
static_assert(to_half(1.0F + 0x1p-11F).bits == 0x3c00 && to_half(1.0F + 0x1.8p-10F).bits == 0x3c02);
static_assert(to_bfloat16(1.0F + 0x1p-8F).bits == 0x3f80 && to_bfloat16(1.0F + 0x1.8p-7F).bits == 0x3f82);

}  // namespace

TEST_CASE("all patterns of half and bfloat16 mean what their format says and come back", "[core]") {
  CHECK(wrong_patterns(half_definition{}) == 0);
  CHECK(wrong_patterns(bfloat16_definition{}) == 0);
}

TEST_CASE("floats round to the nearest half and bfloat16, ties to even, overflow to infinity", "[core]") {
  CHECK(wrong_roundings(half_definition{}) == 0);
  CHECK(wrong_roundings(bfloat16_definition{}) == 0);
}

TEST_CASE("NaN stays NaN, signalling NaN becomes quiet, infinities and zeros keep their sign", "[core]") {
  float const signalling = std::bit_cast<float>(0x7f800001U);
  CHECK(std::isnan(to_float(to_half(signalling))));
  CHECK(std::isnan(to_float(to_bfloat16(signalling))));
  CHECK(to_half(-std::numeric_limits<float>::infinity()).bits == 0xfc00);
  CHECK(to_bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xff80);
  CHECK(to_half(-0.0F).bits == 0x8000);
  CHECK(to_bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80);
}

TEST_CASE("F45: a half or bfloat16 made of a number is that number rounded, not its integer part as bits", "[core]") {
  float const x = -0.3F;
  CHECK(half(x).bits == to_half(x).bits);
  CHECK(bfloat16(x).bits == to_bfloat16(x).bits);
  CHECK(static_cast<half>(-0.5).bits == 0xb800);
  CHECK(half{0.1}.bits == to_half(0.1F).bits);
  std::vector<float> const numbers{-0.5F, -65504.0F, 1.0F};
  std::vector<half> const halves(numbers.begin(), numbers.end());
  std::vector<bfloat16> const brains(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    CHECK(halves[i].bits == to_half(numbers[i]).bits);
    CHECK(brains[i].bits == to_bfloat16(numbers[i]).bits);
  }
  std::uint16_t const word = 0x3c00;
  CHECK(half(word).bits == word);
  CHECK(bfloat16(word).bits == word);
  static_assert(!std::is_convertible_v<float, half> && !std::is_convertible_v<std::uint16_t, half>);
  static_assert(!std::is_constructible_v<half, bfloat16> && std::is_trivially_copyable_v<half>);
}
