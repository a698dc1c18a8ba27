// Which buffers share memory: every answer against the set of bytes each buffer touches.
#include "support/catch_compat.hpp"

#include <cppo/core/overlap.hpp>
#include <cppo/testing/random.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace {

using namespace cppo;
using detail::footprint;
using detail::may_overlap;
using testing::random_source;

alignas(64) char arena[8192];

std::set<std::ptrdiff_t> bytes_of(footprint const& f) {
  std::set<std::ptrdiff_t> all;
  auto const base = static_cast<std::ptrdiff_t>(f.base - reinterpret_cast<std::uintptr_t>(arena));
  if (f.size == 0) return all;
  for (index_t i = 0; i < f.extents[0]; ++i) {
    for (index_t j = 0; j < f.extents[1]; ++j) {
      for (index_t k = 0; k < f.size; ++k) all.insert(base + i * f.steps[0] + j * f.steps[1] + k);
    }
  }
  return all;
}
bool share(footprint const& a, footprint const& b) {
  std::set<std::ptrdiff_t> const x = bytes_of(a), y = bytes_of(b);
  return std::any_of(x.begin(), x.end(), [&y](auto byte) { return y.count(byte) > 0; });
}

footprint at(index_t byte, element_type type, index_t rows, index_t columns, index_t down, index_t across) {
  return detail::footprint_of(arena + 4096 + byte, type, rows, columns, down, across);
}

// Alike both ways round, never missing a shared byte.
void check(footprint const& a, footprint const& b, bool expected) {
  CHECK(may_overlap(a, b) == expected);
  CHECK(may_overlap(b, a) == expected);
  if (!expected) CHECK_FALSE(share(a, b));
}

// Constant evaluation refuses to look past an axis. Columns 0-4 and 5-9 of rows of 40 bytes.
constexpr footprint left{64, 4, {3, 5}, {40, 4}}, right{64 + 20, 4, {3, 5}, {40, 4}}, late{64 + 16, 4, {3, 5}, {40, 4}};
static_assert(!may_overlap(left, right) && !may_overlap(right, left) && may_overlap(left, late));
// Of two element types, ranges decide: apart in truth, but not seen to be.
constexpr footprint bytes{64 + 20, 1, {3, 20}, {40, 1}}, behind{64 + 100, 1, {3, 20}, {40, 1}};
static_assert(may_overlap(left, bytes) && may_overlap(bytes, left) && !may_overlap(left, behind));

constexpr element_type types[] = {element_type::u8, element_type::f16, element_type::f32, element_type::f64};

}  // namespace

TEST_CASE("buffers of the same strides: the answer is exact", "[core]") {
  random_source random(1);
  int shared = 0, woven = 0;
  for (int n = 0; n < 20000; ++n) {
    element_type const type = types[random.below(4)];
    index_t const size = detail::size_of(type);
    index_t const down = random.below(25) - 12, across = random.below(9) - 4;
    footprint const a = at(0, type, 1 + random.below(5), 1 + random.below(5), down, across);
    index_t const byte = size * (random.below(41) - 20);
    footprint const b = at(byte, type, 1 + random.below(5), 1 + random.below(5), down, across);
    bool const truth = share(a, b);
    REQUIRE(may_overlap(a, b) == truth);
    REQUIRE(may_overlap(b, a) == truth);
    auto const apart = static_cast<index_t>(b.base - a.base);
    bool const ranges_meet = a.high() > apart + b.low() && apart + b.high() > a.low();
    shared += truth ? 1 : 0;
    woven += !truth && ranges_meet ? 1 : 0;
  }
  CHECK(shared > 1000);
  CHECK(woven > 1000);
}

TEST_CASE("buffers of other strides and element types: no shared byte is missed", "[core]") {
  random_source random(2);
  int shared = 0, apart = 0, wrong = 0;  // right answers of either kind
  for (int n = 0; n < 40000; ++n) {
    auto const draw = [&random](index_t byte) {
      index_t const down = random.below(25) - 12, across = random.below(9) - 4;
      return at(byte, types[random.below(4)], random.below(5), random.below(5), down, across);
    };
    footprint const a = draw(0), b = draw(random.below(513) - 256);
    bool const truth = share(a, b), answer = may_overlap(a, b);
    wrong += (truth && !answer) || answer != may_overlap(b, a) ? 1 : 0;
    (truth ? shared : apart) += answer == truth ? 1 : 0;
  }
  CHECK(wrong == 0);
  CHECK(shared > 2000);
  CHECK(apart > 5000);
}

TEST_CASE("woven buffers are apart", "[core]") {
  using enum element_type;
  // [.., 2]: two numbers of every token next to each other.
  check(at(0, f32, 3, 5, 10, 2), at(4, f32, 3, 5, 10, 2), false);
  check(at(0, f32, 3, 5, 10, 2), at(8, f32, 3, 5, 10, 2), true);
  // Columns 0-4 and 5-9 of an array of ten columns, and columns that are neighbours but for one.
  check(at(0, f32, 3, 5, 10, 1), at(20, f32, 3, 5, 10, 1), false);
  check(at(0, f32, 3, 5, 10, 1), at(16, f32, 3, 5, 10, 1), true);
  check(at(0, f32, 3, 5, 10, 1), at(16, f32, 3, 6, 10, 1), true);
  check(at(0, f32, 3, 4, 10, 1), at(16, f32, 3, 6, 10, 1), false);
  // One after the other, and bases that split an element.
  check(at(0, f32, 1, 5, 0, 1), at(20, f32, 1, 5, 0, 1), false);
  check(at(0, f32, 1, 5, 0, 1), at(18, f32, 1, 5, 0, 1), true);
}

TEST_CASE("buffers of other strides or element sizes overlap where their ranges do", "[core]") {
  using enum element_type;
  // Fields of a record of 16 bytes: a float, a double, a byte.
  check(at(0, f32, 3, 5, 20, 4), at(8, f64, 3, 5, 10, 2), true);
  check(at(0, f32, 3, 5, 20, 4), at(4, u8, 3, 5, 80, 16), true);
  // Column slices of two element types in rows of 40 bytes.
  check(at(0, f32, 3, 5, 10, 1), at(20, u8, 3, 20, 40, 1), true);
  // Walked backwards: columns 0-4 and 5-9.
  check(at(16, f32, 3, 5, 10, -1), at(20, f32, 3, 5, 10, 1), true);
  check(at(16, f32, 3, 5, 10, -1), at(20, f32, 3, 5, 10, -1), true);
  check(at(16, f32, 3, 5, 10, -1), at(36, f32, 3, 5, 10, -1), false);
  // Every second and every third element.
  check(at(0, f32, 1, 6, 0, 2), at(4, f32, 1, 6, 0, 3), true);
  // The last byte of one before the first of the other, and one byte too many.
  check(at(0, f32, 3, 5, 10, 1), at(100, u8, 3, 20, 40, 1), false);
  check(at(0, f32, 3, 5, 10, 1), at(99, u8, 3, 20, 40, 1), true);
  check(at(0, f64, 1, 5, 0, -1), at(8, f32, 1, 5, 0, 1), false);
  check(at(0, f64, 1, 5, 0, -1), at(7, u8, 1, 5, 0, 1), true);
}

TEST_CASE("nothing shares memory with an empty buffer or one that was not lent", "[core]") {
  using enum element_type;
  footprint const whole = at(0, u8, 1, 100, 0, 1);
  check(whole, at(0, f32, 0, 5, 5, 1), false);
  check(whole, at(0, f32, 5, 0, 5, 1), false);
  check(whole, detail::footprint_of(nullptr, f32, 5, 5, 5, 1), false);
  check(whole, {}, false);
  std::int32_t const cuts[] = {0};
  detail::column lent;
  REQUIRE(detail::place(detail::make_buffer(&arena[0]), packed(cuts, 0), argument::loss, lent).ok());
  CHECK(lent.lent());
  check(at(-4096, u8, 1, 8192, 0, 1), detail::footprint_of(lent, packed(cuts, 0)), false);
  CHECK(detail::footprint_of(lent, packed(static_cast<std::int32_t const*>(nullptr), 0)).size == 0);
  std::int32_t const later[] = {4, 6};
  CHECK(detail::footprint_of(detail::column{}, packed(later, 1)).size == 0);
  // Stride 0 repeats one element.
  check(at(0, f32, 50, 50, 0, 0), at(4, f32, 1, 50, 0, 1), false);
  check(at(4, f32, 50, 50, 0, 0), at(4, f32, 1, 50, 0, 1), true);
}

TEST_CASE("an axis of one element has no step, and no memory has no size", "[core]") {
  CHECK(at(0, element_type::f32, 1, 5, 10, 2).steps[0] == 0);
  CHECK(at(0, element_type::f32, 1, 5, 10, 2).steps[1] == 8);
  CHECK(at(0, element_type::f32, 3, 1, 10, 2).steps[1] == 0);
  CHECK(at(0, element_type::f32, 3, 1, 10, 2).steps[0] == 40);
  CHECK(footprint{}.size == 0);
  CHECK(footprint{}.steps[0] == 0);
  CHECK(footprint{}.steps[1] == 0);
}

TEST_CASE("the footprint of a Top-K list has its strides in rank 2 and is dense in rank 1", "[core]") {
  float x[40] = {};
  footprint const grid = detail::footprint_of(detail::make_buffer(matrix_view(x, 3, 2, 10, 4)), 3, 2);
  CHECK(grid.extents[0] == 3);
  CHECK(grid.extents[1] == 2);
  CHECK(grid.steps[0] == 40);
  CHECK(grid.steps[1] == 16);
  footprint const dense = detail::footprint_of(detail::make_buffer(x), 3, 2);
  CHECK(dense.extents[0] == 1);
  CHECK(dense.extents[1] == 6);
  CHECK(dense.steps[1] == 4);
}

TEST_CASE("an output is held against everything that a batch lends", "[core]") {
  struct {
    double pi[4] = {}, mu[4] = {}, a[4] = {}, mask[4] = {}, d[4] = {}, weight[4] = {};
    std::int64_t id[4] = {}, listed[4] = {};
    double listed_pi[4] = {}, listed_mu[4] = {};
    double entropy[4] = {}, reference[4] = {};
    std::int32_t cuts[3] = {0, 2, 4}, behind = 0;
  } x;
  auto const batch = rollout_batch(packed(x.cuts, 2), log_prob(x.pi), rollout_log_prob(x.mu), advantage(x.a),
                                   response_mask(x.mask), divergence_values(x.d), token_weight(x.weight),
                                   token_id(x.id), top_k(1, x.listed, x.listed_pi, x.listed_mu), entropy(x.entropy),
                                   reference_log_prob(x.reference));
  auto const* const memory = reinterpret_cast<char const*>(&x);
  for (std::size_t i = 0; i < sizeof x; ++i) {
    INFO(i);
    footprint const byte = detail::footprint_of(memory + i, element_type::u8, 1, 1, 0, 0);
    argument const what = i < 6 * sizeof x.pi ? static_cast<argument>(1 + i / sizeof x.pi)
                          : i < offsetof(decltype(x), listed) ? argument::token_id
                          : i < offsetof(decltype(x), entropy)   ? argument::top_k
                          : i < offsetof(decltype(x), reference) ? argument::entropy
                          : i < offsetof(decltype(x), cuts)      ? argument::reference_log_prob
                          : i < offsetof(decltype(x), behind) ? argument::offsets
                                                              : argument::none;
    CHECK(detail::overlapped(byte, batch) == what);
  }
}

TEST_CASE("slots that repeat an element are found", "[core]") {
  random_source random(3);
  int repeated = 0;
  for (int n = 0; n < 20000; ++n) {
    index_t const rows = random.below(5), columns = random.below(6);
    index_t const down = random.below(21) - 10, across = random.below(13) - 6;
    layout const l = padded(rows, columns);
    std::set<index_t> places;
    for (index_t b = 0; b < rows; ++b) {
      for (index_t i = 0; i < columns; ++i) places.insert(b * down + i * across);
    }
    bool const truth = static_cast<index_t>(places.size()) < rows * columns;
    REQUIRE(detail::repeats({arena, element_type::u8, down, across}, l) == truth);
    repeated += truth ? 1 : 0;
  }
  CHECK(repeated > 2000);
  CHECK(repeated < 18000);
}

TEST_CASE("the footprint of a packed buffer begins where its first response does", "[core]") {
  float x[16] = {};
  std::int32_t const cuts[] = {4, 6, 9};
  layout const l = packed(cuts, 2).part_of(16);
  detail::column c;
  REQUIRE(detail::place(detail::make_buffer(x), l, argument::loss, c).ok());
  footprint const f = detail::footprint_of(c, l);
  CHECK(f.base == reinterpret_cast<std::uintptr_t>(x + 4));
  CHECK(f.high() == 5 * 4);
  REQUIRE(detail::place(per_response(vector_view(x, 2, 3)).source, l, argument::advantage, c).ok());
  CHECK(detail::footprint_of(c, l).high() == 4 * 4);
}

TEST_CASE("F34: the slots that a capacity clears are written memory", "[core]") {
  float x[16] = {};
  std::int32_t const cuts[] = {4, 6, 9};
  detail::column c;
  for (layout const& l : {packed(cuts, 2).with_capacity(16), packed(cuts, 0).with_capacity(16)}) {
    REQUIRE(detail::place(detail::make_buffer(x), l, argument::loss, c).ok());
    footprint const f = detail::footprint_of(c, l);
    CHECK(f.base == reinterpret_cast<std::uintptr_t>(x));
    CHECK(f.high() == 16 * 4);
  }
}

TEST_CASE("where a host cannot read the offsets, a buffer's footprint is the whole of it", "[core]") {
  float x[16] = {};
  std::int32_t const cuts[] = {4, 6, 9};
  layout const l = packed_on_device(cuts, 2, 9);
  detail::column c;
  REQUIRE(detail::place(detail::make_buffer(&x[0]), l, argument::loss, c).ok());
  footprint const f = detail::footprint_of(c, l);
  CHECK(f.base == reinterpret_cast<std::uintptr_t>(x));
  CHECK(f.high() == 9 * 4);
}
