// What an element may be: other people's types are taken as what they are, or refused.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using namespace cppo;

enum class flag : std::uint8_t { off, on };
struct own_half {
  std::uint16_t bits;
};
struct wide_half {
  std::uint32_t bits;
};

template <class T>
constexpr bool readable = element<T>;

}  // namespace

template <>
struct cppo::element_traits<own_half> {
  static constexpr auto value = element_type::f16;
};
template <>
struct cppo::element_traits<wide_half> {
  static constexpr auto value = element_type::f16;
};

namespace {

static_assert(readable<float> && readable<double const> && readable<half> && readable<bfloat16> && readable<own_half>);
static_assert(readable<bool> && readable<char> && readable<char8_t> && readable<wchar_t> && readable<std::size_t> &&
              readable<std::byte const> && readable<long long>);
static_assert(!readable<long double> && !readable<flag> && !readable<float*> && !readable<std::vector<float>> &&
              !readable<void> && !readable<wide_half> && !readable<std::array<float, 2>>);
#if defined(__SIZEOF_INT128__)
__extension__ using int128 = __int128;
static_assert(!readable<int128> && !detail::offset_element<int128>);
#endif
#if defined(__FLT16_MANT_DIG__) && (defined(__clang__) || __GNUC__ >= 13)
static_assert(element_traits<_Float16>::value == element_type::f16);
#endif
static_assert(detail::offset_element<std::size_t> && detail::offset_element<std::uint8_t> &&
              !detail::offset_element<bool> && !detail::offset_element<float>);

float const mu[10] = {-.9F, -.5F, -.7F, -1.1F, -1.2F, -.4F, -1.6F, -.2F, -.7F, -.3F};
float const pi[10] = {-.8F, -.4F, -.9F, -1.0F, -1.4F, -.3F, -1.8F, -.3F, -.6F, -.9F};
float const a[10] = {1, 1, -1, 1, 1, 1, -1, -1, -1, -1};
using gradients = std::array<float, 10>;

/// The gradient of ten tokens in a layout, with a mask.
template <class Mask>
gradients gradient_in(layout const& l, Mask const& mask) {
  gradients g{};
  auto const batch = rollout_batch(l, log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(mask));
  CHECK(policy_loss(seq, batch, presets::dense_base(), {.gradient = g}).ok());
  return g;
}

template <class Offset>
gradients cut_by(Offset const (&offsets)[3]) {
  std::array<bool, 10> all;
  all.fill(true);
  gradients const by_pointer = gradient_in(packed(&offsets[0], 2), all);
  CHECK(gradient_in(packed(offsets), all) == by_pointer);
  std::vector<Offset> const container(offsets, offsets + 3);
  CHECK(gradient_in(packed(container), all) == by_pointer);
  return by_pointer;
}

}  // namespace

TEST_CASE("F45: offsets may be any integers", "[core]") {
  gradients const want = cut_by<std::int64_t>({0, 6, 10});
  CHECK(cut_by<std::size_t>({0, 6, 10}) == want);
  CHECK(cut_by<std::int32_t>({0, 6, 10}) == want);
  CHECK(cut_by<std::uint32_t>({0, 6, 10}) == want);
  CHECK(cut_by<unsigned long long>({0, 6, 10}) == want);
  CHECK(cut_by<std::uint8_t>({0, 6, 10}) == want);
  std::size_t const offsets[] = {2, 6, 10};
  ragged_view<float const, std::size_t> const rows(pi, offsets, 2);
  CHECK(rows[1].extent(0) == 4);
  CHECK(rows[1].data_handle() == pi + 6);
}

TEST_CASE("F45: offsets past what int64 holds are refused", "[core]") {
  constexpr std::uint64_t top = std::numeric_limits<std::uint64_t>::max(), half_way = std::uint64_t{1} << 63;
  for (std::uint64_t const bad : {top, half_way, half_way + 6}) {
    std::uint64_t const first[] = {bad, 6, 10}, middle[] = {0, bad, 10}, last[] = {0, 6, bad};
    for (std::uint64_t const* offsets : {first, middle, last}) {
      status const s = packed(offsets, 2).check();
      CHECK(s.code == status_code::bad_offsets);
      CHECK(s.where == argument::offsets);
    }
  }
  std::uint64_t const far_off[] = {0, 6, half_way - 1};
  CHECK(packed(far_off, 2).check().code == status_code::size_overflow);
}

TEST_CASE("F45: masks of bytes and characters come in and go out", "[core]") {
  std::uint8_t const plain[10] = {1, 1, 0, 1, 0, 1, 1, 1, 0, 1};
  std::array<std::byte, 10> bytes, decided;
  std::array<char, 10> characters;
  std::array<char8_t, 10> letters;
  for (std::size_t i = 0; i < 10; ++i) {
    bytes[i] = std::byte{plain[i]};
    characters[i] = static_cast<char>(plain[i]);
    letters[i] = static_cast<char8_t>(plain[i]);
  }
  layout const l = padded(2, 5);
  gradients const want = gradient_in(l, plain);
  CHECK(gradient_in(l, bytes) == want);
  CHECK(gradient_in(l, characters) == want);
  CHECK(gradient_in(l, letters) == want);

  std::uint8_t kept[10];
  auto const batch = rollout_batch(l, log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(bytes));
  REQUIRE(compute_mask(seq, batch, presets::dense_base(), kept).ok());
  REQUIRE(compute_mask(seq, batch, presets::dense_base(), decided).ok());
  for (std::size_t i = 0; i < 10; ++i) CHECK(std::to_integer<int>(decided[i]) == kept[i]);
  bytes[3] = std::byte{0x80};
  auto const odd = rollout_batch(l, log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(bytes));
  CHECK(compute_mask(seq, odd, presets::dense_base(), kept).code == status_code::response_mask_invalid);
}

TEST_CASE("F45: arrays of arrays are rows", "[core]") {
  float rows[2][5];
  for (int i = 0; i < 10; ++i) rows[i / 5][i % 5] = pi[i];
  std::array<bool, 10> all;
  all.fill(true);
  gradients const want = gradient_in(padded(2, 5), all);
  float g[2][5];
  auto const batch = rollout_batch(padded(2, 5), log_prob(rows), rollout_log_prob(mu), advantage(a));
  REQUIRE(policy_loss(seq, batch, presets::dense_base(), {.gradient = g}).ok());
  for (int i = 0; i < 10; ++i) CHECK(g[i / 5][i % 5] == want[static_cast<std::size_t>(i)]);
  auto const turned = rollout_batch(padded(5, 2), log_prob(rows), rollout_log_prob(mu), advantage(a));
  CHECK(turned.check().code == status_code::extent_mismatch);
  CHECK(turned.check().where == argument::log_prob);
  auto const flat = rollout_batch(padded(2, 5), log_prob(pi), rollout_log_prob(mu), advantage(a));
  float narrow[2][4];
  CHECK(policy_loss(seq, flat, presets::dense_base(), {.gradient = narrow}).code == status_code::extent_mismatch);
}
