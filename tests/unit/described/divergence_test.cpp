// A divergence chosen as the program runs is the one of its name.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/testing/generators.hpp>

#include <set>

namespace {

using namespace cppo::testing;

// Every output under the divergence of that name has the bits of the divergence itself.
template <class D>
void same_divergence(std::string_view name, D divergence) {
  INFO(std::string(name));
  auto const region = [](auto d) { return cppo::fixed_cppo({0.12, 0.01, 0.7}, d); };
  generator_options const o{.top_k = name.starts_with("top_k") ? 4 : 0, .divergence = name == "precomputed"};
  cppo::index_t masked = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    generated_batch<float> const batch = generate<float>(seed, o);
    auto const got = capture(cppo::seq, batch, region(cppo::named_divergence::find(name)), {});
    auto const want = capture(cppo::seq, batch, region(divergence), {});
    REQUIRE(cppo_test::same_status(got.outcome, want.outcome));
    REQUIRE(got.outcome.ok());
    REQUIRE(cppo_test::unlike(got, want, batch.rows()) == "");
    masked += got.report.masked();
  }
  CHECK((masked > 0) == (name != "no_divergence"));
}

}  // namespace

TEST_CASE("every divergence name reaches its divergence, and all names differ") {
  std::set<std::string_view> names;
  cppo::detail::each_named(cppo::detail::divergences_by_name, [&](std::string_view name, auto divergence) {
    CHECK(cppo::divergence_names()[names.size()] == name);
    names.insert(name);
    same_divergence(name, divergence);
  });
  CHECK(names.size() == std::size(cppo::divergence_names()));
}

TEST_CASE("the names of the paper's divergences, and those of others, are those of their own objects") {
  auto const is = [](std::string_view name, auto divergence) {
    CHECK(cppo::named_divergence(divergence) == cppo::named_divergence::find(name));
  };
  is("no_divergence", cppo::no_divergence);
  is("binary_tv", cppo::binary_tv);
  is("binary_kl", cppo::binary_kl);
  is("top_k_tv", cppo::top_k_tv);
  is("top_k_kl_list", cppo::top_k_kl_list);
  is("k3", cppo::k3);
  is("precomputed", cppo::precomputed);
}

TEST_CASE("no_divergence is 0 everywhere") {
  generated_batch<float> const batch = generate<float>(4);
  auto const run = capture(cppo::seq, batch, cppo::fixed_cppo({}, cppo::named_divergence::find("no_divergence")), {});
  CHECK(run.report.counts.tokens > 0);
  CHECK(run.report.sum_divergence == 0.0);
  CHECK(run.report.masked() == 0);
}

// An index past the names would not compile here.
static_assert(cppo::named_divergence::find("no such").index() == -1);

TEST_CASE("an unknown divergence is refused") {
  for (std::string_view const name : {"no such", "tv", "", "none", "binary_tv "}) {
    INFO(std::string(name));
    CHECK(cppo::named_divergence::find(name).index() == -1);
    CHECK_FALSE(cppo::named_divergence::find(name).check());
  }
  auto const known = static_cast<int>(std::size(cppo::divergence_names()));
  CHECK(cppo::named_divergence(known - 1).check());
  CHECK_FALSE(cppo::named_divergence(known).check());
  CHECK_FALSE(cppo::named_divergence(99).check());
}

TEST_CASE("a named divergence asks for the input its type asks for") {
  auto const reads = [](std::string_view d) { return cppo::named_divergence::find(d).reads(); };
  CHECK(reads("binary_tv") == cppo::argument::none);
  CHECK(reads("precomputed") == cppo::argument::divergence);
  CHECK(reads("top_k_kl") == cppo::argument::token_id);
  CHECK(reads("top_k_tv_list") == cppo::argument::top_k);
  generated_batch<float> const batch = generate<float>(1);
  auto const run = capture(cppo::seq, batch, cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed")), {});
  CHECK(run.outcome.code == cppo::status_code::missing_input);
  CHECK(run.outcome.where == cppo::argument::divergence);
}

TEST_CASE("a named Top-K divergence misses lists and ids one by one") {
  float const x[] = {-0.5F, -0.25F}, zeros[] = {0.0F, 0.0F};
  std::int32_t const ids[] = {1, 2};
  auto const missing = [&](std::string_view divergence, auto const&... more) {
    auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(x), cppo::rollout_log_prob(x),
                                           cppo::advantage(x), more...);
    cppo::status const s = policy_loss(cppo::seq, batch, cppo::dppo({}, cppo::named_divergence::find(divergence)), {});
    return s.code == cppo::status_code::missing_input ? s.where : cppo::argument::none;
  };
  auto const lists = cppo::top_k(1, ids, x, x);
  CHECK(missing("top_k_tv") == cppo::argument::token_id);
  CHECK(missing("top_k_tv", cppo::token_id(ids)) == cppo::argument::top_k);
  CHECK(missing("top_k_tv", lists) == cppo::argument::token_id);
  CHECK(missing("top_k_tv", cppo::token_id(ids), lists) == cppo::argument::none);
  CHECK(missing("top_k_tv_list", cppo::token_id(ids)) == cppo::argument::top_k);
  CHECK(missing("top_k_tv_list", lists) == cppo::argument::none);
  CHECK(missing("precomputed") == cppo::argument::divergence);
  CHECK(missing("precomputed", cppo::divergence_values(zeros)) == cppo::argument::none);
}
