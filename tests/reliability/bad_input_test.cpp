// Bad input of every kind under every region for it, and what each error of shape says about which argument.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"
#include "support/spoilers.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

namespace {

using namespace cppo;
using namespace cppo::testing;
using cppo_test::all_spoilers;
using cppo_test::spoiler;
using cppo_test::unlike;

using batch_t = generated_batch<float>;

constexpr float quiet = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr double infinity_of_double = std::numeric_limits<double>::infinity();

// Three responses of six slots with every input lent; no holes but those a test makes.
batch_t valid_batch() {
  batch_t batch;
  for (std::uint64_t seed = 1; batch.responses != 3 || batch.slots() < 18; ++seed) {
    batch =
        generate<float>(seed, {.max_responses = 3, .max_length = 12, .top_k = 2, .divergence = true, .entropy = true,
                               .reference = true, .holes = false});
    batch = rearranged(batch, batch.rows(), arrangement::packed).batch;
    for (index_t b = 0; b < batch.responses; ++b) {
      if (batch.slots_of(b) < 4) batch.responses = 0;
    }
  }
  batch.lends_mask = true;
  batch.token_weight.assign(batch.valid.size(), 0.5F);
  batch.mask_type = element_type::f32;
  batch.seal();
  return batch;
}

constexpr auto reads_all = calibrated_cppo({}, top_k_tv);

// The call on every executor, which must agree in status, outputs and report.
captured_run<float> run_everywhere(batch_t const& batch, loss_options const& options) {
  auto const plain = capture(seq, batch, reads_all, options);
  for (simd_t const& executor : {simd, simd.with_threads(3, 1)}) {
    auto const fast = capture(executor, batch, reads_all, options);
    CHECK(cppo_test::same_status(fast.outcome, plain.outcome));
    CHECK(unlike(fast, plain, batch.rows()) == "");
    CHECK(unlike(fast.report, plain.report) == "");
  }
  return plain;
}

void check_place(status const& s, status_code code, argument where, index_t response, index_t token, index_t count) {
  CHECK(s.code == code);
  CHECK(s.where == where);
  CHECK(s.response == response);
  CHECK(s.token == token);
  CHECK(s.count == count);
}

}  // namespace

TEST_CASE("reject: a response with bad input is as if it were not there", "[reliability]") {
  batch_t const valid = valid_batch();
  for (spoiler const& s : all_spoilers()) {
    batch_t batch = valid;
    s.at(batch, batch.first(1) + 2);
    for (aggregation const a : {token_mean, seq_mean_token_sum}) {
      auto const got = run_everywhere(batch, {.aggregate = a});
      check_place(got.outcome, s.code, s.where, 1, 2, 1);
      CHECK_FALSE(got.outcome.nothing_written());
      CHECK(got.report.rejected_responses == 1);
      auto const others = rearranged(valid, {valid.row(0), valid.row(2)}, arrangement::packed);
      auto want = capture(seq, others.batch, reads_all, {.aggregate = a});
      CHECK(unlike(want, got, others.batch.rows(), others.source) == "");
      CHECK(want.report.loss() == got.report.loss());
      CHECK(unlike(got, got, {batch.row(1)}, std::vector<index_t>(batch.valid.size(), -1)) == "");  // +0 everywhere
    }
  }
}

TEST_CASE("on_bad_input::exclude, a bad token is as if it were masked out", "[reliability]") {
  batch_t const valid = valid_batch();
  for (spoiler const& s : all_spoilers()) {
    batch_t batch = valid, masked = valid;
    index_t const slot = batch.first(2) + 1;
    s.at(batch, slot);
    masked.valid[static_cast<std::size_t>(slot)] = 0;
    masked.seal();
    auto got = run_everywhere(batch, {.aggregate = token_mean, .bad_input = on_bad_input::exclude});
    auto const want = run_everywhere(masked, {.aggregate = token_mean});
    check_place(got.outcome, status_code::bad_input_excluded, s.where, 2, 1, 1);
    CHECK(got.outcome.ok());
    CHECK(unlike(got, want, batch.rows()) == "");
    CHECK(got.report.bad_tokens == 1);
    got.report.bad_tokens = 0;
    CHECK(unlike(got.report, want.report) == "");
  }
}

TEST_CASE("on_bad_input::exclude, a batch of nothing but bad tokens says where and how many", "[reliability]") {
  batch_t batch = valid_batch();
  batch.advantage.assign(batch.advantage.size(), quiet);
  auto const got = run_everywhere(batch, {.aggregate = token_mean, .bad_input = on_bad_input::exclude});
  check_place(got.outcome, status_code::bad_input_excluded, argument::advantage, 0, 0, batch.slots());
  CHECK(got.report.counts.tokens == 0);
  CHECK(got.report.loss() == 0.0);
}

TEST_CASE("propagate: NaN at the bad token alone, which counts as a token", "[reliability]") {
  batch_t const valid = valid_batch();
  for (spoiler const& s : all_spoilers()) {
    batch_t batch = valid;
    index_t const bad = batch.first(0) + 3;
    s.at(batch, bad);
    auto const got = run_everywhere(batch, {.bad_input = on_bad_input::propagate});
    auto const before = run_everywhere(valid, {});
    check_place(got.outcome, status_code::bad_input_propagated, s.where, 0, 3, 1);
    CHECK(got.outcome.ok());
    CHECK(got.report.counts.tokens == batch.slots());
    for (index_t i = 0; i < batch.slots(); ++i) {
      auto const k = static_cast<std::size_t>(i);
      CHECK(std::isnan(got[captured::loss][k]) == (i == bad));
      CHECK(std::isnan(got[captured::gradient][k]) == (i == bad));
      bool const apart = i >= batch.first(1);  // another response: not a bit may change
      if (apart) CHECK(same_bits(got[captured::gradient][k], before[captured::gradient][k]));
    }
    CHECK(got[captured::mask][static_cast<std::size_t>(bad)] == 0.0F);
  }
}

TEST_CASE("the first bad place is named in the order of responses and tokens, all are counted", "[reliability]") {
  batch_t batch = valid_batch();
  batch.rollout_log_prob[static_cast<std::size_t>(batch.first(2) + 1)] = quiet;
  batch.advantage[static_cast<std::size_t>(batch.first(1) + 3)] = infinity;
  batch.log_prob[static_cast<std::size_t>(batch.first(1) + 2)] = 1.0F;
  batch.advantage[static_cast<std::size_t>(batch.first(1) + 2)] = quiet;  // one place, two faults
  check_place(run_everywhere(batch, {}).outcome, status_code::log_prob_invalid, argument::log_prob, 1, 2, 3);
}

TEST_CASE("a large batch on threads names the same first place", "[reliability]") {
  constexpr index_t rows = 80, width = 1000;
  std::vector<float> pi(rows * width, -0.5F), mu(rows * width, -0.6F), a(rows * width, 1.0F), mask(rows * width);
  for (std::size_t const bad : {77003U, 41000U, 41002U, 60005U}) mu[bad] = quiet;
  auto const batch = rollout_batch(padded(rows, width), log_prob(pi), rollout_log_prob(mu), advantage(a));
  for (simd_t const& executor : {simd, simd.with_threads(4, 1)}) {
    status const s = compute_mask(executor, batch, presets::dense_post_trained(), mask);
    check_place(s, status_code::rollout_log_prob_invalid, argument::rollout_log_prob, 41, 0, 4);
  }
}

TEST_CASE("bad input in a slot without a token is not inspected", "[reliability]") {
  batch_t const valid = valid_batch();
  for (spoiler const& s : all_spoilers()) {
    if (s.where == argument::response_mask) continue;
    batch_t batch = valid;
    index_t const slot = batch.first(1) + 1;
    batch.valid[static_cast<std::size_t>(slot)] = 0;
    batch.seal();
    s.at(batch, slot);
    CHECK(run_everywhere(batch, {}).outcome.code == status_code::ok);
  }
}

TEST_CASE("a listed log-prob of -inf is valid, and so is an empty slot of any content", "[reliability]") {
  batch_t batch = valid_batch();
  batch.listed_log_prob[5] = -infinity;
  batch.listed_rollout_log_prob[7] = -infinity;
  batch.listed_id[9] = -1;
  batch.listed_log_prob[9] = quiet;
  CHECK(run_everywhere(batch, {}).outcome.code == status_code::ok);
}

TEST_CASE("F32: what stands in for -inf is refused, in whatever type it is lent", "[reliability]") {
  // -9999 has rho = e^20 past the clamp; the largest numbers below 0 of half and bfloat16 stand in for -inf too.
  auto const outcome_of = [](auto stand_in, status_code code, argument where) {
    using T = decltype(stand_in);
    std::vector<T> pi(4, stored<T>(-1.0)), mu(4, stored<T>(-1.25)), a(4, stored<T>(-1.0));
    (where == argument::log_prob ? pi : mu)[2] = stand_in;
    std::vector<float> gradient(4, 7.0F);
    auto const batch = rollout_batch(padded(2, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
    for (double const floor : {-1000.0, -infinity_of_double}) {
      status const s = policy_loss(seq, batch, unrestricted(), {.gradient = gradient}, {.log_prob_floor = floor});
      if (floor == -1000.0) check_place(s, code, where, 1, 0, 1);
      else CHECK(s.code == status_code::ok);
      bool const left_out = floor == -1000.0 && gradient[2] == 0.0F && gradient[3] == 0.0F;
      CHECK(left_out == (floor == -1000.0));
      CHECK(gradient[0] != 0.0F);
    }
  };
  auto const both = [&](auto stand_in) {
    outcome_of(stand_in, status_code::log_prob_too_low, argument::log_prob);
    outcome_of(stand_in, status_code::rollout_log_prob_too_low, argument::rollout_log_prob);
  };
  both(-9999.0F);
  both(-9999.0);
  both(std::numeric_limits<double>::lowest());
  both(half{0xfbff});      // -65504
  both(bfloat16{0xff7f});  // -3.4e38
  both(stored<half>(-1001.0));
  both(stored<bfloat16>(-1004.0));
}

TEST_CASE("F32: the floor is the caller's, inclusive, and below 0", "[reliability]") {
  batch_t batch = valid_batch();
  batch.log_prob[2] = -500.0F;
  batch.rollout_log_prob[3] = std::nextafterf(-500.0F, -infinity);
  CHECK(run_everywhere(batch, {}).outcome.code == status_code::ok);
  check_place(run_everywhere(batch, {.log_prob_floor = -500.0}).outcome, status_code::rollout_log_prob_too_low,
              argument::rollout_log_prob, 0, 3, 1);
  check_place(run_everywhere(batch, {.log_prob_floor = -499.9}).outcome, status_code::log_prob_too_low,
              argument::log_prob, 0, 2, 2);
  batch.rollout_log_prob[3] = -1.0F;
  batch.rollout_log_prob[2] = -9999.0F;  // both below: log pi is named
  check_place(run_everywhere(batch, {.log_prob_floor = -490.0}).outcome, status_code::log_prob_too_low,
              argument::log_prob, 0, 2, 1);
  for (double const bad : {0.0, -0.0, 1000.0, infinity_of_double, std::numeric_limits<double>::quiet_NaN()}) {
    check_place(run_everywhere(batch, {.log_prob_floor = bad}).outcome, status_code::bad_parameter, argument::options,
                -1, -1, 0);
  }
}

TEST_CASE("F32: a piece that holds a log-prob below the floor takes out its response", "[reliability]") {
  std::vector<float> pi(8, -0.5F), mu(8, -0.6F), a(8, 1.0F), gradient(8, 7.0F);
  mu[5] = -9999.0F;
  std::vector<index_t> const response_of{0, 1, 0, 1}, order_of{0, 0, 1, 1};
  auto const batch = rollout_batch(padded(4, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  auto const region = fixed_cppo();
  for (double const floor : {-1000.0, -1e5}) {
    piece_plan const plan = plan_pieces(batch, region, response_of, order_of, 2, {.log_prob_floor = floor});
    CHECK(plan.totals[0].bad_tokens == (floor == -1000.0 ? 1 : 0));
    CHECK(plan.totals[1].bad_tokens == 0);
    status const s = policy_loss(seq, batch, region, {.gradient = gradient},
                                 {.log_prob_floor = floor, .carries = plan.carries, .totals = plan.totals});
    CHECK(s.code == (floor == -1000.0 ? status_code::rollout_log_prob_too_low : status_code::ok));
    CHECK((gradient[0] == 0.0F) == (floor == -1000.0));
    CHECK(gradient[2] != 0.0F);
  }
}

TEST_CASE("log_prob_tolerance is inclusive and holds for both policies", "[reliability]") {
  batch_t batch = valid_batch();
  batch.log_prob[2] = batch.rollout_log_prob[3] = 0.0078125F;
  CHECK(run_everywhere(batch, {.log_prob_tolerance = 0.0078125}).outcome.code == status_code::ok);
  CHECK(run_everywhere(batch, {.log_prob_tolerance = 0.0078}).outcome.count == 2);
  batch.log_prob[2] = infinity;
  CHECK(run_everywhere(batch, {.log_prob_tolerance = 1.0}).outcome.code == status_code::log_prob_invalid);
}

TEST_CASE("a tolerance of -0 is a tolerance of 0", "[reliability]") {
  for (float const bad : {quiet, infinity, 5.0F, 1e-30F}) {
    batch_t batch = valid_batch();
    batch.log_prob[2] = bad;
    CHECK(run_everywhere(batch, {.log_prob_tolerance = -0.0}).outcome.code == status_code::log_prob_invalid);
  }
  batch_t zero = valid_batch();
  zero.log_prob[2] = 0.0F;
  CHECK(run_everywhere(zero, {.log_prob_tolerance = -0.0}).outcome.ok());
}

TEST_CASE("an active mask value is 0 or 1 in any dtype, all else is reported", "[reliability]") {
  auto const with_mask = [](auto const& mask) {
    float const pi[] = {-0.5F, -0.25F}, mu[] = {-0.5F, -0.5F}, a[] = {1.0F, 1.0F};
    float out[2];
    auto const batch =
        rollout_batch(padded(1, 2), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(mask));
    status const plain = compute_mask(seq, batch, ppo(), out);
    CHECK(cppo_test::same_status(compute_mask(simd, batch, ppo(), out), plain));
    return plain;
  };
  auto const is_refused = [&](auto value) {
    decltype(value) const good[] = {decltype(value)(1), decltype(value)(0)};
    decltype(value) const bad[] = {decltype(value)(1), value};
    CHECK(with_mask(good).code == status_code::ok);
    check_place(with_mask(bad), status_code::response_mask_invalid, argument::response_mask, 0, 1, 1);
  };
  is_refused(std::uint8_t{2});
  is_refused(std::int8_t{-1});
  is_refused(std::int16_t{256});
  is_refused(std::uint16_t{257});
  is_refused(std::int32_t{65536});
  is_refused(std::uint32_t{1} << 31);
  is_refused(std::int64_t{1} << 32);
  is_refused((std::uint64_t{1} << 63) + 1);
  is_refused(0.99999994F);
  is_refused(1e-45F);
  is_refused(std::numeric_limits<double>::quiet_NaN());
  half const halves[] = {to_half(1.0F), to_half(quiet)};
  bfloat16 const bfloats[] = {to_bfloat16(0.0F), to_bfloat16(1.5F)};
  CHECK(with_mask(halves).token == 1);
  CHECK(with_mask(bfloats).token == 1);
}

namespace {

// Calls on buffers of three responses of four slots that must be refused before anything is written.
class refused_call {
 public:
  // `options` or a region out of range.
  template <class Region = decltype(ppo())>
  void with(status_code code, argument where, loss_options const& options, Region const& region = ppo()) {
    expect(code, where, rollout_batch(padded(3, 4), log_prob(x_), rollout_log_prob(x_), advantage(x_)), region,
           options);
  }
  // The inputs `named` beside three that are valid.
  template <class... Named>
  void input(status_code code, argument where, Named const&... named) {
    expect(code, where, rollout_batch(padded(3, 4), log_prob(x_), rollout_log_prob(x_), advantage(x_), named...), ppo(),
           {});
  }
  // Another layout under the same buffers.
  void shape(status_code code, argument where, layout const& l) {
    float const* const p = x_.data();
    expect(code, where, rollout_batch(l, log_prob(p), rollout_log_prob(p), advantage(p)), ppo(), {});
  }
  // One more output.
  void outputs(status_code code, argument where, loss_outputs o) {
    if (o.mask.source().rank == 0) o.mask = kept_;
    auto const batch = rollout_batch(padded(3, 4), log_prob(x_), rollout_log_prob(x_), advantage(x_));
    for_both(code, where, batch, ppo(), o, {});
  }
  template <class Batch, class Region>
  void expect(status_code code, argument where, Batch const& batch, Region const& region, loss_options const& options) {
    for_both(code, where, batch, region, {.mask = kept_}, options);
  }

 private:
  template <class Batch, class Region>
  void for_both(status_code code, argument where, Batch const& batch, Region const& region, loss_outputs const& o,
                loss_options const& options) {
    for (status const& s :
         {policy_loss(seq, batch, region, o, options), policy_loss(simd, batch, region, o, options)}) {
      CHECK(s.code == code);
      CHECK(s.where == where);
      CHECK(s.nothing_written());
      CHECK(kept_ == std::vector<std::uint8_t>(12, 9));
    }
  }
  std::vector<float> x_ = std::vector<float>(12, -0.5F);
  std::vector<std::uint8_t> kept_ = std::vector<std::uint8_t>(12, 9);
};

}  // namespace

TEST_CASE("a shape that does not fit names its argument", "[reliability]") {
  refused_call is;
  std::vector<float> const short_one(11, -0.5F), full(12, -0.5F);
  std::vector<std::int32_t> const ids(24, 1), short_ids(11, 1);
  std::vector<float> const listed(24, -0.5F), long_list(25, -0.5F);
  float const* const null = nullptr;
  auto const code = status_code::extent_mismatch;
  is.input(code, argument::response_mask, response_mask(short_one));
  is.input(code, argument::divergence, divergence_values(short_one));
  is.input(code, argument::token_weight, token_weight(short_one));
  is.input(code, argument::token_id, token_id(short_ids));
  is.input(code, argument::token_weight, token_weight(per_response(full)));
  is.input(code, argument::token_weight, token_weight(matrix_view<float const>(full.data(), 4, 3)));
  is.input(code, argument::token_weight, token_weight(matrix_view<float const>(full.data(), 3, 2)));
  is.input(code, argument::token_weight, token_weight(vector_view<float const>(full.data(), 12, -1)));
  is.input(code, argument::top_k, top_k(2, ids, full, listed));
  is.input(code, argument::top_k, top_k(2, ids, listed, long_list));
  is.input(status_code::bad_parameter, argument::top_k, top_k(0, ids, full.data(), full.data()));
  is.input(status_code::null_buffer, argument::response_mask, response_mask(null));
  is.input(status_code::null_buffer, argument::token_weight, token_weight(per_response(null)));
  auto const lend = [&](auto const& pi, auto const& mu, auto const& a) {
    return rollout_batch(padded(3, 4), log_prob(pi), rollout_log_prob(mu), advantage(a));
  };
  is.expect(code, argument::log_prob, lend(short_one, full, full), ppo(), {});
  is.expect(code, argument::rollout_log_prob, lend(full, short_one, full), ppo(), {});
  is.expect(code, argument::advantage, lend(full, full, short_one), ppo(), {});
  is.expect(status_code::null_buffer, argument::advantage, lend(full, full, null), ppo(), {});
}

TEST_CASE("an output that does not fit names itself", "[reliability]") {
  refused_call is;
  std::vector<float> x(12), short_one(11);
  float* const null = nullptr;
  auto const code = status_code::extent_mismatch;
  is.outputs(code, argument::loss, {.loss = short_one});
  is.outputs(code, argument::gradient, {.gradient = short_one});
  is.outputs(code, argument::gate, {.gate = short_one});
  is.outputs(code, argument::mask, {.mask = short_one});
  is.outputs(code, argument::trace, {.trace = {.weight = short_one}});
  is.outputs(code, argument::loss, {.loss = matrix_view<float>(x.data(), 3, 1)});
  is.outputs(code, argument::loss, {.loss = matrix_view<float>(x.data(), 3, 4, 4, 0)});
  is.outputs(status_code::null_buffer, argument::gradient, {.gradient = null});
  is.outputs(status_code::output_overlap, argument::gradient, {.loss = x, .gradient = x});
  is.outputs(status_code::output_overlap, argument::trace, {.loss = x, .trace = {.excess = x}});
  CHECK(x == std::vector<float>(12, 0.0F));
}

TEST_CASE("a layout that is not valid is refused", "[reliability]") {
  refused_call is;
  std::int32_t const down[] = {0, 4, 3, 12}, lengths[] = {4, 4, 4};
  std::int64_t const negative[] = {-1, 4, 8, 12}, huge[] = {0, 4, 8, (index_t{1} << 62) + 1};
  std::int64_t const* const null = nullptr;
  std::vector<std::int64_t> const none;
  is.shape(status_code::bad_offsets, argument::offsets, packed(down, 3));
  is.shape(status_code::bad_offsets, argument::offsets, packed(negative, 3));
  is.shape(status_code::bad_offsets, argument::offsets, packed(lengths, 2));
  is.shape(status_code::size_overflow, argument::offsets, packed(huge, 3));
  is.shape(status_code::null_buffer, argument::offsets, packed(null, 3));
  is.shape(status_code::bad_parameter, argument::layout, packed(none));
  is.shape(status_code::bad_parameter, argument::layout, padded(-1, 4));
  is.shape(status_code::bad_parameter, argument::layout, padded(3, -4));
  is.shape(status_code::size_overflow, argument::layout, padded(index_t{1} << 32, index_t{1} << 31));
  CHECK(packed(down, 3).check().response == 1);
}

TEST_CASE("executors on the host refuse offsets on a device, and write nothing", "[reliability]") {
  std::vector<float> const pi(6, -0.3F), mu(6, -0.2F), a(6, 1.0F);
  std::int64_t const cuts[] = {0, 2, 6};
  std::vector<float> gradient(6, 7.0F);
  auto const batch = rollout_batch(packed_on_device(cuts, 2, 6), log_prob(pi), rollout_log_prob(mu), advantage(a));
  for (status const& s : {policy_loss(seq, batch, fixed_cppo(), {.gradient = gradient}),
                          policy_loss(simd, batch, fixed_cppo(), {.gradient = gradient})}) {
    CHECK(s.code == status_code::executor_unavailable);
    CHECK(s.where == argument::offsets);
    CHECK(s.nothing_written());
  }
  CHECK(gradient == std::vector<float>(6, 7.0F));
}

TEST_CASE("parameters and options out of range are refused", "[reliability]") {
  refused_call is;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  auto const code = status_code::bad_parameter;
  for (double const bad : {0.0, -1.0, 1000.5, nan}) {
    is.with(code, argument::region, {}, fixed_cppo({.delta = bad}));
    is.with(code, argument::region, {}, dppo({.delta_low = bad}));
    is.with(code, argument::region, {}, trm_max({.delta = bad}));
    is.with(code, argument::region, {}, trm_mean({.delta = bad}));
  }
  for (double const bad : {-0.01, 1000.5, nan}) {
    is.with(code, argument::region, {}, fixed_cppo({.delta_b = bad}));
    is.with(code, argument::region, {}, calibrated_cppo({.delta_b = bad}));
    is.with(code, argument::region, {}, calibrated_cppo({}, binary_tv, {.quantile = bad}));
    is.with(code, argument::region, {}, calibrated_cppo({}, binary_tv, {.scale = bad}));
  }
  for (double const bad : {0.0, 1.001, nan}) is.with(code, argument::region, {}, fixed_cppo({.w_min = bad}));
  is.with(code, argument::region, {}, calibrated_cppo({}, binary_tv, {.ceiling_factor = 0.9}));
  is.with(code, argument::region, {}, ppo({.epsilon_low = 1.0}));
  is.with(code, argument::region, {}, ppo({.epsilon_low = -0.5, .epsilon_high = 0.2}));
  is.with(code, argument::region, {}, trust_region(binary_tv, permuted(linear_weight(2.0), 1), keep_all));
  is.with(code, argument::region, {}, trust_region(binary_tv, reversed(linear_weight(2.0)), keep_all));
  for (double const bad : {-1.0, nan}) {
    is.with(code, argument::options, {.normalizer = bad});
    is.with(code, argument::options, {.surrogate = {.log_ratio_clamp = bad}});
    is.with(code, argument::options, {.surrogate = {.ratio_cap = bad}});
    is.with(code, argument::options, {.log_prob_tolerance = bad});
  }
  for (double const bad : {0.0, 1.0, nan}) is.with(code, argument::options, {.log_prob_floor = bad});
  is.with(code, argument::options, {.horizon = -1});
  is.with(code, argument::options, {.log_prob_tolerance = 1.5});
  is.with(status_code::horizon_too_short, argument::options,
          {.horizon = 3, .positions = position_convention::fixed_horizon});
}

TEST_CASE("a normalizer is one whose inverse is a normal number of the call's arithmetic", "[reliability]") {
  refused_call is;
  auto const code = status_code::bad_parameter;
  for (double const bad : {1e-300, 2e-39, 1e39, 1e300, std::numeric_limits<double>::infinity(), 5e-324}) {
    for (aggregation const a : {token_sum, token_mean, seq_mean_token_sum}) {
      is.with(code, argument::options, {.aggregate = a, .normalizer = bad});
    }
  }
  // Times the horizon or the length.
  index_t const far = index_t{1} << 40;
  is.with(code, argument::options, {.aggregate = seq_mean_token_sum_norm, .normalizer = 1e30, .horizon = far});
  is.with(code, argument::options, {.aggregate = seq_mean_token_mean, .normalizer = 4e37});
  std::vector<response_summary> totals(3);
  for (response_summary& t : totals) t.length = far;
  is.with(code, argument::options, {.aggregate = seq_mean_token_mean, .normalizer = 1e30, .totals = totals});
  auto const runs = [](auto zero, loss_options const& o) {
    using T = decltype(zero);
    T const mu[] = {T(-1), T(-1)}, pi[] = {T(-1.01), T(-0.99)}, a[] = {T(0), T(1)};
    T gradient[2];
    auto const batch = rollout_batch(padded(1, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
    CHECK(policy_loss(seq, batch, unrestricted(), {.gradient = gradient}, o).ok());
    CHECK(gradient[0] == T(0));
    CHECK(gradient[1] < T(0));
    CHECK(gradient[1] > -std::numeric_limits<T>::infinity());
  };
  for (double const good : {4e-38, 1.0, 7e37}) runs(0.0F, {.aggregate = token_mean, .normalizer = good});
  for (double const good : {1e-300, 1.0, 1e300}) runs(0.0, {.aggregate = token_mean, .normalizer = good});
  runs(0.0F, {.aggregate = seq_mean_token_sum_norm, .horizon = std::numeric_limits<index_t>::max()});
}

TEST_CASE("an input that the region reads but the batch lacks is named", "[reliability]") {
  refused_call is;
  std::vector<float> const x(24, -0.5F);
  std::vector<std::int32_t> const ids(24, 1);
  auto const lend = [&](auto const&... more) {
    return rollout_batch(padded(3, 4), log_prob(x.data()), rollout_log_prob(x.data()), advantage(x.data()), more...);
  };
  auto const lists = top_k(2, ids, x, x);
  auto const code = status_code::missing_input;
  is.expect(code, argument::divergence, lend(), dppo({}, precomputed), {});
  is.expect(code, argument::token_id, lend(lists), dppo({}, top_k_tv), {});
  is.expect(code, argument::top_k, lend(token_id(ids.data())), dppo({}, top_k_tv), {});
  is.expect(code, argument::top_k, lend(), dppo({}, top_k_kl_list), {});
  is.expect(code, argument::token_id, lend(lists), dppo({}, named_divergence::find("top_k_tv")), {});
  is.expect(status_code::bad_parameter, argument::region, lend(), dppo({}, named_divergence::find("binary")), {});
}

TEST_CASE("carries that do not fit are refused by name and response", "[reliability]") {
  refused_call is;
  std::vector<response_summary> totals(3), two(2), bad_budget(3);
  std::vector<prefix_sums> carries(3), ahead(3);
  bad_budget[2].delta_b = -1.0;
  ahead[1].count = 1;
  auto const code = status_code::carry_mismatch;
  is.with(code, argument::carry, {.totals = two});
  is.with(code, argument::carry, {.carries = carries});
  is.with(code, argument::carry, {.totals = bad_budget});
  is.with(code, argument::carry, {.carries = ahead, .totals = totals});
  // Whatever would overflow when tokens are added, or be compared as a NaN, where all else is valid.
  std::vector<response_summary> valid(3);
  for (response_summary& s : valid) s.length = 4;
  std::vector<float> const x(12, -0.5F);
  auto const batch = rollout_batch(padded(3, 4), log_prob(x), rollout_log_prob(x), advantage(x));
  REQUIRE(policy_loss(seq, batch, ppo(), {}, {.carries = carries, .totals = valid}).ok());
  double const nan = std::numeric_limits<double>::quiet_NaN();
  index_t const least = std::numeric_limits<index_t>::min(), most = index_t{1} << 60;
  for (exact_sum prefix_sums::*sum : {&prefix_sums::drift, &prefix_sums::weight, &prefix_sums::allowance}) {
    for (index_t const far : {least, -most - 1, most + 1}) {
      for (exact_sum const bad : {exact_sum{far, 0}, exact_sum{0, far}}) {
        std::vector<prefix_sums> broken(3);
        broken[2].*sum = bad;
        is.with(code, argument::carry, {.carries = broken, .totals = valid});
      }
    }
  }
  auto const bad_total = [&](auto const& spoil) {
    std::vector<response_summary> broken = valid;
    spoil(broken[1]);
    is.with(code, argument::carry, {.totals = broken});
  };
  bad_total([=](response_summary& s) { s.max_divergence = nan; });
  bad_total([=](response_summary& s) { s.max_divergence = 1000.5; });
  bad_total([=](response_summary& s) { s.max_divergence = -1000.5; });
  bad_total([=](response_summary& s) { s.delta_b = nan; });
  bad_total([=](response_summary& s) { s.delta_b = 1000.5; });
  bad_total([=](response_summary& s) { s.divergence_sum.high = most + 1; });
  bad_total([=](response_summary& s) { s.divergence_sum.low = least; });
  bad_total([=](response_summary& s) { s.bad_tokens = -1; });
  bad_total([=](response_summary& s) { s.length = -1; });
}

TEST_CASE("the largest carries that are taken overflow nothing", "[reliability]") {
  std::vector<float> const pi(40, -0.25F), mu(40, -0.3F), a(40, 1.0F);
  auto const batch = rollout_batch(padded(1, 40), log_prob(pi), rollout_log_prob(mu), advantage(a));
  index_t const most = index_t{1} << 60;
  for (index_t const drift : {-most, most}) {
    prefix_sums const before{{drift, drift}, {most, most}, {-drift, -drift}, 1000};
    response_summary whole;
    whole.length = 1040;
    std::vector<float> kept(40);
    loss_options const in{.carries = {&before, 1}, .totals = {&whole, 1}};
    auto const check = [&](auto const& executor) {
      CHECK(policy_loss(executor, batch, fixed_cppo(), {.mask = kept}, in).ok());
      CHECK(kept == std::vector<float>(40, drift < 0 ? 1.0F : 0.0F));
    };
    check(seq);
    check(simd);
  }
}

TEST_CASE("a horizon may be 2^48 long and no longer, where positions read it", "[reliability]") {
  refused_call is;
  index_t const most = index_t{1} << 48, largest = std::numeric_limits<index_t>::max();
  auto const fixed = position_convention::fixed_horizon;
  is.with(status_code::bad_parameter, argument::options, {.horizon = most + 1, .positions = fixed});
  is.with(status_code::bad_parameter, argument::options, {.horizon = largest, .positions = fixed});
  std::vector<float> const pi(40, -0.3F), mu(40, -0.2F), a(40, 1.0F);
  auto const batch = rollout_batch(padded(1, 40), log_prob(pi), rollout_log_prob(mu), advantage(a));
  report plain, wide;
  loss_options const o{.horizon = most, .positions = fixed};
  CHECK(policy_loss(seq, batch, fixed_cppo(), {.report = &plain}, o).ok());
  CHECK(policy_loss(simd, batch, fixed_cppo(), {.report = &wide}, o).ok());
  CHECK(plain.position_tokens[0] == 40);
  for (int k = 0; k < report::bins; ++k) CHECK(wide.position_tokens[k] == plain.position_tokens[k]);
  auto const permuting = trust_region(binary_tv, permuted(linear_weight(0.8), 7), keep_all);
  CHECK(policy_loss(seq, batch, permuting, {.report = &plain}, o).ok());
  auto const reversing = trust_region(binary_tv, reversed(linear_weight(0.5)), keep_all);
  std::vector<float> weights(40);
  CHECK(policy_loss(simd, batch, reversing, {.trace = {.weight = weights}}, o).ok());
  CHECK(weights == std::vector<float>(40, 0.5F));  // the first of 2^48 that rise from 0.5
}

TEST_CASE("outputs that share memory with carries, totals or the report are found", "[reliability]") {
  std::vector<float> const pi(8, -0.3F), mu(8, -0.2F), a(8, 1.0F);
  auto const batch = rollout_batch(padded(2, 4), log_prob(pi), rollout_log_prob(mu), advantage(a));
  std::vector<prefix_sums> carries(2);
  std::vector<response_summary> totals(2);
  for (response_summary& s : totals) s.length = 4;
  report r;
  auto const code = [&](argument where, loss_outputs const& o, bool carried = true) {
    loss_options in;
    in.totals = totals;
    if (carried) in.carries = carries;
    for (status const& s : {policy_loss(seq, batch, fixed_cppo(), o, in),
                            policy_loss(simd, batch, fixed_cppo(), o, in)}) {
      CHECK(s.code == status_code::output_overlap);
      CHECK(s.where == where);
      CHECK(s.nothing_written());
    }
  };
  auto const bytes = [](auto* p) { return reinterpret_cast<std::uint8_t*>(p); };
  code(argument::mask, {.mask = bytes(&totals[1].bad_tokens)});
  code(argument::mask, {.mask = bytes(&totals[0]) - 7}, false);
  code(argument::mask, {.mask = bytes(&carries[1].count)});
  code(argument::mask, {.mask = bytes(&r) + sizeof r - 1, .report = &r});
  code(argument::mask, {.mask = bytes(&r) - 7, .report = &r});
  code(argument::report, {.report = reinterpret_cast<report*>(totals.data())});
  code(argument::report, {.report = reinterpret_cast<report*>(carries.data())});
  code(argument::report, {.report = reinterpret_cast<report*>(const_cast<float*>(a.data() + 7))});
  // Beside each other is apart.
  struct {
    std::uint8_t before[8];
    report r;
    std::uint8_t after[8];
  } beside;
  loss_options in;
  in.totals = totals;
  in.carries = carries;
  CHECK(policy_loss(seq, batch, fixed_cppo(), {.mask = beside.before, .report = &beside.r}, in).ok());
  CHECK(policy_loss(seq, batch, fixed_cppo(), {.mask = beside.after, .report = &beside.r}, in).ok());
}

TEST_CASE("every argument has a name of its own, and every error a remedy", "[reliability]") {
  std::vector<std::string> names;
  for (int a = 1; a <= static_cast<int>(argument::logits); ++a) {
    names.emplace_back(name(static_cast<argument>(a)));
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(std::find(names.begin(), names.end(), "") == names.end());
  CHECK(std::string(name(argument::offsets)) == "cu_seqlens");
  constexpr std::string_view verbs[] = {"mask ",  "check ", "pass ",  "recompute", "lend ",     "use ",
                                        "split ", "add ",   "raise ", "run ",      "describe(", "compile ", "bound ",
                                        "divide "};
  for (int code = 64; code < 256; ++code) {
    std::string_view const words = sentence(static_cast<status_code>(code));
    if (words == "unknown status") continue;
    std::string_view const remedy = words.substr(std::min(words.find(": "), words.size()));
    CHECK(std::any_of(std::begin(verbs), std::end(verbs), [&](auto verb) { return remedy.find(verb) != remedy.npos; }));
  }
}

// A budget of a user's that does not keep to [0, 1000].
struct wild_budget {
  double value;
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve(Statistics const&) const noexcept {
    return value;
  }
};

TEST_CASE("a budget beyond its range counts as the nearer end, NaN as 0", "[reliability]") {
  auto const with = [](auto budget) {
    return trust_region(binary_tv, linear_weight(0.5), toward_rollout | prefix_budget(0.02, budget));
  };
  double const huge = std::numeric_limits<double>::max(), nan = std::numeric_limits<double>::quiet_NaN();
  std::pair<double, double> const values[] = {{-1e-300, 0.0}, {-1.0, 0.0}, {-huge, 0.0}, {nan, 0.0}, {0.01, 0.01},
                                              {1000.0, 1000.0}, {1000.5, 1000.0}, {1e30, 1000.0}, {HUGE_VAL, 1000.0}};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    batch_t const batch = generate<float>(seed);
    std::vector<index_t> order(static_cast<std::size_t>(batch.responses)), first(order.size(), 0);
    for (std::size_t b = 0; b < order.size(); ++b) order[b] = static_cast<index_t>(b);
    for (auto const& [wild, tame] : values) {
      INFO("seed " << seed << ", " << wild);
      auto const want = capture(seq, batch, with(fixed_budget(tame)), {});
      for (asks_for const asked : {asks_for::trace, asks_for::no_trace}) {
        REQUIRE(unlike(capture(seq, batch, with(wild_budget{wild}), {}, asked), want, batch.rows()) == "");
        REQUIRE(unlike(capture(simd, batch, with(wild_budget{wild}), {}, asked), want, batch.rows()) == "");
      }
      CHECK(unlike(capture(simd, batch, with(wild_budget{wild}), {}).report, want.report) == "");
      piece_plan const plan = plan_pieces(batch.view(), with(wild_budget{wild}), order, first, batch.responses);
      for (response_summary const& total : plan.totals) CHECK(total.delta_b == tame);
    }
  }
}
