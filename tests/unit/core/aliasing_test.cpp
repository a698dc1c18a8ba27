// Lent buffers whose objects are another type of the same bits, changed between two looks: an optimiser that may take
// them for the engine's own type keeps the first look. Compiled with -O3.
#include "support/catch_compat.hpp"

#include <cppo/core/batch.hpp>

// Seen from other units, so that calls are not specialised for what is passed here.
namespace aliasing {

// Of the size of std::int64_t, and not it where that is `long`; of the bits of cppo::bfloat16.
using wide = std::conditional_t<std::is_same_v<std::int64_t, long>, long long, long>;
struct half_of_mine {
  std::uint16_t bits;
};

}  // namespace aliasing

template <>
struct cppo::element_traits<aliasing::half_of_mine> {
  static constexpr auto value = element_type::bf16;
};

namespace aliasing {

using namespace cppo;
static_assert(element<half_of_mine>);

[[gnu::noinline, gnu::flatten]] index_t slots_twice(wide* cuts) {
  auto const l = packed(cuts, 1);
  index_t const before = l.slots(0);
  cuts[1] = 7;
  return before * 100 + l.slots(0);
}
[[gnu::noinline, gnu::flatten]] index_t id_twice(wide* ids, float const* x) {
  auto const batch =
      rollout_batch(padded(1, 1), log_prob(x), rollout_log_prob(x), advantage(x), token_id(ids), top_k(1, ids, x, x));
  index_t const before = batch.top_k_at(0, 0).sampled() * 10 + batch.top_k_at(0, 0).id(0);
  ids[0] = 5;
  return before * 100 + batch.top_k_at(0, 0).sampled() * 10 + batch.top_k_at(0, 0).id(0);
}
// At an index that is passed: with a literal one g++ sees that it is the same place.
[[gnu::noinline, gnu::flatten]] float half_twice(half_of_mine* x, index_t i) {
  float const before = detail::load<float>(x, element_type::bf16, i);
  x[0].bits = 0x4000;
  return before * 10 + detail::load<float>(x, element_type::bf16, i);
}
[[gnu::noinline, gnu::flatten]] int mask_twice(wide* mask, index_t i) {
  int const before = detail::load_mask(mask, element_type::i64, i);
  mask[0] = 0;
  return before * 10 + detail::load_mask(mask, element_type::i64, i);
}
// Written by the library between two reads by its owner.
[[gnu::noinline, gnu::flatten]] wide wide_around(wide* x, index_t i) {
  wide const before = x[0];
  detail::store(x, element_type::i64, i, 2.0F);
  return before * 10 + x[0];
}
[[gnu::noinline, gnu::flatten]] int half_around(half_of_mine* x, index_t i) {
  int const before = x[0].bits;
  detail::store(x, element_type::bf16, i, 2.0F);
  return before * 100000 + x[0].bits;
}

}  // namespace aliasing

using namespace aliasing;

TEST_CASE("what is lent as another type of the same bits is read anew", "[core]") {
  float const x[] = {-1.0F};
  wide cuts[] = {0, 3}, mask[] = {1}, ids[] = {4};
  half_of_mine half[] = {{0x3f80}};
  CHECK(slots_twice(cuts) == 307);
  CHECK(id_twice(ids, x) == 4455);
  CHECK(half_twice(half, 0) == 12.0F);
  CHECK(mask_twice(mask, 0) == 10);
}

TEST_CASE("what is stored into another type of the same bits is seen by its owner", "[core]") {
  wide whole[] = {1};
  half_of_mine half[] = {{1}};
  CHECK(wide_around(whole, 0) == 12);
  CHECK(half_around(half, 0) == 100000 + 0x4000);
}
