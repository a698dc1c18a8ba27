#include <cppo/cppo.hpp>
#include <cppo/logits/head_loss.hpp>
#include <cppo/logits/policy_loss.hpp>
#include <cppo/rules.hpp>

#include "support/catch_compat.hpp"
#include "support/naive_head.hpp"
#include "support/same_run.hpp"

using namespace cppo;
using namespace cppo_test;

namespace {

constexpr index_t responses = 4, length = 5, vocabulary = 37, k = 4;
constexpr std::size_t slots = responses * length, ids = vocabulary, width = 3;

// A batch whose logits are a head's. One response is of padding but for a token, and there are holes.
template <class Element = float>
struct head_case {
  naive_head<Element> head;
  std::vector<float> mu = std::vector<float>(slots), a = {}, mu_lists = std::vector<float>(slots * k);
  std::vector<std::int64_t> y = {}, listed = std::vector<std::int64_t>(slots * k);
  std::vector<std::uint8_t> valid = std::vector<std::uint8_t>(slots, 1);
  double temperature = 1.0;

  explicit head_case(std::uint64_t seed) : head(seed, slots, width, ids) {
    std::vector<float> const mu_x = moved_logits(seed + 1, numbers_of(head.all_logits()), 0.4);
    REQUIRE(log_probs(seq, logit_batch(shape(), logits(vocabulary, mu_x)),
                      {.largest_count = k, .largest_id = listed, .largest_log_prob = mu_lists})
                .ok());
    for (std::size_t i = 0; i < slots; ++i) {  // every third is unlikely
      y.push_back(i % 3 == 2 ? static_cast<std::int64_t>(i) : listed[i * k + i % 2]);
      a.push_back(i / length == 1 ? -1.0F : 0.5F);
    }
    for (std::size_t const hole : {4U, 11U, 16U, 17U, 18U, 19U}) valid[hole] = 0;
    REQUIRE(log_probs(seq, logit_batch(shape(), logits(vocabulary, mu_x), token_id(y)), {.log_prob = mu}).ok());
    for (std::size_t i = 0; i < slots; ++i) {
      if (valid[i] == 1) continue;  // nothing of it may matter
      mu[i] = a[i] = head.hidden[i * width] = not_a_logit;
      y[i] = -7;
    }
  }
  static layout shape() { return padded(responses, length); }
  auto batch_of(auto const& rows) const {
    return rollout_batch(shape(), rows.at_temperature(temperature), token_id(y), rollout_log_prob(mu), advantage(a),
                         response_mask(valid), rollout_top_k(k, listed, mu_lists));
  }
};

struct made {
  std::vector<float> loss = std::vector<float>(slots, 5.0F), divergence = std::vector<float>(slots, 5.0F);
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(slots, 5);
  report counts = {};
  head_work work = {};
  status outcome = {};

  bool untouched() const {
    return loss == std::vector<float>(slots, 5.0F) && mask == std::vector<std::uint8_t>(slots, 5) &&
           counts.counts.tokens == 0;
  }
};

template <class Executor, class Element, class Region>
made from_head(Executor const& e, head_case<Element>& c, index_t room, Region const& region,
               loss_options const& options = {}, head_loss_options const& more = {}) {
  made m;
  std::vector<Element> slab(static_cast<std::size_t>(room) * ids, Element(9.0F));
  auto const batch = c.batch_of(logits_in_slabs(room, vocabulary, slab));
  m.outcome = policy_loss_from_head(e, c.head, batch, region,
                                    {.loss = m.loss, .mask = m.mask, .trace = {.divergence = m.divergence},
                                     .report = &m.counts, .work = &m.work},
                                    options, more);
  return m;
}
template <class Element>
struct whole {
  made rest;
  std::vector<Element> gradient = std::vector<Element>(slots * ids, Element(5.0F));
};
template <class Element, class Region>
whole<Element> from_logits(head_case<Element> const& c, Region const& region, loss_options const& options = {},
                           double bonus = 0.0) {
  whole<Element> w;
  std::vector<Element> const x = c.head.all_logits();
  w.rest.outcome = policy_loss_from_logits(seq, c.batch_of(logits(vocabulary, x)), region,
                                           {.logits_gradient = w.gradient, .loss = w.rest.loss, .mask = w.rest.mask,
                                            .trace = {.divergence = w.rest.divergence}, .report = &w.rest.counts},
                                           options, {.entropy_bonus = bonus});
  return w;
}

void check_same(made const& got, made const& want) {
  CHECK(same_status(got.outcome, want.outcome));
  CHECK(same_bits(got.loss, want.loss));
  CHECK(same_bits(got.divergence, want.divergence));
  CHECK(same_bits(got.mask, want.mask));
  CHECK(unlike(got.counts, want.counts).empty());
}

// The gradients of both sides of the product, from those of the logits.
template <class Element>
void check_products(naive_head<Element> const& head, std::vector<Element> const& of_logits) {
  std::vector<float> const d = numbers_of(of_logits);
  for (std::size_t i = 0; i < slots; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      long double want = 0.0L;
      for (std::size_t v = 0; v < ids; ++v) {
        want += static_cast<long double>(d[i * ids + v]) * static_cast<long double>(head.weight[j * ids + v]);
      }
      CHECK(std::fabs(head.hidden_sum[i * width + j] - static_cast<double>(want)) < 1e-12);
    }
  }
  for (std::size_t e = 0; e < width * ids; ++e) {
    long double want = 0.0L;
    for (std::size_t i = 0; i < slots; ++i) {
      long double const by = static_cast<long double>(d[i * ids + e % ids]);
      if (by != 0.0L) want += by * static_cast<long double>(head.hidden[i * width + e / ids]);
    }
    CHECK(std::fabs(head.weight_sum[e] - static_cast<double>(want)) < 1e-12);
  }
}

template <class Element, class Region>
void check_room(std::uint64_t seed, index_t room, Region const& region, loss_options const& options,
                head_loss_options const& more) {
  head_case<Element> plain(seed);
  plain.temperature = 0.8;
  whole<Element> const want = from_logits(plain, region, options, more.entropy_bonus);
  INFO("room " << room << ": " << describe(want.rest.outcome).c_str());
  CHECK(want.rest.outcome.ok());
  CHECK(want.rest.counts.kept > 3);
  CHECK(want.rest.counts.masked() > 0);
  auto const check = [&](auto const& e) {
    head_case<Element> c(seed);
    c.temperature = 0.8;
    made const got = from_head(e, c, room, region, options, more);
    check_same(got, want.rest);
    CHECK(same_bits(c.head.rows_seen, want.gradient));
    CHECK(c.head.rising);
    if (room == 2) check_products(c.head, want.gradient);
  };
  check(seq);
  check(simd.with_threads(3, 1));
}

}  // namespace

// What gives the rows of a slab away to calls that read a row for each slot.
template <class T>
concept gives_rows_away = requires(T const& x) { x.rows(); } || requires(T const& x) { x.batch(); } ||
                          requires(T const& x) { x.with_room_for(index_t{2}); };
static_assert(!gives_rows_away<logit_slab<float>> && !gives_rows_away<logit_rows>);
static_assert(!gives_rows_away<head_rollout_view<float, float>>);

TEMPLATE_TEST_CASE("policy_loss_from_head gives what policy_loss_from_logits gives", "[logits]", float, half,
                   bfloat16) {
  auto const region = presets::dense_base(top_k_tv);
  for (index_t const room : {1, 2, 3, 7, 14, 15, 40}) {
    check_room<TestType>(1, room, region, {.aggregate = token_mean}, {});
    check_room<TestType>(1, room, region, {.normalizer = 9.0}, {.forward = head_forward::once});
  }
}

TEST_CASE("policy_loss_from_head under regions that read a response, or the batch, before they decide", "[logits]") {
  for (head_forward const forward : {head_forward::checked_first, head_forward::once}) {
    head_loss_options const more{.entropy_bonus = 0.02, .forward = forward};
    for (index_t const room : {2, 5, 9, 40}) {
      loss_options const by_responses{.aggregate = seq_mean_token_mean, .normalizer = 4.0};
      check_room<float>(3, room, calibrated_cppo({.delta = 0.05}), by_responses, more);
      check_room<float>(3, room, trm_max({.delta = 0.02}), {.aggregate = token_mean}, more);
      check_room<float>(3, room, entropy_top({.share = 0.4}), {}, more);
    }
  }
}

TEST_CASE("policy_loss_from_head computes as many rows as it says", "[logits]") {
  auto const region = fixed_cppo({.delta = 0.06, .delta_b = 0.02}, top_k_tv);
  constexpr index_t tokens = 14;
  for (index_t room = 1; room <= tokens + 2; ++room) {
    head_case<> c(1);
    made const m = from_head(seq, c, room, region);
    REQUIRE(m.outcome.ok());
    index_t const slabs = (tokens + room - 1) / room, last = tokens - (slabs - 1) * room;
    index_t with_slope = 0, in_last = 0, token = 0;
    for (std::size_t i = 0; i < slots; ++i) {
      if (c.valid[i] == 0) CHECK((c.head.computed[i] == 0 && c.head.with_gradient[i] == 0));
      if (c.valid[i] == 0) continue;
      bool const in = token++ >= tokens - last;
      with_slope += m.mask[i];
      in_last += in ? m.mask[i] : 0;
      CHECK(c.head.with_gradient[i] == m.mask[i]);
      CHECK(c.head.computed[i] == (in ? 1 : 1 + m.mask[i]));
    }
    index_t const again = with_slope - in_last;
    CHECK(m.work.logits_rows == tokens + again);
    CHECK(m.work.logits_calls == slabs + (again + room - 1) / room);
    CHECK(m.work.gradient_rows == with_slope);
    CHECK(m.work.gradient_calls == (in_last > 0 ? 1 : 0) + (again + room - 1) / room);
    CHECK(m.work.gradient_calls <= slabs);
    CHECK(static_cast<std::size_t>(m.work.logits_calls) == c.head.sizes.size());
    CHECK(m.work.gradient_calls == c.head.gradient_calls);
  }
}

TEST_CASE("policy_loss_from_head: once where responses fit, the divisor is known and nothing reads the batch",
          "[logits]") {
  auto const most = [](index_t room, auto const& region, loss_options const& options) {
    head_case<> c(1);
    made const m = from_head(seq, c, room, region, options, {.forward = head_forward::once});
    REQUIRE(m.outcome.ok());
    CHECK(m.work.gradient_rows > 0);
    return *std::max_element(c.head.computed.begin(), c.head.computed.end());
  };
  loss_options const known{.normalizer = 3.0};
  CHECK(most(5, ppo(), known) == 1);
  CHECK(most(5, ppo(), {}) == 1);
  CHECK(most(5, calibrated_cppo(), {}) == 1);
  CHECK(most(5, gspo(), {}) == 1);
  CHECK(most(4, ppo(), known) == 2);
  CHECK(most(5, ppo(), {.aggregate = token_mean}) == 2);
  CHECK(most(5, entropy_top({.share = 0.5}), known) == 2);
  std::vector<response_summary> totals(responses);
  for (response_summary& whole : totals) whole.length = 5;
  CHECK(most(5, ppo(), {.normalizer = 3.0, .totals = totals}) == 2);
}

TEST_CASE("policy_loss_from_head without gradients computes each row once", "[logits]") {
  head_case<> c(1);
  made const m = from_head(seq, c, 3, ppo(), {}, {.gradients = head_gradients::left_out});
  check_same(m, from_logits(c, ppo()).rest);
  CHECK(m.work.logits_rows == 14);
  CHECK(c.head.gradient_calls == 0);
}

TEST_CASE("policy_loss_from_head, packed: slots of no response and of other calls are not asked for", "[logits]") {
  head_case<> c(6);
  std::int32_t const cuts[] = {2, 5, 5, 12, 15};
  std::vector<float> slab(3 * ids);
  auto const run = [&](layout const& l, auto const& rows, auto const& f) {
    return f(rollout_batch(l, rows, token_id(c.y), rollout_log_prob(c.mu), advantage(per_response(c.a.data())),
                           response_mask(c.valid)));
  };
  for (bool const clears : {false, true}) {
    layout const l = clears ? packed(cuts).with_capacity(slots) : packed(cuts).part_of(slots);
    for (head_forward const forward : {head_forward::checked_first, head_forward::once}) {
      for (index_t const room : {3, 7, 20}) {
        c = head_case<>(6);
        c.a = {0.5F, -1.0F, 1.0F, -0.5F};
        slab.resize(static_cast<std::size_t>(room) * ids);
        std::vector<float> gradient(slots * ids), want(slots, 5.0F), got = want;
        std::vector<float> const x = c.head.all_logits();
        status const s = run(l, logits(vocabulary, x), [&](auto const& b) {
          return policy_loss_from_logits(seq, b, ppo(), {.logits_gradient = gradient, .loss = want});
        });
        REQUIRE(s.ok());
        status const t = run(l, logits_in_slabs(room, vocabulary, slab), [&](auto const& b) {
          return policy_loss_from_head(seq, c.head, b, ppo(), {.loss = got}, {}, {.forward = forward});
        });
        REQUIRE(t.ok());
        CHECK(same_bits(got, want));
        CHECK(same_bits(c.head.rows_seen, gradient));
        for (std::size_t const slot : {0U, 1U, 4U, 11U, 15U, 19U}) CHECK(c.head.computed[slot] == 0);
      }
    }
  }
}

TEST_CASE("policy_loss_from_head, once: views with gaps, of some responses after the other", "[logits]") {
  head_case<> c(2), d(2);
  constexpr index_t gap = 8, list_gap = 6;
  std::vector<float> mu(responses * gap, not_a_logit), lists(slots * list_gap, not_a_logit);
  std::vector<std::int64_t> listed(slots * list_gap, vocabulary);
  for (std::size_t i = 0; i < slots; ++i) {
    mu[i / length * gap + i % length] = c.mu[i];
    for (std::size_t j = 0; j < k; ++j) {
      lists[i * list_gap + j] = c.mu_lists[i * k + j];
      listed[i * list_gap + j] = c.listed[i * k + j];
    }
  }
  std::vector<float> slab(5 * ids), loss(slots);
  std::vector<float> const advantages = {0.5F, -1.0F, 0.5F, 0.5F};
  index_t const n = slots;
  auto const batch = rollout_batch(
      c.shape(), logits_in_slabs(5, vocabulary, slab), token_id(c.y),
      rollout_log_prob(matrix_view<float const>(mu.data(), responses, length, gap, 1)),
      advantage(per_response(advantages)), response_mask(c.valid),
      rollout_top_k(k, matrix_view<std::int64_t const>(listed.data(), n, k, list_gap, 1),
                    matrix_view<float const>(lists.data(), n, k, list_gap, 1)));
  head_work work;
  REQUIRE(policy_loss_from_head(simd, c.head, batch, presets::dense_base(top_k_tv), {.loss = loss, .work = &work}, {},
                                {.forward = head_forward::once}).ok());
  CHECK(work.logits_rows == 14);
  CHECK(same_bits(loss, from_head(seq, d, 20, presets::dense_base(top_k_tv)).loss));
  CHECK(same_bits(c.head.rows_seen, d.head.rows_seen));
}

TEST_CASE("policy_loss_from_head: a slab may be a view with gaps between its rows", "[logits]") {
  head_case<> c(2), d(2);
  std::vector<float> slab(3 * 50, 4.0F);
  made m;
  auto const batch = c.batch_of(logits_in_slabs(3, vocabulary, matrix_view<float>(slab.data(), 3, vocabulary, 50, 1)));
  REQUIRE(policy_loss_from_head(simd, c.head, batch, ppo(), {.loss = m.loss}).ok());
  CHECK(same_bits(m.loss, from_head(seq, d, 3, ppo()).loss));
  CHECK(same_bits(c.head.rows_seen, d.head.rows_seen));
  for (std::size_t i = 0; i < slab.size(); ++i) CHECK((i % 50 < ids || slab[i] == 4.0F));
}

namespace {

// What a call says that must neither write nor add.
template <class Change>
status refused(Change const& change, index_t room = 4) {
  head_case<> c(2);
  change(c);
  made const m = from_head(simd, c, room, presets::dense_base(top_k_tv));
  CHECK(!m.outcome.ok());
  CHECK(m.untouched());
  CHECK(c.head.gradient_calls == 0);
  return m.outcome;
}

}  // namespace

TEST_CASE("policy_loss_from_head names what is wrong, writes nothing and adds nothing", "[logits]") {
  auto const logit_of = [](std::size_t slot, float x) {
    return [slot, x](head_case<>& c) { c.head.hidden[slot * width + 1] = x; };
  };
  status s = refused(logit_of(13, not_a_logit));
  CHECK(s.code == status_code::logit_invalid);
  CHECK((s.response == 2 && s.token == 3 && s.wanted == 0));
  s = refused([](head_case<>& c) { c.y[7] = vocabulary; });
  CHECK(s.code == status_code::id_out_of_vocabulary);
  s = refused([](head_case<>& c) { c.valid[7] = 3; });
  CHECK(s.code == status_code::response_mask_invalid);
  s = refused([](head_case<>& c) { c.temperature = 0.0; });
  CHECK(s.code == status_code::bad_parameter);
  s = refused([](head_case<>& c) { c.a.pop_back(); });
  CHECK(s.where == argument::advantage);
  s = refused([](head_case<>&) {}, 0);
  CHECK(describe(s) == "option logits_in_slabs(rows, ...) is 0, but must be 1 or more: pass the number of rows that "
                       "there is memory for");
}

TEST_CASE("policy_loss_from_head finds the status of policy_loss_from_logits, in whatever slab it is", "[logits]") {
  head_case<> plain(2);
  plain.head.weight[ids - 1] = no_logit;  // the last id is -inf or +inf, by the sign of its hidden state
  for (std::size_t i = 0; i < slots; ++i) plain.head.hidden[i * width] = 1.0F;
  plain.y[3] = vocabulary - 1;  // has no log-prob
  for (bool const later_nan : {false, true}) {
    if (later_nan) plain.head.hidden[13 * width] = not_a_logit;
    made const want = from_logits(plain, ppo()).rest;
    CHECK(want.outcome.code == (later_nan ? status_code::logit_invalid : status_code::sampled_id_masked));
    for (head_forward const forward : {head_forward::checked_first, head_forward::once}) {
      for (index_t const room : {1, 5, 6, 30}) {
        head_case<> c = plain;
        made const got = from_head(seq, c, room, ppo(), {}, {.forward = forward});
        CHECK(same_status(got.outcome, want.outcome));
        CHECK(got.untouched());
        CHECK(c.head.gradient_calls == 0);  // the first token without log-prob is in the first slab
      }
    }
  }
}

TEST_CASE("policy_loss_from_head: under once a bad logit is found when earlier gradients are added", "[logits]") {
  head_case<> c(2);
  c.head.hidden[13 * width] = not_a_logit;
  made const m = from_head(seq, c, 5, ppo(), {}, {.forward = head_forward::once});
  CHECK(m.outcome.code == status_code::logit_invalid);
  CHECK(m.untouched());
  CHECK(c.head.gradient_calls == 2);
}

TEST_CASE("policy_loss_from_head judges other bad input as policy_loss_from_logits does", "[logits]") {
  for (on_bad_input const how : {on_bad_input::reject, on_bad_input::exclude, on_bad_input::propagate}) {
    for (head_forward const forward : {head_forward::checked_first, head_forward::once}) {
      head_case<> plain(4);
      plain.a[6] = not_a_logit;
      loss_options const options{.bad_input = how};
      whole<float> const want = from_logits(plain, ppo(), options, 0.01);
      head_case<> c = plain;
      made const got = from_head(simd, c, 5, ppo(), options, {.entropy_bonus = 0.01, .forward = forward});
      CHECK(same_status(got.outcome, want.rest.outcome));
      CHECK(same_bits(got.mask, want.rest.mask));
      for (std::size_t i = 0; i < slots * ids; ++i) {
        bool const nan = std::isnan(want.gradient[i]);
        CHECK(nan == (how == on_bad_input::propagate && i / ids == 6));
        CHECK((nan ? std::isnan(c.head.rows_seen[i]) : c.head.rows_seen[i] == want.gradient[i]));
      }
    }
  }
}

TEST_CASE("policy_loss_from_head: the slab shares no memory with inputs and outputs", "[logits]") {
  head_case<> c(2);
  std::vector<float> room(7 * ids);  // an output that begins at the end of the slab ends in it
  std::span<float> memory(room.data(), 6 * ids);
  auto const with = [&](head_loss_outputs const& out, float const* mu) {
    auto const batch = rollout_batch(c.shape(), logits_in_slabs(6, vocabulary, memory), token_id(c.y),
                                     rollout_log_prob(mu), advantage(c.a), response_mask(c.valid));
    status const s = policy_loss_from_head(seq, c.head, batch, ppo(), out);
    CHECK(c.head.sizes.empty());
    return s;
  };
  status s = with({.loss = output(memory.data() + 6 * ids - 1)}, c.mu.data());
  CHECK((s.code == status_code::output_overlap && s.where == argument::loss && s.other == argument::logits));
  s = with({}, memory.data() + 8);
  CHECK(s.code == status_code::output_overlap);
  CHECK_THAT(describe(s).c_str(), contains("logits_in_slabs shares memory with rollout_log_prob"));
  CHECK(with({.report = reinterpret_cast<report*>(memory.data())}, c.mu.data()).where == argument::report);
  memory = memory.first(5 * ids);
  s = with({}, c.mu.data());
  CHECK((s.code == status_code::extent_mismatch && s.wanted == 6 * vocabulary));
}

TEST_CASE("policy_loss_from_head: what the head throws goes through", "[logits]") {
  made const clean = [] {
    head_case<> c(2);
    return from_head(seq, c, 5, ppo());
  }();
  for (int const in : {1, 3, 4, -1, -2}) {
    head_case<> c(2);
    c.head.throws_in = in;
    std::vector<float> slab(5 * ids), loss(slots, 5.0F);
    report counts;
    auto const batch = c.batch_of(logits_in_slabs(5, vocabulary, slab));
    CHECK_THROWS_AS(policy_loss_from_head(simd.with_threads(2, 1), c.head, batch, ppo(),
                                          {.loss = loss, .report = &counts}),
                    std::runtime_error);
    bool const decided = in < 0 || in > 3;  // three slabs are read before
    CHECK(same_bits(loss, decided ? clean.loss : std::vector<float>(slots, 5.0F)));
    CHECK(counts.counts.tokens == (decided ? 14 : 0));
  }
}

TEST_CASE("policy_loss_from_head of a batch without tokens asks the head for nothing", "[logits]") {
  head_case<> c(2);
  std::fill(c.valid.begin(), c.valid.end(), std::uint8_t{0});
  made const m = from_head(seq, c, 5, ppo(), {}, {.entropy_bonus = 1.0});
  CHECK(m.outcome.code == status_code::no_active_tokens);
  CHECK(c.head.sizes.empty());
  CHECK(m.counts.loss() == 0.0);
}
