// What may be lent, and that its memory is what is lent.
#include "support/catch_compat.hpp"

#include <cppo/core/buffer.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace cppo;

// A view of a user's own with mdspan's members, of rank 2 and columns first.
struct column_major {
  double const* data = nullptr;
  int rows = 0, columns = 0;
  static constexpr std::size_t rank() { return 2; }
  double const* data_handle() const { return data; }
  int extent(std::size_t r) const { return r == 0 ? rows : columns; }
  int stride(std::size_t r) const { return r == 0 ? 1 : rows; }
};

static_assert(detail::lendable<float*> && detail::lendable<half const*> && detail::lendable<float (&)[3]> &&
              detail::lendable<std::vector<int> const&> && detail::lendable<std::span<bool>> &&
              detail::lendable<column_major>);
static_assert(!detail::lendable<int> && !detail::lendable<std::nullptr_t>);
static_assert(std::is_same_v<detail::pointee<std::vector<float> const&>, float const> &&
              std::is_same_v<detail::pointee<column_major>, double const> &&
              std::is_same_v<detail::pointee<float (&)[2]>, float>);

// A view of a user's own that says so, one that does not, and one shaped like an mdspan that has something to free.
struct tagged_view {
  float* first = nullptr;
  float* data() const { return first; }
  std::size_t size() const { return 3; }
};
struct untagged_view : tagged_view {};
struct counted_grid : column_major {
  ~counted_grid() { data = nullptr; }
};

}  // namespace

template <>
inline constexpr bool std::ranges::enable_borrowed_range<tagged_view> = true;

namespace {

static_assert(detail::is_view<float*> && detail::is_view<std::span<int>> && detail::is_view<std::span<int const, 3>> &&
              detail::is_view<std::string_view> && detail::is_view<vector_view<float>> &&
              detail::is_view<matrix_view<half const>> && detail::is_view<column_major> &&
              detail::is_view<tagged_view>);
static_assert(!detail::is_view<std::vector<int>> && !detail::is_view<std::array<int, 3>> &&
              !detail::is_view<float[3]> && !detail::is_view<std::string> && !detail::is_view<untagged_view> &&
              !detail::is_view<counted_grid>);

}  // namespace

TEST_CASE("pointers, arrays, containers, spans and views all lend their memory", "[core]") {
  std::vector<float> v(6);
  std::array<std::int16_t, 6> a{};
  double c[6] = {};
  CHECK(detail::make_buffer(v).data == v.data());
  CHECK(detail::make_buffer(v).extents[0] == 6);
  CHECK(detail::make_buffer(a).type == element_type::i16);
  CHECK(detail::make_buffer(c).type == element_type::f64);
  CHECK(detail::make_buffer(c).extents[0] == 6);
  CHECK(detail::make_buffer(v.data()).rank == -1);
  CHECK(detail::make_buffer(std::span<float const>(v)).rank == 1);
  detail::buffer const m = detail::make_buffer(column_major{c, 2, 3});
  CHECK(m.rank == 2);
  CHECK(m.extents[1] == 3);
  CHECK(m.strides[0] == 1);
  CHECK(m.strides[1] == 2);
}

TEST_CASE("F37: temporary views and pointers lend what outlives them", "[core]") {
  std::vector<float> v(3);
  std::vector<std::int32_t> const cuts{0, 3};
  auto const lent = [&v](detail::buffer const& b) { return b.data == v.data(); };
  CHECK(lent(detail::make_buffer(std::span<float>(v))));
  CHECK(lent(detail::make_buffer(std::span<float const, 3>(v))));
  CHECK(lent(detail::make_buffer(v.data())));
  CHECK(lent(detail::make_buffer(vector_view<float>(v.data(), 3))));
  CHECK(lent(detail::make_buffer(tagged_view{v.data()})));
  CHECK(lent(per_response(std::span<float>(v)).source));
  CHECK(packed(std::span<std::int32_t const>(cuts)).end_slot() == 3);
  CHECK(packed(cuts).end_slot() == 3);
}
