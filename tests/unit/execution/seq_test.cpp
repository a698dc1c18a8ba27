// seq, in float and in double, against the oracle: decisions unless they are too close to call, values everywhere.
#include "support/catch_compat.hpp"
#include "support/chosen_region.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/reference.hpp>

namespace {

using namespace cppo;
using namespace cppo::testing;
using cppo_test::chosen_region;

// The oracle's words for a region and for the options of a call.
reference_options oracle_of(chosen_region const& c, loss_options const& l) {
  reference_options o;
  o.divergence = static_cast<reference_divergence>(named_divergence::find(c.divergence).index());
  bool const is_cppo = c.region.starts_with("cppo");
  o.toward = c.region != "unrestricted" && !c.region.starts_with("trm");
  double const low = c.epsilon_low.value_or(0.2), high = c.epsilon_high.value_or(0.2);
  if (c.region == "ppo") o.ratio = reference_bounds{1.0 - low, 1.0 + high};
  if (c.region == "dppo" || is_cppo) o.threshold = reference_bounds{*c.delta, *c.delta};
  if (is_cppo && c.region != "cppo_no_weight") o.w_min = c.w_min;
  if (is_cppo && c.region != "cppo_no_budget") {
    o.budget = reference_budget{.delta = *c.delta, .delta_b = *c.delta_b,
                                .calibrated = c.region.starts_with("cppo_calibrated"), .quantile = c.calibrate.quantile,
                                .scale = c.calibrate.scale, .ceiling_factor = c.calibrate.ceiling_factor};
  }
  o.soft = c.region.ends_with("_soft");
  if (c.region == "trm_max") o.response_max = *c.delta;
  if (c.region == "trm_mean") o.response_mean = *c.delta;
  o.log_ratio_clamp = l.surrogate.log_ratio_clamp;
  o.ratio_cap = l.surrogate.ratio_cap;
  o.form = static_cast<reference_form>(l.surrogate.form);
  o.aggregate = static_cast<reference_aggregation>(l.aggregate);
  o.normalizer = l.normalizer;
  o.horizon = l.horizon;
  o.positions = static_cast<reference_positions>(l.positions);
  return o;
}

// Options that differ from batch to batch; every third time the defaults.
loss_options draw_options(std::uint64_t seed, bool is_packed) {
  random_source random(seed * 977);
  if (random.chance(0.33)) return {};
  constexpr double clamps[] = {20.0, 2.0, 0.5, 0.0};
  loss_options o{.horizon = 300 + random.below(50)};
  o.aggregate = static_cast<aggregation>(random.below(5));
  o.normalizer = random.chance(0.3) ? 12.5 : 0.0;
  o.surrogate.form = random.chance(0.4) ? surrogate_form::reinforce : surrogate_form::ratio;
  o.surrogate.log_ratio_clamp = clamps[random.below(4)];
  o.surrogate.ratio_cap = random.chance(0.3) ? 1.25 : 0.0;
  if (random.chance(0.2)) o.positions = position_convention::fixed_horizon;
  if (!is_packed && random.chance(0.3)) o.positions = position_convention::padded_column;
  return o;
}

struct tally {
  index_t batches = 0, decisions = 0, too_close = 0, budget_masked = 0, divergence_masked = 0;
  tally& operator+=(tally const& t) {
    batches += t.batches;
    decisions += t.decisions;
    too_close += t.too_close;
    budget_masked += t.budget_masked;
    divergence_masked += t.divergence_masked;
    return *this;
  }
};

// One batch under one region, compared token by token.
template <element T>
class comparison {
  using real = typename generated_batch<T>::real;
  static constexpr bool is_float = std::is_same_v<real, float>;

 public:
  comparison(std::uint64_t seed, chosen_region const& c, tally& t)
      : config_(c),
        tally_(t),
        batch_(generate<T>(seed, {.max_length = seed % 8 == 0 ? 300 : 100, .top_k = 4, .divergence = true})),
        options_(draw_options(seed, batch_.packed)) {
    got_ = capture(seq, batch_, described(c), options_);
    REQUIRE(got_.outcome.ok());
    reference_options o = oracle_of(c, options_);
    if (c.region == "cppo_shuffled") o.weights = shuffled();
    want_ = reference(batch_.view(), o);
    ++t.batches;
  }

  // How many values disagree; the first ones are named.
  int run() {
    for (auto const& row : batch_.token_rows()) {
      for (index_t const s : row) token_at(static_cast<std::size_t>(s), static_cast<double>(row.size()));
    }
    sums();
    if (wrong_ != 0) UNSCOPED_INFO(config_.region << ", " << config_.divergence << ", batch " << batch_.seed);
    return wrong_;
  }

 private:
  // Shuffled weights are the library's own; as a multiset they must be those of Eq. 9.
  std::vector<double> shuffled() {
    std::vector<double> weights(got_[captured::weight].begin(), got_[captured::weight].end());
    if (options_.positions != position_convention::own_length) return weights;
    for (auto const& row : batch_.token_rows()) {
      std::vector<double> mine;
      for (index_t const s : row) mine.push_back(weights[static_cast<std::size_t>(s)]);
      std::sort(mine.rbegin(), mine.rend());
      double const n = static_cast<double>(mine.size());
      for (std::size_t k = 0; k < mine.size(); ++k) {
        double const w = mine.size() > 1 ? 1.0 - (1.0 - config_.w_min) * static_cast<double>(k) / (n - 1.0) : 1.0;
        if (std::fabs(mine[k] - w) > 2e-7) ++wrong_;
      }
    }
    return weights;
  }

  double have(captured c, std::size_t i) const { return static_cast<double>(got_[c][i]); }

  void close(captured c, std::size_t i, double expected, double absolute, double relative) {
    if (std::fabs(have(c, i) - expected) <= absolute + relative * std::fabs(expected)) return;
    if (++wrong_ < 5) {
      UNSCOPED_INFO(output_names[static_cast<std::size_t>(c)] << " at slot " << i << ": " << have(c, i) << ", expected "
                                                              << expected << ", within " << absolute);
    }
  }

  void token_at(std::size_t i, double length) {
    double const unit = is_float ? 2e-6 : 1e-12;       // one value
    double const relative = is_float ? 1e-6 : 1e-12;
    double const sum = is_float ? 1e-7 : 1e-12;        // each term of a sum
    close(captured::divergence, i, want_.divergence[i], unit, relative);
    close(captured::weight, i, want_.weight[i], unit, 0.0);
    close(captured::weighted_divergence, i, want_.weighted_divergence[i], unit, relative);
    close(captured::prefix_drift, i, want_.prefix_drift[i], unit + sum * length, relative);
    close(captured::prefix_weight, i, want_.prefix_weight[i], unit + sum * length, relative);
    double const prefix = std::fabs(want_.prefix_drift[i]) * relative + sum * length;
    double const doubt = unit + prefix;
    close(captured::threshold, i, want_.threshold[i], doubt, relative);
    double const x = want_.excess[i];
    if (want_.reason[i] != decision::kept_toward && x < 1e6 && have(captured::excess, i) >= 0.0) {
      close(captured::excess, i, x, 50.0 * doubt, 20.0 * doubt);  // divided by delta, 0.02 or more
    }
    if (want_.margin[i] <= doubt) {
      ++tally_.too_close;
      return;
    }
    ++tally_.decisions;
    tally_.budget_masked += want_.reason[i] == decision::masked_budget ? 1 : 0;
    tally_.divergence_masked += want_.reason[i] == decision::masked_divergence ? 1 : 0;
    close(captured::mask, i, want_.mask[i], 0.0, 0.0);
    if (want_.closest[i] > doubt) close(captured::decision, i, static_cast<double>(want_.reason[i]), 0.0, 0.0);
    objective(i, doubt);
  }

  static double number(T x) { return cppo::detail::load<double>(&x, element_traits<T>::value, 0); }

  void objective(std::size_t i, double doubt) {
    double const log_ratio = number(batch_.log_prob[i]) - number(batch_.rollout_log_prob[i]);
    double const clamp = options_.surrogate.log_ratio_clamp;
    if (is_float && clamp == 0.0 && std::fabs(log_ratio) > 86.0) return;  // rho saturates
    bool const is_soft = config_.region.ends_with("_soft") && want_.gate[i] < 1.0;
    double const relative = (is_float ? 2e-5 : 1e-9) + (is_soft ? 20.0 * doubt : 0.0);
    close(captured::gate, i, want_.gate[i], is_soft ? relative : 0.0, 0.0);
    close(captured::loss, i, want_.loss[i], 1e-30, relative);
    double const cap = options_.surrogate.ratio_cap;
    bool const at_clamp = std::fabs(std::fabs(log_ratio) - clamp) < 1e-5;
    bool const at_cap = cap > 0.0 && std::fabs(std::exp(log_ratio) - cap) < 1e-5;
    if (!at_clamp && !at_cap) close(captured::gradient, i, want_.gradient[i], 1e-30, relative);
  }

  // The report's sums, where rho does not saturate and no decision is in doubt.
  void sums() {
    report const& r = got_.report;
    reference_totals const& t = want_.totals;
    bool const doubtful = std::any_of(want_.margin.begin(), want_.margin.end(), [](double m) { return m < 1e-4; });
    auto const near = [this](char const* name, double a, double b, double scale) {
      if (std::fabs(a - b) <= (is_float ? 2e-5 : 1e-9) * scale) return;
      ++wrong_;
      UNSCOPED_INFO("report, " << name << ": " << a << ", expected " << b);
    };
    double const n = static_cast<double>(t.tokens) + 1.0;
    double const top = t.tokens > 0 ? std::fabs(t.max_divergence) : 0.0;
    near("tokens", static_cast<double>(r.counts.tokens), static_cast<double>(t.tokens), 1e-9);
    near("responses", static_cast<double>(r.counts.responses), static_cast<double>(t.responses), 1e-9);
    near("sum_divergence", r.sum_divergence, t.divergence, n + std::fabs(t.divergence) + n * top);
    near("sum_weighted_divergence", r.sum_weighted_divergence, t.weighted_divergence,
         n + std::fabs(t.weighted_divergence) + n * top);
    near("sum_delta_b", r.sum_delta_b, t.delta_b, n);
    if (options_.surrogate.log_ratio_clamp > 0.0) {
      near("sum_ratio", r.sum_ratio, t.ratio, t.ratio + n);
      near("max_ratio", r.max_ratio, t.max_ratio, t.max_ratio + 1.0);
      near("sum_k1", r.sum_k1, t.k1, 20.0 * n);
      near("sum_k3", r.sum_k3, t.k3, t.ratio + 20.0 * n);
    }
    if (t.tokens > 0) near("max_divergence", r.max_divergence, t.max_divergence, top + 1.0);
    if (doubtful) return;
    auto const counted = [&](decision d) { return static_cast<double>(t.by_decision[static_cast<int>(d)]); };
    auto const all = counted(decision::kept) + counted(decision::kept_toward);
    near("kept", static_cast<double>(r.kept), all, 1e-9);
    near("kept_toward", static_cast<double>(r.kept_toward), counted(decision::kept_toward), 1e-9);
    near("masked_response", static_cast<double>(r.masked_response), counted(decision::masked_response), 1e-9);
  }

  chosen_region config_;
  tally& tally_;
  generated_batch<T> batch_;
  loss_options options_;
  captured_run<real> got_;
  reference_result want_;
  int wrong_ = 0;
};

template <element T>
tally over(std::string_view divergence, std::uint64_t first, std::uint64_t batches) {
  tally t;
  bool const unbounded = divergence.find("kl") != std::string_view::npos || divergence[0] == 'k';
  double const delta = unbounded ? 0.1 : 0.15;
  for (std::string_view region : cppo_test::region_names) {
    for (std::uint64_t seed = first; seed < first + batches; ++seed) {
      chosen_region c{.region = region, .divergence = divergence, .delta = delta,
                      .delta_b = unbounded ? 0.002 : 0.015, .epsilon_high = 0.28, .seed = seed};
      if (region == "trm_mean") c.delta = 0.02;
      if (seed % 3 == 0) c.calibrate = {.quantile = 0.5, .scale = 0.7, .ceiling_factor = 5.0};
      CHECK(comparison<T>(seed, c, t).run() == 0);
    }
  }
  return t;
}

}  // namespace

TEST_CASE("seq agrees with the oracle under every region, divergence and option", "[execution]") {
  std::uint64_t first = 1;
  tally all;
  for (std::string_view divergence : divergence_names()) {
    if (named_divergence::find(divergence).index() >= reference_divergences) continue;
    all += over<float>(divergence, first, 9);
    all += over<double>(divergence, first + 500, 9);
    first += 1000;
  }
  INFO(all.too_close << " of " << all.decisions << " too close to call");
  CHECK(all.batches > 2000);
  CHECK(all.decisions > 100000);
  CHECK(all.budget_masked > 5000);
  CHECK(all.divergence_masked > 5000);
  CHECK(all.too_close < all.decisions / 100);
}

TEST_CASE("seq agrees with the oracle on half and bfloat16", "[execution]") {
  CHECK(over<half>("binary_tv", 70000, 12).decisions > 1000);
  CHECK(over<bfloat16>("binary_kl", 80000, 12).decisions > 1000);
}

TEST_CASE("the report counts what the oracle counts", "[execution]") {
  for (std::uint64_t seed = 1; seed < 60; ++seed) {
    auto const batch = generate<double>(seed);
    chosen_region const c{.region = "cppo_calibrated", .delta = 0.15, .delta_b = 0.02};
    loss_options const options{.aggregate = token_mean};
    reference_result const want = reference(batch.view(), oracle_of(c, options));
    bool const clear = std::none_of(want.closest.begin(), want.closest.end(), [](double m) { return m < 1e-9; });
    captured_run<double> const got = capture(seq, batch, described(c), options);
    report const& r = got.report;
    CHECK(r.clamped == want.totals.clamped);
    CHECK(r.capped == want.totals.capped);
    if (!clear) continue;
    CHECK(r.kept_toward == want.totals.by_decision[static_cast<int>(decision::kept_toward)]);
    CHECK(r.masked_divergence == want.totals.by_decision[static_cast<int>(decision::masked_divergence)]);
    CHECK(r.masked_budget == want.totals.by_decision[static_cast<int>(decision::masked_budget)]);
    CHECK(std::fabs(r.loss() - want.totals.loss) <= 1e-9 * (1.0 + std::fabs(want.totals.loss)));
  }
}

TEST_CASE("the largest divergence has no sign of zero, whatever zeros there are", "[execution]") {
  using namespace cppo;
  std::vector<float> const equal(84, -0.5F), a(84, 1.0F), zeros(84, -0.0F);
  auto const batch = rollout_batch(padded(1, 84), log_prob(equal), rollout_log_prob(equal), advantage(a),
                                   divergence_values(zeros));
  auto const region = trust_region(precomputed, uniform_weight, divergence_within(0.1));
  report plain, wide;
  REQUIRE(policy_loss(seq, batch, region, {.report = &plain}).ok());
  REQUIRE(policy_loss(simd, batch, region, {.report = &wide}).ok());
  CHECK(plain.max_divergence == 0.0);
  CHECK_FALSE(std::signbit(plain.max_divergence));
  CHECK_FALSE(std::signbit(wide.max_divergence));
}

TEST_CASE("a sum that is not a number is one NaN, however it came about", "[execution]") {
  float const far = 1e38F;
  float const nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> const pi{-1e-3F, -1e-3F, -1.0F, nan}, mu{-80.0F, -80.0F, -1.0F, -1.0F}, a{far, -far, 1.0F, 1.0F};
  for (index_t const width : {index_t{4}, index_t{1}}) {  // infinities of one response, and of several
    auto const batch = rollout_batch(padded(4 / width, width), log_prob(pi), rollout_log_prob(mu), advantage(a));
    report r;
    auto const s = policy_loss(seq, batch, trust_region(binary_tv, uniform_weight, keep_all), {.report = &r},
                               {.surrogate = {.log_ratio_clamp = 0.0}, .bad_input = on_bad_input::propagate});
    CHECK(s.code == status_code::bad_input_propagated);
    double const want = std::numeric_limits<double>::quiet_NaN();
    CHECK(same_bits(r.loss(), want));
  }
}
