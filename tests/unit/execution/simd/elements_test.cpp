// Runs of elements of other types than float, against the elements one by one.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/elements.hpp>

#include <limits>
#include <random>
#include <vector>

namespace {

using namespace cppo;
using cppo::detail::bits_as;

constexpr element_type half_types[] = {element_type::f16, element_type::bf16};
constexpr element_type types[] = {element_type::f32, element_type::f64, element_type::f16, element_type::bf16,
                                  element_type::boolean, element_type::u8, element_type::i8, element_type::i16,
                                  element_type::u16, element_type::i32, element_type::u32, element_type::i64,
                                  element_type::u64};

// The same bits, or two NaNs.
bool same(float a, float b) { return bits_as<std::uint32_t>(a) == bits_as<std::uint32_t>(b) || (a != a && b != b); }

// Counts floats whose bits are not rounded as `store` rounds them.
int wrongly_narrowed(element_type type, std::vector<float> const& x) {
  auto const n = static_cast<int>(x.size());
  std::vector<float> in = x;
  in.resize(x.size() + 16);
  std::vector<std::uint16_t> got(x.size() + 1, 0xabcd);
  detail::narrow(got.data(), in.data(), type, n);
  int wrong = got.back() == 0xabcd ? 0 : 1;
  for (std::size_t k = 0; k < x.size(); ++k) {
    std::uint16_t want = 0;
    detail::store(&want, type, 0, x[k]);
    wrong += got[k] == want ? 0 : 1;
  }
  return wrong;
}

}  // namespace

TEST_CASE("every half and bfloat16 is widened as one by one", "[execution][simd]") {
  for (element_type const type : half_types) {
    std::vector<std::uint16_t> all(65536);
    for (std::size_t k = 0; k < all.size(); ++k) all[k] = static_cast<std::uint16_t>(k);
    std::vector<float> out(all.size() + 16);
    detail::widen(out.data(), all.data(), type, 65536);
    int wrong = 0;
    for (index_t k = 0; k < 65536; ++k)
      wrong += same(out[static_cast<std::size_t>(k)], detail::load<float>(all.data(), type, k)) ? 0 : 1;
    CHECK(wrong == 0);
    for (int n = 0; n < 40; ++n) {  // read no further than lent
      std::vector<std::uint16_t> const some(all.begin() + 0x3c00, all.begin() + 0x3c00 + n);
      detail::widen(out.data(), some.data(), type, n);
      for (int k = 0; k < n; ++k)
        CHECK(same(out[static_cast<std::size_t>(k)], detail::load<float>(some.data(), type, k)));
    }
  }
}

TEST_CASE("floats are narrowed as one by one: around every half and halfway to the next, and at random",
          "[execution][simd]") {
  std::mt19937 random(5);
  for (element_type const type : half_types) {
    std::vector<float> x;
    for (index_t k = 0; k < 65536; ++k) {
      auto const bits = static_cast<std::uint16_t>(k);
      auto const u = bits_as<std::uint32_t>(detail::load<float>(&bits, type, 0));
      for (std::uint32_t const step : {0U, 1U, 0xfffU, 0x1000U, 0x1001U, 0x7fffU, 0x8000U, 0x8001U})
        x.push_back(bits_as<float>(u + step)), x.push_back(bits_as<float>(u - step));
    }
    for (int i = 0; i < 1000000; ++i) x.push_back(bits_as<float>(static_cast<std::uint32_t>(random())));
    CHECK(wrongly_narrowed(type, x) == 0);
    for (std::ptrdiff_t n = 0; n < 40; ++n) CHECK(wrongly_narrowed(type, {x.begin(), x.begin() + n}) == 0);
  }
}

TEST_CASE("response masks of every type are bits, and what is neither 0 nor 1 is seen", "[execution][simd]") {
  std::mt19937_64 random(6);
  for (element_type const type : types) {
    for (int i = 0; i < 300; ++i) {
      int const n = i < 65 ? i : static_cast<int>(random() % 65);
      std::vector<unsigned char> mask(static_cast<std::size_t>(n * detail::size_of(type)));
      std::uint64_t want = 0;
      for (int k = 0; k < n; ++k) {
        bool const here = random() % 3 != 0;
        want |= std::uint64_t{here} << k;
        detail::store(mask.data(), type, k, here ? 1.0 : 0.0);
      }
      bool sound = true;
      CHECK(detail::elements_to_bits(mask.data(), type, n, sound) == want);
      CHECK(sound);
      if (n == 0) continue;
      // Any other bits, often near those of 0 and 1.
      auto const at = static_cast<index_t>(random() % static_cast<std::uint64_t>(n));
      auto* const byte = mask.data() + at * detail::size_of(type);
      byte[random() % static_cast<std::uint64_t>(detail::size_of(type))] ^=
          static_cast<unsigned char>(1U << (random() % 8));
      std::uint8_t const is = detail::load_mask(mask.data(), type, at);
      (void)detail::elements_to_bits(mask.data(), type, n, sound);
      CHECK(sound == (is < 2));
    }
  }
}

TEST_CASE("a mask of NaN, -0, halves of 1 and large integers is read as one by one", "[execution][simd]") {
  auto const check = [](element_type type, double x) {
    std::vector<unsigned char> mask(static_cast<std::size_t>(64 * detail::size_of(type)));
    detail::store(mask.data(), type, 17, x);
    bool sound = true;
    (void)detail::elements_to_bits(mask.data(), type, 64, sound);
    CHECK(sound == (detail::load_mask(mask.data(), type, 17) < 2));
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (element_type const type : {element_type::f32, element_type::f64, element_type::f16, element_type::bf16})
    for (double const x : {-0.0, 0.5, -1.0, 2.0, 256.0, 1e-30, nan}) check(type, x);
  for (double const x : {-1.0, 2.0, 256.0, 65536.0, 0x1p32}) check(element_type::i64, x);
}

TEST_CASE("bits are written as elements of every type, and nothing past them", "[execution][simd]") {
  std::mt19937_64 random(8);
  for (element_type const type : types) {
    for (int n = 0; n <= 64; ++n) {
      std::uint64_t const bits = random();
      auto const size = static_cast<std::size_t>(detail::size_of(type));
      std::vector<unsigned char> got(65 * size, 0xee), want = got;
      detail::bits_to_elements(got.data(), type, bits, n);
      for (int k = 0; k < n; ++k) detail::store(want.data(), type, k, (bits >> k & 1U) != 0 ? 1.0F : 0.0F);
      CHECK(got == want);
    }
  }
}
