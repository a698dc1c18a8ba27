// Views by stride, and single elements of every type read and written.
#include "support/catch_compat.hpp"

#include <cppo/core/view.hpp>

#include <cmath>
#include <limits>
#include <numeric>

namespace {

using namespace cppo;

constexpr element_type all_types[] = {element_type::f32, element_type::f64, element_type::f16, element_type::bf16,
                                      element_type::boolean, element_type::u8, element_type::i8, element_type::i16,
                                      element_type::u16, element_type::i32, element_type::u32, element_type::i64,
                                      element_type::u64};

// x stored as `type` at place 1 of three, and what its neighbours hold then.
struct stored_number {
  unsigned char bytes[24] = {};
  stored_number(element_type type, double x) { detail::store(bytes, type, 1, x); }
  double back(element_type type, index_t i = 1) const { return detail::load<double>(bytes, type, i); }
};

template <class T>
std::uint8_t mask_of(T x) {
  return detail::load_mask(&x, element_traits<T>::value, 0);
}

static_assert(std::is_trivially_copyable_v<vector_view<float>> &&
              std::is_trivially_copyable_v<matrix_view<float const>> &&
              std::is_trivially_copyable_v<ragged_view<float>>);
static_assert(element<float> && element<half> && element<bool> && element<std::int64_t const> && !element<char const*>);
struct float_of_mine {
  float x;
};
struct half_of_mine {
  std::uint16_t bits;
};
struct wide_half {
  std::uint32_t bits;
};

}  // namespace
template <>
struct cppo::element_traits<float_of_mine> {
  static constexpr auto value = element_type::f32;
};
template <>
struct cppo::element_traits<half_of_mine> {
  static constexpr auto value = element_type::f16;
};
template <>
struct cppo::element_traits<wide_half> {
  static constexpr auto value = element_type::bf16;
};
namespace {

static_assert(element<half_of_mine> && !element<float_of_mine> && !element<wide_half>);
template <class T, element_type Wanted>
constexpr bool is = element_traits<T>::value == Wanted;
static_assert(is<float, element_type::f32> && is<double, element_type::f64> && is<bool, element_type::boolean>);
static_assert(is<half, element_type::f16> && is<bfloat16, element_type::bf16>);
static_assert(is<std::int8_t, element_type::i8> && is<std::uint8_t, element_type::u8>);
static_assert(is<std::int16_t, element_type::i16> && is<std::uint16_t, element_type::u16>);
static_assert(is<std::int32_t, element_type::i32> && is<std::uint32_t, element_type::u32>);
static_assert(is<long, element_type::i64> && is<unsigned long, element_type::u64>);

}  // namespace

TEST_CASE("a view of nothing has no element", "[core]") {
  matrix_view<float> const none;
  CHECK((none.data_handle() == nullptr && none.extent(0) == 0 && none.extent(1) == 0));
  CHECK((none.stride(0) == 0 && none.stride(1) == 1));
  vector_view<float> const nothing;
  CHECK((nothing.data_handle() == nullptr && nothing.extent(0) == 0 && nothing.stride(0) == 1));
}

TEST_CASE("a vector view walks by any stride", "[core]") {
  float x[] = {0, 1, 2, 3, 4, 5};
  vector_view<float> const every_other(x, 3, 2), backwards(x + 5, 6, -1), same(x + 2, 100, 0);
  CHECK(every_other(2) == 4.0F);
  CHECK(backwards(0) == 5.0F);
  CHECK(backwards(5) == 0.0F);
  CHECK(same(99) == 2.0F);
  CHECK(same.rank() == 1);
  CHECK(vector_view<float>().extent(0) == 0);
  CHECK(vector_view<float>().stride(0) == 1);
  CHECK(backwards.extent(0) == 6);
  CHECK(backwards.stride(0) == -1);
  every_other(1) = 9.0F;
  CHECK(x[2] == 9.0F);
}

TEST_CASE("a matrix view walks by any strides", "[core]") {
  int x[6];
  std::iota(x, x + 6, 0);
  matrix_view<int const> const plain(x, 2, 3), turned(x, 3, 2, 1, 3), flipped(x + 5, 2, 3, -3, -1),
      broadcast(x, 2, 3, 1, 0);
  CHECK(plain(1, 2) == 5);
  CHECK(plain.rank() == 2);
  for (int const r : {0, 1}) CHECK(matrix_view<int>().extent(r) == 0);
  CHECK(turned(2, 1) == 5);
  CHECK(turned(1, 0) == 1);
  CHECK(flipped(0, 0) == 5);
  CHECK(flipped(1, 2) == 0);
  CHECK(broadcast(1, 2) == 1);
  CHECK(turned.extent(0) == 3);
  CHECK(turned.stride(1) == 3);
}

TEST_CASE("a ragged view is cut by narrow and wide offsets", "[core]") {
  float x[] = {0, 1, 2, 3, 4};
  std::int32_t const narrow[] = {1, 1, 4};
  std::int64_t const wide[] = {0, 5};
  ragged_view<float, std::int32_t> const cut(x, narrow, 2);
  CHECK(cut.size() == 2);
  CHECK(cut.data_handle() == x);
  CHECK(cut[0].extent(0) == 0);
  CHECK(cut[1].extent(0) == 3);
  CHECK(cut[1](0) == 1.0F);
  CHECK(ragged_view<float>(x, wide, 1)[0](4) == 4.0F);
}

TEST_CASE("numbers that a type holds come back from it, and neighbours stay", "[core]") {
  for (element_type const type : all_types) {
    for (double const x : {0.0, 1.0}) CHECK(stored_number(type, x).back(type) == x);
    if (type == element_type::boolean) continue;
    stored_number const s(type, 100.0);
    CHECK(s.back(type) == 100.0);
    CHECK(s.back(type, 0) == 0.0);
    CHECK(s.back(type, 2) == 0.0);
  }
  for (element_type const type : {element_type::f32, element_type::f64, element_type::f16, element_type::bf16}) {
    CHECK(stored_number(type, -0.375).back(type) == -0.375);
    CHECK(std::isnan(stored_number(type, std::numeric_limits<double>::quiet_NaN()).back(type)));
  }
  CHECK(stored_number(element_type::i8, -7.0).back(element_type::i8) == -7.0);
  CHECK(stored_number(element_type::i64, -0x1p40).back(element_type::i64) == -0x1p40);
  CHECK(stored_number(element_type::f16, 1.0 + 0x1p-11).back(element_type::f16) == 1.0);  // to nearest even
}

TEST_CASE("indices are read from every integer type", "[core]") {
  for (element_type const type : all_types) {
    bool const is_integer = type >= element_type::u8;
    stored_number const s(type, 42.0);
    if (is_integer) CHECK(detail::load_index(s.bytes, type, 1) == 42);
    else CHECK(detail::load_index(s.bytes, type, 1) == -1);
  }
  std::int64_t const large = index_t{1} << 40;
  std::int32_t const negative = -5;
  CHECK(detail::load_index(&large, element_type::i64, 0) == large);
  CHECK(detail::load_index(&negative, element_type::i32, 0) == -5);
}

TEST_CASE("a mask element is 0, 1 or neither, in every type", "[core]") {
  for (element_type const type : all_types) {
    for (int const x : {0, 1}) {
      stored_number const s(type, static_cast<double>(x));
      CHECK(detail::load_mask(s.bytes, type, 1) == x);
    }
    if (type == element_type::boolean) continue;
    stored_number const two(type, 2.0);
    CHECK(detail::load_mask(two.bytes, type, 1) == 2);
  }
  CHECK(mask_of(-0.0F) == 0);
  CHECK(mask_of(0.5F) == 2);
  CHECK(mask_of(std::numeric_limits<double>::quiet_NaN()) == 2);
  CHECK(mask_of(half{0x7e00}) == 2);
  CHECK(mask_of(std::int64_t{1} << 32) == 2);
  CHECK(mask_of(std::uint8_t{255}) == 2);
  CHECK(mask_of(true) == 1);
}

TEST_CASE("sizes of elements are those of their types", "[core]") {
  index_t total = 0;
  for (element_type const type : all_types) total += detail::size_of(type);
  CHECK(total == 4 + 8 + 2 + 2 + 1 + 1 + 1 + 2 + 2 + 4 + 4 + 8 + 8);
}

TEST_CASE("an element type that there is not reads as 0, and nothing is stored", "[core]") {
  auto const unheard_of = static_cast<element_type>(99);
  double x = 3.0;
  CHECK(detail::load<double>(&x, unheard_of, 0) == 0.0);
  CHECK(detail::load<float>(&x, unheard_of, 0) == 0.0F);
  detail::store(&x, unheard_of, 0, 5.0);
  detail::store(&x, unheard_of, 0, 5.0F);
  CHECK(x == 3.0);
}
