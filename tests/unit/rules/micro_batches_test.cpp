// Folds over micro-batches and ranks: whichever holds which response, and in whatever order states are combined, every
// output has the bits of one batch.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described_rule.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>

namespace {

using namespace cppo;
using namespace cppo::testing;

static_assert(std::is_trivially_copyable_v<fold_state> && std::is_trivially_copyable_v<fold_bin>);

// Sums, extremes and order statistics of the batch on three levels; folds of the response; a calibrated budget.
auto const centred = log_ratio - batch(mean(log_ratio));
auto const everything = objective(
    trust_region(binary_tv, linear_weight(0.8),
                 any_of(toward_rollout, at_most(abs(centred), batch(kth_largest(abs(centred), share(0.2)))) &
                                            prefix_budget(0.1, calibrated_budget(0.01)))),
    clipped(0.8, 1.2) + score_form(batch(trimmed(log_ratio * log_ratio, 0.01)) + batch(deviation(advantage)) +
                                   batch(least(log_ratio)) + response(kth_smallest(log_ratio, 2)) +
                                   before(mean(log_ratio)) + from(halving_sum(log_ratio, 3)) +
                                   batch(capped(among(at_least(log_ratio, 0), log_ratio), 0.05))));
// Those of the field that read the batch.
auto const of_the_field = objective(detail::keeping(entropy_top().mask()),
                                    m2po({.budget = 0.001}).surrogate() + vmpo().surrogate() +
                                        kl_cov({.share = 0.1}).surrogate());
auto const of_responses = gspo();

// Part k holds responses rows[k] of the batch; each is one on a rank of its own, or several share a rank.
template <class T>
struct cut_batch {
  std::vector<rearranged_batch<T>> parts;
  std::size_t ranks;
};
template <class T>
cut_batch<T> cut(generated_batch<T> const& whole, random_source& random) {
  std::vector<slot_rows> rows(static_cast<std::size_t>(1 + random.below(4)));  // some may be empty
  slot_rows all = whole.rows();
  for (std::size_t n = all.size(); n > 0; --n) {
    std::swap(all[n - 1], all[static_cast<std::size_t>(random.below(static_cast<index_t>(n)))]);
    rows[static_cast<std::size_t>(random.below(static_cast<index_t>(rows.size())))].push_back(all[n - 1]);
  }
  cut_batch<T> c{{}, static_cast<std::size_t>(1 + random.below(3))};
  for (slot_rows const& r : rows) c.parts.push_back(rearranged(whole, r, packed_if(random.chance(0.5))));
  return c;
}
// Rank p % ranks adds up the parts p; the ranks are combined from the last to the first.
template <class Executor, class T, class Region>
fold_states known_of(Executor const& executor, cut_batch<T> const& c, Region const& rule, loss_options const& o) {
  fold_states known;
  for (int k = 0; k < fold_exchanges<typename generated_batch<T>::real>(rule); ++k) {
    std::vector<fold_states> of_rank(c.ranks);
    for (std::size_t p = 0; p < c.parts.size(); ++p) {
      fold_states more;
      REQUIRE(sum_folds(executor, c.parts[p].batch.view(), rule, known, more, o).ok());
      of_rank[p % c.ranks] = combine(of_rank[p % c.ranks], more);
    }
    fold_states all;
    for (std::size_t r = c.ranks; r-- > 0;) all = combine(of_rank[r], all);
    known = combine(known, all);
  }
  return known;
}
template <class Executor, class T, class Region>
std::string parts_unlike_whole(Executor const& executor, generated_batch<T> const& batch, cut_batch<T> const& c,
                               Region const& rule, loss_options const& o) {
  auto const whole = capture(seq, batch, rule, o);
  fold_states const known = known_of(executor, c, rule, o);
  for (rearranged_batch<T> const& part : c.parts) {
    piece_plan const plan = plan_micro_batch(executor, part.batch.view(), rule, known, o);
    if (!plan) return describe(plan.outcome).c_str();
    loss_options with_plan = o;
    with_plan.totals = plan.totals, with_plan.folds = plan.folds;
    auto const run = capture(executor, part.batch, rule, with_plan);
    std::string const d = cppo_test::unlike(run, whole, part.batch.rows(), part.source);
    if (!d.empty()) return d;
    bool const of_a_part = run.outcome.ok() || run.outcome.code == status_code::no_active_tokens ||
                           run.outcome.code == status_code::fold_out_of_range ||
                           run.outcome.code == status_code::log_prob_invalid;
    bool const of_whole = run.outcome.code == whole.outcome.code && run.outcome.count == whole.outcome.count;
    if (!(c.parts.size() > 1 ? of_a_part : of_whole)) return describe(run.outcome).c_str();
  }
  return "";
}
// A batch; in every third one response is off the grid of a fold, in every fifth there is bad input.
template <class T>
generated_batch<T> drawn(std::uint64_t seed) {
  generated_batch<T> b = generate<T>(seed, {.max_responses = 9, .entropy = true});
  random_source random(seed);
  auto const somewhere = [&] { return static_cast<std::size_t>(random.below(b.slots())); };
  if (b.slots() > 0 && seed % 3 == 0) b.advantage[somewhere()] = stored<T>(2000);
  if (b.slots() > 0 && seed % 5 == 0) b.log_prob[somewhere()] = std::numeric_limits<T>::quiet_NaN();
  return b;
}
template <class T, class Executor, class Region>
void has_the_bits_of_one_batch(Executor const& executor, Region const& rule, std::uint64_t batches) {
  constexpr on_bad_input ways[] = {on_bad_input::reject, on_bad_input::exclude};
  for (std::uint64_t seed = 1; seed <= batches; ++seed) {
    generated_batch<T> const b = drawn<T>(seed);
    random_source random(seed * 7);
    cut_batch<T> const c = cut(b, random);
    loss_options const o{.normalizer = 17, .bad_input = ways[seed % 2]};
    INFO("seed " << seed);
    CHECK(parts_unlike_whole(executor, b, c, rule, o) == "");
  }
}

// Calls f(parts) for every way to cut responses 0 .. n - 1 into micro-batches; parts[b] is that of response b.
template <class F>
void each_cut(std::size_t n, F const& f, std::vector<std::size_t> parts = {}) {
  if (parts.size() == n) return f(parts);
  std::size_t const used = parts.empty() ? 0 : 1 + *std::max_element(parts.begin(), parts.end());
  parts.push_back(0);
  for (std::size_t p = 0; p <= used; ++p) parts.back() = p, each_cut(n, f, parts);
}
template <class T>
cut_batch<T> cut_as(generated_batch<T> const& whole, std::vector<std::size_t> const& parts) {
  slot_rows const all = whole.rows();
  cut_batch<T> c{{}, 1 + *std::max_element(parts.begin(), parts.end())};
  for (std::size_t p = 0; p < c.ranks; ++p) {
    slot_rows mine;
    for (std::size_t b = 0; b < all.size(); ++b) {
      if (parts[b] == p) mine.push_back(all[b]);
    }
    c.parts.push_back(rearranged(whole, mine, packed_if(p % 2 == 1)));
  }
  return c;
}
// In how many orders the states of all parts do not come to those of the whole: of every order, from the first to the
// last and from the last to the first.
int orders_unlike(std::vector<fold_states> const& of, fold_states const& whole) {
  std::vector<std::size_t> order(of.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  int unlike = 0;
  do {
    fold_states up, down;
    for (std::size_t k = 0; k < of.size(); ++k) {
      up = combine(up, of[order[k]]);
      down = combine(of[order[of.size() - 1 - k]], down);
    }
    unlike += up == whole && down == whole ? 0 : 1;
  } while (std::next_permutation(order.begin(), order.end()));
  return unlike;
}
// The same for each exchange of a cut.
template <class Executor, class T, class Region>
int orders_unlike(Executor const& executor, generated_batch<T> const& batch, cut_batch<T> const& c,
                  Region const& rule) {
  int unlike = 0;
  fold_states known;
  for (int k = 0; k < fold_exchanges<T>(rule); ++k) {
    std::vector<fold_states> of(c.parts.size());
    fold_states whole;
    REQUIRE(sum_folds(seq, batch.view(), rule, known, whole).ok());
    for (std::size_t p = 0; p < of.size(); ++p)
      REQUIRE(sum_folds(executor, c.parts[p].batch.view(), rule, known, of[p]).ok());
    unlike += orders_unlike(of, whole);
    known = combine(known, whole);
  }
  return unlike;
}

// What a rank sends in all exchanges.
template <class Region>
std::size_t bytes_of(Region const& rule) {
  generated_batch<float> const b = generate<float>(3);
  std::size_t bytes = 0;
  fold_states known;
  for (int k = 0; k < fold_exchanges<float>(rule); ++k) {
    fold_states more;
    REQUIRE(sum_folds(seq, b.view(), rule, known, more).ok());
    bytes += more.of_batch.size() * sizeof(fold_state) + more.bins.size() * sizeof(fold_bin);
    known = combine(known, more);
  }
  return bytes;
}

}  // namespace

TEST_CASE("every cut into micro-batches and every order of combining has the bits of one batch", "[fold]") {
  int cuts = 0, batches = 0;
  for (std::uint64_t seed = 1; batches < 3; ++seed) {
    generated_batch<float> const b = generate<float>(seed, {.max_responses = 5, .entropy = true});
    if (b.responses != 4 || b.slots() == 0) continue;
    ++batches;
    each_cut(4, [&](std::vector<std::size_t> const& parts) {
      cut_batch<float> const c = cut_as(b, parts);
      INFO("seed " << seed << ", cut " << cuts++);
      CHECK(orders_unlike(seq, b, c, everything) == 0);
      CHECK(orders_unlike(simd, b, c, everything) == 0);
      CHECK(parts_unlike_whole(seq, b, c, everything, {.normalizer = 17}) == "");
      CHECK(parts_unlike_whole(simd, b, c, everything, {.normalizer = 17}) == "");
    });
  }
  CHECK(cuts == 3 * 15);
}

TEST_CASE("micro-batches over ranks have the bits of one batch: folds of every kind", "[fold]") {
  has_the_bits_of_one_batch<float>(seq, everything, 150);
  has_the_bits_of_one_batch<float>(simd.with_threads(2), everything, 150);
  has_the_bits_of_one_batch<double>(seq, everything, 60);
}

TEST_CASE("micro-batches over ranks have the bits of one batch: rules of the batch and of responses", "[fold]") {
  has_the_bits_of_one_batch<float>(simd, of_the_field, 100);
  has_the_bits_of_one_batch<float>(simd, of_responses, 50);
}

TEST_CASE("micro-batches over ranks have the bits of one batch: a rule as data", "[fold]") {
  described_rule const rule(vmpo());
  REQUIRE(rule.fits());
  REQUIRE(rule.levels() > 1);
  CHECK(fold_exchanges<float>(rule) == fold_exchanges<float>(vmpo()));
  has_the_bits_of_one_batch<float>(seq, rule, 40);
  CHECK(fold_exchanges<float>(described_rule()) == 0);
}

TEST_CASE("exchanges: one a level with folds over the batch, more where values are looked for", "[fold]") {
  CHECK(fold_exchanges<float>(ppo_clip()) == 0);
  CHECK(fold_exchanges<float>(of_responses) == 0);
  auto const two_levels = objective(score_form(batch(deviation(log_ratio))));
  CHECK(fold_exchanges<float>(two_levels) == 2);
  CHECK(fold_exchanges<double>(two_levels) == 2);
  CHECK(fold_exchanges<float>(entropy_top()) == 3);
  CHECK(fold_exchanges<double>(entropy_top()) == 6);
  CHECK(fold_exchanges<float>(everything) == 3 + 3);
  CHECK(fold_exchanges<float>(vmpo()) == 4);
  CHECK(bytes_of(vmpo()) == 295712);  // docs/distributed.md
  CHECK(bytes_of(two_levels) == 400);
}

TEST_CASE("states of folds add up whatever the order, and are of one size", "[fold]") {
  generated_batch<float> const b = generate<float>(3, {.max_responses = 9, .entropy = true});
  fold_states known;
  for (int k = 0; k < fold_exchanges<float>(everything); ++k) {
    fold_states one[3];
    auto const rows = b.rows();
    for (std::size_t p = 0; p < 3; ++p) {
      slot_rows mine;
      for (std::size_t r = p; r < rows.size(); r += 3) mine.push_back(rows[r]);
      rearranged_batch<float> const part = rearranged(b, mine, arrangement::packed);
      REQUIRE(sum_folds(seq, part.batch.view(), everything, known, one[p]).ok());
      CHECK(one[p].exchanges == k + 1);
      CHECK((one[p].searches == one[0].searches && one[p].of_batch.size() == one[0].of_batch.size()));
    }
    fold_states const all = combine(combine(one[0], one[1]), one[2]);
    CHECK(all == combine(one[2], combine(one[1], one[0])));
    CHECK(all == combine(one[1], combine(one[2], one[0])));
    CHECK(combine(all, {}) == all);
    CHECK(combine({}, all) == all);
    fold_states whole;
    REQUIRE(sum_folds(simd, b.view(), everything, known, whole).ok());
    CHECK(all == whole);
    known = combine(known, all);
  }
}

TEST_CASE("states that are not the rule's are refused, with what is wrong", "[fold]") {
  auto const rule = objective(score_form(batch(deviation(log_ratio))));
  auto const other = objective(score_form(batch(kth_largest(log_ratio, 2))));
  generated_batch<float> const b = generate<float>(3, {.token_weight = false});
  auto const view = b.view();
  fold_states none, one, two, strange, sums;
  REQUIRE(sum_folds(seq, view, rule, none, one).ok());
  REQUIRE(sum_folds(seq, view, rule, one, two).ok());
  two = combine(one, two);
  REQUIRE(sum_folds(seq, view, other, none, strange).ok());
  auto const refused = [&](fold_states const& known) {
    piece_plan const plan = plan_micro_batch(seq, view, rule, known);
    CHECK(plan.outcome.code == status_code::states_mismatch);
    std::vector<float> loss(static_cast<std::size_t>(b.slots()), 5.0F);
    loss_options const o{.totals = plan.totals, .folds = plan.folds};
    CHECK(policy_loss(seq, view, rule, {.loss = loss}, o).code == status_code::carry_mismatch);
    CHECK(loss == std::vector<float>(loss.size(), 5.0F));
    return std::string(describe(plan.outcome).c_str());
  };
  CHECK(plan_micro_batch(seq, view, rule, two));
  CHECK(refused(none).starts_with("known has 0 exchanges, but must have 2: pass what sum_rewards, or sum_folds, "));
  CHECK(refused(one).starts_with("known has 1 exchanges, but must have 2"));
  CHECK(refused(detail::refused_folds()).starts_with("known has -1 exchanges"));
  fold_states more = two;
  more.states = 1;
  CHECK(refused(more).starts_with("known has 1 states, but must have "));
  more = two;
  more.of_batch.pop_back();
  CHECK(refused(more).starts_with("known has 4 entries of of_batch, but must have 5: "));
  CHECK(combine(more, two).exchanges < 0);
  // In the way to the last exchange: another rule's, one too many, and none to come.
  CHECK(sum_folds(seq, view, rule, strange, sums).code == status_code::states_mismatch);
  CHECK(sums.exchanges < 0);
  CHECK(combine(one, sums).exchanges < 0);
  CHECK(combine(one, strange).exchanges < 0);
  CHECK(sum_folds(seq, view, rule, two, sums).wanted == 1);
  CHECK(sum_folds(seq, view, gspo(), none, sums).code == status_code::states_mismatch);
  CHECK(sum_folds(seq, view, ppo_clip(), none, sums).code == status_code::states_mismatch);
  // What a call would refuse is refused here.
  CHECK(sum_folds(seq, view, rule, none, sums, {.log_prob_floor = 3}).code == status_code::bad_parameter);
  CHECK(plan_micro_batch(seq, view, rule, two, {.log_prob_floor = 3}).outcome.code == status_code::bad_parameter);
  CHECK(sum_folds(seq, view, entropy_top(), none, sums).code == status_code::missing_input);
}

TEST_CASE("a sentence for each way in which states are not the rule's, and for a rule that needs none", "[fold]") {
  auto const rule = objective(score_form(batch(kth_largest(log_ratio, 2))));
  generated_batch<float> const b = generate<float>(3, {.token_weight = false});
  auto const says = [&](auto const& of, fold_states const& known) {
    fold_states sums;
    return std::string(describe(sum_folds(seq, b.view(), of, known, sums)).c_str());
  };
  fold_states none, one;
  REQUIRE(sum_folds(seq, b.view(), rule, none, one).ok());
  fold_states wrong = one;
  wrong.searches.clear();
  CHECK(says(rule, wrong).starts_with("known has 0 searches, but must have 1: "));
  wrong = one;
  wrong.bins.pop_back();
  CHECK(says(rule, wrong).starts_with("known has 2047 bins, but must have 2048: "));
  wrong = one;
  wrong.searches[0] += 1;
  CHECK(says(rule, wrong).starts_with("known has 0 searches of this rule, but must have 1: "));
  CHECK(says(ppo_clip(), none) ==
        "this rule has no folds over the batch, so it needs no exchange: call policy_loss");
  CHECK(says(gspo(), none) == says(ppo_clip(), none));
}
