// One call, compiled for several instruction sets: the same answer from each, and from the library as compiled here.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/testing/generators.hpp>

#include <dispatch.hpp>

namespace {

using cppo::region_config;
using cppo_test::index_t;

// An executor for `capture`: its region is `config`, whichever region it is handed.
struct dispatched {
  dispatch::executor on;
  dispatch::build const& by;
  region_config const& config;
};

template <class Region>
cppo::status policy_loss(dispatched const& d, cppo::rollout_batch_view<float> const& batch, Region const&,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options) {
  return dispatch::policy_loss(d.on, batch, d.config, outputs, options, d.by);
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

// Differences between each way and `seq` as compiled here, for a named region on a batch.
void check(region_config const& config, cppo::testing::generated_batch<float> const& batch,
           cppo::loss_options const& options) {
  INFO(config.region << " on " << config.divergence << ", seed " << batch.seed);
  REQUIRE(cppo::visit_region(config, [&](auto const& region) {
    using cppo::testing::asks_for;
    for (asks_for const asked : {asks_for::trace, asks_for::no_trace}) {
      auto const want = capture(cppo::seq, batch, region, options, asked);
      each_way([&](dispatch::executor on, dispatch::build const& by) {
        auto const got = capture(dispatched{on, by, config}, batch, region, options, asked);
        REQUIRE(cppo_test::unlike_runs(got, want, batch.rows()) == "");
      });
    }
  }));
}

}  // namespace

TEST_CASE("every build gives the outputs, the report and the status of seq") {
  for (std::string_view const divergence : cppo::divergence_names()) {
    for (std::string_view const region : cppo::region_names()) {
      for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        auto batch = cppo::testing::generate<float>(seed, {.max_length = 300, .top_k = 4, .divergence = true});
        region_config const config{
            .region = region, .divergence = divergence, .delta = 0.1, .delta_b = 0.02, .seed = seed};
        check(config, batch, {.aggregate = cppo::seq_mean_token_mean});
        if (batch.slots() == 0) continue;
        batch.log_prob[static_cast<std::size_t>(batch.slots() - 1)] = 5.0F;  // bad input, unless that is no token
        check(config, batch, {.aggregate = cppo::token_mean, .bad_input = cppo::on_bad_input::exclude});
        check(config, batch, {.aggregate = cppo::token_mean});
      }
    }
  }
}

TEST_CASE("every build refuses a name that nobody knows, and leaves the report alone") {
  auto const batch = cppo::testing::generate<float>(3);
  region_config const unknown{.region = "cpo"};
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
