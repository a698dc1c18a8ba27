// What calls say of themselves: each option, each parameter of a part, each input at its place.
#include "support/catch_compat.hpp"
#include "support/spoilers.hpp"

#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/objective.hpp>
#include <cppo/region.hpp>
#include <cppo/theory/certificate.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/weight/reversed.hpp>

#include <limits>
#include <string>
#include <vector>

namespace {

using namespace cppo;

constexpr double quiet = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

std::string text(status const& s) { return std::string(describe(s)); }
void says(std::string const& said, std::string const& words) { CHECK_THAT(said, cppo_test::contains(words)); }

// Three valid responses of four tokens.
struct lent {
  std::vector<float> pi, mu, a, gradient;
  std::vector<std::int32_t> cuts{0, 4, 8, 12};
  lent() : pi(12, -0.5F), mu(12, -0.7F), a(12, 1.0F), gradient(12, 7.0F) {}
  auto view(layout const& l = padded(3, 4)) const {
    return rollout_batch(l, log_prob(pi), rollout_log_prob(mu), advantage(a));
  }
  status call(loss_options const& o, layout const& l = padded(3, 4)) {
    return policy_loss(seq, view(l), ppo(), {.gradient = gradient}, o);
  }
};

// One option out of range, and what the sentence says.
struct bad_option {
  void (*spoil)(loss_options&);
  std::string name;    // as `option NAME is ...`
  std::string value;
  std::string must;    // the range begins so
};

// In the order in which options are looked at, that of their declaration.
std::vector<bad_option> bad_options() {
  using position = position_convention;
  return {
      {[](loss_options& o) { o.aggregate = static_cast<aggregation>(9); }, "aggregate", "9", "a value of aggregation"},
      {[](loss_options& o) { o.normalizer = -1.0; }, "normalizer", "-1", "0, or positive"},
      {[](loss_options& o) { o.normalizer = quiet; }, "normalizer", "nan", "0, or positive"},
      {[](loss_options& o) { o.normalizer = 1e-300; }, "normalizer", "1e-300", "0, or positive"},
      {[](loss_options& o) { o.aggregate = seq_mean_token_mean, o.normalizer = 4e37; },
       "normalizer times the horizon or the longest response", "4.7999999999999996e+38", "a number whose inverse"},
      {[](loss_options& o) { o.horizon = -3; }, "horizon", "-3", "0 or more"},
      {[](loss_options& o) { o.aggregate = seq_mean_token_sum_norm; }, "horizon", "0",
       "given under seq_mean_token_sum_norm"},
      {[](loss_options& o) { o.positions = position::fixed_horizon; }, "horizon", "0",
       "given under position_convention::fixed_horizon"},
      {[](loss_options& o) { o.horizon = (index_t{1} << 48) + 1, o.positions = position::fixed_horizon; }, "horizon",
       "281474976710657", "at most 2^48"},
      {[](loss_options& o) { o.surrogate.form = static_cast<surrogate_form>(5); }, "surrogate.form", "5",
       "a value of surrogate_form"},
      {[](loss_options& o) { o.surrogate.log_ratio_clamp = 100.0; }, "surrogate.log_ratio_clamp", "100", "in [0, 86]"},
      {[](loss_options& o) { o.surrogate.ratio_cap = -0.5; }, "surrogate.ratio_cap", "-0.5", "in [0, 1e30]"},
      {[](loss_options& o) { o.positions = static_cast<position>(7); }, "positions", "7",
       "a value of position_convention"},
      {[](loss_options& o) { o.bad_input = static_cast<on_bad_input>(3); }, "bad_input", "3",
       "a value of on_bad_input"},
      {[](loss_options& o) { o.log_prob_tolerance = 1.5; }, "log_prob_tolerance", "1.5", "in [0, 1]"},
      {[](loss_options& o) { o.log_prob_tolerance = infinity; }, "log_prob_tolerance", "inf", "in [0, 1]"},
      {[](loss_options& o) { o.log_prob_floor = 0.0; }, "log_prob_floor", "0", "below 0"},
      {[](loss_options& o) { o.log_prob_floor = quiet; }, "log_prob_floor", "nan", "below 0"},
  };
}

void check_parameter(std::string const& said, std::string const& begins) {
  INFO(said);
  CHECK(said.starts_with(begins));
  CHECK(said.find(": ") != std::string::npos);
  CHECK(said.size() < status_text::capacity);
  CHECK_FALSE(said.ends_with("..."));
}

// What a call says of a region, before it looks at anything else but the batch.
template <class Region>
std::string said_of(Region const& region) {
  lent const b;
  status const s = detail::check_inputs(b.view(), region);
  CHECK(s.code == status_code::bad_parameter);
  CHECK(s.where == argument::region);
  return text(s);
}

// Parts of one's own: one says which parameter it is, one does not.
struct named_part {
  double rate;
  constexpr parameter_check check() const {
    return {rate >= 0.0 && rate <= 1.0, "named_part(rate)", rate, "in [0, 1]: 0 is uniform"};
  }
  template <class V>
  constexpr auto at(position<V> t, index_t) const { return V(1) / (V(1) + V(rate) * t.before()); }
};
struct nameless_part {
  bool good;
  constexpr bool check() const { return good; }
  template <class V>
  constexpr auto operator()(token<V> const& t) const { return t.ratio() <= V(2); }
};

}  // namespace

TEST_CASE("F38: every option out of range is named with its value, its range and what to do", "[reliability]") {
  for (bad_option const& bad : bad_options()) {
    lent b;
    loss_options o;
    bad.spoil(o);
    status const s = b.call(o);
    CHECK(s.code == status_code::bad_parameter);
    CHECK(s.where == argument::options);
    CHECK(s.nothing_written());
    CHECK(b.gradient == std::vector<float>(12, 7.0F));
    check_parameter(text(s), "option " + bad.name + " is " + bad.value + ", but must be " + bad.must);
  }
  lent b;
  check_parameter(text(b.call({.positions = position_convention::padded_column}, packed(b.cuts))),
                  "option positions (padded_column) is 2, but must be own_length or fixed_horizon in a packed layout");
  std::vector<response_summary> totals(3);
  check_parameter(text(b.call({.positions = position_convention::padded_column, .totals = totals})),
                  "option positions (padded_column) is 2, but must be own_length or fixed_horizon");
}

TEST_CASE("F38: of two options out of range the one declared first is named", "[reliability]") {
  std::vector<bad_option> const all = bad_options();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      loss_options both, late;
      all[i].spoil(late), all[j].spoil(late);
      all[j].spoil(both), all[i].spoil(both);
      bool const apart = all[i].name.substr(0, 15) != all[j].name.substr(0, 15) && !all[j].name.starts_with("normal");
      bool const same_member = late.aggregate != both.aggregate || late.positions != both.positions;
      if (i >= j || !apart || same_member) continue;
      lent b;
      says(text(b.call(both)), "option " + all[i].name + " is");
    }
  }
  lent b;  // the region comes before the options
  says(text(policy_loss(seq, b.view(), ppo({.epsilon_low = 1.0}), {}, {.horizon = -1})), "ratio_within");
}

TEST_CASE("F38: every parameter of a part out of range is named with its clause, value and range", "[reliability]") {
  std::string const threshold = ", but must be in [2^-126, 1000]: ";
  check_parameter(said_of(dppo({.delta = 0.0})), "divergence_within(delta) is 0" + threshold);
  check_parameter(said_of(dppo({.delta = quiet})), "divergence_within(delta) is nan" + threshold);
  check_parameter(said_of(dppo({.delta_low = -1.0})), "divergence_within(delta_low, ...) is -1" + threshold);
  check_parameter(said_of(dppo({.delta_high = 15000.0})), "divergence_within(..., delta_high) is 15000" + threshold);
  check_parameter(said_of(fixed_cppo({.delta = 1e-40})), "divergence_within(delta) is 1e-40" + threshold);
  check_parameter(said_of(trust_region(binary_tv, uniform_weight, prefix_budget(0.0, 0.1))),
                  "prefix_budget(delta, ...) is 0" + threshold);
  check_parameter(said_of(trm_max({.delta = 0.0})), "response_max_within(delta) is 0" + threshold);
  check_parameter(said_of(trm_mean({.delta = 1000.5})), "response_mean_within(delta) is 1000.5" + threshold);
  check_parameter(said_of(fixed_cppo({.delta_b = -0.1})), "fixed_budget(delta_b) is -0.1, but must be in [0, 1000]: ");
  check_parameter(said_of(fixed_cppo({.w_min = 1.5})), "linear_weight(w_min) is 1.5, but must be in (0, 1]: ");
  check_parameter(said_of(trust_region(binary_tv, permuted(linear_weight(0.0), 7), keep_all)),
                  "linear_weight(w_min) is 0, but must be in (0, 1]: ");
  check_parameter(said_of(trust_region(binary_tv, reversed(linear_weight(0.0)), keep_all)),
                  "linear_weight(w_min) is 0, but must be in (0, 1]: ");
  check_parameter(said_of(ppo({.epsilon_low = 1.0})),
                  "ratio_within(low, ...) is 0, but must be in (0, 1e30]: ppo has low = 1 - epsilon_low");
  check_parameter(said_of(ppo({.epsilon_high = -0.5})),
                  "ratio_within(..., high) is 0.5, but must be in [low, 1e30]: ppo has high = 1 + epsilon_high");
  check_parameter(said_of(calibrated_cppo({.delta_b = -1.0})),
                  "calibrated_budget(floor, ...) is -1, but must be in [0, 1000]: ");
  check_parameter(said_of(calibrated_cppo({}, binary_tv, {.quantile = 1.5})),
                  "calibration::quantile is 1.5, but must be in [0, 1]: ");
  check_parameter(said_of(calibrated_cppo({}, binary_tv, {.scale = -1.0})),
                  "calibration::scale is -1, but must be in [0, 1000]: ");
  check_parameter(said_of(calibrated_cppo({}, binary_tv, {.ceiling_factor = 0.5})),
                  "calibration::ceiling_factor is 0.5, but must be 1 or more: ");
  check_parameter(said_of(calibrated_cppo({.delta_b = 600.0})),
                  "calibration::ceiling_factor times the floor is 1200, but must be at most 1000: ");
  check_parameter(said_of(dppo({}, named_divergence::find("tv"))),
                  "named_divergence is -1, but must be a position in divergence_names(): ");
}

TEST_CASE("F38: the first part out of range is named, a part of one's own among them", "[reliability]") {
  auto const of = [](auto const&... parts) { return said_of(trust_region(parts...)); };
  named_divergence const unknown(99);
  says(of(unknown, linear_weight(2.0), divergence_within(0.0)), "named_divergence is 99");
  says(of(binary_tv, linear_weight(2.0), divergence_within(0.0)), "linear_weight(w_min)");
  says(of(binary_tv, uniform_weight, divergence_within(0.0) & !response_max_within(0.0)), "divergence_within");
  says(of(binary_tv, uniform_weight, divergence_within(0.1) & !response_max_within(0.0)), "response_max_within");
  CHECK(of(binary_tv, named_part{-2.0}, keep_all) == "named_part(rate) is -2, but must be in [0, 1]: 0 is uniform");
  says(of(binary_tv, uniform_weight, toward_rollout | nameless_part{false}), "a part of your own");
  CHECK(trust_region(binary_tv, named_part{0.5}, nameless_part{true}).check());
}

TEST_CASE("F38: the same responses have one loss at every width, by a horizon that must be given", "[reliability]") {
  for (auto const how : {token_sum, token_mean, seq_mean_token_sum, seq_mean_token_mean, seq_mean_token_sum_norm}) {
    for (auto const positions : {position_convention::own_length, position_convention::fixed_horizon}) {
      std::vector<double> losses;
      bool const reads = how == seq_mean_token_sum_norm || positions == position_convention::fixed_horizon;
      for (index_t const width : {4, 6, 12}) {
        auto const slots = static_cast<std::size_t>(2 * width);
        std::vector<float> pi(slots, -0.5F), mu(slots, -0.6F), a(slots, 1.0F), mask(slots);
        for (std::size_t i = 0; i < 3; ++i) mask[i] = mask[static_cast<std::size_t>(width) + i] = 1.0F;
        auto const batch = rollout_batch(padded(2, width), log_prob(pi), rollout_log_prob(mu), advantage(a),
                                         response_mask(mask));
        report r;
        loss_options o{.aggregate = how, .positions = positions};
        CHECK(policy_loss(seq, batch, fixed_cppo(), {.report = &r}, o).ok() == !reads);
        o.horizon = 4;
        CHECK(policy_loss(seq, batch, fixed_cppo(), {.report = &r}, o).ok());
        losses.push_back(r.loss());
      }
      CHECK(losses[0] != 0.0);
      CHECK((losses[0] == losses[1] && losses[0] == losses[2]));
    }
  }
}

TEST_CASE("F40: a negative extent names itself and not cu_seqlens", "[reliability]") {
  lent b;
  auto const said = [&b](layout const& l) { return text(b.call({}, l)); };
  check_parameter(said(padded(-1, 4)), "padded(responses, ...) is -1, but must be 0 or more: ");
  check_parameter(said(padded(3, -4)), "padded(..., width) is -4, but must be 0 or more: ");
  check_parameter(said(packed(b.cuts.data(), -2)), "packed(cu_seqlens, responses) is -2, but must be 0 or more: ");
  std::vector<std::int64_t> const empty;
  check_parameter(said(packed(empty)),
                  "packed(cu_seqlens, responses) is -1, but must be 0 or more: cu_seqlens holds one offset more");
  check_parameter(text(packed_on_device(b.cuts.data(), 3, -1).check()),
                  "packed_on_device(..., elements) is -1, but must be the last of cu_seqlens: ");
  says(said(packed_on_device(b.cuts.data(), 3, 12)), "cu_seqlens lies on a device");
  says(said(packed(static_cast<std::int32_t const*>(nullptr), 3)), "cu_seqlens is null");
}

TEST_CASE("F40: buffers of another shape, shared memory and short carries are told with both sides", "[reliability]") {
  lent b;
  std::vector<float> small(11), x(12);
  auto const out = [&b](loss_outputs const& o) { return text(policy_loss(seq, b.view(), ppo(), o)); };
  says(out({.loss = small}), "loss has 11 elements, but must have 12: ");
  says(out({.trace = {.excess = small}}), "trace.excess has 11 elements, but must have 12: ");
  says(out({.mask = matrix_view<float>(x.data(), 4, 3)}), "mask has 4 rows, but must have 3: ");
  says(out({.gate = matrix_view<float>(x.data(), 3, 2)}), "gate has 2 columns, but must have 4: ");
  says(out({.loss = matrix_view<float>(x.data(), 3, 4, 4, 0)}),
       "loss must have an element of its own for each slot, since each is written: ");
  says(out({.mask = matrix_view<float>(x.data(), 3, 1)}), "mask must have an element of its own for each slot, since");
  says(out({.loss = x, .gradient = x}), "gradient shares memory with loss: ");
  says(out({.gradient = b.mu}), "gradient shares memory with rollout_log_prob: ");
  says(out({.loss = x, .trace = {.weight = x}}), "trace.weight shares memory with loss: ");
  std::vector<int> whole(12);
  says(out({.trace = {.weight = whole}}), "trace.weight has elements of the wrong type: ");
  std::vector<response_summary> two(2), three(3);
  std::vector<prefix_sums> carries(3), one(1);
  says(text(b.call({.totals = two})), "totals has 2 entries, but must have 3: ");
  says(text(b.call({.carries = carries})), "totals has 0 entries, but must have 3: ");
  says(text(b.call({.carries = one, .totals = three})), "carries has 1 entries, but must have 3: ");
  says(text(b.call({.totals = three})), "piece 0 has 4 valid tokens, but carries and totals leave room for 0: ");
  says(text(b.call({.horizon = 3, .positions = position_convention::fixed_horizon})),
       "response 0 has 4 valid tokens, but horizon is 3: ");
  says(text(theory::certificate(b.view(), ppo(), {.xi = -1.0}).outcome), "option xi is -1, but must be 0 or more");
}

TEST_CASE("F40: bad input is told with its number, by every executor, however it is to be treated", "[reliability]") {
  lent b;
  b.mu[9] = std::numeric_limits<float>::quiet_NaN();
  b.pi[6] = 1e-6F;
  auto const check = [&b](auto const& executor) {
    for (auto const how : {on_bad_input::reject, on_bad_input::exclude, on_bad_input::propagate}) {
      status const s = policy_loss(executor, b.view(), ppo(), {.gradient = b.gradient}, {.bad_input = how});
      says(text(s), "log_prob at response 1, token 2 is 1e-06 (first of 2 bad tokens)");
    }
  };
  check(seq);
  check(simd);
  check(simd.with_threads(2, 1));
}
