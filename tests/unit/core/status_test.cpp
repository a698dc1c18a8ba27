// Every status, what triggers it, where it points, and that nothing is half-written.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>

#include <limits>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace cppo;

constexpr float quiet = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

// Three responses of four slots, all valid; the test spoils what it needs.
struct buffers {
  std::vector<float> pi, mu, a, weight, d, gradient;
  std::vector<float> mask;
  std::vector<std::uint8_t> kept;
  std::vector<std::int32_t> ids, listed;
  std::vector<float> listed_pi, listed_mu;
  std::vector<std::int64_t> cu{0, 4, 8, 12};

  buffers()
      : pi(12, -0.5F), mu(12, -0.7F), a(12, 1.0F), weight(12, 1.0F), d(12, 0.01F), gradient(12, 7.0F), mask(12, 1.0F),
        kept(12, 9), ids(12, 0), listed(24, 1), listed_pi(24, -2.0F), listed_mu(24, -2.0F) {}
  auto lend() const {
    return rollout_batch(packed(cu), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(mask),
                         token_weight(weight), divergence_values(d), token_id(ids),
                         top_k(2, listed, listed_pi, listed_mu));
  }
  bool untouched() const {
    for (float g : gradient) {
      if (g != 7.0F) return false;
    }
    for (std::uint8_t k : kept) {
      if (k != 9) return false;
    }
    return true;
  }
};

template <class Region = decltype(presets::dense_post_trained())>
status run(buffers& b, loss_options const& o = {}, Region const& region = presets::dense_post_trained()) {
  return policy_loss(simd, b.lend(), region, {.gradient = b.gradient, .mask = b.kept}, o);
}

void points_at(status const& s, status_code code, argument where, index_t response, index_t token) {
  CHECK(s.code == code);
  CHECK(s.where == where);
  CHECK(s.response == response);
  CHECK(s.token == token);
  CHECK_FALSE(s.ok());
}

// Numbers that logs hold; below 64 no error, from 96 on nothing was written.
static_assert(static_cast<int>(status_code::ok) == 0 && static_cast<int>(status_code::no_active_tokens) == 1);
static_assert(static_cast<int>(status_code::bad_input_excluded) == 2);
static_assert(static_cast<int>(status_code::bad_input_propagated) == 3);
static_assert(static_cast<int>(status_code::log_prob_invalid) == 64);
static_assert(static_cast<int>(status_code::piece_rejected) == 71);
static_assert(static_cast<int>(status_code::top_k_too_low) == 74);
static_assert(static_cast<int>(status_code::fold_out_of_range) == 75);
static_assert(static_cast<int>(status_code::reference_log_prob_too_low) == 78);
static_assert(static_cast<int>(status_code::null_buffer) == 96);
static_assert(static_cast<int>(status_code::arithmetic_relaxed) == 107);

}  // namespace

TEST_CASE("every code has a sentence of its own", "[core]") {
  std::set<std::string> seen;
  for (int code = 0; code < 256; ++code) {
    std::string const words = sentence(static_cast<status_code>(code));
    if (words == "unknown status") continue;
    CHECK(seen.insert(words).second);
    if (code >= 64) CHECK(words.find(':') != std::string::npos);  // what is wrong: what to do
  }
  CHECK(seen.size() == 4 + 15 + 31);
}

TEST_CASE("F5_nan_is_reported_at_its_index", "[core]") {
  struct spoil {
    status_code code;
    argument where;
    std::vector<float> buffers::*buffer;
    std::vector<float> values;
  };
  spoil const cases[] = {
      {status_code::log_prob_invalid, argument::log_prob, &buffers::pi, {quiet, infinity, -infinity, 1e-6F}},
      {status_code::rollout_log_prob_invalid,
       argument::rollout_log_prob,
       &buffers::mu,
       {quiet, infinity, -infinity, 0.1F}},
      {status_code::advantage_invalid, argument::advantage, &buffers::a, {quiet, infinity, -infinity}},
      {status_code::response_mask_invalid, argument::response_mask, &buffers::mask, {quiet, 0.5F, 2.0F, -1.0F}},
      {status_code::divergence_invalid, argument::divergence, &buffers::d, {quiet, infinity, -0.1F}},
      {status_code::token_weight_invalid, argument::token_weight, &buffers::weight, {quiet, -infinity}},
  };
  for (spoil const& c : cases) {
    for (float value : c.values) {
      buffers b;
      (b.*c.buffer)[6] = value;
      status const s = run(b);
      points_at(s, c.code, c.where, 1, 2);
      CHECK(s.count == 1);
      CHECK_FALSE(s.nothing_written());
      buffers valid;
      CHECK(run(valid).ok());
      for (std::size_t i = 0; i < 12; ++i) {  // that response is out, the others are as if it were not there
        CHECK(b.gradient[i] == (i / 4 == 1 ? 0.0F : valid.gradient[i]));
        CHECK(b.kept[i] == (i / 4 == 1 ? 0 : valid.kept[i]));
      }
      CHECK(policy_loss(seq, b.lend(), presets::dense_post_trained(), {.gradient = b.gradient}).code == c.code);
    }
  }
  buffers b;
  b.listed_mu[13] = quiet;
  points_at(run(b), status_code::top_k_invalid, argument::top_k, 1, 2);
  b.listed[13] = -1;  // an empty slot of the list
  CHECK(run(b).ok());
}

TEST_CASE("bad input is counted, and the first place is named", "[core]") {
  buffers b;
  b.pi[2] = quiet;
  b.a[9] = quiet;
  b.mu[11] = quiet;
  status const s = run(b);
  points_at(s, status_code::log_prob_invalid, argument::log_prob, 0, 2);
  CHECK(s.count == 3);
}

TEST_CASE("exclude leaves the token out as if it were masked", "[core]") {
  buffers b, masked;
  b.pi[5] = quiet;
  masked.mask[5] = 0.0F;
  status const s = run(b, {.bad_input = on_bad_input::exclude});
  CHECK(s.code == status_code::bad_input_excluded);
  CHECK(s.ok());
  CHECK(s.count == 1);
  CHECK(run(masked).ok());
  CHECK(b.gradient == masked.gradient);
  CHECK(b.kept == masked.kept);
}

TEST_CASE("propagate writes NaN where the input is bad, and only there", "[core]") {
  for (int way = 0; way < 2; ++way) {
    buffers b;
    b.mu[5] = quiet;
    loss_options const o{.bad_input = on_bad_input::propagate};
    loss_outputs const out{.gradient = b.gradient, .mask = b.kept};
    status const s = way == 0 ? policy_loss(seq, b.lend(), presets::dense_post_trained(), out, o)
                              : policy_loss(simd, b.lend(), presets::dense_post_trained(), out, o);
    CHECK(s.code == status_code::bad_input_propagated);
    for (std::size_t i = 0; i < 12; ++i) CHECK((b.gradient[i] != b.gradient[i]) == (i == 5));
    CHECK(b.kept[5] == 0);
  }
}

TEST_CASE("a tolerance admits rounded log-softmax values", "[core]") {
  buffers b;
  b.pi[3] = 1e-6F;
  CHECK_FALSE(run(b).ok());
  CHECK(run(b, {.log_prob_tolerance = 1e-3}).ok());
}

TEST_CASE("F14_empty_batch", "[core]") {
  buffers b;
  b.mask.assign(12, 0.0F);
  b.pi.assign(12, quiet);
  report r;
  for (aggregation a : {token_sum, token_mean, seq_mean_token_sum, seq_mean_token_mean, seq_mean_token_sum_norm}) {
    loss_options const o{.aggregate = a, .horizon = 12};
    status const s = policy_loss(simd, b.lend(), presets::dense_base(), {.gradient = b.gradient, .report = &r}, o);
    CHECK(s.code == status_code::no_active_tokens);
    CHECK(s.ok());
    CHECK(r.loss() == 0.0);
    CHECK(r.masked_fraction() == 0.0);
    CHECK(r.mean_delta_b() == 0.0);
    for (double const x : {r.max_divergence, r.max_ratio, r.min_delta_b, r.max_delta_b, r.sum_divergence,
                           r.sum_weighted_divergence, r.sum_gate, r.sum_ratio, r.sum_k1, r.sum_k3, r.sum_delta_b}) {
      CHECK(x == 0.0);
    }
    for (float g : b.gradient) CHECK((g == 0.0F && !std::signbit(g)));
  }
  float const* const nothing = nullptr;
  auto const empty = rollout_batch(padded(0, 5), log_prob(nothing), rollout_log_prob(nothing), advantage(nothing));
  CHECK(policy_loss(seq, empty, ppo(), {}).code == status_code::no_active_tokens);
}

TEST_CASE("a status is true where every output is valid", "[core]") {
  CHECK(static_cast<bool>(status{}));
  CHECK(static_cast<bool>(status{status_code::bad_input_propagated}));
  CHECK_FALSE(static_cast<bool>(status{status_code::log_prob_invalid}));
  CHECK_FALSE(static_cast<bool>(status{status_code::null_buffer}));
}

TEST_CASE("errors of shape and parameters are found before anything is written", "[core]") {
  buffers b;
  auto const expect = [&b](status const& s, status_code code) {
    CHECK(s.code == code);
    CHECK(s.nothing_written());
    CHECK(b.untouched());
  };
  float const* const nothing = nullptr;
  loss_outputs const out{.gradient = b.gradient, .mask = b.kept};
  auto const region = presets::dense_post_trained();
  auto const lend = [&](auto const& pi, layout const& l) {
    return rollout_batch(l, log_prob(pi), rollout_log_prob(b.mu), advantage(b.a));
  };
  expect(policy_loss(seq, lend(nothing, padded(3, 4)), region, out), status_code::null_buffer);
  expect(policy_loss(seq, lend(b.pi, padded(3, 5)), region, out), status_code::extent_mismatch);
  expect(policy_loss(seq, lend(matrix_view<float const>(b.pi.data(), 4, 3), padded(3, 4)), region, out),
         status_code::extent_mismatch);
  std::vector<std::int32_t> const backwards{0, 8, 4, 12};
  expect(policy_loss(seq, lend(b.pi, packed(backwards)), region, out), status_code::bad_offsets);
  expect(policy_loss(seq, lend(b.pi.data(), padded(index_t{1} << 40, index_t{1} << 40)), region, out),
         status_code::size_overflow);
  expect(run(b, {}, fixed_cppo({.delta = 0.0})), status_code::bad_parameter);
  expect(run(b, {}, fixed_cppo({.delta = static_cast<double>(quiet)})), status_code::bad_parameter);
  expect(run(b, {}, fixed_cppo({.delta_b = -0.1})), status_code::bad_parameter);
  expect(run(b, {}, fixed_cppo({.w_min = 1.5})), status_code::bad_parameter);
  expect(run(b, {}, calibrated_cppo({}, binary_tv, {.quantile = 1.5})), status_code::bad_parameter);
  expect(run(b, {}, ppo({.epsilon_low = 1.0})), status_code::bad_parameter);
  expect(run(b, {.normalizer = -1.0}), status_code::bad_parameter);
  expect(run(b, {.surrogate = {.log_ratio_clamp = 100.0}}), status_code::bad_parameter);
  expect(run(b, {.positions = position_convention::padded_column}), status_code::bad_parameter);
  expect(run(b, {.horizon = 3, .positions = position_convention::fixed_horizon}), status_code::horizon_too_short);
  expect(policy_loss(seq, lend(b.pi, padded(3, 4)), fixed_cppo({}, precomputed), out), status_code::missing_input);
  expect(policy_loss(seq, lend(b.pi, padded(3, 4)), fixed_cppo({}, top_k_tv), out), status_code::missing_input);
  expect(policy_loss(seq, b.lend(), region, {.loss = b.gradient, .gradient = b.gradient}), status_code::output_overlap);
  expect(policy_loss(seq, b.lend(), region, {.gradient = b.mu}), status_code::output_overlap);
  std::vector<response_summary> const two(2);
  expect(run(b, {.totals = two}), status_code::carry_mismatch);
}
