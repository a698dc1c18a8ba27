// A described region gives the bits of the region written out, everywhere; its decisions, needs, shapes and parts.
#include "support/catch_compat.hpp"
#include "support/described_runs.hpp"
#include "support/hand_token.hpp"
#include "support/odd_regions.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/testing/generators.hpp>

#include <set>
#include <string>

namespace {

using namespace cppo;
using namespace cppo::testing;
using cppo_test::hand_token;

described_region read(std::string_view text) {
  auto const p = parse_region(text);
  INFO(std::string(text) << "\n" << std::string(p.error));
  REQUIRE(p.good);
  return p.region;
}
described_region of_mask(std::string_view mask) {
  return read("trust_region(binary_tv, linear_weight(0.5), " + std::string(mask) + ")");
}

constexpr generator_options lent{.max_length = 150, .top_k = 4, .divergence = true};
loss_options options_of(std::uint64_t seed) {
  loss_options o{.aggregate = static_cast<aggregation>(seed % 5), .horizon = 300};
  if (seed % 3 == 1) o.surrogate.form = surrogate_form::reinforce;
  if (seed % 4 == 2) o.positions = position_convention::fixed_horizon;
  return o;
}

// Whole calls and traces in one arithmetic.
template <element T, class Region>
void same_calls(Region const& written, region_runner<typename generated_batch<T>::real> const& described,
                std::uint64_t seed) {
  generated_batch<T> const batch = generate<T>(seed, lent);
  auto const rows = batch.rows_and_spare();
  loss_options const o = options_of(seed);
  auto const want = capture(seq, batch, written, o);
  REQUIRE(want.outcome.ok());
  for (std::size_t k = 0; k < described.executors(); ++k) {
    INFO(described.name(k) << ", seed " << seed);
    CHECK(cppo_test::unlike_runs(described.run(k, batch, o), want, rows) == "");
    CHECK(cppo_test::unlike(described.run(k, batch, o, asks_for::no_trace), want, rows) == "");
  }
}
template <class Region>
void same_mask_and_diagnosis(Region const& written, described_region const& described, std::uint64_t seed) {
  auto const batch = generate<float>(seed, lent);
  std::vector<std::uint8_t> want(static_cast<std::size_t>(batch.slots()), static_cast<std::uint8_t>(unwritten));
  REQUIRE(compute_mask(seq, batch.view(), written, want).ok());
  CHECK(cppo_test::described_mask_of(described, batch) == want);
  batch_diagnosis const a = cppo_test::diagnose_described(described, batch), b = diagnose(batch.view(), written);
  for (int bit = 0; bit < 32; ++bit) {
    auto const f = static_cast<finding>(1U << bit);
    CHECK(a.has(f) == b.has(f));
  }
}

}  // namespace

TEST_CASE("a described region has the bits of the region written out", "[described]") {
  cppo_test::each_odd_region([](std::string_view text, auto const& written) {
    INFO(text);
    described_region const described = read(text);
    auto const narrow = cppo_test::described_runner(described);
    REQUIRE(narrow.executors() == 4);
    for (std::uint64_t seed = 1; seed <= 24; ++seed) same_calls<float>(written, narrow, seed);
    for (std::uint64_t seed = 25; seed <= 28; ++seed) same_calls<half>(written, narrow, seed);
    auto const wide = cppo_test::described_runner_in_double(described);
    for (std::uint64_t seed = 29; seed <= 36; ++seed) same_calls<double>(written, wide, seed);
    for (std::uint64_t seed = 37; seed <= 42; ++seed) same_mask_and_diagnosis(written, described, seed);
  });
}

TEST_CASE("check_region passes described regions", "[described]") {
  std::uint64_t seed = 1;
  auto const check = [&seed](std::string_view text) {
    auto const result = cppo_test::check_described(read(text), {.batches = 8, .seed = seed, .threads = false});
    INFO(std::string(text) << ": " << result.message);
    CHECK(result.ok);
    CHECK(result.compared > 10000);
    CHECK(result.too_close * 100 < result.compared);
    seed += 8;
  };
  cppo_test::each_odd_region([&check](std::string_view text, auto const&) { check(text); });
  for (char const* const text : {"unrestricted", "ppo", "dppo", "fixed_cppo", "calibrated_cppo", "trm_max(0.1)",
                                 "trm_mean(0.01)", "calibrated_cppo(0.1, divergence = top_k_kl)"}) {
    check(text);
  }
}

TEST_CASE("diagnose finds a threshold of a described region that masks nothing", "[described]") {
  auto const batch = generate<float>(3, {});
  auto const out_of_reach = [&batch](std::string_view text) {
    return cppo_test::diagnose_described(read(text), batch).has(finding::threshold_out_of_reach);
  };
  CHECK(out_of_reach("dppo(delta = 1)"));
  CHECK(!out_of_reach("dppo(delta = 0.99)"));
  CHECK(!out_of_reach("dppo(delta = 1, divergence = binary_kl)"));
  CHECK(out_of_reach("fixed_cppo(0.1, delta_b = 1)"));
  CHECK(!out_of_reach("fixed_cppo(0.1, delta_b = 0.99)"));
  CHECK(!out_of_reach("calibrated_cppo(0.1, delta_b = 1)"));
  CHECK(out_of_reach("trm_max(1, binary_tv)"));
  CHECK(out_of_reach("trust_region(binary_tv, uniform_weight, !divergence_within(1))"));
  CHECK(out_of_reach("reporting(trust_region(no_divergence, uniform_weight, divergence_within(0.1)), k1)"));
  CHECK(!out_of_reach("reporting(ppo, k1)"));
}

TEST_CASE("a described region comes to every decision, in order", "[described]") {
  auto const decided = [](std::string_view mask, hand_token const& t) {
    described_region const r = of_mask(mask);
    auto const token = t.make<float_lane>();
    return static_cast<decision>(static_cast<int>(r.decided_by(token, r.keeps(token)).raw()));
  };
  hand_token const kept, far{.log_prob = -0.5, .divergence = 1.0, .within_budget = false,
                             .response = {.length = 1, .max_divergence = 1.0, .divergence_sum = {}, .delta_b = 0.0,
                                          .bad_tokens = 0}};
  hand_token const toward{.log_prob = -1.5};
  std::string const all = "ratio_within(0.9, 1.1) & divergence_within(0.5) & prefix_budget(1, 1) & "
                          "response_max_within(0.5)";
  CHECK(decided(all, kept) == decision::kept);
  CHECK(decided(all, far) == decision::masked_ratio);
  CHECK(decided("divergence_within(0.5) & prefix_budget(1, 1) & response_max_within(0.5)", far) ==
        decision::masked_divergence);
  CHECK(decided("response_max_within(0.5) & prefix_budget(1, 1)", far) == decision::masked_budget);
  CHECK(decided("toward_rollout | response_max_within(0.5)", far) == decision::masked_response);
  CHECK(decided("!divergence_within(2)", far) == decision::masked_other);
  CHECK(decided("keep_none", kept) == decision::masked_other);
  CHECK(decided("toward_rollout | keep_none", toward) == decision::kept_toward);
  CHECK(decided("toward_rollout | ratio_within(0.5, 2)", {.log_prob = -0.9}) == decision::kept);
  CHECK(decided("!toward_rollout", far) == decision::kept);
  CHECK(decided("divergence_within(2) & divergence_within(0.5)", far) == decision::masked_divergence);
}

TEST_CASE("a described region asks for what its parts need", "[described]") {
  auto const asks = [](std::string_view text) {
    described_region const r = read(text);
    std::string all;
    if (r.asks_for(needs::prefix_budget)) all += 'b';
    if (r.asks_for(needs::prefix_values)) all += 'v';
    if (r.asks_for(needs::response)) all += 'r';
    if (r.asks_for(needs::quantile)) all += 'q';
    return all;
  };
  CHECK(asks("ppo") == "");
  CHECK(asks("fixed_cppo") == "b");
  CHECK(asks("calibrated_cppo") == "bq");
  CHECK(asks("softened(ppo, reciprocal_gate)") == "");
  CHECK(asks("softened(fixed_cppo, reciprocal_gate)") == "bv");
  CHECK(asks("trm_max") == "r");
  CHECK(asks("trust_region(k1, uniform_weight, !response_mean_within(1) & !prefix_budget(1, 1))") == "br");
}

TEST_CASE("the first part out of range is named: divergence, weight, mask, and what fits together", "[described]") {
  described_mask mask;
  REQUIRE(mask.append({mask_step::response_max_within, -1.0, -1.0}));
  named_divergence const unknown = named_divergence::find("no such");
  described_weight const weight = linear_weight(2.0);
  auto const fault = [](described_region const& r) { return std::string(r.check().name); };
  CHECK(fault({unknown, weight, mask, {}, hard_gate, true}) == "named_divergence");
  CHECK(fault({k1, weight, mask, {}, hard_gate, true}) == "linear_weight(w_min)");
  CHECK(fault({k1, uniform_weight, mask, {}, hard_gate, true}) == "response_max_within(delta)");
  described_mask good;
  REQUIRE(good.append({mask_step::response_max_within, 1.0, 1.0}));
  CHECK(fault({k1, uniform_weight, good, {}, hard_gate, true}) == "the mask of a described_region with reports_only");
  CHECK(described_region(k1, uniform_weight, good, {}, hard_gate, false).check());
  CHECK(described_region().check());
}

TEST_CASE("the threshold of a described region is that of its only clause, or what the prefix leaves", "[described]") {
  auto const threshold = [](std::string_view mask, double advantage) {
    return static_cast<double>(of_mask(mask).threshold(hand_token{.advantage = advantage}.make<double_lane>(),
                                                       double_lane(0.25)).raw());
  };
  CHECK(threshold("keep_all", 1.0) == 1000.0);
  CHECK(threshold("divergence_within(0.5)", 1.0) == 0.5);
  CHECK(threshold("divergence_within(0.125, 0.5)", 1.0) == 0.5);
  CHECK(threshold("divergence_within(0.125, 0.5)", -1.0) == 0.125);
  CHECK(threshold("divergence_within(0.5) & prefix_budget(1, 1)", 1.0) == 0.25);
  CHECK(threshold("divergence_within(0.125) & prefix_budget(1, 1)", 1.0) == 0.125);
  CHECK(threshold("!prefix_budget(1, 1)", 1.0) == 0.25);
  CHECK(threshold("!divergence_within(0.5)", 1.0) == 1000.0);
  CHECK(threshold("divergence_within(0.5) | divergence_within(0.125)", 1.0) == 1000.0);
}

TEST_CASE("a described region is run in the shape that fits", "[described]") {
  auto const shape = [](std::string_view text) {
    return detail::with_shape(read(text), []<class Shape>(Shape const&) {
      if constexpr (std::is_same_v<Shape, detail::usual_region>) return std::string("usual");
      else return std::string(Shape::is_soft ? "soft" : "walked");
    });
  };
  for (char const* const usual : {"unrestricted", "ppo", "dppo", "trm_max", "trm_mean", "reporting(ppo, k1)"}) {
    CHECK(shape(usual) == "usual");
  }
  for (char const* const walked :
       {"fixed_cppo", "calibrated_cppo", "trust_region(k1, linear_weight(0.5), keep_all)",
        "trust_region(k1, permuted(uniform_weight, 1), keep_all)",
        "trust_region(k1, reversed(uniform_weight), keep_all)", "fixed_cppo(divergence = top_k_kl)",
        "trust_region(k1, uniform_weight, !toward_rollout)",
        "reporting(trust_region(no_divergence, uniform_weight, divergence_within(1)), k1)"}) {
    CHECK(shape(walked) == "walked");
  }
  for (char const* const soft : {"softened(ppo, reciprocal_gate)", "softened(fixed_cppo, reciprocal_gate)"}) {
    CHECK(shape(soft) == "soft");
  }
}

TEST_CASE("a weight, a budget and a gate as data are equal if their numbers are", "[described]") {
  described_weight const uniform, linear = linear_weight(0.5);
  CHECK(uniform == described_weight(uniform_weight));
  CHECK(!(linear == uniform));
  CHECK(!(described_weight(linear_weight(1.0)) == uniform));
  CHECK(!(linear.shuffled(0) == linear));
  CHECK(!(linear.shuffled(1) == linear.shuffled(2)));
  CHECK(linear.shuffled(1).shuffled(2) == linear.shuffled(2));
  CHECK(!(linear.reversed() == linear));
  CHECK(linear.reversed().reversed() == linear);
  CHECK(linear.shuffled(1).reversed().reversed() == linear.shuffled(1));
  CHECK(!(linear.shuffled(1).reversed() == linear.reversed().shuffled(1)));
  CHECK(linear.shuffled(1).reversed().shuffled(2) == linear.shuffled(2));
  CHECK(!described_weight(linear_weight(0.0)).check());
  CHECK(uniform.check());
  described_budget const fixed = fixed_budget(0.5), calibrated = calibrated_budget(0.5);
  CHECK(!(fixed == calibrated));
  CHECK(!(fixed == described_budget(fixed_budget(0.25))));
  CHECK(!(calibrated == described_budget(calibrated_budget(0.5, {.scale = 2.0}))));
  CHECK(fixed.out_of_reach(0.5));
  CHECK(!calibrated.out_of_reach(0.5));
  CHECK(described_gate(reciprocal_gate).is_soft());
  CHECK(!described_gate().is_soft());
  CHECK(described_gate()(double_lane(3.0)).raw() == 0.0);
  CHECK(described_gate(reciprocal_gate)(double_lane(4.0)).raw() == 0.25);
}
