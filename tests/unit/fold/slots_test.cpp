// Folds inside an expression: how deep they stand, how they are numbered, which of them share a state.
#include "support/catch_compat.hpp"

#include <cppo/advantage/response_batch.hpp>
#include <cppo/fold.hpp>

namespace {

using namespace cppo;
using detail::level_of;
using detail::slots_of;
using detail::states_of;
using detail::with_slots;

template <class P>
std::vector<std::pair<int, int>> numbers_of(P const& p) {
  std::vector<std::pair<int, int>> n;
  detail::each_fold(p, [&](auto const& f) { n.emplace_back(f.state, f.slot); });
  return n;
}
template <class P>
constexpr int level(P const&) noexcept {
  return level_of<P>();
}

}  // namespace

TEST_CASE("a fold's level is one more than that of what it folds", "[fold]") {
  STATIC_REQUIRE(level(reward) == 0);
  STATIC_REQUIRE(level(reward * response_length + 1) == 0);
  STATIC_REQUIRE(level(group(mean(reward))) == 1);
  STATIC_REQUIRE(level(batch(count(at_least(reward, group(mean(reward)))))) == 2);
  STATIC_REQUIRE(level(batch(mean(group(deviation(reward))))) == 3);
  STATIC_REQUIRE(level(at_least(reward, 0) & !at_most(reward, batch(most(reward)))) == 1);
  STATIC_REQUIRE(level(where(at_least(group(sum(reward)), 1), reward, 0)) == 1);
}

TEST_CASE("folds of one quantity over one range share a state, equal ones a value", "[fold]") {
  auto const p = with_slots(group(mean(reward)) + group(most(reward)) * batch(mean(reward)) - group(mean(reward)));
  CHECK(numbers_of(p) == std::vector<std::pair<int, int>>{{0, 0}, {0, 1}, {1, 2}, {0, 0}});
  CHECK(states_of(p) == 2);
  CHECK(slots_of(p) == 3);
  auto const numbered_twice = with_slots(p - p);
  CHECK(states_of(numbered_twice) == 2);
  auto const q = with_slots(group(sum(reward * 2)) + group(sum(reward * 3)) + group(sum(reward * 2)));
  CHECK(numbers_of(q) == std::vector<std::pair<int, int>>{{0, 0}, {1, 1}, {0, 0}});
}

TEST_CASE("folds that read different folds are not one", "[fold]") {
  auto const spread = [](auto q) { return group(sum(q - group(mean(q)))); };
  auto const p = with_slots(spread(reward) + spread(response_length) + spread(reward));
  CHECK(states_of(p) == 4);
  auto const q = with_slots(group(sum(reward - group(least(reward)))) + group(sum(reward - group(most(reward)))));
  CHECK(states_of(q) == 3);
  auto const from_share = [](double k) { return group(sum(reward - group(mean(reward * k)))); };
  CHECK(states_of(with_slots(from_share(2) + from_share(3) + from_share(2))) == 4);
}

TEST_CASE("a deviation takes two states, beside a mean none more", "[fold]") {
  auto const p = with_slots((reward - group(mean(reward))) / group(deviation(reward)));
  CHECK(states_of(p) == 2);
  CHECK(level(p) == 2);
  CHECK(states_of(with_slots(batch(weighted_mean(reward, response_length)))) == 4);
  CHECK(slots_of(with_slots(reward)) == 0);
}

TEST_CASE("masks under a negation, and comparisons, are walked", "[fold]") {
  auto const short_ones = at_most(response_length, batch(mean(response_length)));
  auto const mask = with_slots(!(at_least(reward, group(mean(reward))) | short_ones));
  CHECK(detail::folds_in<std::remove_const_t<decltype(mask)>>() == 2);
  CHECK(states_of(mask) == 2);
}
