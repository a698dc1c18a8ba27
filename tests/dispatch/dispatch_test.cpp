// One call, compiled for several instruction sets: the same answer from each, and from the library as compiled here.
#include "support/catch_compat.hpp"
#include "support/chosen_region.hpp"
#include "support/same_run.hpp"

#include <cppo/testing/generators.hpp>

#include <cppo/rules/response_rules.hpp>

#include <dispatch.hpp>

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using cppo_test::index_t;

// An executor for `capture`.
struct dispatched {
  dispatch::executor on;
  dispatch::build const& by;
};

cppo::status policy_loss(dispatched const& d, cppo::rollout_batch_view<float> const& batch,
                         cppo::described_region const& region, cppo::loss_outputs const& outputs,
                         cppo::loss_options const& options) {
  return dispatch::policy_loss(d.on, batch, region, outputs, options, d.by);
}

template <class F>
void each_way(F const& f) {
  for (dispatch::build const& by : dispatch::builds()) {
    if (!by.runs_here) continue;
    for (auto const on : {dispatch::executor::seq, dispatch::executor::simd}) {
      INFO(by.instruction_set << (on == dispatch::executor::seq ? ", seq" : ", simd"));
      f(on, by);
    }
  }
}

// Differences between each way and `seq` as compiled here, for a region on a batch.
void check(cppo_test::chosen_region const& chosen, cppo::testing::generated_batch<float> const& batch,
           cppo::loss_options const& options) {
  INFO(chosen.region << " on " << chosen.divergence << ", seed " << batch.seed);
  cppo::described_region const region = described(chosen);
  using cppo::testing::asks_for;
  for (asks_for const asked : {asks_for::trace, asks_for::no_trace}) {
    auto const want = capture(cppo::seq, batch, region, options, asked);
    each_way([&](dispatch::executor on, dispatch::build const& by) {
      auto const got = capture(dispatched{on, by}, batch, region, options, asked);
      REQUIRE(cppo_test::unlike_runs(got, want, batch.rows()) == "");
    });
  }
}

}  // namespace

TEST_CASE("every build gives the outputs, the report and the status of seq") {
  for (std::string_view const divergence : cppo::divergence_names()) {
    for (std::string_view const region : cppo_test::region_names) {
      for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        auto batch = cppo::testing::generate<float>(seed, {.max_length = 300, .top_k = 4, .divergence = true});
        cppo_test::chosen_region const chosen{
            .region = region, .divergence = divergence, .delta = 0.1, .delta_b = 0.02, .seed = seed};
        check(chosen, batch, {.aggregate = cppo::seq_mean_token_mean});
        if (batch.slots() == 0) continue;
        batch.log_prob[static_cast<std::size_t>(batch.slots() - 1)] = 5.0F;  // bad input, unless that is no token
        check(chosen, batch, {.aggregate = cppo::token_mean, .bad_input = cppo::on_bad_input::exclude});
        check(chosen, batch, {.aggregate = cppo::token_mean});
      }
    }
  }
}

TEST_CASE("a build that knows rules gives a rule the outputs of seq, and another one says that it has no call") {
  auto const batch = cppo::testing::generate<float>(11, {.max_length = 60});
  auto const written = cppo::gspo({.epsilon_low = 0.05, .epsilon_high = 0.05});
  cppo::described_rule const rule(written);
  auto const n = static_cast<std::size_t>(batch.slots());
  std::vector<float> want(n, 7.0F), got(n, 7.0F);
  cppo::report expected;
  REQUIRE(cppo::policy_loss(cppo::seq, batch.view(), written, {.gradient = want, .report = &expected}).ok());
  REQUIRE(expected.held > 0);
  each_way([&](dispatch::executor on, dispatch::build const& by) {
    cppo::report report;
    if (by.rule_call == nullptr) {
      CHECK_THROWS_AS(dispatch::policy_loss(on, batch.view(), rule, {.report = &report}, {}, by),
                      std::invalid_argument);
      return;
    }
    REQUIRE(dispatch::policy_loss(on, batch.view(), rule, {.gradient = got, .report = &report}, {}, by).ok());
    CHECK(got == want);
    CHECK(report.held == expected.held);
    CHECK(report.sum_loss == expected.sum_loss);
  });
  cppo::report report;
  got.assign(n, 7.0F);
  auto const simd = dispatch::executor::simd;
  REQUIRE(dispatch::policy_loss(simd, batch.view(), rule, {.gradient = got, .report = &report}).ok());
  CHECK(got == want);
}

TEST_CASE("on a machine that is better than the one that compiled, rules go to the best build that knows them") {
  auto const call = [](dispatch::crossing const&) {};
  dispatch::build const all[] = {{"least", true, nullptr, call, call}, {"compiled", true, nullptr, call, call},
                                 {"better", true, nullptr, call, nullptr}, {"elsewhere", false, nullptr, call, call}};
  cppo::described_rule const rule(cppo::gspo());
  CHECK(dispatch::best_of(all, rule) == all + 1);
  CHECK(dispatch::best_of(all, cppo_test::described({.divergence = "binary_tv"})) == all + 2);
  CHECK(dispatch::best_of(std::span(all).subspan(2), rule) == nullptr);
}

TEST_CASE("a build without the call under rules says how to make one that has it") {
  auto const batch = cppo::testing::generate<float>(11, {.max_length = 60});
  dispatch::build const by{"better", true, nullptr, [](dispatch::crossing const&) {}, nullptr};
  try {
    (void)dispatch::policy_loss(dispatch::executor::seq, batch.view(), cppo::described_rule(cppo::gspo()), {}, {}, by);
    FAIL("it was refused nowhere");
  } catch (std::invalid_argument const& e) {
    CHECK(std::string(e.what()).find("compile on this machine, or add rule_executor.cpp") != std::string::npos);
  }
}

TEST_CASE("every build refuses a divergence that nobody knows, and leaves the report alone") {
  auto const batch = cppo::testing::generate<float>(3);
  cppo::described_region const unknown = cppo_test::described({.divergence = "no such"});
  each_way([&](dispatch::executor on, dispatch::build const& by) {
    cppo::report report;
    report.kept = 11;
    auto const ended = dispatch::policy_loss(on, batch.view(), unknown, {.report = &report}, {}, by);
    CHECK(ended.code == cppo::status_code::bad_parameter);
    CHECK(ended.where == cppo::argument::region);
    CHECK(report.kept == 11);
  });
}

TEST_CASE("the best build is the last that runs here, and no narrower than those before it") {
  auto const all = dispatch::builds();
  REQUIRE(all.front().runs_here);
  int lanes = 0;
  dispatch::build const* last = nullptr;
  for (dispatch::build const& by : all) {
    if (!by.runs_here) continue;
    CHECK(by.lanes() >= lanes);
    lanes = by.lanes();
    last = &by;
  }
  CHECK(&dispatch::best_build() == last);
}
