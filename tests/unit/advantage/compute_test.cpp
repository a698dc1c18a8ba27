// The call: layouts, outputs, and what it refuses, with nothing written.
#include "support/catch_compat.hpp"
#include "support/rewarded_batch.hpp"

#include <cppo/advantage.hpp>

#include <string>

namespace {

using namespace cppo;
using namespace cppo_test;

rewarded some_rewards() { return drawn_rewards({0, 29, 57, 85, 112, 14, 42}); }
bool says(status const& s, char const* words) {
  std::string const text(describe(s));
  INFO(text);
  CHECK(text.find(words) != std::string::npos);
  return text.find(words) != std::string::npos;
}

// Parts of a user's own, which the rule cannot look into.
struct own_length {
  template <class V>
  constexpr V operator()(token<V> const& t) const {
    return V(t.length());
  }
};
struct own_position {
  static constexpr bool reads_tokens = true;
  template <class V>
  constexpr V operator()(token<V> const& t) const {
    return t.at().value();
  }
};
struct own_long_one {
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return V(t.length()) > V(7);
  }
};

}  // namespace

TEST_CASE("a number for each slot is that of its response, and +0 at excluded slots", "[advantage]") {
  rewarded const r = some_rewards();
  std::vector<double> of_response(r.size());
  std::vector<float> of_slot(r.mask.size(), 3.0F);
  REQUIRE(compute_advantage(seq, lend(r), grpo(), per_response(of_response)).ok());
  REQUIRE(compute_advantage(seq, lend(r), grpo(), of_slot).ok());
  for (std::size_t i = 0; i < of_slot.size(); ++i) {
    CHECK(of_slot[i] == (r.mask[i] == 1 ? static_cast<float>(of_response[i / r.width]) : 0.0F));
  }
}

TEST_CASE("packed, strided, part of more, and one column", "[advantage]") {
  std::vector<double> const r{1.0, 0.0, 0.0};
  std::vector<int> const g{4, 4, 4}, offsets{1, 3, 3, 6};
  auto const batch = [&](layout const& l) { return response_batch(l, reward(r), group_id(g)); };
  std::vector<double> out(8, 7.0);
  REQUIRE(compute_advantage(seq, batch(packed(offsets).part_of(8)), dr_grpo(), out).ok());
  double const up = 2.0 / 3.0, down = -1.0 / 3.0;
  CHECK(out[0] == 7.0);
  CHECK(out[2] == approx(up));
  CHECK(out[3] == approx(down));
  CHECK(out[6] == 7.0);
  REQUIRE(compute_advantage(seq, batch(packed(offsets).with_capacity(8)), dr_grpo(), out).ok());
  CHECK((out[0] == 0.0 && out[6] == 0.0 && out[7] == 0.0));
  std::vector<double> spread(6, 7.0);
  vector_view<double> const every_other(spread.data(), 3, 2);
  REQUIRE(compute_advantage(seq, batch(padded(3, 2)), dr_grpo(), per_response(every_other)).ok());
  CHECK((spread[1] == 7.0 && spread[2] == spread[4] && spread[0] == approx(up)));
  std::vector<double> column(3);
  REQUIRE(compute_advantage(seq, batch(padded(3, 2)), dr_grpo(), matrix_view<double>(column.data(), 3, 1)).ok());
  CHECK(column == std::vector<double>{spread[0], spread[2], spread[4]});
  std::vector<std::uint8_t> keep(3, 9);
  REQUIRE(compute_advantage(seq, batch(padded(3, 2)), dynamic_sampling(), per_response(keep)).ok());
  CHECK(keep == std::vector<std::uint8_t>{1, 1, 1});
}

TEST_CASE("an empty batch, and a batch of empty responses", "[advantage]") {
  std::vector<double> const none;
  std::vector<int> const ids;
  auto const no_response = response_batch(padded(0, 4), reward(none), group_id(ids));
  CHECK(compute_advantage(seq, no_response, grpo(), advantage_output{}).ok());
  std::vector<double> const r{1.0, 2.0};
  std::vector<int> const g{1, 1};
  std::vector<double> out(2, 9.0);
  auto const batch = response_batch(padded(2, 0), reward(r), group_id(g));
  REQUIRE(compute_advantage(seq, batch, opo(), per_response(out)).ok());
  CHECK(out == r);  // no token weighs in
  REQUIRE(compute_advantage(seq, batch, reinforce_pp(), std::vector<double>().data()).ok());
}

TEST_CASE("what is lent wrongly is refused, and nothing is written", "[advantage]") {
  rewarded r = some_rewards();
  std::vector<double> out(r.size(), 5.0), large(r.mask.size(), 5.0);
  auto const refused = [&](auto const& rule, char const* words) {
    CHECK(says(compute_advantage(seq, lend(r), rule, per_response(out)), words));
    CHECK(out == std::vector<double>(r.size(), 5.0));
  };
  r.reward[3] = NAN;
  refused(dr_grpo(), "reward at response 3 is nan, but must be finite");
  r.reward[3] = -2e6;
  refused(dr_grpo(), "reward at response 3 is -2e+06, but must be in [-2^20, 2^20] where a rule folds it");
  r.reward[3] = 1e6;
  refused(reward - group(mean(2 * reward)), "what the rule folds of reward at response 3 is 2e+06");
  r.reward[3] = 0.0;
  refused(reward / (group(mean(reward)) * 0), "is inf: the rule gives a number that is not finite in the output");
  refused(grpo(-1.0), "epsilon is -1, but must be 0 or more");
  refused(gpg(0.0), "norm is 0, but must be above 0");
  refused(overlong(10, -2), "buffer is -2, but must be above 0");
  refused(reinforce_pp(), "advantage must have a number for each token under this rule");
  r.mask[8] = 2;
  refused(opo(), "response_mask at response 1, token 2 is 2, but must be 0 or 1");
}

TEST_CASE("shapes, types and memory that do not fit are refused", "[advantage]") {
  rewarded const r = some_rewards();
  std::vector<double> out(r.size(), 5.0), few(3);
  std::vector<int> integers(r.size());
  std::vector<half> halves(r.size());
  auto const shape = padded(7, 6);
  auto const answer = [&](response_batch_view const& b, advantage_output const& o) {
    return compute_advantage(seq, b, dr_grpo(), o);
  };
  auto const lent = lend(r);
  CHECK(says(answer(response_batch(shape, reward(r.reward)), per_response(out)),
             "group_id is read by the rule, but was not lent: add it to response_batch(...)"));
  CHECK(says(answer(response_batch(shape, group_id(r.group)), per_response(out)), "reward is read by the rule"));
  CHECK(says(answer(response_batch(shape, reward(few), group_id(r.group)), per_response(out)), "reward has 3 values"));
  CHECK(says(answer(lent, per_response(few)), "advantage has 3 values, but must have 7"));
  CHECK(says(answer(lent, few), "advantage has 3 elements, but must have 42"));
  CHECK(answer(lent, per_response(integers)).code == status_code::element_type_mismatch);
  CHECK(says(answer(response_batch(shape, reward(out), group_id(r.group)), per_response(out)),
             "advantage shares memory with reward"));
  CHECK(answer(response_batch(padded(-1, 6), reward(r.reward), group_id(r.group)), per_response(out)).code ==
        status_code::bad_parameter);
  CHECK(answer(lent, per_response(vector_view<double>(out.data(), 7, 0))).code == status_code::extent_mismatch);
  CHECK(answer(response_batch(shape, reward(static_cast<double const*>(nullptr)), group_id(r.group)), per_response(out))
            .code == status_code::null_buffer);
  auto const large = compute_advantage(seq, lent, reward * 1e6, per_response(halves));
  CHECK(large.code == status_code::result_not_finite);
  CHECK(large.nothing_written());
  CHECK(out == std::vector<double>(r.size(), 5.0));
}

TEST_CASE("a lent advantage is whitened over its tokens", "[advantage]") {
  std::vector<float> const a{1, 2, 3, NAN, 5, 6};
  std::vector<std::uint8_t> const mask{1, 1, 1, 0, 1, 1};
  std::vector<double> out(6);
  auto const batch = response_batch(padded(2, 3), advantage(a), response_mask(mask));
  REQUIRE(compute_advantage(seq, batch, whitened<whitening::unbiased_plus>(advantage, 0.0), out).ok());
  double const mean = 17.0 / 5.0, variance = (5.76 + 1.96 + 0.16 + 2.56 + 6.76) / 4.0;
  CHECK(out[0] == approx((1.0 - mean) / std::sqrt(variance)));
  CHECK(out[5] == approx((6.0 - mean) / std::sqrt(variance)));
  CHECK(out[3] == 0.0);
}

TEST_CASE("a rule on tokens counts valid tokens from 1", "[advantage]") {
  std::vector<double> const r{1.0, 3.0};
  std::vector<std::uint8_t> const mask{0, 1, 1, 0, 1, 1, 0, 0};
  std::vector<double> out(8, 9.0);
  auto const batch = response_batch(padded(2, 4), reward(r), response_mask(mask));
  REQUIRE(compute_advantage(seq, batch, reward * position_value + cppo::batch(mean(position_value)), out).ok());
  CHECK(out == std::vector<double>{0, 2.5, 3.5, 0, 4.5, 7.5, 0, 0});
  REQUIRE(compute_advantage(seq, batch, reward - cppo::batch(mean(each_token(reward))), out).ok());
  CHECK(out == std::vector<double>{0, -1, -1, 0, 1, 1, 0, 0});
}

TEST_CASE("parts of one's own see the length, and the position if they declare it", "[advantage]") {
  rewarded const r = some_rewards();
  std::vector<double> want(r.size()), got(r.size());
  auto const same = [&](auto const& own, auto const& named) {
    REQUIRE(compute_advantage(seq, lend(r), named, per_response(want)).ok());
    REQUIRE(compute_advantage(seq, lend(r), own, per_response(got)).ok());
    CHECK(got == want);
  };
  same(reward * own_length{}, reward * response_length);
  same(reward - group(mean(own_length{})), reward - group(mean(response_length)));
  same(batch(sum(own_position{})) * reward, batch(sum(position_value)) * reward);
  same(own_long_one{}, at_least(response_length, above(7)));
  same(group(count(own_long_one{})) - reward, group(count(at_least(response_length, above(7)))) - reward);
  std::vector<double> each(r.mask.size()), each_named(r.mask.size());
  REQUIRE(compute_advantage(seq, lend(r), reward * own_position{}, each).ok());
  REQUIRE(compute_advantage(seq, lend(r), reward * position_value, each_named).ok());
  CHECK(each == each_named);
  CHECK(says(compute_advantage(seq, lend(r), reward * own_position{}, per_response(got)), "for each token"));
}

TEST_CASE("a reward is discounted by the tokens after the token", "[advantage]") {
  std::vector<double> const r{1.0};
  std::vector<double> out(3);
  REQUIRE(compute_advantage(seq, response_batch(padded(1, 3), reward(r)), reinforce_pp(0.5, 1.0), out).ok());
  double const mean = 1.75 / 3.0;  // the variance is below epsilon, 1
  CHECK(out[0] == approx(0.25 - mean));
  CHECK(out[1] == approx(0.5 - mean));
  CHECK(out[2] == approx(1.0 - mean));
}

TEST_CASE("responses of more than a thousand tokens count with all of them", "[advantage]") {
  std::vector<double> const r{1.0, 0.0};
  std::vector<int> const g{3, 3}, offsets{0, 90000, 120000};
  std::vector<double> out(2);
  auto const batch = response_batch(packed(offsets), reward(r), group_id(g));
  REQUIRE(compute_advantage(seq, batch, opo(), per_response(out)).ok());
  CHECK(out == std::vector<double>{0.25, -0.75});
  REQUIRE(compute_advantage(seq, batch, response_length - group(mean(response_length)), per_response(out)).ok());
  CHECK(out == std::vector<double>{30000, -30000});
}
