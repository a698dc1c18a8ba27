// Micro-batches of a rule that reads the whole batch, through the C interface: every cut and every order of adding up
// gives the bits of one batch.
#include "c_call.hpp"

#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/described_rule/parse.hpp>
#include <cppo/rules/micro_batches.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <algorithm>
#include <numeric>

namespace {

using cppo::index_t;
using cppo::testing::generated_batch;
using cppo::testing::rearranged_batch;
using cppo::testing::slot_rows;
using words = std::vector<std::int64_t>;

constexpr char const* texts[] = {
    "vmpo",
    "objective(entropy_top, score_form(batch(deviation(log_ratio)) + response(mean(log_ratio))))",
    "objective(trust_region(binary_tv, linear_weight(0.8), toward_rollout | (at_most(abs(log_ratio - "
    "batch(mean(log_ratio))), 0.2) & prefix_budget(0.1, calibrated_budget(0.01)))), clipped(0.8, 1.2))",
};

std::int64_t size_of(words const& w) { return static_cast<std::int64_t>(w.size()); }
template <class T>
constexpr std::int32_t arithmetic = std::is_same_v<typename generated_batch<T>::real, double> ? cppo_f64 : cppo_f32;

/// The parts of a batch, under a rule.
template <class T>
struct cut_batch {
  std::vector<rearranged_batch<T>> parts;
  cppo_region region;
  cppo_options options = cppo_test::c_options({.normalizer = 17});

  /// `part_of`: the part of each response.
  cut_batch(generated_batch<T> const& whole, std::vector<std::size_t> const& part_of, char const* text)
      : region(cppo_test::region_of(text)) {
    slot_rows const all = whole.rows();
    std::size_t const n = part_of.empty() ? 1 : 1 + *std::max_element(part_of.begin(), part_of.end());
    for (std::size_t p = 0; p < n; ++p) {
      slot_rows mine;
      for (std::size_t b = 0; b < all.size(); ++b) {
        if (part_of[b] == p) mine.push_back(all[b]);
      }
      parts.push_back(rearranged(whole, mine, cppo::testing::packed_if(p % 2 == 1)));
    }
  }
  std::int32_t exchanges() const { return cppo_fold_exchanges(&region, arithmetic<T>); }
  std::int64_t words_until(std::int32_t k) const { return cppo_fold_words(&region, arithmetic<T>, k); }
  /// The states of each part at the exchange after those that are known.
  std::vector<words> sums_after(words const& known, std::int32_t k) {
    std::vector<words> sums;
    for (auto const& part : parts) {
      cppo_test::c_batch lent(part.batch.view());
      words mine(static_cast<std::size_t>(words_until(k + 1) - words_until(k)));
      cppo_status s;
      INFO(s.message);
      REQUIRE(cppo_sum_folds(lent.get(), &region, &options, known.data(), size_of(known), mine.data(), size_of(mine),
                             &s) == 0);
      sums.push_back(mine);
    }
    return sums;
  }
  /// In how many orders of adding up the states are not those of the first order.
  static int orders_unlike(std::vector<words> const& sums, words const& all) {
    std::vector<std::size_t> order(sums.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    int unlike = 0;
    do {
      words other(all.size());
      for (std::size_t const p : order) cppo_folds_add(other.data(), sums[p].data(), size_of(other));
      unlike += other == all ? 0 : 1;
    } while (std::next_permutation(order.begin(), order.end()));
    return unlike;
  }
  words states() {
    words known;
    for (std::int32_t k = 0; k < exchanges(); ++k) {
      CHECK(size_of(known) == words_until(k));
      std::vector<words> const sums = sums_after(known, k);
      words all(sums[0].size());
      for (words const& one : sums) cppo_folds_add(all.data(), one.data(), size_of(all));
      CHECK(orders_unlike(sums, all) == 0);
      known.insert(known.end(), all.begin(), all.end());
    }
    return known;
  }
};

/// An executor for `capture`: a micro-batch, through the C interface.
struct micro_batch_through_c {
  cppo_region const& region;
  words const& folds;
  std::int32_t executor;
};
template <class Real, class Region>
cppo::status policy_loss(micro_batch_through_c const& how, cppo::rollout_batch_view<Real> const& batch, Region const&,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options) {
  double numbers[CPPO_REPORT_ROOM] = {};
  cppo_test::c_batch lent(batch);
  cppo_test::c_outputs const written(outputs, batch.shape(), outputs.report != nullptr ? numbers : nullptr);
  cppo_options o = cppo_test::c_options(options);
  o.executor = how.executor;
  o.threads = 2;
  o.folds = how.folds.data();
  o.fold_words = size_of(how.folds);
  cppo_status s;
  std::int32_t const code = cppo_policy_loss(lent.get(), &how.region, &written.outputs, &o, &s);
  if (outputs.report != nullptr && code < 96) *outputs.report = cppo_test::report_of(numbers);
  return {.code = static_cast<cppo::status_code>(code)};
}

/// What differs between a part and the whole batch on `seq`.
template <class T>
std::string unlike_whole(generated_batch<T> const& whole, std::vector<std::size_t> const& part_of, char const* text) {
  auto const rule = cppo::parse_rule(text).rule;
  cppo::loss_options const o{.normalizer = 17};
  cut_batch<T> cut(whole, part_of, text);
  words const known = cut.states();
  auto const want = capture(cppo::seq, whole, rule, o);
  for (auto const& part : cut.parts) {
    for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
      auto const got = capture(micro_batch_through_c{cut.region, known, executor}, part.batch, rule, o);
      if (got.outcome.code >= cppo::status_code::log_prob_invalid) return "status";
      std::string const d = cppo_test::unlike(got, want, part.batch.rows(), part.source);
      if (!d.empty()) return d;
    }
  }
  return "";
}
/// Calls f(part of each response) for every way to cut n responses.
template <class F>
void each_cut(std::size_t n, F const& f, std::vector<std::size_t> part_of = {}) {
  if (part_of.size() == n) return f(part_of);
  std::size_t const used = part_of.empty() ? 0 : 1 + *std::max_element(part_of.begin(), part_of.end());
  part_of.push_back(0);
  for (std::size_t p = 0; p <= used; ++p) part_of.back() = p, each_cut(n, f, part_of);
}
/// A batch of four responses that have tokens.
template <class T>
generated_batch<T> of_four(std::uint64_t seed) {
  generated_batch<T> b = cppo::testing::generate<T>(seed, {.max_responses = 4, .max_length = 40, .entropy = true});
  while (b.responses != 4 || b.slots() < 20 || b.part)
    b = cppo::testing::generate<T>(++seed, {.max_responses = 4, .max_length = 40, .entropy = true});
  return b;
}
template <class T>
void check_every_cut(std::uint64_t seed) {
  auto const whole = of_four<T>(seed);
  for (char const* text : texts) {
    each_cut(4, [&](std::vector<std::size_t> const& part_of) {
      INFO(text << ", seed " << seed);
      CHECK(unlike_whole(whole, part_of, text) == "");
    });
  }
}

}  // namespace

TEST_CASE("a rule of the whole batch has the bits of one batch in every cut into micro-batches, in float") {
  check_every_cut<float>(1);
  check_every_cut<float>(100);
}
TEST_CASE("a rule of the whole batch has the bits of one batch in every cut into micro-batches, in double") {
  check_every_cut<double>(7);
}

TEST_CASE("micro-batches that do not share their states are other batches") {
  auto const whole = of_four<float>(1);
  cut_batch<float> parts(whole, {0, 0, 1, 1}, texts[1]), first(whole, {0, 0, 1, 1}, texts[1]);
  first.parts.pop_back();
  CHECK(parts.states() != first.states());
}

TEST_CASE("exchanges are those of the C++ library") {
  for (char const* text : {"vmpo", "gspo", "entropy_top", "m2po"}) {
    cppo_region const region = cppo_test::region_of(text);
    auto const rule = cppo::parse_rule(text).rule;
    CHECK(cppo_fold_exchanges(&region, cppo_f32) == cppo::fold_exchanges<float>(rule));
    CHECK(cppo_fold_exchanges(&region, cppo_f64) == cppo::fold_exchanges<double>(rule));
    CHECK(cppo_fold_words(&region, cppo_f32, 0) == 0);
  }
  cppo_region const plain = cppo_test::region_of("ppo");
  CHECK(cppo_fold_exchanges(&plain, cppo_f32) == 0);
  CHECK(cppo_fold_exchanges(&plain, cppo_f16) == -1);
  CHECK(cppo_fold_exchanges(nullptr, cppo_f32) == -1);
  CHECK(cppo_fold_words(&plain, cppo_f32, 1) == -1);
  CHECK(cppo_fold_words(&plain, cppo_f32, -1) == -1);
  // The bytes of docs/distributed.md.
  cppo_region const vmpo = cppo_test::region_of("vmpo");
  CHECK(8 * cppo_fold_words(&vmpo, cppo_f32, 4) == 295512);
}

TEST_CASE("states that fail are accepted by no call, and neither are those of another rule") {
  auto const whole = of_four<float>(1);
  cut_batch<float> cut(whole, {0, 0, 0, 0}, texts[1]);
  words const known = cut.states();
  cppo_test::c_batch lent(cut.parts[0].batch.view());
  cppo_status s;
  auto const says = [&s](char const* what) { return std::string(s.message).find(what) != std::string::npos; };
  std::vector<float> gradient(cut.parts[0].batch.valid.size(), 77.0F);
  cppo_test::c_outputs const outputs({.gradient = gradient}, cut.parts[0].batch.shape(), nullptr);
  auto const call = [&](words const& folds, cppo_region const& region) {
    cppo_options o = cut.options;
    o.folds = folds.data();
    o.fold_words = size_of(folds);
    return cppo_policy_loss(lent.get(), &region, &outputs.outputs, &o, &s);
  };
  for (std::int64_t const junk : {std::int64_t{-1}, INT64_MAX, INT64_MIN, std::int64_t{2}}) {
    for (std::size_t const at : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
      words damaged = known;
      damaged[at] = at == 5 && junk == 2 ? std::int64_t{1} << 40 : junk;
      INFO(at << " " << junk);
      CHECK(call(damaged, cut.region) >= 96);
      cppo_folds_add(damaged.data(), known.data(), cut.words_until(1));
      CHECK(damaged[0] == -1);
    }
  }
  words shorter(known.begin(), known.end() - 1);
  CHECK(call(shorter, cut.region) == cppo_bad_argument);
  CHECK(says("options->fold_words is "));
  CHECK(call(known, cppo_test::region_of("gspo")) == cppo_bad_argument);
  CHECK(says("region has no fold that looks beyond its response"));
  CHECK(call(known, cppo_test::region_of("fixed_cppo()")) == cppo_bad_argument);
  CHECK(gradient == std::vector<float>(gradient.size(), 77.0F));
}

TEST_CASE("wrong arguments of folds are named") {
  auto const whole = of_four<float>(1);
  cut_batch<float> cut(whole, {0, 0, 0, 0}, texts[1]);
  cppo_test::c_batch lent(cut.parts[0].batch.view());
  words sums(static_cast<std::size_t>(cut.words_until(1)), 7), known;
  cppo_status s;
  auto const says = [&s](char const* what) { return std::string(s.message).find(what) != std::string::npos; };
  auto const call = [&](cppo_region const& region, std::int64_t known_words, std::int64_t sum_words) {
    std::fill(sums.begin(), sums.end(), 7);
    return cppo_sum_folds(lent.get(), &region, &cut.options, sums.data(), known_words, sums.data(), sum_words, &s);
  };
  CHECK(cppo_sum_folds(lent.get(), &cut.region, nullptr, nullptr, 0, nullptr, 5, &s) == cppo_bad_argument);
  CHECK(says("sums is null"));
  CHECK(cppo_sum_folds(lent.get(), &cut.region, nullptr, nullptr, 3, sums.data(), 5, &s) == cppo_bad_argument);
  CHECK(says("known is null"));
  CHECK(cppo_sum_folds(nullptr, &cut.region, nullptr, nullptr, 0, sums.data(), 5, nullptr) == cppo_bad_argument);
  CHECK(sums[0] == -1);
  CHECK(call(cut.region, 1, size_of(sums)) == cppo_bad_argument);
  CHECK(says("known_words is 1"));
  CHECK(sums[0] == -1);
  CHECK(call(cut.region, 0, size_of(sums) - 1) == cppo_bad_argument);
  CHECK(says("sum_words is "));
  CHECK(call(cppo_test::region_of("gspo"), 0, size_of(sums)) == cppo_bad_argument);
  CHECK(says("call without states of folds"));
  CHECK(call(cut.region, cut.words_until(cut.exchanges()), 5) == cppo_bad_argument);
  CHECK(call(cut.region, 0, size_of(sums)) == 0);
  CHECK(sums[0] == 1);
  cppo_folds_add(nullptr, nullptr, 5);
  cppo_options o = cut.options;
  o.fold_words = 3;
  cppo_test::c_outputs const outputs({}, cut.parts[0].batch.shape(), nullptr);
  CHECK(cppo_policy_loss(lent.get(), &cut.region, &outputs.outputs, &o, &s) == cppo_bad_argument);
  CHECK(says("options->folds is null"));
  cppo_totals const totals[4] = {};
  o.folds = sums.data();
  o.totals = totals;
  CHECK(cppo_policy_loss(lent.get(), &cut.region, &outputs.outputs, &o, &s) == cppo_bad_argument);
}
