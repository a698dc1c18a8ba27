// Lent buffers whose objects are another type of the same bits, changed between two looks: an optimiser that may take
// them for the engine's own type keeps the first look. Compiled with -O3.
#include "catch_compat.hpp"

#include <cppo/core/batch.hpp>
#include <cppo/interop/eigen.hpp>

namespace {

using namespace cppo;

// Of the size of std::int64_t, and not it where that is `long`; of the bits of cppo::half.
using wide = std::conditional_t<std::is_same_v<std::int64_t, long>, long long, long>;
using unsigned_wide = std::make_unsigned_t<wide>;
static_assert(!std::is_same_v<wide, std::int64_t> && sizeof(wide) == sizeof(std::int64_t));

[[gnu::noinline]] index_t slots_twice(wide* cuts) {
  auto const l = packed(cuts, 1);
  index_t const before = l.slots(0);
  cuts[1] = 7;
  return before * 100 + l.slots(0);
}
template <class T>
[[gnu::noinline]] int active_twice(T* mask, float const* x) {
  auto const batch = rollout_batch(padded(1, 1), log_prob(x), rollout_log_prob(x), advantage(x), response_mask(mask));
  int const before = batch.active(0, 0);
  mask[0] = 0;
  return before * 10 + batch.active(0, 0);
}
template <class T>
[[gnu::noinline]] float value_twice(T* lent, float const* x, T next) {
  auto const batch = rollout_batch(padded(1, 1), log_prob(x), rollout_log_prob(x), advantage(lent));
  float const before = batch.value(argument::advantage, 0, 0);
  lent[0] = next;
  return before * 10 + batch.value(argument::advantage, 0, 0);
}
[[gnu::noinline]] index_t id_twice(wide* ids, float const* x) {
  auto const batch = rollout_batch(padded(1, 1), log_prob(x), rollout_log_prob(x), advantage(x), token_id(ids), top_k(1, ids, x, x));
  index_t const before = batch.top_k_at(0, 0).sampled() * 10 + batch.top_k_at(0, 0).id(0);
  ids[0] = 5;
  return before * 100 + batch.top_k_at(0, 0).sampled() * 10 + batch.top_k_at(0, 0).id(0);
}
// Written by the engine between two looks of the owner's.
template <class T>
[[gnu::noinline]] float stored_between(T* lent, float x) {
  float const before = static_cast<float>(lent[0]);
  detail::store(lent, element_traits<T>::value, 0, x);
  return before * 10 + static_cast<float>(lent[0]);
}

}  // namespace

TEST_CASE("what is lent as another type of the same bits is read anew", "[core]") {
  float const x[] = {-1.0F};
  wide cuts[] = {0, 3}, mask[] = {1}, ids[] = {4};
  unsigned_wide unsigned_mask[] = {1};
  CHECK(slots_twice(cuts) == 307);
  CHECK(active_twice(mask, x) == 10);
  CHECK(active_twice(unsigned_mask, x) == 10);
  CHECK(id_twice(ids, x) == 4455);
  Eigen::half half[] = {Eigen::half(1.0F)};
  Eigen::bfloat16 bfloat[] = {Eigen::bfloat16(1.0F)};
  CHECK(value_twice(half, x, Eigen::half(2.0F)) == 12.0F);
  CHECK(value_twice(bfloat, x, Eigen::bfloat16(2.0F)) == 12.0F);
}

TEST_CASE("what is stored into another type of the same bits is seen by its owner", "[core]") {
  Eigen::half half[] = {Eigen::half(1.0F)};
  Eigen::bfloat16 bfloat[] = {Eigen::bfloat16(1.0F)};
  wide whole[] = {1};
  CHECK(stored_between(half, 2.0F) == 12.0F);
  CHECK(stored_between(bfloat, 2.0F) == 12.0F);
  CHECK(stored_between(whole, 2.0F) == 12.0F);
}
