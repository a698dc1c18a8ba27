// Numbers that are legal and mean that there is none, and inputs in each other's place: each finding of `diagnose`
// alone where its cause is, and first where others follow from it.
#include "support/catch_compat.hpp"
#include "support/sampled_batch.hpp"

#include <cppo/algorithm/diagnose.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/region.hpp>
#include <cppo/rules.hpp>

#include <set>
#include <string>

namespace {

using namespace cppo;
using cppo_test::sampled;
using cppo_test::sampled_batch;

// 256 tokens without one that is nearly certain.
sampled_batch ordinary(index_t responses = 8) {
  sampled_batch b = sampled(21, {.responses = responses, .length = 256 / responses, .spread = 1.5, .drift = 0.05});
  REQUIRE(b.diagnosis().clean());
  REQUIRE(b.size() == 256);
  return b;
}

ranked_finding first(batch_diagnosis const& d) { return d.clean() ? ranked_finding{} : d.ranked().front(); }

// This and nothing else.
void only(batch_diagnosis const& d, finding f, index_t tokens = -1) {
  INFO(std::string(sentence(f)) << " and " << d.findings);
  CHECK(d.findings == static_cast<unsigned>(f));
  CHECK(d.ranked().size() == 1);
  CHECK(first(d).what == f);
  if (tokens >= 0) CHECK(first(d).tokens == tokens);
}

bool says(finding f, std::string const& words) { return std::string(sentence(f)).find(words) != std::string::npos; }

// Row-major into column-major.
sampled_batch transposed(sampled_batch const& b) {
  sampled_batch t = b;
  std::swap(t.responses, t.width);
  auto const rows = static_cast<std::size_t>(b.responses), n = static_cast<std::size_t>(b.width);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < n; ++i) {
      t.pi[i * rows + r] = b.pi[r * n + i];
      t.mu[i * rows + r] = b.mu[r * n + i];
      t.a[i * rows + r] = b.a[r * n + i];
      t.valid[i * rows + r] = b.valid[r * n + i];
    }
  }
  return t;
}

}  // namespace

TEST_CASE("F31: log mu = 0 at every token is found as log-probs that are missing, alone", "[reliability]") {
  sampled_batch b = ordinary();
  std::fill(b.mu.begin(), b.mu.end(), 0.0F);
  only(b.diagnosis(), finding::rollout_zeros, b.diagnosis().rollout_zeros);
  CHECK(b.diagnosis().rollout_zeros > 200);
  CHECK(says(finding::rollout_zeros, "had no rollout log-probs"));
  // The same batch says more where one looks past the cause.
  CHECK(b.diagnosis().below == 256);
  CHECK(b.diagnosis().outside_band > 200);
}

TEST_CASE("F31: some log-probs are exactly 0 on one side", "[reliability]") {
  for (bool const of_mu : {true, false}) {
    finding const want = of_mu ? finding::rollout_zeros : finding::log_prob_zeros;
    sampled_batch scattered = ordinary(), trajectory = ordinary(), all = ordinary(), three = ordinary();
    auto const side = [of_mu](sampled_batch& b) -> std::vector<float>& { return of_mu ? b.mu : b.pi; };
    for (std::size_t k = 0; k < 12; ++k) side(scattered)[20 * k + 3] = 0.0F;
    std::fill_n(side(trajectory).begin() + 64, 32, 0.0F);
    std::fill(side(all).begin(), side(all).end(), 0.0F);
    for (std::size_t k = 0; k < 3; ++k) side(three)[9 * k] = 0.0F;
    for (sampled_batch const* b : {&scattered, &trajectory, &all}) {
      batch_diagnosis const d = b->diagnosis();
      only(d, want, of_mu ? d.rollout_zeros : d.log_prob_zeros);
    }
    CHECK_FALSE(three.diagnosis().has(want));  // three tokens may be anything
  }
}

TEST_CASE("F31: log mu of a nucleus of one token is 0, which is truncation", "[reliability]") {
  sampled_batch const b = sampled(5, {.responses = 16, .length = 64, .drift = 0.0, .top_p = 0.7, .renormalised = true});
  batch_diagnosis const d = b.diagnosis();
  CHECK(d.rollout_zeros > 100);  // some pi are below 0.9
  CHECK(first(d).what == finding::truncated_sampling);
  CHECK_FALSE(d.has(finding::rollout_zeros));
}

TEST_CASE("F31: runs of zeros on both sides are padding that the mask does not know", "[reliability]") {
  auto const zero = [](sampled_batch& b, index_t row, index_t from, index_t to) {
    for (index_t i = row * b.width + from; i < row * b.width + to; ++i) {
      b.pi[static_cast<std::size_t>(i)] = b.mu[static_cast<std::size_t>(i)] = 0.0F;
    }
  };
  sampled_batch right = ordinary(), left = ordinary(), holes = ordinary(), most = ordinary(2), spread = ordinary();
  for (index_t row = 0; row < 8; ++row) {
    zero(right, row, 32 - 3 * row, 32);
    zero(left, row, 0, 2 * row);
    zero(holes, row, 3 * row, 3 * row + 6);
  }
  for (index_t row = 0; row < 2; ++row) zero(most, row, 20, 128);
  for (sampled_batch const* b : {&right, &left, &holes, &most}) {
    only(b->diagnosis(), finding::zeros_on_both_sides, b->diagnosis().zeros_on_both_sides);
  }
  // As many in any order are tokens that are certain.
  for (index_t i = 0; i < 256; i += 4) zero(spread, 0, i + i / 4 % 3, i + i / 4 % 3 + 1);
  CHECK(spread.diagnosis().zeros_on_both_sides == 64);
  CHECK(spread.diagnosis().clean());
  std::fill(right.mu.begin(), right.mu.end(), 0.0F);
  std::fill(right.pi.begin(), right.pi.end(), 0.0F);
  only(right.diagnosis(), finding::zeros_on_both_sides, 256);
}

TEST_CASE("F31: runs of certain tokens among nearly certain ones are not padding", "[reliability]") {
  // Text that is copied: long runs above 0.999, three in four of their tokens 0 exactly.
  testing::random_source random(3);
  sampled_batch b = sampled(3, {.responses = 16, .length = 100, .spread = 1.5, .drift = 0.05});
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i % 100 < 40) b.pi[i] = b.mu[i] = random.chance(0.75) ? 0.0F : -1e-5F;
  }
  CHECK(b.diagnosis().zeros_on_both_sides > 400);
  CHECK(b.diagnosis().clean());
}

TEST_CASE("F33: findings are ranked by the tokens they account for, causes before what follows", "[reliability]") {
  sampled_batch b = ordinary();
  std::rotate(b.mu.begin(), b.mu.end() - 1, b.mu.end());
  only(b.diagnosis(), finding::shifted_by_one, 256);
  for (std::size_t k = 0; k < 12; ++k) b.mu[20 * k + 3] = 0.0F;
  b.pi[7] = -9999.0F;
  batch_diagnosis const d = b.diagnosis();
  REQUIRE(d.ranked().size() == 3);
  CHECK(d.ranked()[0].what == finding::shifted_by_one);
  CHECK(d.ranked()[1].what == finding::rollout_zeros);
  CHECK(d.ranked()[2].what == finding::below_floor);
  CHECK(d.ranked()[0].tokens == 255 - d.rollout_zeros);
  CHECK(d.ranked()[1].tokens == d.rollout_zeros);
  CHECK(d.ranked()[2].tokens == 1);
  // Truncation moves the ratios too: it comes first, and they are not its tokens again.
  sampled_batch cut = ordinary();
  for (std::size_t i = 0; i < cut.size(); ++i) cut.mu[i] = std::min(cut.pi[i] + 0.2F, 0.0F);
  batch_diagnosis const c = cut.diagnosis();
  REQUIRE(c.ranked().size() == 2);
  CHECK(first(c).what == finding::truncated_sampling);
  CHECK(c.ranked()[1].what == finding::large_mismatch);
  CHECK(c.ranked()[1].tokens == 0);
}

TEST_CASE("F33: of findings that account for as many tokens the first to be added leads", "[reliability]") {
  batch_diagnosis d;
  d.add(finding::not_finite, 3);
  d.add(finding::zero_advantages, 9);
  d.add(finding::below_floor, 3);
  d.add_first(finding::missing_input, 9);
  d.add(finding::not_finite, 100);  // found already
  std::vector<finding> order;
  for (ranked_finding const& f : d.ranked()) order.push_back(f.what);
  CHECK(order == std::vector<finding>{finding::missing_input, finding::zero_advantages, finding::not_finite,
                                      finding::below_floor});
}

TEST_CASE("F32: diagnose counts log-probs below the floor apart from what is not finite", "[reliability]") {
  for (bool const of_mu : {true, false}) {
    sampled_batch b = ordinary();
    (of_mu ? b.mu : b.pi)[40] = -9999.0F;
    only(b.diagnosis(), finding::below_floor, 1);
    CHECK(b.diagnosis().too_low == 1);
    CHECK(b.diagnosis().not_finite == 0);
    CHECK(b.diagnosis().max_abs_log_ratio < 1.0);
    batch_diagnosis const lower = diagnose(b.view(), {.log_prob_floor = -1e4});
    CHECK(lower.too_low == 0);
    CHECK(lower.max_abs_log_ratio > 9000.0);
    CHECK(diagnose(b.view(), {.log_prob_floor = std::numeric_limits<double>::quiet_NaN()}).too_low == 0);
    b.a[40] = NAN;  // worse
    only(b.diagnosis(), finding::not_finite, 1);
  }
  sampled_batch const b = ordinary();
  std::vector<std::int32_t> const y(256, 1), ids(512, 1);
  std::vector<float> p(512, -1.0F), q(512, -1.0F);
  p[9] = -INFINITY;  // not listed
  auto const look = [&] {
    return diagnose(rollout_batch(padded(8, 32), log_prob(b.pi), rollout_log_prob(b.mu), advantage(b.a), token_id(y),
                                  top_k(2, ids, p, q)));
  };
  CHECK(look().clean());
  q[77] = -9999.0F;
  only(look(), finding::below_floor, 1);
}

TEST_CASE("F33: a part of the batch replaced by pi", "[reliability]") {
  for (index_t const replaced : {1, 3, 7}) {
    sampled_batch b = ordinary();
    std::copy_n(b.pi.begin(), 32 * replaced, b.mu.begin());
    only(b.diagnosis(), finding::partly_replaced, 32 * replaced);
    CHECK(b.diagnosis().replaced == 32 * replaced);
  }
  sampled_batch b = ordinary();
  std::copy_n(b.pi.begin(), 31, b.mu.begin());  // all of a response but one token
  CHECK(b.diagnosis().clean());
  b = sampled(4, {.responses = 128, .length = 2, .spread = 1.5, .drift = 0.05});
  std::copy_n(b.pi.begin(), 2, b.mu.begin());  // so short that it may be chance
  CHECK(b.diagnosis().clean());
  b.mu = b.pi;
  only(b.diagnosis(), finding::identical_policies, 256);
}

TEST_CASE("F33: responses that may be the same on both sides by chance are not called replaced", "[reliability]") {
  auto const found = [](index_t tokens, index_t other_same, index_t in_one) {
    detail::response_sums s;
    s.see(tokens, tokens, tokens, true);
    for (int k = 0; k < 1000; ++k) s.see(30, other_same, 30, false);
    if (in_one > 0) s.see(30, in_one, 30, false);
    return s.too_many();
  };
  CHECK(found(4, 0, 0));
  CHECK_FALSE(found(3, 0, 0));       // too short to say
  CHECK(found(20, 6, 0));            // one in five the same: 0.2^20, times 1001 to choose from
  CHECK_FALSE(found(16, 6, 0));
  CHECK_FALSE(found(100, 8, 0));     // coarse numbers
  CHECK_FALSE(found(100, 0, 16));    // or coarse ones in a response that moves less
  CHECK(found(100, 0, 15));
}

TEST_CASE("F33: how many tokens it takes to be almost all", "[reliability]") {
  auto const found = [](detail::side_counts const& all, detail::side_counts const& unlikely) {
    return detail::one_sided(all, unlikely, &detail::side_counts::below);
  };
  CHECK(found({48, 44, 0}, {32, 29, 0}));
  CHECK_FALSE(found({47, 47, 0}, {32, 32, 0}));
  CHECK_FALSE(found({64, 64, 0}, {31, 31, 0}));
  CHECK_FALSE(found({50, 45, 0}, {32, 32, 0}));
  CHECK_FALSE(found({64, 64, 0}, {40, 36, 0}));
  // Of a few tokens one in twenty is none to speak of.
  sampled_batch few = sampled(9, {.responses = 1, .length = 20, .spread = 1.0, .drift = 0.0});
  for (std::size_t i = 0; i < 20; ++i) few.pi[i] -= i < 3 ? 0.2F : i % 2 == 0 ? 0.01F : -0.01F;
  CHECK(few.diagnosis().clean());
  few.pi[3] -= 0.2F;
  only(few.diagnosis(), finding::large_mismatch, 4);
}

TEST_CASE("F33: log pi above log mu at almost every token", "[reliability]") {
  sampled_batch b = ordinary();
  for (std::size_t i = 0; i < b.size(); ++i) b.pi[i] = std::min(b.mu[i] + 0.02F, 0.0F);
  only(b.diagnosis(), finding::above_rollout, b.diagnosis().above);
  CHECK(b.diagnosis().above > 250);
  // A sharper pi raises the likely tokens alone, however many these are.
  sampled_batch const sharper =
      sampled(8, {.responses = 16, .length = 256, .spread = 20.0, .drift = 0.0, .sharper = 1.02});
  CHECK(sharper.diagnosis().clean());
}

TEST_CASE("F33: a mean ratio more than six standard errors above 1", "[reliability]") {
  // Log-ratios +0.06 and -0.01 in turn: 0.582 standard errors times the root of how many there are, and the ratios'
  // product is e to 0.025 for each. That must be e^23, or rare tokens that did not come could bring the mean back to 1.
  auto const of = [](index_t n) {
    sampled_batch b = sampled(31, {.responses = 1, .length = n, .spread = 1.0, .drift = 0.0});
    for (std::size_t i = 0; i < b.size(); ++i) b.pi[i] = b.mu[i] + (i % 2 == 0 ? 0.06F : -0.01F);
    return b;
  };
  CHECK(of(900).diagnosis().clean());
  CHECK(of(900).diagnosis().ratio_errors > 6.0);
  only(of(960).diagnosis(), finding::mean_ratio_high, 960);
  CHECK(of(960).diagnosis().ratio_errors == cppo_test::approx(0.582 * std::sqrt(960.0)).epsilon(0.01));
  CHECK(of(960).diagnosis().mean_ratio == cppo_test::approx(1.0259).epsilon(1e-3));
  // Noise of 0.3 besides: what counts is how many standard errors.
  auto const noisy = [](index_t n) {
    sampled_batch b = sampled(31, {.responses = 1, .length = n, .spread = 1.0, .drift = 0.0});
    for (std::size_t i = 0; i < b.size(); ++i) b.pi[i] = b.mu[i] + (i % 2 == 0 ? 0.3F : -0.28F);
    return b.diagnosis();
  };
  CHECK_FALSE(noisy(1100).has(finding::mean_ratio_high));  // 5.8
  CHECK(noisy(1800).has(finding::mean_ratio_high));        // 7.4
  // One huge ratio is no evidence, whatever it does to the mean.
  sampled_batch huge = ordinary();
  huge.pi[100] = -0.01F;
  huge.mu[100] = -19.0F;
  CHECK(huge.diagnosis().mean_ratio > 1e5);
  CHECK(huge.diagnosis().clean());
  // Nor is a pi that was trained on these tokens: it rises where A > 0.
  sampled_batch trained = of(2000);
  for (std::size_t i = 0; i < trained.size(); ++i) trained.a[i] = i % 2 == 0 ? 1.0F : -1.0F;
  CHECK(trained.diagnosis().ratio_errors > 6.0);
  CHECK(trained.diagnosis().clean());
}

TEST_CASE("F40: pi and mu in each other's place", "[reliability]") {
  sampled_batch b = sampled(41, {.responses = 64, .length = 512, .drift = 0.09});
  CHECK(b.diagnosis().clean());
  std::swap(b.pi, b.mu);
  only(b.diagnosis(), finding::swapped_policies, 64 * 512);
  // Noise on log pi that leaves it no law raises both means.
  std::swap(b.pi, b.mu);
  testing::random_source random(2);
  for (std::size_t i = 0; i < b.size(); ++i) {
    b.pi[i] = std::min(b.mu[i] + static_cast<float>(random.uniform(-0.09, 0.09)), 0.0F);
  }
  CHECK_FALSE(b.diagnosis().has(finding::swapped_policies));
}

TEST_CASE("F40: padded(T, B) where padded(B, T) was meant", "[reliability]") {
  auto const exchanged = [](sampled_batch b) {
    std::swap(b.responses, b.width);
    return b.diagnosis();
  };
  for (bool const left : {false, true}) {
    for (auto const& [responses, length] : {std::pair<index_t, index_t>{8, 64}, {16, 100}, {24, 96}, {7, 200}}) {
      sampled_batch const b =
          sampled(51, {.responses = responses, .length = length, .padded_left = left, .ragged = true});
      CHECK(b.diagnosis().clean());
      INFO(responses << " x " << length << (left ? ", left" : ", right"));
      only(exchanged(b), finding::swapped_extents);
    }
  }
  // No padding: an advantage for each response tells.
  sampled_batch const full = sampled(52, {.responses = 16, .length = 100});
  CHECK(full.diagnosis().clean());
  only(exchanged(full), finding::swapped_extents);
}

TEST_CASE("F40: time first where responses were meant to be", "[reliability]") {
  sampled_batch const ragged = sampled(61, {.responses = 24, .length = 64, .ragged = true});
  sampled_batch const full = sampled(62, {.responses = 12, .length = 64});
  for (sampled_batch const* b : {&ragged, &full}) {
    CHECK(b->diagnosis().clean());
    CHECK(first(transposed(*b).diagnosis()).what == finding::swapped_extents);
  }
}

TEST_CASE("F40: what looks like exchanged rows and is not", "[reliability]") {
  // Rows sorted by length, padded on either side, with a tool's output in the same place of each.
  for (bool const left : {false, true}) {
    sampled_batch b = sampled(71, {.responses = 32, .length = 64});
    for (index_t r = 0; r < 32; ++r) {
      for (index_t i = 0; i < 64; ++i) {
        bool const padding = left ? i < r : i >= 64 - r;
        bool const tool = i >= 28 && i < 33;
        if (padding || tool) b.valid[static_cast<std::size_t>(r * 64 + i)] = 0;
      }
    }
    CHECK(b.diagnosis().clean());
  }
  // Responses that are full or left out, the latter last.
  sampled_batch b = sampled(72, {.responses = 64, .length = 16});
  std::fill(b.valid.begin() + 40 * 16, b.valid.end(), std::uint8_t{0});
  CHECK(b.diagnosis().clean());
  // An advantage that falls along each response, the same in all.
  for (std::size_t i = 0; i < b.size(); ++i) b.a[i] = 1.0F - static_cast<float>(i % 16) / 16.0F;
  CHECK(b.diagnosis().clean());
}

namespace {

struct half_distance {  // never above a half
  template <class V>
  constexpr V between(V p, V q) const {
    return V(0.5) * abs(exp(p) - exp(q));
  }
  constexpr double largest() const { return 0.5; }
};

}  // namespace

TEST_CASE("F40: a threshold that no divergence reaches", "[reliability]") {
  sampled_batch const b = ordinary();
  auto const check = [&b](auto const& region, bool found) {
    batch_diagnosis const d = diagnose(b.view(), region);
    if (found) only(d, finding::threshold_out_of_reach, 256);
    else CHECK(d.clean());
  };
  check(dppo(), false);
  check(dppo({.delta_low = 15.0, .delta_high = 15.0}), true);
  check(dppo({.delta_low = 0.15, .delta_high = 1.0}), true);
  check(dppo({.delta_low = 15.0, .delta_high = 15.0}, binary_kl), false);
  check(dppo({.delta_low = 15.0, .delta_high = 15.0}, named_divergence::find("binary_tv")), true);
  check(dppo({.delta_low = 15.0, .delta_high = 15.0}, named_divergence::find("k3")), false);
  check(dppo({.delta_low = 0.6, .delta_high = 0.6}, half_distance{}), true);
  check(dppo({}, no_divergence), true);
  auto const kept = [](auto mask) { return trust_region(binary_tv, uniform_weight, toward_rollout | mask); };
  check(kept(at_most(divergence, 0.2)), false);
  check(kept(at_most(divergence, 1)), true);
  check(kept(at_most(divergence, below(1))), false);
  check(kept(!at_most(weighted_divergence, below(1.5))), true);
  check(kept(at_most(ratio, 1.5) & at_most(divergence, rollout_prob)), false);
  check(tr_ppo({.delta = 0.9}, binary_tv), false);
  check(tr_ppo({.delta = 1.1}, binary_tv), true);
  check(ppo() + where(at_most(divergence, 2000), nothing, penalty(kl_k2(log_ratio), 0.1)), true);
  check(fixed_cppo({.delta = 15.0}), true);
  check(fixed_cppo({.delta_b = 1.5}), true);
  check(fixed_cppo(), false);
  check(calibrated_cppo(), false);
  check(trm_max({.delta = 2.0}, binary_tv), true);
  check(trm_mean({.delta = 2.0}, binary_tv), true);
  check(trm_max(), false);
  check(trust_region(binary_tv, uniform_weight, none_of(divergence_within(2.0))), true);
  check(ppo(), false);
  check(reporting(ppo(), binary_tv), false);
  check(reporting(dppo({}, no_divergence), binary_tv), true);
  check(unrestricted(), false);
}

TEST_CASE("F40: what the region reads and the batch lacks, and parameters out of range, come first", "[reliability]") {
  sampled_batch b = ordinary();
  only(diagnose(b.view(), dppo({}, precomputed)), finding::missing_input, 256);
  only(diagnose(b.view(), dppo({}, top_k_tv)), finding::missing_input, 256);
  only(diagnose(b.view(), ppo({.epsilon_low = 2.0})), finding::bad_parameter, 256);
  std::fill(b.a.begin(), b.a.end(), 0.0F);
  batch_diagnosis const d = diagnose(b.view(), dppo({}, precomputed));
  REQUIRE(d.ranked().size() == 2);
  CHECK(first(d).what == finding::missing_input);
  std::vector<float> const short_one(3, -1.0F);
  auto const broken =
      rollout_batch(padded(2, 2), log_prob(short_one), rollout_log_prob(short_one), advantage(short_one));
  only(diagnose(broken, dppo({}, precomputed)), finding::bad_shape);
}
