// cppo_policy_loss beside `seq` of the C++ library as compiled here: the same bits of every output, report and status.
#include "c_call.hpp"

#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/testing/generators.hpp>

#include "crossing.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

namespace {

using cppo::index_t;
using cppo::testing::asks_for;
using cppo_test::through_c;

/// Regions of every kind of part.
constexpr char const* texts[] = {
    "ppo(epsilon = 0.2)",
    "dppo(delta_low = 0.1, delta_high = 0.2, divergence = binary_kl)",
    "fixed_cppo(delta = 0.15, delta_b = 0.02)",
    "calibrated_cppo(delta = 0.15, divergence = top_k_tv)",
    "trm_max(delta = 0.05)",
    "trust_region(precomputed, permuted(linear_weight(0.7), 11), !toward_rollout & divergence_within(0.1, 0.2))",
    "trust_region(binary_tv, reversed(linear_weight(0.3)), toward_rollout | prefix_budget(0.1, 0.01))",
    "softened(trust_region(binary_tv, linear_weight(0.8), toward_rollout | prefix_budget(0.1, 0.01)), reciprocal_gate)",
    "reporting(ppo(), binary_tv)",
};

/// What differs between the call through C and `seq`.
template <class T>
std::string differs(cppo::testing::generated_batch<T> const& batch, std::string const& text,
                    cppo::loss_options const& options, std::int32_t executor, asks_for asked) {
  cppo::described_region const region = cppo::parse_region(text).region;
  cppo_region const c_region = cppo_test::region_of(text);
  std::string message;
  auto const want = capture(cppo::seq, batch, region, options, asked);
  auto const got = capture(through_c{c_region, message, executor, 2}, batch, region, options, asked);
  cppo::status const &a = got.outcome, &b = want.outcome;
  bool const same_place = a.where == b.where && a.response == b.response && a.token == b.token && a.count == b.count;
  std::string const sentence = b.code == cppo::status_code::ok ? "" : std::string(describe(b).c_str());
  if (a.code != b.code || !same_place || message != sentence) return "status: " + message + ", expected " + sentence;
  std::string const outputs = cppo_test::unlike(got, want, batch.rows_and_spare());
  return outputs.empty() ? cppo_test::unlike(got.report, want.report) : outputs;
}

/// Checks batches of elements T under every region. The C interface has no layout for a part of other calls' buffers.
template <class T>
void check_elements(std::uint64_t seeds) {
  cppo::loss_options const options[] = {
      {.aggregate = cppo::seq_mean_token_mean},
      {.aggregate = cppo::seq_mean_token_sum_norm, .horizon = 500,
       .surrogate = {cppo::surrogate_form::reinforce, 5.0, 2.0},
       .positions = cppo::position_convention::fixed_horizon, .bad_input = cppo::on_bad_input::exclude},
      {.aggregate = cppo::token_mean, .normalizer = 37.0, .bad_input = cppo::on_bad_input::propagate}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto batch = cppo::testing::generate<T>(seed, {.max_length = 300, .top_k = 4, .divergence = true});
    if (batch.part) continue;
    if (seed % 3 == 0 && batch.slots() > 0) batch.log_prob[batch.valid.size() - 1] = cppo::testing::stored<T>(5.0);
    for (char const* text : texts) {
      for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
        asks_for const asked = (seed + static_cast<unsigned>(executor)) % 2 == 0 ? asks_for::trace : asks_for::no_trace;
        INFO(text << ", seed " << seed << (executor == cppo_seq ? ", seq" : ", simd"));
        REQUIRE(differs(batch, text, options[seed % 3], executor, asked) == "");
      }
    }
  }
}


}  // namespace

TEST_CASE("calls run on the build that CPPO_ISA names") {
  char const* const asked = std::getenv("CPPO_ISA");
  CHECK(cppo_c_abi() == CPPO_C_ABI);
  CHECK(std::string(cppo_version()) == std::to_string(CPPO_VERSION_MAJOR) + "." + std::to_string(CPPO_VERSION_MINOR) +
                                           "." + std::to_string(CPPO_VERSION_PATCH));
  if (asked != nullptr) CHECK(std::string(cppo_instruction_set()) == asked);
}

TEST_CASE("a build refuses a library of another version") {
  std::string name = "cppo_c_call_" + std::string(cppo_instruction_set());
  std::replace(name.begin(), name.end(), '-', '_');
  using call = int(c_api::crossing const&);
  auto* const build = reinterpret_cast<call*>(dlsym(RTLD_DEFAULT, name.c_str()));
  REQUIRE(build != nullptr);
  c_api::crossing other{};
  other.tag = 0x020100;
  CHECK(build(other) == static_cast<int>(c_api::ending::other_version));
  other.rows = c_api::row_call::log_probs;
  CHECK(build(other) == static_cast<int>(c_api::ending::other_version));
}

TEST_CASE("a call in float has the bits of seq") { check_elements<float>(60); }
TEST_CASE("a call on halves has the bits of seq") { check_elements<cppo::half>(12); }
TEST_CASE("a call on bfloat16 has the bits of seq") { check_elements<cppo::bfloat16>(12); }
TEST_CASE("a call in double has the bits of seq") { check_elements<double>(16); }

TEST_CASE("inputs of any strides and types, one advantage for each response") {
  constexpr index_t rows = 3, columns = 40, n = rows * columns;
  std::vector<float> pi(2 * n), mu(n);
  std::vector<cppo::half> advantage(rows * 2);
  std::vector<std::int64_t> valid(n, 1);
  for (index_t i = 0; i < n; ++i) {
    pi[static_cast<std::size_t>(2 * i)] = -0.1F - 0.01F * static_cast<float>(i * 7 % 40);
    mu[static_cast<std::size_t>(i)] = -0.1F - 0.01F * static_cast<float>(i * 11 % 40);
    valid[static_cast<std::size_t>(i)] = i % 5 != 0;
  }
  for (index_t b = 0; b < rows; ++b) advantage[static_cast<std::size_t>(2 * b)] = cppo::half(b == 1 ? -1.0F : 1.0F);
  using cppo::matrix_view;
  auto const batch = rollout_batch(
      cppo::padded(rows, columns), cppo::log_prob(matrix_view<float>(pi.data(), rows, columns, 2, 2 * rows)),
      cppo::rollout_log_prob(matrix_view<float>(mu.data() + n - 1, rows, columns, -columns, -1)),
      cppo::advantage(cppo::per_response(cppo::vector_view<cppo::half>(advantage.data(), rows, 2))),
      cppo::response_mask(valid));
  auto const region = cppo::parse_region(texts[2]).region;
  cppo_region const c_region = cppo_test::region_of(texts[2]);
  std::string message;
  auto const want = cppo::testing::capture_view(cppo::seq, batch, n, region, {}, asks_for::trace);
  auto const got =
      cppo::testing::capture_view(through_c{c_region, message}, batch, n, region, {}, asks_for::trace);
  REQUIRE(message == "");
  cppo::testing::slot_rows all(1);
  for (index_t i = 0; i < n; ++i) all[0].push_back(i);
  CHECK(cppo_test::unlike(got, want, all) == "");
  CHECK(cppo_test::unlike(got.report, want.report) == "");
}

TEST_CASE("outputs of any type and strides") {
  auto const batch = cppo::testing::generate<float>(5, {.max_length = 100, .holes = false});
  auto const n = batch.slots();
  auto const region = cppo::parse_region(texts[2]).region;
  cppo_region const c_region = cppo_test::region_of(texts[2]);
  auto const write = [&](auto const& executor) {
    std::vector<unsigned char> memory(static_cast<std::size_t>(n) * 40 + 64, 0xAB);
    auto const at = [&]<class T>(T*, index_t from) { return reinterpret_cast<T*>(memory.data() + from * n); };
    cppo::loss_outputs o{.loss = cppo::output(at(static_cast<double*>(nullptr), 0)),
                         .gradient = cppo::output(at(static_cast<cppo::bfloat16*>(nullptr), 8)),
                         .mask = cppo::output(at(static_cast<std::int64_t*>(nullptr), 16)),
                         .gate = cppo::output(at(static_cast<cppo::half*>(nullptr), 24))};
    o.trace.decision = cppo::output(at(static_cast<std::int16_t*>(nullptr), 32));
    cppo::status const s = policy_loss(executor, batch.view(), region, o, cppo::loss_options{});
    CHECK(s.ok());
    return memory;
  };
  std::string message;
  CHECK(write(cppo::seq) == write(through_c{c_region, message}));
  CHECK(message == "");
}

// Run by its name, with such a CPPO_ISA, by c_api.unknown_instruction_set.
TEST_CASE("a call on no build is refused", "[.]") {
  auto const batch = cppo::testing::generate<float>(5, {.max_length = 100, .holes = false});
  cppo_region const c_region = cppo_test::region_of("ppo()");
  std::vector<float> gradient(static_cast<std::size_t>(batch.slots()), 77.0F);
  cppo::described_region const region;
  std::string message;
  auto const call = [&](std::int32_t executor) {
    return policy_loss(through_c{c_region, message, executor}, batch.view(), region, {.gradient = gradient}, {});
  };
  CHECK(static_cast<int>(call(cppo_simd).code) == cppo_bad_argument);
  CHECK(message.find("CPPO_ISA names no instruction set of the library") != std::string::npos);
  CHECK(gradient == std::vector<float>(gradient.size(), 77.0F));
  CHECK(std::string(cppo_instruction_set()).starts_with("none"));
  CHECK(call(cppo_seq).ok());
}
