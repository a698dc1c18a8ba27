#include <cppo/cppo.hpp>
#include <cppo/logits/policy_loss.hpp>
#include <cppo/logits/divergence.hpp>

#include "support/catch_compat.hpp"
#include "support/logit_oracle.hpp"

using namespace cppo;
using namespace cppo_test;

namespace {

constexpr index_t responses = 3, length = 5, vocabulary = 37, k = 4;
constexpr std::size_t slots = responses * length, ids = vocabulary;

// A batch of logits, drawn from mu and moved; some slots hold no token.
struct logit_case {
  std::vector<float> x, mu_x, mu = std::vector<float>(slots), a = {}, mu_lists = std::vector<float>(slots * k);
  std::vector<std::int64_t> y = {}, listed = std::vector<std::int64_t>(slots * k);
  std::vector<std::uint8_t> valid = std::vector<std::uint8_t>(slots, 1);
  double temperature = 1.0;

  explicit logit_case(std::uint64_t seed, double drift = 0.4)
      : x(), mu_x(random_logits(seed, slots, ids)) {
    x = moved_logits(seed + 1, mu_x, drift);
    drawn_numbers draw(seed + 2);
    for (std::size_t i = 0; i < slots; ++i) {
      y.push_back(static_cast<std::int64_t>(draw.bits() % ids));
      a.push_back(i / length == 1 ? -1.0F : 0.5F);
    }
    valid[4] = valid[11] = 0;
    REQUIRE(log_probs(seq, logit_batch(shape(), logits(vocabulary, mu_x), token_id(y)),
                      {.log_prob = mu, .largest_count = k, .largest_id = listed, .largest_log_prob = mu_lists})
                .ok());
    for (std::size_t const hole : {4U, 11U}) {  // nothing of it may matter
      std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(hole * ids), ids, not_a_logit);
      mu[hole] = a[hole] = not_a_logit;
      y[hole] = -7;
    }
  }
  static layout shape() { return padded(responses, length); }
  logit_rows lent() const { return logits(vocabulary, x).at_temperature(temperature); }
  auto batch() const {
    return rollout_batch(shape(), lent(), token_id(y), rollout_log_prob(mu), advantage(a), response_mask(valid),
                         rollout_top_k(k, listed, mu_lists));
  }
};

struct made {
  std::vector<float> gradient = std::vector<float>(slots * ids, 5.0F), loss = std::vector<float>(slots, 5.0F),
                     divergence = std::vector<float>(slots, 5.0F);
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(slots, 5);
  report counts = {};
  status outcome = {};

  logit_loss_outputs outputs() {
    return {.logits_gradient = gradient, .loss = loss, .mask = mask, .trace = {.divergence = divergence},
            .report = &counts};
  }
};
bool same(made const& a, made const& b) {
  return same_bits(a.gradient, b.gradient) && same_bits(a.loss, b.loss) && same_bits(a.divergence, b.divergence) &&
         same_bits(a.mask, b.mask) && a.counts.loss() == b.counts.loss() && a.counts.kept == b.counts.kept;
}
// Keeps tokens where pi is unsure.
struct unsure {
  float least;
  static constexpr argument reads() noexcept { return argument::entropy; }
  template <class V>
  constexpr auto operator()(token<V> const& t) const noexcept {
    return t.entropy() >= V(least);
  }
};

template <class Executor, class Region>
made run(Executor const& e, logit_case const& c, Region const& region, loss_options const& options = {}) {
  made m;
  m.outcome = policy_loss_from_logits(e, c.batch(), region, m.outputs(), options);
  INFO(describe(m.outcome).c_str());
  CHECK(m.outcome.ok());
  return m;
}

// The same by three calls.
template <class Region>
made by_steps(logit_case const& c, Region const& region, loss_options const& options = {}) {
  made m;
  std::vector<float> pi(slots), pi_lists(slots * k), slope(slots);
  std::vector<double> total(slots);
  auto const rows = logit_batch(c.shape(), c.lent(), token_id(c.y), response_mask(c.valid), top_k_ids(k, c.listed));
  REQUIRE(log_probs(seq, rows, {.log_prob = pi, .listed_log_prob = pi_lists, .log_sum_exp = total}).ok());
  auto const batch = rollout_batch(c.shape(), log_prob(pi), rollout_log_prob(c.mu), advantage(c.a),
                                   response_mask(c.valid), token_id(c.y), top_k(k, c.listed, pi_lists, c.mu_lists));
  REQUIRE(policy_loss(seq, batch, region, {.loss = m.loss, .gradient = slope, .mask = m.mask,
                                           .trace = {.divergence = m.divergence}, .report = &m.counts}, options)
              .ok());
  REQUIRE(logits_gradient(seq, rows, {.slope = slope, .log_sum_exp = total}, m.gradient).ok());
  return m;
}

}  // namespace

TEST_CASE("policy_loss_from_logits is log_probs, policy_loss and logits_gradient", "[logits]") {
  logit_case const c(1);
  loss_options const mean{.aggregate = token_mean};
  auto const check = [&](auto const& region) {
    made const want = by_steps(c, region, mean);
    CHECK(same(run(seq, c, region, mean), want));
    CHECK(same(run(simd, c, region, mean), want));
    CHECK(same(run(simd.with_threads(4, 1), c, region, mean), want));
  };
  check(presets::dense_base(top_k_tv));
  check(presets::dense_post_trained());
  check(dppo({}, top_k_kl));
  check(ppo());
}

TEST_CASE("policy_loss_from_logits: the gradient by central differences of the whole call", "[logits]") {
  for (double const temperature : {1.0, 0.6}) {
    logit_case c(7, 0.2);
    c.temperature = temperature;
    auto const region = fixed_cppo({.delta = 0.06, .delta_b = 0.02}, top_k_tv);
    made const at = run(seq, c, region);
    CHECK(at.counts.kept > 3);
    CHECK(at.counts.kept < at.counts.counts.tokens);
    constexpr float h = 0x1p-6F;
    int compared = 0;
    for (std::size_t j = 0; j < slots * ids; j += 3) {
      if (c.valid[j / ids] == 0) continue;
      logit_case up = c, down = c;
      up.x[j] += h;
      down.x[j] -= h;
      made const above = run(seq, up, region), below = run(seq, down, region);
      if (above.mask != at.mask || below.mask != at.mask) continue;
      double const step = static_cast<double>(up.x[j]) - static_cast<double>(down.x[j]);
      double const want = (above.counts.loss() - below.counts.loss()) / step;
      CHECK(std::fabs(static_cast<double>(at.gradient[j]) - want) < 2e-4 + 2e-3 * std::fabs(want));
      ++compared;
    }
    CHECK(compared > 100);
  }
}

TEST_CASE("policy_loss_from_logits in place of the logits, and in other types", "[logits]") {
  logit_case const c(3);
  auto const region = presets::dense_base(top_k_tv);
  made const want = run(seq, c, region);
  logit_case in_place = c;
  REQUIRE(policy_loss_from_logits(simd, in_place.batch(), region, {.logits_gradient = in_place.x}).ok());
  CHECK(same_bits(in_place.x, want.gradient));
  std::vector<bfloat16> narrow(slots * ids);
  REQUIRE(policy_loss_from_logits(simd, c.batch(), region, {.logits_gradient = narrow}).ok());
  CHECK(same_bits(narrow, as_elements<bfloat16>(want.gradient)));
}

TEST_CASE("policy_loss_from_logits: masked and excluded rows are +0", "[logits]") {
  logit_case const c(5);
  made const m = run(simd, c, fixed_cppo({.delta = 0.03}, top_k_tv));
  int masked = 0;
  for (std::size_t i = 0; i < slots; ++i) {
    CHECK(all_zero_bits(m.gradient, i * ids, ids) == (m.mask[i] == 0));
    masked += c.valid[i] == 1 && m.mask[i] == 0 ? 1 : 0;
  }
  CHECK(masked > 0);
}

TEST_CASE("policy_loss_from_logits decides by a divergence of the full vocabulary", "[logits]") {
  logit_case const c(6);
  std::vector<double> pi_total(slots), mu_total(slots), tv(slots);
  auto const rows = logit_batch(c.shape(), c.lent(), token_id(c.y), response_mask(c.valid));
  auto const mu_rows = logit_batch(c.shape(), logits(vocabulary, c.mu_x), response_mask(c.valid));
  REQUIRE(log_probs(simd, rows, {.log_sum_exp = pi_total}).ok());
  REQUIRE(log_probs(simd, mu_rows, {.log_sum_exp = mu_total}).ok());
  policy_rows const mu{.logits = logits(vocabulary, c.mu_x), .log_sum_exp = mu_total};
  REQUIRE(full_divergences(simd, rows, pi_total, mu, {.tv = tv}).ok());
  std::vector<float> const narrow(tv.begin(), tv.end());
  auto const batch = rollout_batch(c.shape(), c.lent(), token_id(c.y), rollout_log_prob(c.mu), advantage(c.a),
                                   response_mask(c.valid), divergence_values(narrow));
  made m;
  REQUIRE(policy_loss_from_logits(simd, batch, presets::dense_base(precomputed), m.outputs()).ok());
  made const listed = run(simd, c, presets::dense_base(top_k_tv));
  for (std::size_t i = 0; i < slots; ++i) {
    CHECK(m.divergence[i] == (c.valid[i] == 1 ? narrow[i] : 0.0F));
    CHECK(listed.divergence[i] <= m.divergence[i] + 1e-6F);
  }
}

TEST_CASE("policy_loss_from_logits gives a region the entropy that it reads", "[logits]") {
  logit_case const c(8);
  std::vector<float> h(slots);
  auto const rows = logit_batch(c.shape(), c.lent(), response_mask(c.valid));
  REQUIRE(log_probs(seq, rows, {.entropy = h}).ok());
  made const m = run(seq, c, trust_region(binary_tv, uniform_weight, unsure{2.0F}));
  for (std::size_t i = 0; i < slots; ++i) CHECK(m.mask[i] == (c.valid[i] == 1 && h[i] >= 2.0F ? 1 : 0));
  std::vector<float> const lent(slots, 9.0F);
  std::vector<std::uint8_t> mask(slots);
  auto const batch = rollout_batch(c.shape(), c.lent(), token_id(c.y), rollout_log_prob(c.mu), advantage(c.a),
                                   response_mask(c.valid), entropy(lent));
  auto const region = trust_region(binary_tv, uniform_weight, unsure{8.0F});
  REQUIRE(policy_loss_from_logits(seq, batch, region, {.mask = mask}).ok());
  CHECK(mask == c.valid);
}

namespace {

// What a call says that must not write.
template <class Change>
status refused(Change const& change) {
  logit_case c(2);
  made m;
  logit_loss_outputs out = m.outputs();
  change(c, out);
  status const s = policy_loss_from_logits(simd, c.batch(), presets::dense_base(top_k_tv), out);
  CHECK(!s.ok());
  CHECK(m.gradient == std::vector<float>(slots * ids, 5.0F));
  CHECK(m.mask == std::vector<std::uint8_t>(slots, 5));
  return s;
}

}  // namespace

TEST_CASE("policy_loss_from_logits names what is wrong, and writes nothing", "[logits]") {
  using outputs = logit_loss_outputs;
  status s = refused([](logit_case& c, outputs&) { c.x[6 * ids + 9] = not_a_logit; });
  CHECK(s.code == status_code::logit_invalid);
  CHECK_THAT(describe(s).c_str(), contains("logits at response 1, token 1, id 9 is nan"));
  s = refused([](logit_case& c, outputs&) { c.y[7] = vocabulary; });
  CHECK(s.code == status_code::id_out_of_vocabulary);
  s = refused([](logit_case& c, outputs&) { c.listed[3] = vocabulary; });
  CHECK(s.where == argument::top_k);
  s = refused([](logit_case& c, outputs&) { c.temperature = 0.0; });
  CHECK(s.code == status_code::bad_parameter);
  s = refused([](logit_case& c, outputs&) { c.a.pop_back(); });
  CHECK(s.where == argument::advantage);
  s = refused([](logit_case&, outputs& out) { out.loss = out.trace.divergence; });
  CHECK(s.code == status_code::output_overlap);
  s = refused([](logit_case& c, outputs& out) { out.loss = c.x; });
  CHECK(!s.ok());
  s = refused([](logit_case& c, outputs& out) { out.loss = output(c.x.data() + 3); });
  CHECK(s.code == status_code::output_overlap);
  CHECK(s.where == argument::loss);
  CHECK(s.other == argument::logits);
  s = refused([](logit_case& c, outputs& out) {
    c.mu.resize(slots * ids), out.logits_gradient = c.mu.data(), c.mu.resize(slots);
  });
  CHECK(s.code == status_code::output_overlap);
  CHECK(s.other == argument::rollout_log_prob);
  s = refused([](logit_case& c, outputs& out) {
    c.mu_lists.resize(slots * ids), out.logits_gradient = c.mu_lists.data(), c.mu_lists.resize(slots * k);
  });
  CHECK(s.code == status_code::output_overlap);
  CHECK(s.other == argument::top_k);
  s = refused([](logit_case& c, outputs& out) { out.report = reinterpret_cast<report*>(c.x.data()); });
  CHECK(s.where == argument::report);
}

TEST_CASE("policy_loss_from_logits finds wrong regions, options and buffers before it reads a row", "[logits]") {
  logit_case c(2);
  c.x[6 * ids + 9] = not_a_logit;
  made m;
  auto const says = [&](auto const& region, logit_loss_outputs const& out, loss_options const& options) {
    status const s = policy_loss_from_logits(simd, c.batch(), region, out, options);
    CHECK(m.mask == std::vector<std::uint8_t>(slots, 5));
    return s;
  };
  auto const region = presets::dense_base(top_k_tv);
  CHECK(says(fixed_cppo({.delta = -1.0F}), m.outputs(), {}).where == argument::region);
  CHECK(says(region, m.outputs(), {.normalizer = -1.0}).where == argument::options);
  CHECK(says(presets::dense_base(precomputed), m.outputs(), {}).code == status_code::missing_input);
  logit_loss_outputs out = m.outputs();
  out.loss = out.trace.divergence;
  CHECK(says(region, out, {}).code == status_code::output_overlap);
  out = m.outputs();
  std::vector<int> whole(slots);
  out.loss = output(whole.data());
  CHECK(says(region, out, {}).code == status_code::element_type_mismatch);
  CHECK(says(region, m.outputs(), {}).code == status_code::logit_invalid);
}

TEST_CASE("policy_loss_from_logits: the gradient shares no memory with carries and totals", "[logits]") {
  logit_case const c(2);
  made m;
  std::vector<double> memory(slots * ids);  // enough for all
  auto const overlaps = [&](loss_options const& options) {
    logit_loss_outputs out = m.outputs();
    out.logits_gradient = reinterpret_cast<float*>(memory.data());
    status const s = policy_loss_from_logits(simd, c.batch(), fixed_cppo(), out, options);
    CHECK((s.code == status_code::output_overlap && s.where == argument::logits && s.other == argument::carry));
    CHECK(m.mask == std::vector<std::uint8_t>(slots, 5));
  };
  std::vector<response_summary> totals(responses);
  std::vector<prefix_sums> carries(responses);
  auto const lent = [&](auto& as) {
    using T = std::remove_reference_t<decltype(as[0])>;
    return std::span<T const>(reinterpret_cast<T*>(memory.data()), responses);
  };
  overlaps({.totals = lent(totals)});
  overlaps({.carries = lent(carries), .totals = totals});
}

TEST_CASE("policy_loss_from_logits: a log-prob that no float holds is one of the logits", "[logits]") {
  logit_case c(4);
  std::size_t const slot = 6, y = static_cast<std::size_t>(c.y[slot]);
  c.x[slot * ids + y] = -3.4e38F;
  c.x[slot * ids + (y == 0 ? 1 : 0)] = 3.4e38F;
  made m;
  status const s = policy_loss_from_logits(simd, c.batch(), fixed_cppo(), m.outputs());
  CHECK(describe(s) == "log_prob of the logits at response 1, token 1 is -inf, but must be finite and at most 0 (plus "
                       "log_prob_tolerance) where response_mask is 1: mask the token, or recompute its log-softmax");
}

TEST_CASE("policy_loss_from_logits judges other bad input as policy_loss does", "[logits]") {
  logit_case c(4);
  made const clean = run(seq, c, presets::dense_base(top_k_tv));
  c.a[6] = not_a_logit;
  made m;
  status s = policy_loss_from_logits(simd, c.batch(), presets::dense_base(top_k_tv), m.outputs());
  CHECK(s.code == status_code::advantage_invalid);
  CHECK(all_zero_bits(m.gradient, length * ids, length * ids));
  CHECK(std::equal(m.gradient.begin(), m.gradient.begin() + length * ids, clean.gradient.begin()));
  s = policy_loss_from_logits(simd, c.batch(), presets::dense_base(top_k_tv), m.outputs(),
                              {.bad_input = on_bad_input::propagate});
  CHECK(s.ok());
  CHECK(std::isnan(m.gradient[6 * ids]));
  CHECK(std::isnan(m.gradient[7 * ids - 1]));
}

TEST_CASE("policy_loss_from_logits in double, packed, without a gradient", "[logits]") {
  logit_case const c(9);
  std::vector<double> const mu(c.mu.begin(), c.mu.end());
  std::int64_t const cuts[] = {0, length, 2 * length, 3 * length};
  auto const batch = rollout_batch(packed(cuts), c.lent(), token_id(c.y), rollout_log_prob(mu), advantage(c.a),
                                   response_mask(c.valid));
  static_assert(std::is_same_v<decltype(batch)::value_type, double>);
  std::vector<std::uint8_t> mask(slots);
  REQUIRE(policy_loss_from_logits(simd, batch, presets::dense_post_trained(), {.mask = mask}).ok());
  CHECK(mask == run(seq, c, presets::dense_post_trained()).mask);
}

TEST_CASE("policy_loss_from_logits: a Top-K region without lists is refused", "[logits]") {
  logit_case const c(9);
  auto const batch = rollout_batch(c.shape(), c.lent(), token_id(c.y), rollout_log_prob(c.mu), advantage(c.a),
                                   response_mask(c.valid));
  std::vector<float> g(slots * ids, 5.0F);
  status const s = policy_loss_from_logits(simd, batch, presets::dense_base(top_k_tv), {.logits_gradient = g});
  CHECK(s.code == status_code::missing_input);
  CHECK(s.where == argument::top_k);
  CHECK(g == std::vector<float>(slots * ids, 5.0F));
}

TEST_CASE("policy_loss_from_logits writes log-probs and entropies of its own logits", "[logits]") {
  logit_case const c(9);
  std::vector<float> want(slots), got(slots, 5.0F);
  std::vector<half> h(slots, half(5.0F)), want_h(slots);
  auto const rows = logit_batch(c.shape(), c.lent(), token_id(c.y), response_mask(c.valid));
  REQUIRE(log_probs(seq, rows, {.log_prob = want, .entropy = want_h}).ok());
  REQUIRE(policy_loss_from_logits(simd, c.batch(), ppo(), {.log_prob = got, .entropy = h}).ok());
  CHECK(same_bits(got, want));
  CHECK(same_bits(h, want_h));
  std::int32_t const cuts[] = {2, 6, 9};
  for (bool const clears : {false, true}) {
    layout const l = clears ? packed(cuts).with_capacity(slots) : packed(cuts).part_of(slots);
    std::fill(got.begin(), got.end(), 5.0F);
    auto const batch = rollout_batch(l, c.lent(), token_id(c.y), rollout_log_prob(c.mu), advantage(c.a),
                                     response_mask(c.valid));
    REQUIRE(policy_loss_from_logits(simd, batch, ppo(), {.log_prob = got}).ok());
    for (std::size_t i = 0; i < slots; ++i) {
      bool const inside = i >= 2 && i < 9;
      CHECK(got[i] == (inside ? want[i] : clears ? 0.0F : 5.0F));
    }
  }
}

TEST_CASE("policy_loss_from_logits: log-probs and entropies share no memory with anything", "[logits]") {
  logit_case c(9);
  std::vector<float> out(2 * slots, 5.0F);
  auto const other_of = [&](logit_loss_outputs const& o) {
    status const s = policy_loss_from_logits(seq, c.batch(), ppo(), o);
    CHECK(s.code == status_code::output_overlap);
    CHECK(out == std::vector<float>(2 * slots, 5.0F));
    return s.other;
  };
  CHECK(other_of({.log_prob = out.data(), .entropy = out.data() + slots - 1}) == argument::log_prob);
  CHECK(other_of({.loss = out.data(), .entropy = out.data() + 3}) == argument::loss);
  CHECK(other_of({.log_prob = c.mu.data()}) == argument::rollout_log_prob);
  CHECK(other_of({.entropy = c.x.data() + 7}) == argument::logits);
  report r;
  CHECK(other_of({.log_prob = reinterpret_cast<float*>(&r), .report = &r}) == argument::report);
  std::vector<int> whole(slots);
  status const s = policy_loss_from_logits(seq, c.batch(), ppo(), {.entropy = output(whole.data())});
  CHECK((s.code == status_code::element_type_mismatch && s.where == argument::entropy));
}
