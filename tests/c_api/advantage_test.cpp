// Advantages through the C interface: text, what they read, calls with the bits of C++, states as words, misuse.
#include <cppo.h>

#include "support/catch_compat.hpp"
#include "support/rewarded_batch.hpp"

#include <cppo/described_advantage.hpp>
#include <cppo/described_rule/names.hpp>
#include <cppo/described_rule/parse.hpp>

#include <cstring>
#include <set>
#include <string>

namespace {

using cppo_test::rewarded;

cppo_advantage_rule rule_of(char const* text) {
  cppo_advantage_rule rule;
  cppo_status s;
  INFO(text);
  REQUIRE(cppo_advantage_parse(text, nullptr, 0, &rule, &s) == 0);
  return rule;
}
cppo_tensor one_axis(void const* data, std::int32_t dtype, std::size_t n) {
  return {const_cast<void*>(data), dtype, 1, {static_cast<std::int64_t>(n), 0}, {1, 0}};
}
cppo_tensor two_axes(void const* data, std::int32_t dtype, std::size_t rows, std::size_t columns) {
  auto const width = static_cast<std::int64_t>(columns);
  return {const_cast<void*>(data), dtype, 2, {static_cast<std::int64_t>(rows), width}, {width, 1}};
}

/// A batch of responses as C structures.
struct c_responses {
  std::vector<cppo_lent> inputs;
  cppo_batch batch{};
  explicit c_responses(rewarded const& r) {
    inputs = {{cppo_reward, 1, one_axis(r.reward.data(), cppo_f64, r.size())},
              {cppo_group_id, 0, one_axis(r.group.data(), cppo_i64, r.size())},
              {cppo_response_mask, 0, two_axes(r.mask.data(), cppo_u8, r.size(), r.width)}};
    batch.size = sizeof batch;
    batch.responses = static_cast<std::int64_t>(r.size());
    batch.width = static_cast<std::int64_t>(r.width);
    batch.inputs = inputs.data();
    batch.input_count = static_cast<std::int64_t>(inputs.size());
  }
};
/// What a call writes: one number a response, or one a slot.
std::int32_t compute(rewarded const& r, cppo_advantage_rule const& rule, std::vector<double>& out,
                     cppo_advantage_options const* options, cppo_status* s) {
  c_responses const lent(r);
  bool const each = (cppo_advantage_writes(&rule) & 1) != 0;
  out.assign(each ? r.mask.size() : r.size(), 5.0);
  cppo_tensor const into = each ? two_axes(out.data(), cppo_f64, r.size(), r.width)
                                : one_axis(out.data(), cppo_f64, r.size());
  cppo_lent const to{cppo_out_advantage, each ? 0 : 1, into};
  cppo_outputs const outputs{sizeof outputs, &to, 1, nullptr};
  return cppo_compute_advantage(&lent.batch, &rule, &outputs, options, s);
}
std::vector<double> in_cpp(rewarded const& r, char const* text) {
  cppo::described_advantage const rule = cppo::parse_advantage(text).rule;
  std::vector<double> out(rule.is_of_tokens() ? r.mask.size() : r.size());
  cppo::advantage_output const to = rule.is_of_tokens() ? cppo::advantage_output(out)
                                                        : cppo::advantage_output(cppo::per_response(out));
  REQUIRE(cppo::compute_advantage(cppo::seq, cppo_test::lend(r), rule, to).ok());
  return out;
}
std::vector<std::int64_t> sums_of(rewarded const& r, cppo_advantage_rule const& rule,
                                  std::vector<std::int64_t> const& known) {
  c_responses const lent(r);
  cppo_advantage_options o{};
  o.size = sizeof o, o.known = known.data(), o.known_words = static_cast<std::int64_t>(known.size());
  std::vector<std::int64_t> words(
      static_cast<std::size_t>(cppo_reward_words(&rule, lent.batch.responses)));
  std::int64_t written = 0;
  cppo_status s;
  REQUIRE(cppo_sum_rewards(&lent.batch, &rule, &o, words.data(), static_cast<std::int64_t>(words.size()), &written,
                           &s) == 0);
  words.resize(static_cast<std::size_t>(written));
  return words;
}
std::vector<std::int64_t> both(std::vector<std::int64_t> const& a, std::vector<std::int64_t> const& b) {
  std::vector<std::int64_t> into(a.size() + b.size() + 3);
  auto const n = cppo_reward_states_add(a.data(), static_cast<std::int64_t>(a.size()), b.data(),
                                           static_cast<std::int64_t>(b.size()), into.data(),
                                           static_cast<std::int64_t>(into.size()));
  into.resize(static_cast<std::size_t>(n));
  return into;
}
rewarded some() {
  rewarded r = cppo_test::drawn_rewards({0, 29, 57, 85, 112, 14, 42, 9, 300, 4711, 815});
  for (double& x : r.reward) x = x * 1.1 + 0.3;
  return r;
}
constexpr char const* texts[] = {"grpo", "gpg(2)", "reinforce_pp(0.9, form = unbiased_plus)", "dynamic_sampling",
                                 "exp(-reward) * group(mean(response_length))", "overlong(4, 2)"};

}  // namespace

TEST_CASE("an advantage rule's text is that of the C++ library, and so are its facts") {
  for (char const* text : texts) {
    cppo_advantage_rule const rule = rule_of(text);
    std::string made(static_cast<std::size_t>(cppo_advantage_text(&rule, nullptr, 0)), ' ');
    cppo_advantage_text(&rule, made.data(), static_cast<std::int64_t>(made.size()) + 1);
    cppo::described_advantage const same = cppo::parse_advantage(text).rule;
    CHECK(made == std::string(to_text(same)));
    CHECK(cppo_advantage_levels(&rule) == levels_of(same));
    CHECK(cppo_advantage_writes(&rule) == (same.is_of_tokens() ? 1 : 0) + (same.is_mask() ? 2 : 0));
  }
  auto const bit = [](int id) { return std::uint64_t{1} << id; };
  cppo_advantage_rule const grpo = rule_of("grpo"), gae = rule_of("gae");
  CHECK(cppo_advantage_reads(&grpo) == (bit(cppo_reward) | bit(cppo_group_id)));
  CHECK(cppo_advantage_reads(&gae) ==
        (bit(cppo_reward) | bit(cppo_response_mask) | bit(cppo_value) | bit(cppo_bootstrap_value)));
}

TEST_CASE("advantages through C have the bits of seq") {
  rewarded const r = some();
  for (char const* text : texts) {
    for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
      cppo_advantage_options o{};
      o.size = sizeof o, o.executor = executor, o.threads = 2;
      std::vector<double> out;
      cppo_status s;
      INFO(text << ", executor " << executor);
      CHECK(compute(r, rule_of(text), out, &o, &s) == 0);
      CHECK(out == in_cpp(r, text));
    }
  }
}

TEST_CASE("states of micro-batches as words have the bits of one batch") {
  rewarded const r = some();
  for (char const* text : texts) {
    INFO(text);
    cppo_advantage_rule const rule = rule_of(text);
    std::vector<double> const whole = in_cpp(r, text);
    rewarded const parts[] = {cppo_test::part_of(r, 0, 4), cppo_test::part_of(r, 4, r.size())};
    std::vector<std::int64_t> known;
    for (int level = 0; level < cppo_advantage_levels(&rule); ++level) {
      auto const a = sums_of(parts[0], rule, known), b = sums_of(parts[1], rule, known);
      CHECK(both(a, b) == both(b, a));
      known = both(known, both(a, b));
    }
    std::vector<double> all;
    for (rewarded const& part : parts) {
      cppo_advantage_options o{};
      o.size = sizeof o, o.known = known.data(), o.known_words = static_cast<std::int64_t>(known.size());
      std::vector<double> out;
      CHECK(compute(part, rule, out, &o, nullptr) == 0);
      all.insert(all.end(), out.begin(), out.end());
    }
    CHECK(all == whole);
  }
}

TEST_CASE("gae through C writes returns, and goes on where a response was cut") {
  std::vector<double> const reward{1, 0, 2, 0.5}, value{0.1, 0.2, 0.3, 0.4};
  auto const run = [&](std::size_t first, std::size_t n, double const* after, double* begin, double* out,
                       double* returned) {
    cppo_lent const inputs[] = {{cppo_reward, 0, two_axes(reward.data() + first, cppo_f64, 1, n)},
                                {cppo_value, 0, two_axes(value.data() + first, cppo_f64, 1, n)}};
    cppo_lent const to[] = {{cppo_out_advantage, 0, two_axes(out, cppo_f64, 1, n)},
                            {cppo_out_returns, 0, two_axes(returned, cppo_f64, 1, n)}};
    cppo_batch const batch{sizeof batch, 1, static_cast<std::int64_t>(n), {}, 0, 0, inputs, 2};
    cppo_outputs const outputs{sizeof outputs, to, 2, nullptr};
    cppo_advantage_options o{};
    o.size = sizeof o, o.after = after, o.first = begin;
    cppo_advantage_rule const rule = rule_of("gae(0.9, 0.8)");
    cppo_status s;
    std::int32_t const code = cppo_compute_advantage(&batch, &rule, &outputs, &o, &s);
    INFO(s.message);
    CHECK(code == 0);
  };
  double whole[4], returns[4], cut[4], more[4], between[2];
  run(0, 4, nullptr, nullptr, whole, returns);
  run(2, 2, nullptr, between, cut + 2, more + 2);
  run(0, 2, between, nullptr, cut, more);
  CHECK(std::memcmp(whole, cut, sizeof whole) == 0);
  CHECK(std::memcmp(returns, more, sizeof returns) == 0);
  CHECK(returns[3] == 0.5);
}

TEST_CASE("the names of advantage rules are in a list of their own") {
  std::set<std::string> seen;
  for (std::int64_t i = 0; cppo_advantage_name(i) != nullptr; ++i)
    seen.insert(std::string(cppo_advantage_kind(i)) + " " + cppo_advantage_name(i) + "(" +
                cppo_advantage_parameters(i) + ")");
  for (char const* wanted : {"quantity reward()", "quantity grpo(epsilon, q)", "whole rule gae(gamma, lambda)",
                             "mask keep_all()", "whitening unbiased_plus()", "statistic count(mask)"}) {
    INFO(wanted);
    CHECK(seen.count(wanted) == 1);
  }
  CHECK(seen.count("quantity ratio()") == 0);
}

TEST_CASE("wrong calls of advantages are refused, and nothing is written") {
  rewarded const r = some();
  cppo_status s;
  cppo_advantage_rule rule;
  auto const says = [&s](char const* part) { return std::string(s.message).find(part) != std::string::npos; };
  CHECK(cppo_advantage_parse("grp", nullptr, 0, &rule, &s) == cppo_bad_text);
  CHECK(says("did you mean grpo?"));
  CHECK(cppo_advantage_parse(nullptr, nullptr, 0, &rule, &s) == cppo_bad_argument);
  CHECK(cppo_advantage_parse("$0", nullptr, 1, &rule, &s) == cppo_bad_argument);
  CHECK(cppo_advantage_parse("grpo", nullptr, -1, nullptr, &s) == cppo_bad_argument);
  rule = rule_of("grpo");
  std::vector<double> out, untouched(r.size(), 5.0);
  cppo_advantage_options o{};
  CHECK(compute(r, rule, out, &o, &s) == cppo_bad_argument);  // no size
  o.size = sizeof o, o.executor = 7;
  CHECK(compute(r, rule, out, &o, &s) == cppo_bad_argument);
  CHECK(says("executor is 7"));
  std::int64_t const strange[] = {1, 9, 3};
  o.executor = cppo_seq, o.known = strange, o.known_words = 3;
  CHECK(compute(r, rule, out, &o, &s) == static_cast<std::int32_t>(cppo::status_code::states_mismatch));
  CHECK(out == untouched);
  cppo_advantage_rule damaged = rule;
  damaged.opaque[3] += 1.0;
  CHECK(compute(r, damaged, out, nullptr, &s) == cppo_bad_argument);
  CHECK((cppo_advantage_levels(&damaged) == -1 && cppo_advantage_text(&damaged, nullptr, 0) == -1));
  CHECK((cppo_advantage_writes(nullptr) == -1 && cppo_advantage_reads(nullptr) == 0));
  CHECK(cppo_reward_words(&rule, -1) == -1);
  cppo_region region;  // a region is no rule of advantages, and the other way round
  REQUIRE(cppo_region_parse("gspo", nullptr, 0, &region, &s) == 0);
  std::memcpy(damaged.opaque, region.opaque, sizeof damaged.opaque);
  CHECK(cppo_advantage_levels(&damaged) == -1);
  std::memcpy(region.opaque, rule.opaque, sizeof region.opaque);
  CHECK(cppo_region_text(&region, nullptr, 0) == -1);
  c_responses lent(r);
  std::vector<std::int64_t> words(4);
  std::int64_t written = 9;
  CHECK(cppo_sum_rewards(&lent.batch, &rule, nullptr, words.data(), 4, &written, &s) == cppo_bad_argument);
  CHECK((says("cppo_reward_words") && words[0] == -1 && written == 3));  // what is sent on is refused
  CHECK(cppo_sum_rewards(&lent.batch, &rule, nullptr, words.data(), 2, &written, &s) == cppo_bad_argument);
  CHECK(written == 0);
  lent.inputs[0].id = cppo_log_prob;
  CHECK(cppo_sum_rewards(&lent.batch, &rule, nullptr, words.data(), 4, &written, &s) == cppo_bad_argument);
  CHECK(says("which is none of a batch of responses"));
}

namespace {

/// A batch of `gae`: four tokens, and room for what it writes.
struct gae_call {
  double reward[4] = {1, 0, 2, 0.5}, value[4] = {0.1, 0.2, 0.3, 0.4}, out[4] = {5, 5, 5, 5}, returned[4] = {5, 5, 5, 5};
  double first[2] = {5, 5}, after[2] = {0.5, 0.25};
  cppo_advantage_options options{sizeof(cppo_advantage_options), cppo_seq, 1, nullptr, 0, nullptr, nullptr};
  cppo_status s;

  std::int32_t call(char const* text = "gae(0.9, 0.8)", bool with_returns = true) {
    cppo_lent const inputs[] = {{cppo_reward, 0, two_axes(reward, cppo_f64, 1, 4)},
                                {cppo_value, 0, two_axes(value, cppo_f64, 1, 4)}};
    cppo_lent const to[] = {{cppo_out_advantage, 0, two_axes(out, cppo_f64, 1, 4)},
                            {cppo_out_returns, 0, two_axes(returned, cppo_f64, 1, 4)}};
    cppo_batch const batch{sizeof batch, 1, 4, {}, 0, 0, inputs, 2};
    cppo_outputs const outputs{sizeof outputs, to, with_returns ? 2 : 1, nullptr};
    cppo_advantage_rule const rule = rule_of(text);
    return cppo_compute_advantage(&batch, &rule, &outputs, &options, &s);
  }
  bool says(char const* part) const { return std::string(s.message).find(part) != std::string::npos; }
  bool is_untouched() const { return out[0] == 5 && returned[3] == 5 && first[1] == 5; }
};
constexpr auto overlap = static_cast<std::int32_t>(cppo::status_code::output_overlap);

}  // namespace

TEST_CASE("what gae alone has is refused beside known states, and nothing is written") {
  rewarded const r = some();
  cppo_advantage_rule const rule = rule_of("dr_grpo");
  std::vector<std::int64_t> const known = sums_of(r, rule, {});
  for (int asked = 1; asked <= 3; ++asked) {
    gae_call c;
    c.options.known = known.data(), c.options.known_words = static_cast<std::int64_t>(known.size());
    if (asked == 1) c.options.first = c.first;
    if (asked == 2) c.options.after = c.after;
    INFO("asked " << asked);
    CHECK((c.call("gae", asked == 3) == cppo_bad_argument && c.says("known is lent beside ")));
    CHECK(c.is_untouched());
  }
  c_responses const lent(r);
  std::vector<std::int64_t> words(known.size(), 7);
  std::int64_t written = 0;
  gae_call c;
  c.options.after = c.after;
  CHECK(cppo_sum_rewards(&lent.batch, &rule, &c.options, words.data(), static_cast<std::int64_t>(words.size()),
                         &written, &c.s) == cppo_bad_argument);
  CHECK((c.says("after is of gae") && words[0] == -1));
}

TEST_CASE("memory that advantages write is shared with nothing that is read") {
  gae_call c;
  for (double* const first : {c.out + 1, c.returned, c.reward, c.value + 2}) {
    c.options.first = first;
    CHECK((c.call() == overlap && c.says("shares memory with") && c.says("first")));
  }
  c.options.first = nullptr, c.options.after = c.out;
  CHECK((c.call() == overlap && c.says("advantage shares memory with after")));
  CHECK((c.is_untouched() && c.reward[2] == 2 && c.value[2] == 0.3));
  gae_call in_place, apart;
  in_place.options.first = in_place.after, in_place.options.after = in_place.after;
  apart.options.first = apart.first, apart.options.after = apart.after;
  REQUIRE((in_place.call() == 0 && apart.call() == 0));
  CHECK((in_place.after[0] == apart.first[0] && in_place.after[1] == apart.first[1]));
}

TEST_CASE("sums of rewards are written into memory of their own") {
  rewarded const r = some();
  cppo_advantage_rule const rule = rule_of("grpo");
  c_responses lent(r);
  std::vector<std::int64_t> known = sums_of(r, rule, {});
  std::vector<std::int64_t> const before = known;
  auto const n = static_cast<std::int64_t>(known.size());
  std::int64_t written = 0;
  gae_call c;
  c.options.known = known.data(), c.options.known_words = n;
  CHECK(cppo_sum_rewards(&lent.batch, &rule, &c.options, known.data(), n, &written, &c.s) == overlap);
  CHECK((c.says("sums shares memory with known") && known == before));
  std::vector<std::int64_t> ids(known.size(), 3);
  for (cppo_lent& l : lent.inputs) {
    if (l.id == cppo_group_id) l.tensor.data = ids.data();
  }
  CHECK(cppo_sum_rewards(&lent.batch, &rule, nullptr, ids.data(), n, &written, &c.s) == overlap);
  CHECK((c.says("sums shares memory with group_id") && ids[0] == 3));
  std::vector<std::int64_t> sums(known.size());
  CHECK(cppo_sum_rewards(&lent.batch, &rule, &c.options, sums.data(), n, known.data(), &c.s) == overlap);
  CHECK(known == before);
}

TEST_CASE("rewards far from 0, up to 2^20, are states that add up") {
  rewarded r = some();
  for (double& x : r.reward) x *= 5000.0;
  cppo_advantage_rule const rule = rule_of("dr_grpo");
  std::vector<std::int64_t> const known = sums_of(r, rule, {});
  cppo_advantage_options o{};
  o.size = sizeof o, o.known = known.data(), o.known_words = static_cast<std::int64_t>(known.size());
  cppo_status s;
  std::vector<double> out;
  REQUIRE(compute(r, rule, out, &o, &s) == 0);
  CHECK(out == in_cpp(r, "dr_grpo"));
}

TEST_CASE("states that cannot be are those of nothing that adds up") {
  rewarded const r = some();
  cppo_advantage_rule const rule = rule_of("dr_grpo");
  std::vector<std::int64_t> const good = sums_of(r, rule, {});
  std::size_t const state = 3 + static_cast<std::size_t>(good[2]);  // the first one's words
  double const beyond[] = {0x1p20 + 1.0, -0x1p20 - 1.0};
  std::int64_t bits[2];
  std::memcpy(bits, beyond, sizeof bits);
  struct { std::size_t at; std::int64_t value; } const wrong[] = {
      {state, INT64_MAX}, {state + 1, INT64_MIN}, {state + 2, INT64_MAX}, {state + 2, -1}, {state + 3, bits[1]},
      {state + 4, bits[0]}, {good.size() - 5, INT64_MAX}, {0, 65}, {1, 65}, {1, -1}, {2, INT64_MAX}, {3, INT64_MAX}};
  for (auto const& w : wrong) {
    INFO(w.at << " " << w.value);
    std::vector<std::int64_t> damaged = good;
    damaged[w.at] = w.value;
    CHECK(both(damaged, damaged)[0] == -1);
    CHECK(both(good, damaged)[0] == -1);
    cppo_advantage_options o{sizeof o, cppo_seq, 1, damaged.data(), static_cast<std::int64_t>(damaged.size()), nullptr,
                             nullptr};
    std::vector<double> out;
    CHECK(compute(r, rule, out, &o, nullptr) == static_cast<std::int32_t>(cppo::status_code::states_mismatch));
  }
  std::int64_t into[3] = {7, 7, 7};
  auto const words = static_cast<std::int64_t>(good.size());
  CHECK(cppo_reward_states_add(nullptr, 8, good.data(), words, into, 3) == -1);
  CHECK(cppo_reward_states_add(good.data(), words, nullptr, 1, into, 3) == -1);
  CHECK(cppo_reward_states_add(good.data(), -1, good.data(), words, into, 3) == -1);
  CHECK(cppo_reward_states_add(good.data(), words, good.data(), words, nullptr, 3) == -1);
  CHECK(cppo_reward_states_add(good.data(), words, nullptr, 0, nullptr, 0) == words);
  CHECK(into[0] == 7);
  gae_call c;
  c.options.known = good.data(), c.options.known_words = -1;
  CHECK((c.call() == cppo_bad_argument && c.says("known_words is -1")));
}

TEST_CASE("no name of the library's own lists is left out of the interface's") {
  auto const check = [](cppo::detail::vocabulary const& words, char const* (*name)(std::int64_t)) {
    std::multiset<std::string> seen;
    for (std::int64_t i = 0; name(i) != nullptr; ++i) seen.insert(name(i));
    cppo::detail::each_rule_name(words, [&](std::string_view wanted, std::string_view, auto const&) {
      INFO(std::string(wanted));
      auto const one = seen.find(std::string(wanted));
      CHECK(one != seen.end());
      if (one != seen.end()) seen.erase(one);
    });
  };
  check(cppo::detail::advantage_vocabulary(), cppo_advantage_name);
  check(cppo::detail::rule_vocabulary(), cppo_part_name);
}
