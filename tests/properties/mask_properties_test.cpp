// What masks, gates, weights, budgets and gradients must be like, whatever the batch and the parameters.
#include "support/lane_recount.hpp"
#include "properties/code_batch.hpp"
#include "properties/region_choice.hpp"

#include <cppo/testing/rearrange.hpp>

#include <algorithm>
#include <bit>
#include <numeric>

namespace {

using namespace cppo_test;
using namespace cppo::testing;
using batch_t = generated_batch<float>;
__extension__ using wide_int = __int128;

double any_share() { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 1001)) / 1000.0; }

bool is_subset(float_run const& small, float_run const& large) {
  auto const& a = small[captured::mask];
  auto const& b = large[captured::mask];
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
  }
  return true;
}

// f(slot) for every token, as an index into outputs.
template <class F>
void each_token(batch_t const& batch, F const& f) {
  for (auto const& row : batch.token_rows()) {
    for (index_t const slot : row) f(static_cast<std::size_t>(slot));
  }
}
bool is_plus_zero(float x) { return std::bit_cast<std::uint32_t>(x) == 0; }
bool is_trm(chosen_region const& c) { return c.region.starts_with("trm"); }
bool has_budget(chosen_region const& c) { return c.region.starts_with("cppo") && c.region != "cppo_no_budget"; }

// A choice with a region of CPPO's kind.
chosen_region cppo_kind(region_choice const& choice) {
  constexpr std::string_view kinds[] = {"cppo", "cppo_calibrated", "cppo_no_weight", "cppo_shuffled", "cppo_soft",
                                        "cppo_calibrated_soft"};
  chosen_region c = choice.config();
  c.region = kinds[choice.region % std::size(kinds)];
  return c;
}

}  // namespace

TEST_CASE("F27_threshold_monotone, property: a larger delta keeps a superset", "[property]") {
  property("every region", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region const less = choice.config();
    chosen_region more = less;
    *more.delta += any_share();
    *more.epsilon_high += any_share();
    more.epsilon_low = std::min(0.999, *more.epsilon_low + any_share());
    RC_ASSERT(is_subset(run_on(less, batch), run_on(more, batch)));
  });
}

TEST_CASE("F27_threshold_monotone, property: a smaller budget never adds a kept token", "[property]") {
  property("fixed, and the floor of calibrated", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region const more = cppo_kind(choice);
    chosen_region less = more;
    *less.delta_b *= any_share();
    RC_ASSERT(is_subset(run_on(less, batch), run_on(more, batch)));
  });
  property("a lower ceiling", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region less = choice.config();
    less.region = "cppo_calibrated";
    chosen_region more = less;
    more.calibrate.ceiling_factor += 3.0 * any_share();
    RC_ASSERT(is_subset(run_on(less, batch), run_on(more, batch)));
  });
}

TEST_CASE("F27_threshold_monotone, property: without a budget, the allowance grows as w falls", "[property]") {
  property("w from 1 to w_min, D against delta / w", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region c = choice.config();
    c.region = "cppo_no_budget";
    float_run const run = run_on(c, batch);
    for (auto const& row : batch.token_rows()) {
      float before = 1.0F;
      for (index_t const slot : row) {
        auto const i = static_cast<std::size_t>(slot);
        float const w = run[captured::weight][i];
        RC_ASSERT(w <= before);
        // Float rounds a slope and a product near 1; in a short row less of it shows.
        RC_ASSERT(static_cast<double>(w) >= c.w_min - (row.size() <= 24 ? 1e-6 * c.w_min : 1e-7));
        before = w;
        double const allowed = *c.delta / static_cast<double>(w), d = static_cast<double>(run[captured::divergence][i]);
        bool const out = run[captured::decision][i] == static_cast<float>(cppo::decision::masked_divergence);
        bool const toward = run[captured::decision][i] == 2.0F;
        RC_ASSERT((out ? d >= allowed * (1.0 - 1e-6) : toward || d <= allowed * (1.0 + 1e-6)));
      }
    }
  });
  property("a smaller w_min keeps a superset", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region more = choice.config();
    more.region = "cppo_no_budget";
    chosen_region less = more;
    less.w_min = std::max(0.001, less.w_min * any_share());
    RC_ASSERT(is_subset(run_on(more, batch), run_on(less, batch)));
  });
}

TEST_CASE("property: with the largest delta no divergence masks a token", "[property]") {
  property("delta = 1000", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region c = choice.config();
    c.delta = cppo::divergence_limit;
    if (c.region == "ppo") c.region = "dppo";
    bool const free = any_share() < 0.5;
    if (free) c.delta_b = cppo::divergence_limit / 2.0;  // twice that is the ceiling of a calibrated budget
    float_run const run = run_on(c, batch);
    each_token(batch, [&](std::size_t i) {
      RC_ASSERT(run[captured::decision][i] != static_cast<float>(cppo::decision::masked_divergence));
      bool const at_most_one =
          c.divergence == "binary_tv" || c.divergence == "precomputed" || c.divergence == "no_divergence";
      bool const bounded = has_budget(c) && !(free && at_most_one);
      if (!bounded) RC_ASSERT(run[captured::mask][i] == 1.0F);
    });
  });
}

TEST_CASE("property: w_min = 1 with a budget that never binds is DPPO", "[property]") {
  property("D <= delta_b", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region c = choice.config();
    c.region = any_share() < 0.5 ? "cppo" : "cppo_no_weight";
    c.w_min = 1.0;
    c.delta_b = cppo::divergence_limit;
    chosen_region plain = c;
    plain.region = "dppo";
    RC_ASSERT(run_on(c, batch)[captured::decision] == run_on(plain, batch)[captured::decision]);
  });
}

TEST_CASE("property: identical policies keep all, with gradient -A", "[property]") {
  property("pi = mu", [](region_choice const& choice, code_batch const& codes) {
    batch_t batch = codes.make();
    batch.log_prob = batch.rollout_log_prob;
    batch.listed_log_prob = batch.listed_rollout_log_prob;
    chosen_region c = choice.config();
    if (c.divergence == "precomputed") c.divergence = "binary_tv";
    *c.delta_b *= any_share() < 0.5 ? 0.0 : 1.0;
    float_run const run = run_on(c, batch, {}, any_share() < 0.5 ? 0 : 1);
    each_token(batch, [&](std::size_t i) {
      RC_ASSERT(run[captured::mask][i] == 1.0F);
      RC_ASSERT(run[captured::gate][i] == 1.0F);
      RC_ASSERT(run[captured::gradient][i] == -weighted_advantage(batch, i));
    });
  });
}

TEST_CASE("property: the update toward mu is kept whatever its size", "[property]") {
  property("one-sided clause", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region const c = choice.config();
    RC_PRE(!is_trm(c));
    float_run const run = run_on(c, batch);
    each_token(batch, [&](std::size_t i) {
      double const product = static_cast<double>(batch.advantage[i]) *
                             (static_cast<double>(batch.log_prob[i]) - static_cast<double>(batch.rollout_log_prob[i]));
      if (product <= 0.0) RC_ASSERT(run[captured::mask][i] == 1.0F);
    });
  });
}

TEST_CASE("property: x_t <= 1 exactly for what is kept, up to rounding", "[property]") {
  property("every region", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region const c = choice.config();
    float_run const run = run_on(c, batch);
    each_token(batch, [&](std::size_t i) {
      auto const x = static_cast<double>(run[captured::excess][i]);
      RC_ASSERT(x >= 0.0);
      RC_ASSERT((run[captured::mask][i] != 0.0F ? x <= 1.0 + 1e-6 : x >= 1.0 - 1e-6));
      if (run[captured::decision][i] == 2.0F) RC_ASSERT(x == 0.0);
    });
  });
}

TEST_CASE("property: the soft gate is 1 on what the hard mask keeps and at most 1/x on the rest", "[property]") {
  property("gate conditions", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region hard = choice.config();
    bool const calibrated = any_share() < 0.5;
    hard.region = calibrated ? "cppo_calibrated" : "cppo";
    chosen_region soft = hard;
    soft.region = calibrated ? "cppo_calibrated_soft" : "cppo_soft";
    float_run const a = run_on(hard, batch), b = run_on(soft, batch, {}, any_share() < 0.5 ? 0 : 1);
    RC_ASSERT(a[captured::mask] == b[captured::mask]);
    std::vector<std::pair<float, float>> masked;
    each_token(batch, [&](std::size_t i) {
      float const g = b[captured::gate][i], x = b[captured::excess][i];
      RC_ASSERT(a[captured::gate][i] == a[captured::mask][i]);
      bool const kept = a[captured::mask][i] != 0.0F;
      RC_ASSERT((kept ? g == 1.0F : g >= 0.0F && g <= 1.0F));
      RC_ASSERT((kept || static_cast<double>(x) * static_cast<double>(g) <= 1.0 + 2.5e-7));
      if (!kept) masked.emplace_back(x, g);
    });
    std::sort(masked.begin(), masked.end());
    for (std::size_t i = 1; i < masked.size(); ++i) {
      bool const same = masked[i].first == masked[i - 1].first;
      RC_ASSERT((same ? masked[i].second == masked[i - 1].second : masked[i].second <= masked[i - 1].second));
    }
  });
}

TEST_CASE("F2_excluded_gradient_is_plus_zero, property: -M rho A, +0 where nothing is kept", "[property]") {
  property("every region", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    float_run const run = run_on(choice.config(), batch, {}, any_share() < 0.5 ? 0 : 1);
    for (std::size_t i = 0; i < batch.valid.size(); ++i) {
      float const g = run[captured::gradient][i], gate = run[captured::gate][i];
      if (batch.valid[i] == 0 || gate == 0.0F) {
        RC_ASSERT((is_plus_zero(g) && is_plus_zero(run[captured::loss][i])));
        continue;
      }
      double const d = static_cast<double>(batch.log_prob[i]) - static_cast<double>(batch.rollout_log_prob[i]);
      double const rho = std::exp(std::clamp(d, -20.0, 20.0));  // where the clamp binds, rho is a constant
      double const want = -static_cast<double>(gate) * rho * static_cast<double>(weighted_advantage(batch, i));
      RC_ASSERT(std::fabs(static_cast<double>(run[captured::loss][i]) - want) <= 1e-6 * std::fabs(want));
      RC_ASSERT(g == (std::fabs(d) > 20.0 ? 0.0F : run[captured::loss][i]));
    }
  });
}

TEST_CASE("F9_prefix_exact, property: a token sees the exact sum of what came before, kept or not", "[property]") {
  property("S in whole units of 2^-40", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    float_run const run = run_on(cppo_kind(choice), batch, {}, any_share() < 0.5 ? 0 : 1);
    auto const units = [](float x) {
      return static_cast<wide_int>(std::nearbyint(std::ldexp(static_cast<long double>(x), 40)));
    };
    for (auto const& row : batch.token_rows()) {
      wide_int drift = 0, weight = 0;
      for (index_t const slot : row) {
        auto const i = static_cast<std::size_t>(slot);
        RC_ASSERT(run[captured::prefix_drift][i] == static_cast<float>(std::ldexp(static_cast<double>(drift), -40)));
        RC_ASSERT(run[captured::prefix_weight][i] == static_cast<float>(std::ldexp(static_cast<double>(weight), -40)));
        drift += units(run[captured::weighted_divergence][i]);
        weight += units(run[captured::weight][i]);
      }
    }
  });
}

TEST_CASE("property: shuffled weights are the same weights in another order", "[property]") {
  property("one multiset", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region c = choice.config();
    c.region = "cppo";
    float_run const plain = run_on(c, batch);
    c.region = "cppo_shuffled";
    float_run const shuffled = run_on(c, batch);
    for (auto const& row : batch.token_rows()) {
      std::vector<float> a, b;
      for (index_t const slot : row) {
        a.push_back(plain[captured::weight][static_cast<std::size_t>(slot)]);
        b.push_back(shuffled[captured::weight][static_cast<std::size_t>(slot)]);
      }
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      RC_ASSERT(a == b);
    }
  });
}

TEST_CASE("property: TRM keeps all of a response or nothing, by its largest or its mean divergence", "[property]") {
  property("whole responses", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region c = choice.config();
    c.region = any_share() < 0.5 ? "trm_max" : "trm_mean";
    float_run const run = run_on(c, batch);
    for (auto const& row : batch.token_rows()) {
      double largest = 0.0, sum = 0.0;
      for (index_t const slot : row) {
        auto const d = static_cast<double>(run[captured::divergence][static_cast<std::size_t>(slot)]);
        largest = std::max(largest, d);
        sum += d;
      }
      double const x = c.region == "trm_max" ? largest : sum / static_cast<double>(row.size());
      for (index_t const slot : row) {
        bool const kept = run[captured::mask][static_cast<std::size_t>(slot)] != 0.0F;
        RC_ASSERT((kept ? x <= *c.delta * (1.0 + 1e-6) : x >= *c.delta * (1.0 - 1e-6)));
        RC_ASSERT(kept == (run[captured::mask][static_cast<std::size_t>(row[0])] != 0.0F));
      }
    }
  });
}

TEST_CASE("F8_quantile_of_valid_tokens, property: a calibrated budget is the sorted quantile, clamped", "[property]") {
  property("Eq. 22", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    chosen_region c = choice.config();
    c.region = "cppo_calibrated";
    for (auto const& row : batch.rows()) {
      auto const one = rearranged(batch, {row}, arrangement::packed);
      float_run const run = run_on(c, one.batch);
      std::vector<double> d;
      each_token(one.batch, [&](std::size_t i) { d.push_back(static_cast<double>(run[captured::divergence][i])); });
      if (d.empty()) continue;
      std::sort(d.begin(), d.end());
      double const place = 0.9 * static_cast<double>(d.size() - 1);
      auto const k = static_cast<std::size_t>(place);
      double const above = k + 1 < d.size() ? d[k + 1] - d[k] : 0.0;
      double const q = d[k] + above * (place - static_cast<double>(k));
      double const got = run.report.max_delta_b;
      RC_ASSERT(std::fabs(got - std::clamp(q, *c.delta_b, 2.0 * *c.delta_b)) <= 1e-12);
      RC_ASSERT((got >= *c.delta_b && got <= 2.0 * *c.delta_b));
    }
  });
}

TEST_CASE("F12_sum_count_consistent, property: every token is counted once, under the decision it got", "[property]") {
  property("the report counts what the trace shows", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    float_run const run = run_on(choice.config(), batch, {}, any_share() < 0.5 ? 0 : 1);
    cppo::report const& r = run.report;
    index_t by_decision[8] = {};
    double loss = 0.0, gate = 0.0;
    for (std::size_t i = 0; i < batch.valid.size(); ++i)
      ++by_decision[static_cast<std::size_t>(run[captured::decision][i])];
    for (index_t b = 0; b < batch.responses; ++b) {
      cppo_test::lane_recount losses, gates;
      index_t rank = 0;
      for (index_t i : batch.token_row(b)) {
        auto const s = static_cast<std::size_t>(i);
        losses.add(rank, run[captured::loss][s]);
        gates.add(rank++, run[captured::gate][s]);
      }
      loss += losses.sum();
      gate += gates.sum();
    }
    RC_ASSERT(r.counts.tokens == batch.slots() - by_decision[0]);
    RC_ASSERT(r.kept == by_decision[1] + by_decision[2]);
    RC_ASSERT(r.kept_toward == by_decision[2]);
    RC_ASSERT(r.masked_divergence == by_decision[4]);
    RC_ASSERT(r.masked() == r.masked_ratio + by_decision[4] + by_decision[5] + r.masked_response + r.masked_other);
    RC_ASSERT(r.masked_budget == by_decision[5]);
    auto const over_bins = [](index_t const* x) { return std::accumulate(x, x + cppo::report::bins, index_t{0}); };
    RC_ASSERT(over_bins(r.position_tokens) == r.counts.tokens);
    RC_ASSERT(over_bins(r.position_masked) == r.masked());
    RC_ASSERT(std::fabs(r.sum_loss - loss) <= 1e-13 * (r.sum_ratio * 4.0 + 1.0));
    RC_ASSERT(std::fabs(r.sum_gate - gate) <= 1e-12);
    auto const mean = run_on(choice.config(), batch, {.aggregate = cppo::token_mean}).report;
    double const tokens = static_cast<double>(std::max<index_t>(r.counts.tokens, 1));
    RC_ASSERT(std::fabs(mean.loss() * tokens - r.sum_loss) <= 1e-6 * (r.sum_ratio * 4.0 + 1.0));
  });
}
