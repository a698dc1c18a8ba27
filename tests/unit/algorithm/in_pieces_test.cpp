// A response cut into pieces gets the bits of the uncut one, wherever it is cut.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>
#include <cppo/weight/reversed.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>

namespace {

using cppo::index_t;
using namespace cppo::testing;
using cppo_test::unlike;

// Pieces of responses: the slots of each, and which response it belongs to and where.
struct cut_responses {
  slot_rows rows;
  std::vector<index_t> response_of, order_of;
  index_t responses = 0;

  void add(std::vector<index_t> slots, index_t response, index_t order) {
    rows.push_back(std::move(slots));
    response_of.push_back(response);
    order_of.push_back(order);
  }
  // The pieces in another order.
  cut_responses shuffled(random_source& random) const {
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<index_t>(i)))]);
    }
    cut_responses r{.rows = {}, .response_of = {}, .order_of = {}, .responses = responses};
    for (std::size_t const k : order) r.add(rows[k], response_of[k], order_of[k]);
    return r;
  }
};

// Bit i of `cuts` set: a piece ends after slot i. One copy of the slots for every value of `cuts`.
cut_responses every_cut(std::vector<index_t> const& slots) {
  cut_responses all;
  auto const n = slots.size();
  for (unsigned cuts = 0; cuts < (1U << (n - 1)); ++cuts) {
    std::vector<index_t> piece;
    index_t order = 0;
    for (std::size_t i = 0; i < n; ++i) {
      piece.push_back(slots[i]);
      if (i + 1 == n || (cuts >> i & 1U) != 0) all.add(std::exchange(piece, {}), all.responses, order++);
    }
    ++all.responses;
  }
  return all;
}

// Random cuts of every response of a batch, some pieces empty.
template <class T>
cut_responses random_cuts(generated_batch<T> const& batch, random_source& random) {
  cut_responses all;
  for (index_t b = 0; b < batch.responses; ++b) {
    std::vector<index_t> const slots = batch.row(b);
    std::vector<index_t> ends{static_cast<index_t>(slots.size())};
    for (index_t k = random.below(6); k > 0; --k) ends.push_back(random.below(ends[0] + 1));
    std::sort(ends.begin(), ends.end());
    index_t from = 0;
    for (std::size_t k = 0; k < ends.size(); ++k) {
      all.add({slots.begin() + from, slots.begin() + ends[k]}, b, static_cast<index_t>(k));
      from = ends[k];
    }
    ++all.responses;
  }
  return all;
}

// Plans and runs the pieces; every output must have the bits of `whole`.
template <class Executor, class T, class Region, class Run>
std::string run_pieces(Executor const& executor, generated_batch<T> const& batch, cut_responses const& cut,
                       Region const& region, Run const& whole, cppo::loss_options options = {},
                       arrangement how = arrangement::packed) {
  rearranged_batch<T> const pieces = rearranged(batch, cut.rows, how);
  cppo::piece_plan const plan =
      plan_pieces(pieces.batch.view(), region, cut.response_of, cut.order_of, cut.responses, options);
  options.carries = plan.carries;
  options.totals = plan.totals;
  auto const got = capture(executor, pieces.batch, region, options);
  auto const &counted = got.report, &uncut = whole.report;
  bool const one_copy = counted.counts.tokens == uncut.counts.tokens;
  if (one_copy && counted.counts.responses != uncut.counts.responses) return "responses";
  if (one_copy && counted.max_divergence != uncut.max_divergence) return "max D";
  if (counted.min_delta_b != uncut.min_delta_b || counted.max_delta_b != uncut.max_delta_b) return "delta_b";
  if (!cppo_test::same_status(got.outcome, whole.outcome)) return "status " + std::string(got.outcome.message());
  std::string const wrong = unlike(got, whole, pieces.batch.rows(), pieces.source);
  if (!wrong.empty()) return wrong;
  auto const untraced = capture(executor, pieces.batch, region, options, asks_for::no_trace);
  return unlike(untraced, whole, pieces.batch.rows(), pieces.source);
}

// One response of n slots whose tokens lie near the edges of budget and threshold.
template <class T>
generated_batch<T> short_response(index_t n, unsigned valid, random_source& random) {
  generated_batch<T> batch;
  batch.packed = true;
  batch.responses = 1;
  batch.offsets = {0, n};
  for (index_t i = 0; i < n; ++i) {
    bool const is_token = (valid >> i & 1U) != 0;
    double const q = random.uniform(0.3, 0.6), gap = random.uniform(-0.02, 0.2);
    batch.valid.push_back(is_token ? 1 : 0);
    T const junk = poison<T>(static_cast<int>(i % poisons));
    batch.log_prob.push_back(is_token ? stored<T>(cppo::detail::log(q + gap)) : junk);
    batch.rollout_log_prob.push_back(is_token ? stored<T>(cppo::detail::log(q)) : junk);
    batch.advantage.push_back(stored<T>(random.chance(0.8) ? 1.0 : -1.0));
  }
  batch.seal();
  return batch;
}

// check(batch, whole) for a response of every length in [shortest, longest] under every response mask; `whole` is the
// uncut run on seq. Both answers must occur.
template <class T, class Region, class Check>
void each_response(Region const& region, index_t shortest, index_t longest, Check const& check) {
  random_source random(11);
  index_t masked = 0, kept = 0;
  for (index_t n = shortest; n <= longest; ++n) {
    for (unsigned valid = 0; valid < 1U << n; ++valid) {
      generated_batch<T> const batch = short_response<T>(n, valid, random);
      auto const whole = capture(cppo::seq, batch, region, {});
      for (auto const m : whole[captured::mask]) (m == 0 ? masked : kept) += 1;
      std::string const wrong = check(batch, whole);
      if (!wrong.empty()) {
        INFO("length " << n << ", response mask " << valid);
        REQUIRE(wrong == "");
      }
    }
  }
  CHECK(kept > 20);
  CHECK(masked > 20);
}

template <class T, class Executor, class Region>
void check_every_cut(Executor const& executor, Region const& region, index_t longest) {
  each_response<T>(region, 1, longest, [&](generated_batch<T> const& batch, auto const& whole) {
    return run_pieces(executor, batch, every_cut(batch.row(0)), region, whole);
  });
}

// Every piece [i, j) of a response of n slots.
struct distinct_pieces {
  cut_responses all;
  std::vector<index_t> from;
  explicit distinct_pieces(index_t n) {
    for (index_t i = 0; i < n; ++i) {
      for (index_t j = i + 1; j <= n; ++j) {
        std::vector<index_t> slots(static_cast<std::size_t>(j - i));
        std::iota(slots.begin(), slots.end(), i);
        all.add(std::move(slots), 0, 0);
        from.push_back(i);
      }
    }
  }
};

bool same_totals(cppo::response_summary const& a, cppo::response_summary const& b) {
  return a.length == b.length && a.max_divergence == b.max_divergence && a.divergence_sum == b.divergence_sum &&
         a.delta_b == b.delta_b && a.bad_tokens == b.bad_tokens;
}

// Plans a cut of one response, or many cuts of it.
template <class T, class Region>
cppo::piece_plan plan_of(generated_batch<T> const& batch, cut_responses const& cut, Region const& region) {
  auto const pieces = rearranged(batch, cut.rows, arrangement::packed);
  return plan_pieces(pieces.batch.view(), region, cut.response_of, cut.order_of, cut.responses);
}

// A call on a piece depends on nothing but the piece, its carry and its totals. So every piece there is runs once, and
// for every cut of the response the plan must give each of its pieces the carry and totals it ran with.
template <class T, class Region>
std::string cuts_by_pieces(generated_batch<T> const& batch, Region const& region, captured_run<T> const& whole) {
  std::vector<index_t> const slots = batch.row(0);
  cut_responses one_by_one{.rows = {}, .response_of = {}, .order_of = {}, .responses = 1};
  for (index_t const slot : slots) one_by_one.add({slot}, 0, slot);
  cppo::piece_plan const slot_by_slot = plan_of(batch, one_by_one, region);
  distinct_pieces const distinct(static_cast<index_t>(slots.size()));
  rearranged_batch<T> const pieces = rearranged(batch, distinct.all.rows, arrangement::packed);
  std::vector<cppo::prefix_sums> carries;
  for (index_t const i : distinct.from) carries.push_back(slot_by_slot.carries[static_cast<std::size_t>(i)]);
  std::vector<cppo::response_summary> const totals(carries.size(), slot_by_slot.totals[0]);
  cppo::loss_options const options{.carries = carries, .totals = totals};
  for (auto const& got :
       {capture(cppo::seq, pieces.batch, region, options), capture(cppo::simd, pieces.batch, region, options),
        capture(cppo::simd, pieces.batch, region, options, asks_for::no_trace)}) {
    std::string const wrong = unlike(got, whole, pieces.batch.rows(), pieces.source);
    if (!wrong.empty()) return wrong;
  }
  cut_responses const every = every_cut(slots);
  cppo::piece_plan const plan = plan_of(batch, every, region);
  for (std::size_t k = 0; k < every.rows.size(); ++k) {
    auto const first = static_cast<std::size_t>(every.rows[k][0]);
    if (!(plan.carries[k] == slot_by_slot.carries[first])) return "a carry differs";
    if (!same_totals(plan.totals[k], totals[0])) return "totals differ";
  }
  return "";
}

// Every kind of region that carries something from piece to piece.
template <class F>
void each_region(F const& f) {
  auto const fixed = cppo::fixed_cppo();
  auto const calibrated = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::binary_tv, {.quantile = 0.5});
  f("fixed", fixed);
  f("calibrated", calibrated);
  f("soft", softened(fixed, cppo::reciprocal_gate));
  f("calibrated and soft", softened(calibrated, cppo::reciprocal_gate));
  f("permuted", cppo::trust_region(cppo::binary_tv, permuted(cppo::linear_weight(0.3), 5), fixed.mask()));
  f("reversed", cppo::trust_region(cppo::binary_tv, reversed(cppo::linear_weight(0.3)), fixed.mask()));
  f("trm_max", cppo::trm_max({.delta = 0.04}));
  f("trm_mean", cppo::trm_mean({.delta = 0.01}));
}

void check_cuts_by_pieces(index_t slots) {
  each_region([slots](char const* name, auto const& region) {
    INFO(name);
    each_response<float>(region, slots, slots, [&](generated_batch<float> const& batch, auto const& whole) {
      return cuts_by_pieces(batch, region, whole);
    });
  });
}

template <class T, class Executor>
void check_random_cuts(Executor const& executor, std::uint64_t seeds, generator_options const& o = {}) {
  each_region([&](char const* name, auto const& region) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      generated_batch<T> const batch = generate<T>(seed, o);
      random_source random(seed);
      auto const whole = capture(executor, batch, region, {});
      cut_responses const cut = random_cuts(batch, random).shuffled(random);
      INFO(name << ", seed " << seed);
      REQUIRE(run_pieces(executor, batch, cut, region, whole, {}, packed_if(seed % 3 != 0)) == "");
    }
  });
}

}  // namespace

TEST_CASE("F23_every_cut: every kind of region, every response mask and every cut up to eight slots, seq") {
  each_region([](char const* name, auto const& region) {
    INFO(name);
    check_every_cut<float>(cppo::seq, region, 8);
    check_every_cut<double>(cppo::seq, region, 6);
  });
}

TEST_CASE("F23_every_cut: every kind of region, every response mask and every cut up to eight slots, simd") {
  each_region([](char const* name, auto const& region) {
    INFO(name);
    check_every_cut<float>(cppo::simd, region, 8);
  });
}

TEST_CASE("F23_every_cut: every kind of region, every response mask and every cut of nine slots") {
  check_cuts_by_pieces(9);
}

TEST_CASE("F23_every_cut: every kind of region, every response mask and every cut of ten slots", "[.long]") {
  check_cuts_by_pieces(10);
}

TEST_CASE("F23_every_cut: random cuts of generated batches, pieces in any order") {
  check_random_cuts<float>(cppo::seq, 120);
  check_random_cuts<float>(cppo::simd, 120);
  check_random_cuts<double>(cppo::seq, 40);
}

TEST_CASE("F23_every_cut: long responses cut across blocks") {
  check_random_cuts<float>(cppo::simd.with_threads(2, 1), 6, {.max_responses = 3, .max_length = 1500});
}

TEST_CASE("pieces under a given normalizer scale like the uncut responses") {
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean,
                            cppo::seq_mean_token_sum_norm);
  auto const region = cppo::fixed_cppo();
  cppo::loss_options const options{.aggregate = how, .normalizer = 6.0, .horizon = 100};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    generated_batch<float> const batch = generate<float>(seed);
    random_source random(seed);
    auto const whole = capture(cppo::seq, batch, region, options);
    REQUIRE(run_pieces(cppo::seq, batch, random_cuts(batch, random), region, whole, options) == "");
  }
}

TEST_CASE("F23_every_cut: pieces in one call scale like the uncut responses under every aggregation") {
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean,
                            cppo::seq_mean_token_sum_norm);
  cppo::loss_options const options{.aggregate = how, .horizon = 100};
  each_region([&](char const* name, auto const& region) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      random_source random(seed);
      auto const whole = capture(cppo::seq, batch, region, options);
      cut_responses const cut = random_cuts(batch, random).shuffled(random);
      INFO(name << ", seed " << seed);
      REQUIRE(run_pieces(cppo::seq, batch, cut, region, whole, options, packed_if(seed % 3 != 0)) == "");
      REQUIRE(run_pieces(cppo::simd.with_threads(2, 1), batch, cut, region, whole, options) == "");
    }
  });
}

TEST_CASE("F23_every_cut: each cut alone, the means over responses") {
  auto const how = GENERATE(cppo::seq_mean_token_sum, cppo::seq_mean_token_mean, cppo::seq_mean_token_sum_norm);
  cppo::loss_options const options{.aggregate = how, .horizon = 6};
  auto const region = cppo::calibrated_cppo();
  random_source random(17);
  for (unsigned valid = 1; valid < 64; ++valid) {
    generated_batch<float> const batch = short_response<float>(6, valid, random);
    auto const whole = capture(cppo::seq, batch, region, options);
    cut_responses const all = every_cut(batch.row(0));
    for (index_t k = 0; k < all.responses; ++k) {
      cut_responses one{.rows = {}, .response_of = {}, .order_of = {}, .responses = 1};
      for (std::size_t p = 0; p < all.rows.size(); ++p) {
        if (all.response_of[p] == k) one.add(all.rows[p], 0, all.order_of[p]);
      }
      INFO("response mask " << valid << ", cut " << k);
      REQUIRE(run_pieces(cppo::seq, batch, one, region, whole, options) == "");
      REQUIRE(run_pieces(cppo::simd, batch, one, region, whole, options) == "");
    }
  }
}

TEST_CASE("reports of ranks that hold pieces add up to the report of the whole") {
  random_source random(23);
  generated_batch<float> const batch = short_response<float>(8, 0xefU, random);
  auto const region = cppo::fixed_cppo();
  auto const whole = capture(cppo::seq, batch, region, {}).report;
  cut_responses cut;
  cut.add({0, 1, 2}, 0, 0);
  cut.add({3, 4}, 0, 1);
  cut.add({5, 6, 7}, 0, 2);
  cut.responses = 1;
  rearranged_batch<float> const pieces = rearranged(batch, cut.rows, arrangement::packed);
  cppo::piece_plan const plan = plan_pieces(pieces.batch.view(), region, cut.response_of, cut.order_of, 1);
  cppo::report sum;
  for (std::size_t k : {2U, 0U, 1U}) {
    rearranged_batch<float> const one = rearranged(batch, {cut.rows[k]}, arrangement::packed);
    cppo::loss_options const o{.carries = std::span(plan.carries).subspan(k, 1),
                               .totals = std::span(plan.totals).subspan(k, 1)};
    cppo::report const r = capture(cppo::simd, one.batch, region, o).report;
    CHECK(r.counts.responses == (k == 0 ? 1 : 0));
    CHECK(r.sum_delta_b == (k == 0 ? 0.015 : 0.0));
    sum = sum + r;
  }
  CHECK(sum.counts.tokens == whole.counts.tokens);
  CHECK(sum.counts.responses == 1);
  CHECK(sum.max_divergence == whole.max_divergence);
  CHECK(sum.min_delta_b == whole.min_delta_b);
  CHECK(sum.max_delta_b == whole.max_delta_b);
  CHECK(sum.mean_delta_b() == whole.mean_delta_b());
}

TEST_CASE("under a fixed horizon pieces take the positions of the uncut response") {
  auto const region = cppo::fixed_cppo();
  cppo::loss_options const options{.horizon = 90, .positions = cppo::position_convention::fixed_horizon};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    generated_batch<float> const batch = generate<float>(seed);
    random_source random(seed);
    auto const whole = capture(cppo::simd, batch, region, options);
    REQUIRE(run_pieces(cppo::simd, batch, random_cuts(batch, random), region, whole, options) == "");
  }
}

TEST_CASE("a bad token in one piece rejects every piece of its response and no other") {
  auto const executor_is_simd = GENERATE(false, true);
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_mean);
  random_source random(3);
  generated_batch<float> one = short_response<float>(6, 63, random);
  generated_batch<float> two = one;
  // Two responses of six: the first holds a NaN in its third piece.
  two.responses = 2;
  two.offsets = {0, 6, 12};
  for (auto* v : {&two.log_prob, &two.rollout_log_prob, &two.advantage}) {
    std::vector<float> const again = *v;
    v->insert(v->end(), again.begin(), again.end());
  }
  two.valid.assign(12, 1);
  two.seal();
  two.log_prob[4] = poison<float>(0);
  cut_responses cut;
  for (index_t b = 0; b < 2; ++b) {
    for (index_t k = 0; k < 3; ++k) cut.add({6 * b + 2 * k, 6 * b + 2 * k + 1}, b, k);
  }
  cut.responses = 2;
  rearranged_batch<float> const pieces = rearranged(two, cut.rows, arrangement::packed);
  auto const region = cppo::fixed_cppo();
  cppo::piece_plan const plan = plan_pieces(pieces.batch.view(), region, cut.response_of, cut.order_of, 2);
  cppo::loss_options const options{.aggregate = how, .carries = plan.carries, .totals = plan.totals};
  auto const got = executor_is_simd ? capture(cppo::simd, pieces.batch, region, options)
                                    : capture(cppo::seq, pieces.batch, region, options);
  auto const whole = capture(cppo::seq, one, region, {.aggregate = how});
  CHECK(got.outcome.code == cppo::status_code::log_prob_invalid);
  CHECK(got.outcome.response == 2);
  CHECK(got.outcome.token == 0);
  CHECK(got.outcome.count == 1);
  CHECK(got.report.counts.tokens == 6);
  CHECK(got.report.rejected_responses == 3);
  CHECK(unlike(got, whole, {{0, 1, 2, 3, 4, 5}}, std::vector<index_t>(12, -1)) == "");
  CHECK(unlike(got, whole, {{6, 7, 8, 9, 10, 11}}, {0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5}) == "");
}

TEST_CASE("a rejected response may be longer than the fixed horizon, whole or in pieces") {
  random_source random(3);
  generated_batch<float> batch = short_response<float>(6, 63, random);
  batch.log_prob[4] = poison<float>(0);
  cut_responses cut;
  cut.responses = 1;
  for (index_t k = 0; k < 3; ++k) cut.add({2 * k, 2 * k + 1}, 0, k);
  rearranged_batch<float> const pieces = rearranged(batch, cut.rows, arrangement::packed);
  auto const region = cppo::fixed_cppo();
  cppo::loss_options o{.horizon = 4, .positions = cppo::position_convention::fixed_horizon};
  CHECK(capture(cppo::seq, batch, region, o).outcome.code == cppo::status_code::log_prob_invalid);
  cppo::piece_plan const plan = plan_pieces(pieces.batch.view(), region, cut.response_of, cut.order_of, 1, o);
  o.carries = plan.carries;
  o.totals = plan.totals;
  CHECK(capture(cppo::seq, pieces.batch, region, o).outcome.code == cppo::status_code::log_prob_invalid);
  CHECK(capture(cppo::simd, pieces.batch, region, o).outcome.code == cppo::status_code::log_prob_invalid);
  o.bad_input = cppo::on_bad_input::exclude;
  CHECK(capture(cppo::simd, pieces.batch, region, o).outcome.code == cppo::status_code::horizon_too_short);
}

TEST_CASE("a piece without fault of its own says that its response is rejected") {
  random_source random(3);
  generated_batch<float> const batch = short_response<float>(4, 15, random);
  std::vector<cppo::response_summary> totals(1);
  totals[0] = {.length = 8, .max_divergence = 0.0, .divergence_sum = {}, .delta_b = 0.015, .bad_tokens = 2};
  auto const region = cppo::fixed_cppo();
  auto const check = [&](auto const& executor) {
    auto const got = capture(executor, batch, region, {.totals = totals});
    CHECK(got.outcome.code == cppo::status_code::piece_rejected);
    CHECK(got.outcome.response == 0);
    CHECK(got.outcome.token == -1);
    CHECK(got.outcome.count == 1);
    CHECK_FALSE(got.outcome.ok());
    CHECK_FALSE(got.outcome.nothing_written());
    CHECK(got.report.rejected_responses == 1);
    CHECK(unlike(got, got, {{0, 1, 2, 3}}, std::vector<index_t>(4, -1)) == "");  // +0 everywhere
    CHECK(capture(executor, batch, region, {.bad_input = cppo::on_bad_input::exclude, .totals = totals}).outcome.ok());
  };
  check(cppo::seq);
  check(cppo::simd);
}

TEST_CASE("with bad input excluded, pieces equal the uncut response") {
  auto const how = GENERATE(cppo::on_bad_input::exclude, cppo::on_bad_input::propagate);
  random_source random(5);
  each_region([&](char const* name, auto const& region) {
    generated_batch<float> batch = short_response<float>(8, 0xdfU, random);
    batch.rollout_log_prob[3] = 0.5F;
    cppo::loss_options const options{.bad_input = how};
    auto whole = capture(cppo::seq, batch, region, options);
    cut_responses const cut = every_cut(batch.row(0));
    rearranged_batch<float> const pieces = rearranged(batch, cut.rows, arrangement::packed);
    cppo::piece_plan const plan =
        plan_pieces(pieces.batch.view(), region, cut.response_of, cut.order_of, cut.responses, options);
    cppo::loss_options in_pieces = options;
    in_pieces.carries = plan.carries;
    in_pieces.totals = plan.totals;
    auto const got = capture(cppo::simd, pieces.batch, region, in_pieces);
    INFO(name);
    CHECK(got.outcome.ok());
    CHECK(unlike(got, whole, pieces.batch.rows(), pieces.source) == "");
  });
}

TEST_CASE("the passes called one by one give what plan_pieces gives") {
  each_region([](char const* name, auto const& region) {
    INFO(name);
    generated_batch<float> const batch = generate<float>(21, {.max_responses = 1, .max_length = 60});
    random_source random(4);
    cut_responses const cut = random_cuts(batch, random);
    rearranged_batch<float> const pieces = rearranged(batch, cut.rows, arrangement::packed);
    auto const view = pieces.batch.view();
    cppo::piece_plan const plan = plan_pieces(view, region, cut.response_of, cut.order_of, cut.responses);

    // Pass 1 in reverse order: nothing in it depends on order.
    std::vector<float> divergences;
    cppo::response_summary combined;
    for (index_t b = view.shape().responses() - 1; b >= 0; --b) {
      cppo::response_summary piece;
      REQUIRE(summarize_piece(view, region, b, piece, divergences).ok());
      combined = combine(piece, combined);
    }
    cppo::response_summary total;
    REQUIRE(cppo::resolve_totals<float>(region, combined, divergences, total).ok());
    cppo::prefix_sums before;
    for (index_t b = 0; b < view.shape().responses(); ++b) {
      auto const k = static_cast<std::size_t>(b);
      CHECK(plan.carries[k] == before);
      CHECK(plan.totals[k].length == total.length);
      CHECK(plan.totals[k].delta_b == total.delta_b);
      CHECK(plan.totals[k].max_divergence == total.max_divergence);
      CHECK(plan.totals[k].divergence_sum == total.divergence_sum);
      CHECK(plan.totals[k].bad_tokens == total.bad_tokens);
      cppo::prefix_sums piece;
      REQUIRE(sum_piece(view, region, b, total, before.count, piece).ok());
      before = before + piece;
    }
    CHECK(before.count == total.length);
    CHECK(total.length == static_cast<index_t>(batch.token_row(0).size()));
  });
}

TEST_CASE("carries and totals that do not fit the pieces are refused before anything is written") {
  random_source random(9);
  generated_batch<float> const batch = short_response<float>(4, 15, random);
  auto const region = cppo::fixed_cppo();
  std::vector<cppo::response_summary> totals(1);
  totals[0].length = 4;
  totals[0].delta_b = 0.015;
  std::vector<cppo::prefix_sums> carries(1);
  cppo::status outcome;
  auto const code = [&](cppo::loss_options const& o) {
    auto const run = capture(cppo::seq, batch, region, o);
    if (!run.outcome.ok()) CHECK(run[captured::loss][0] == static_cast<float>(unwritten));
    outcome = run.outcome;
    return run.outcome.code;
  };
  using cppo::status_code;
  CHECK(code({.carries = carries, .totals = totals}) == status_code::ok);
  CHECK(code({.carries = carries}) == status_code::carry_mismatch);
  std::vector<cppo::response_summary> const too_many(2, totals[0]);
  CHECK(code({.totals = too_many}) == status_code::carry_mismatch);
  std::vector<cppo::prefix_sums> const more_carries(2);
  CHECK(code({.carries = more_carries, .totals = totals}) == status_code::carry_mismatch);
  totals[0].delta_b = 1000.0;
  CHECK(code({.totals = totals}) == status_code::ok);
  totals[0].delta_b = std::nextafter(1000.0, 1001.0);
  CHECK(code({.totals = totals}) == status_code::carry_mismatch);
  totals[0].delta_b = 0.015;
  carries[0].count = 5;
  CHECK(code({.carries = carries, .totals = totals}) == status_code::carry_mismatch);
  CHECK((outcome.response == 0 && outcome.count == 1));
  carries[0].count = -1;
  CHECK(code({.carries = carries, .totals = totals}) == status_code::carry_mismatch);
  totals[0].delta_b = std::numeric_limits<double>::quiet_NaN();
  CHECK(code({.totals = totals}) == status_code::carry_mismatch);
}

TEST_CASE("totals shorter than the piece and what comes before it are refused, on every executor") {
  random_source random(9);
  generated_batch<float> const batch = short_response<float>(30, ~0U, random);
  auto const region = cppo::fixed_cppo();
  auto const check = [&](index_t length, index_t before, cppo::status_code code) {
    std::vector<cppo::response_summary> totals(1);
    totals[0].length = length;
    std::vector<cppo::prefix_sums> carries(1);
    carries[0].count = before;
    for (bool const carried : {false, true}) {
      if (!carried && before > 0) continue;
      cppo::loss_options o{.totals = totals};
      if (carried) o.carries = carries;
      auto const plain = capture(cppo::seq, batch, region, o), fast = capture(cppo::simd, batch, region, o);
      CHECK(plain.outcome.code == code);
      CHECK(cppo_test::same_status(plain.outcome, fast.outcome));
      if (plain.outcome.ok()) continue;
      CHECK(plain.outcome.response == 0);
      CHECK(plain[captured::loss][0] == static_cast<float>(unwritten));
      CHECK(fast[captured::loss][0] == static_cast<float>(unwritten));
    }
  };
  using cppo::status_code;
  check(0, 0, status_code::carry_mismatch);
  check(5, 0, status_code::carry_mismatch);
  check(29, 0, status_code::carry_mismatch);
  check(30, 0, status_code::ok);
  check(39, 10, status_code::carry_mismatch);
  check(40, 10, status_code::ok);
  check(index_t{1} << 62, 10, status_code::carry_mismatch);
}

TEST_CASE("pieces have no columns: padded_column is refused with carries or totals, and nothing is summed") {
  random_source random(9);
  generated_batch<float> batch = short_response<float>(4, 15, random);
  batch.packed = false;
  batch.width = 4;
  auto const region = cppo::calibrated_cppo();
  cppo::loss_options o{.positions = cppo::position_convention::padded_column};
  CHECK(capture(cppo::seq, batch, region, o).outcome.ok());
  std::vector<float> divergences;
  cppo::response_summary piece;
  CHECK(summarize_piece(batch.view(), region, 0, piece, divergences, o).code == cppo::status_code::bad_parameter);
  CHECK(piece.length < 0);
  CHECK(divergences.empty());
  cppo::response_summary total;
  total.length = 4;
  cppo::prefix_sums sums;
  CHECK(sum_piece(batch.view(), region, 0, total, 0, sums, o).code == cppo::status_code::bad_parameter);
  CHECK(sums.count < 0);
  index_t const zero[] = {0};
  cppo::piece_plan const plan = plan_pieces(batch.view(), region, zero, zero, 1, o);
  CHECK(plan.outcome.code == cppo::status_code::bad_parameter);
  o.totals = plan.totals;
  for (bool const carried : {false, true}) {
    if (carried) o.carries = plan.carries;
    auto const run = capture(cppo::simd, batch, region, o);
    CHECK(run.outcome.code == cppo::status_code::bad_parameter);
    CHECK(run.outcome.where == cppo::argument::options);
  }
}

TEST_CASE("a batch of pieces that fails its check gives no plan") {
  std::vector<std::int32_t> const none;
  float const x[1] = {-1.0F};
  auto const batch = cppo::rollout_batch(cppo::packed(none), cppo::log_prob(x), cppo::rollout_log_prob(x),
                                         cppo::advantage(x));
  REQUIRE_FALSE(batch.check().ok());
  cppo::piece_plan const plan = plan_pieces(batch, cppo::fixed_cppo(), {}, {}, 0);
  CHECK_FALSE(plan);
  CHECK(plan.carries.empty());
  CHECK(plan.outcome.code == batch.check().code);
}

TEST_CASE("a piece of a batch that does not check is not read") {
  std::vector<float> const x(3, -1.0F), pi(3, -0.5F);
  auto const batch =
      cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(x), cppo::advantage(x));
  REQUIRE_FALSE(batch.check().ok());
  std::vector<float> divergences;
  cppo::response_summary piece;
  CHECK(summarize_piece(batch, cppo::calibrated_cppo(), 0, piece, divergences).code == batch.check().code);
  CHECK(piece.length < 0);
  CHECK(divergences.empty());
  cppo::response_summary total;
  total.length = 2;
  cppo::prefix_sums sums;
  CHECK(sum_piece(batch, cppo::fixed_cppo(), 0, total, 0, sums).code == batch.check().code);
  CHECK(sums.count < 0);
}

TEST_CASE("a piece is not summed under options out of range") {
  random_source random(9);
  generated_batch<float> const batch = short_response<float>(4, 15, random);
  cppo::loss_options const o{.horizon = -1};
  std::vector<float> divergences;
  cppo::response_summary piece;
  CHECK(summarize_piece(batch.view(), cppo::calibrated_cppo(), 0, piece, divergences, o).code ==
        cppo::status_code::bad_parameter);
  CHECK(piece.length < 0);
  CHECK(divergences.empty());
  cppo::response_summary total;
  total.length = 4;
  cppo::prefix_sums sums;
  CHECK(sum_piece(batch.view(), cppo::fixed_cppo(), 0, total, 0, sums, o).code == cppo::status_code::bad_parameter);
  CHECK(sums.count < 0);
}

TEST_CASE("offsets on a device are not read by the passes over pieces") {
  std::vector<float> const x(2, -1.0F), pi(2, -0.5F);
  auto const* const elsewhere = reinterpret_cast<std::int32_t const*>(std::uintptr_t{16});
  auto const batch = cppo::rollout_batch(cppo::packed_on_device(elsewhere, 1, 2), cppo::log_prob(pi),
                                         cppo::rollout_log_prob(x), cppo::advantage(x));
  REQUIRE(batch.check().ok());
  std::vector<float> divergences;
  cppo::response_summary piece;
  CHECK(summarize_piece(batch, cppo::calibrated_cppo(), 0, piece, divergences).code ==
        cppo::status_code::executor_unavailable);
  CHECK(piece.length < 0);
  cppo::response_summary total;
  total.length = 2;
  cppo::prefix_sums sums;
  CHECK(sum_piece(batch, cppo::fixed_cppo(), 0, total, 0, sums).code == cppo::status_code::executor_unavailable);
  CHECK(sums.count < 0);
  index_t const zero[] = {0};
  cppo::piece_plan const plan = plan_pieces(batch, cppo::fixed_cppo(), zero, zero, 1);
  CHECK(plan.outcome.code == cppo::status_code::executor_unavailable);
  std::int32_t const here[] = {0, 2};
  auto const on_host = cppo::rollout_batch(cppo::packed(here, 1), cppo::log_prob(pi), cppo::rollout_log_prob(x),
                                           cppo::advantage(x));
  cppo::loss_options const in{.carries = plan.carries, .totals = plan.totals};
  CHECK(policy_loss(cppo::seq, on_host, cppo::fixed_cppo(), {}, in).code == cppo::status_code::carry_mismatch);
}

namespace {

// Six tokens in three pieces; under which numbers is there no plan?
struct three_pieces {
  std::vector<float> pi{-0.5F, -0.25F, -1.0F, -0.5F, -0.75F, -0.25F}, mu = std::vector<float>(6, -0.5F),
                     a = std::vector<float>(6, -1.0F);
  std::vector<std::int32_t> cuts{0, 2, 4, 6};
  cppo::rollout_batch_view<float> batch() const {
    return cppo::rollout_batch(cppo::packed(cuts), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
  }
  cppo::piece_plan plan(std::vector<index_t> const& response_of, std::vector<index_t> const& order_of,
                        index_t responses) const {
    return plan_pieces(batch(), cppo::fixed_cppo(), response_of, order_of, responses);
  }
  // The plan is refused, and names the place; a call refuses what it holds.
  void refused(std::vector<index_t> const& response_of, std::vector<index_t> const& order_of, index_t responses,
               cppo::argument where, index_t piece) const {
    cppo::piece_plan const none = plan(response_of, order_of, responses);
    CHECK_FALSE(none);
    CHECK(none.outcome.code == cppo::status_code::bad_pieces);
    CHECK(none.outcome.where == where);
    CHECK(none.outcome.response == piece);
    CHECK(none.outcome.nothing_written());
    std::vector<float> gradient(6, 7.0F);
    for (bool const carried : {false, true}) {
      cppo::loss_options o{.totals = none.totals};
      if (carried) o.carries = none.carries;
      cppo::status const s = policy_loss(cppo::seq, batch(), cppo::fixed_cppo(), {.gradient = gradient}, o);
      CHECK(s.code == cppo::status_code::carry_mismatch);
    }
    CHECK(gradient == std::vector<float>(6, 7.0F));
  }
};

}  // namespace

TEST_CASE("F36: a plan of pieces that are numbered wrongly is refused, and so is what it holds") {
  three_pieces const x;
  using cppo::argument;
  constexpr index_t most = std::numeric_limits<index_t>::max(), least = std::numeric_limits<index_t>::min();
  x.refused({0, 1, 2}, {0, 0, 0}, 2, argument::response_of, 2);
  x.refused({0, -1, 0}, {0, 0, 0}, 2, argument::response_of, 1);
  x.refused({most, 0, 0}, {0, 1, 2}, 1, argument::response_of, 0);
  x.refused({0, 0, least}, {0, 1, 2}, 1, argument::response_of, 2);
  x.refused({0, 0, 0}, {0, 1, 2}, 0, argument::response_of, 0);
  x.refused({0, 0, 0}, {0, 1, 2}, -1, argument::response_of, 0);
  x.refused({0, 0, 0}, {0, 1, 2}, least, argument::response_of, 0);
  x.refused({0, 0}, {0, 1, 2}, 1, argument::response_of, -1);
  x.refused({0, 0, 0, 0}, {0, 1, 2}, 1, argument::response_of, -1);
  x.refused({}, {}, 1, argument::response_of, -1);
  x.refused({0, 0, 0}, {0, 1}, 1, argument::order_of, -1);
  x.refused({0, 0, 0}, {0, 1, 2, 3}, 1, argument::order_of, -1);
  x.refused({0, 1, 0}, {4, 4, 4}, 2, argument::order_of, 2);
  x.refused({0, 0, 0}, {-1, -1, 0}, 1, argument::order_of, 1);
}

TEST_CASE("F36: a piece that is numbered wrongly is told with its place and its number") {
  three_pieces const x;
  auto const says = [&](std::vector<index_t> const& response_of, std::vector<index_t> const& order_of) {
    return std::string(describe(x.plan(response_of, order_of, 2).outcome));
  };
  CHECK(says({0, 1, 2}, {0, 0, 0}).starts_with("response_of at piece 2 is 2, which numbers the pieces wrongly: pass "));
  CHECK(says({0, 1, 0}, {4, 4, 4}).starts_with("order_of at piece 2 is 4, which numbers the pieces wrongly: pass "));
  CHECK(says({0, 0}, {0, 1, 2}).starts_with("response_of has 2 entries, but must have 3: pass one entry per piece"));
  CHECK(says({0, 0, 0}, {0, 1, 2, 3}).starts_with("order_of has 4 entries, but must have 3: pass one entry per piece"));
}

TEST_CASE("F36: numbers of pieces are any that are told apart, and cost nothing for responses without pieces") {
  three_pieces const x;
  constexpr index_t most = std::numeric_limits<index_t>::max();
  cppo::piece_plan const plain = x.plan({0, 0, 1}, {1, 0, 0}, 2), wide = x.plan({7, 7, most - 1}, {5, -9, 5}, most);
  REQUIRE((plain && wide));
  CHECK(plain.carries == wide.carries);
  CHECK(plain.carries[0].count == 2);
  CHECK(plain.carries[1].count == 0);
  CHECK(plain.carries[2].count == 0);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(plain.totals[k].length == (k == 2 ? 2 : 4));
    CHECK(same_totals(plain.totals[k], wide.totals[k]));
  }
}

TEST_CASE("F36: a piece that does not exist is not read, and what it adds up to is refused") {
  three_pieces const x;
  auto const region = cppo::calibrated_cppo();
  auto const batch = x.batch();
  std::vector<float> divergences;
  cppo::response_summary whole;
  for (index_t b = 0; b < 3; ++b) {
    cppo::response_summary piece;
    CHECK(summarize_piece(batch, region, b, piece, divergences).ok());
    whole = combine(whole, piece);
  }
  CHECK(divergences.size() == 6);
  for (index_t const b : {index_t{-1}, index_t{3}, std::numeric_limits<index_t>::max()}) {
    cppo::response_summary none, total;
    cppo::status const s = summarize_piece(batch, region, b, none, divergences);
    CHECK(s.code == cppo::status_code::bad_parameter);
    CHECK(s.value == static_cast<double>(b));
    CHECK(divergences.size() == 6);
    cppo::response_summary many = none;
    for (int k = 0; k < 40000; ++k) many = combine(many, none);
    CHECK(combine(many, whole).length < 0);
    CHECK(combine(whole, none).length < 0);
    CHECK(cppo::resolve_totals<float>(region, combine(whole, none), divergences, total).code ==
          cppo::status_code::carry_mismatch);
    CHECK(total.length < 0);
    cppo::prefix_sums sums;
    CHECK(sum_piece(batch, region, b, whole, 0, sums).code == cppo::status_code::bad_parameter);
    CHECK(sums.count < 0);
  }
  cppo::response_summary total;
  CHECK(cppo::resolve_totals<float>(region, whole, divergences, total).ok());
  CHECK(total.length == 6);
  CHECK(cppo::resolve_totals<float>(region, whole, std::span(divergences).first(5), total).code ==
        cppo::status_code::carry_mismatch);
  CHECK(total.length < 0);
}

TEST_CASE("F36: totals of another response are refused by the piece that they do not cover") {
  three_pieces const x;
  auto const region = cppo::fixed_cppo();
  cppo::response_summary total;
  total.length = 4;
  cppo::prefix_sums sums;
  CHECK(sum_piece(x.batch(), region, 1, total, 2, sums).ok());
  CHECK(sums.count == 2);
  auto const refused = [&](index_t tokens_before) {
    cppo::status const s = sum_piece(x.batch(), region, 1, total, tokens_before, sums);
    CHECK(s.code == cppo::status_code::carry_mismatch);
    CHECK(s.response == 1);
    CHECK(sums.count < 0);
  };
  refused(3);
  refused(5);
  refused(-1);
  total.length = -4;
  refused(0);
  total.length = 4;
  total.delta_b = -1.0;
  refused(0);
}

TEST_CASE("F36: a pass over pieces that fails says why in a sentence") {
  three_pieces const x;
  auto const region = cppo::calibrated_cppo();
  std::vector<float> divergences(5);
  cppo::response_summary piece, total;
  cppo::prefix_sums sums;
  auto const says = [](cppo::status const& s) { return std::string(describe(s)); };
  CHECK(says(summarize_piece(x.batch(), region, 3, piece, divergences)) ==
        "b is 3, but must be the number of a piece: 0 or more, and below the responses of the batch");
  total.length = 6;
  CHECK(says(cppo::resolve_totals<float>(region, total, divergences, total))
            .starts_with("divergences has 5 entries, but must have 6: "));
  total.length = 4;
  CHECK(says(sum_piece(x.batch(), region, 1, total, 3, sums))
            .starts_with("piece 1 has 2 valid tokens, but carries and totals leave room for 1: "));
}
