// check_region passes every region of the library, and catches regions that break the rules.
#include "support/catch_compat.hpp"
#include "support/described_runs.hpp"
#include "support/unchecked_token.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/check_region.hpp>

namespace {

using namespace cppo;
using testing::check_options;
using testing::check_region;
using testing::check_result;

void passes(check_result const& result) {
  INFO(result.message);
  CHECK(result.ok);
  CHECK(result.compared > 10000);
  CHECK(result.too_close * 100 < result.compared);
}

// For regions whose like is written out beside them: as data they are compiled once.
template <class Region>
check_result check_as_data(Region const& region, check_options const& o) {
  return cppo_test::check_described(described_region(region), o);
}

struct rare_token_slack {
  float delta, slack;
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= V(delta) + V(slack) * (V(1) - t.rollout_prob());
  }
};

// Reads sums as numbers, and says so.
struct half_of_what_is_left {
  static constexpr needs needed = needs::prefix_values | needs::response;
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return (t.weighted_divergence() <= V(0.05) + V(0.01) * t.prefix_weight() - V(0.5) * t.prefix_drift()) &
           (t.response_mean() <= V(0.2));
  }
};

// Wrong on purpose: the answer depends on how many tokens are looked at together.
struct depends_on_width {
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= V(V::size == 1 ? 0.1 : 0.01);
  }
};

// Wrong on purpose: remembers.
struct remembers {
  template <class V>
  auto operator()(token<V> const& t) const {
    static int calls = 0;
    return ++calls % 7 == 0 ? !(t.weighted_divergence() <= V(0.01)) : t.weighted_divergence() <= V(0.01);
  }
};

// Wrong on purpose: one token gets another function than many.
struct other_divergence_on_lanes {
  template <class V>
  constexpr V between(V log_p, V log_q) const {
    V const d = abs(exp(log_p) - exp(log_q));
    return V::size == 1 ? d : d * V(1.0000005F);
  }
};

// Wrong on purpose: each asks for one thing that it does not declare, past the check of types.
enum class asks { sums, maximum, budget, delta_b, lent };
template <asks What>
struct liar {
  template <class V>
  auto operator()(token<V> const& t) const {
    auto const& u = cppo_test::unchecked(t);
    if constexpr (What == asks::sums) return cppo_test::as<V>(u.prefix_drift()) <= 0.01;
    else if constexpr (What == asks::maximum)
      return t.weighted_divergence() <= 0.9 * cppo_test::as<V>(u.response_max());
    else if constexpr (What == asks::budget) return typename V::mask(u.within_prefix_budget().raw());
    else if constexpr (What == asks::delta_b) return cppo_test::as<V>(u.response_delta_b()) <= 0.01;
    else return cppo_test::as<V>(u.lent_divergence()) <= 0.01;
  }
};

// Wrong on purpose: its members change when it is asked.
struct counts_calls {
  mutable int calls = 0;
  template <class V>
  auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= (++calls % 2 == 0 ? 0.01 : 0.1);
  }
};
// Wrong on purpose: sums D up itself, which is right where tokens come one by one and in order.
struct sums_up {
  mutable float sum = 0.0F;
  template <class V>
  auto operator()(token<V> const& t) const {
    if (t.at()[0] == 1) sum = 0.0F;
    (void)cppo::detail::map_lanes(t.divergence(),
                                  [this](auto x) { return static_cast<decltype(x)>(sum += static_cast<float>(x)); });
    return V(sum) <= 0.3;
  }
};
struct divergence_that_counts {
  mutable int calls = 0;
  template <class V>
  V between(V p, V q) const {
    return abs(p - q) * (++calls % 3 == 0 ? 1.5 : 1.0);
  }
};
struct weight_that_counts {
  mutable int calls = 0;
  template <class V>
  V at(position<V>, index_t) const {
    return ++calls % 3 == 0 ? 0.5 : 1.0;
  }
};
struct gate_that_counts {
  mutable int calls = 0;
  template <class V>
  V operator()(V x) const {
    return select(x > 1, (++calls % 3 == 0 ? 0.25 : 0.5) / x, 1);
  }
};
// Wrong on purpose: what it gives the first response, it gives all.
struct budget_of_the_first {
  mutable double first = -1.0;
  template <class Statistics>
  double resolve(Statistics const& s) const {
    if (first < 0.0) first = 0.001 * static_cast<double>(s.length());
    return first;
  }
};
// Wrong on purpose: takes its bound from the first token that it is asked about.
struct only_the_first {
  mutable double bound = -1.0;
  template <class V>
  auto operator()(token<V> const& t) const {
    if (bound < 0.0) bound = static_cast<double>(t.at()[0]);
    return t.at().value() <= bound;
  }
};
// Right: what it counts, it keeps to itself.
struct counts_for_itself {
  mutable int calls = 0;
  template <class V>
  auto operator()(token<V> const& t) const {
    ++calls;
    return t.weighted_divergence() <= 0.1;
  }
};

// Asks for all that a budget may.
struct share_of_the_largest {
  static constexpr needs needed = needs::response | needs::quantile;
  template <class Statistics>
  constexpr double resolve(Statistics const& s) const {
    double const typical = s.mean_divergence() + 0.2 * s.quantile(0.25);
    return typical + 0.05 * s.max_divergence() / static_cast<double>(1 + s.length());
  }
};

// Wrong on purpose: its weight depends on the number of calls.
struct drifting_weight {
  template <class V>
  V at(position<V>, index_t) const {
    static long calls = 0;
    return V(1) - V(static_cast<double>(++calls % 3) * 0.125);
  }
};

// An executor that goes wrong where the batch is long, however the others do.
struct forgetful_executor : cppo::host_executor<forgetful_executor> {
  template <class Real, class Region>
  constexpr cppo::detail::outcome_fold execute(cppo::detail::task<Real, Region> const& t) const {
    cppo::detail::task<Real, Region> other = t;
    if (t.batch.shape().elements() > 150) other.out[1] = {};  // the gradient is not written
    return seq.execute(other);
  }
};

template <class Region>
check_result of_broken(Region const& region) {
  check_result const result = check_region(region);
  INFO(result.message);
  CHECK_FALSE(result.ok);
  CHECK_FALSE(result.message.empty());
  return result;
}

auto const w = linear_weight(0.8);
auto const rule = divergence_within(0.15) & prefix_budget(0.15, 0.015);

}  // namespace

TEST_CASE("check_region passes the paper's special cases by composition", "[testing]") {
  check_options const o{.batches = 24, .seed = 2000};
  passes(check_region(trust_region(no_divergence, uniform_weight, toward_rollout | ratio_within(0.8, 1.28)), o));
  passes(check_as_data(trust_region(binary_tv, uniform_weight, toward_rollout | divergence_within(0.15)), o));
  passes(check_as_data(trust_region(binary_tv, w, toward_rollout | divergence_within(0.15)), o));
  passes(check_as_data(trust_region(binary_tv, w, toward_rollout | rule), o));
  passes(check_as_data(trust_region(binary_tv, uniform_weight, toward_rollout | rule), o));
  passes(check_region(trust_region(binary_tv, permuted(w, 7), toward_rollout | rule), o));
  passes(check_as_data(trust_region(binary_tv, reversed(w), toward_rollout | rule), o));
  passes(check_as_data(fixed_cppo({0.1, 0.002, 0.8}, binary_kl), o));
  passes(check_as_data(trm_max(), o));
  passes(check_region(trm_mean({0.01}), o));
  passes(check_region(softened(trust_region(binary_tv, w, toward_rollout | rule), reciprocal_gate), o));
}

TEST_CASE("check_region passes lists, a signed divergence and users' regions", "[testing]") {
  check_options const o{.batches = 24, .seed = 3000};
  passes(check_region(fixed_cppo({}, top_k_tv), o));
  passes(check_as_data(calibrated_cppo({}, precomputed), o));
  passes(check_as_data(trust_region(k1, uniform_weight, toward_rollout | rule), o));
  passes(check_region(trust_region(binary_tv, w, any_of(toward_rollout, rare_token_slack{0.1F, 0.1F})), o));
  passes(check_region(trust_region(binary_tv, w, any_of(toward_rollout, half_of_what_is_left{})), o));
}

TEST_CASE("check_region catches a mask that depends on the number of lanes", "[testing]") {
  auto const result = of_broken(trust_region(binary_tv, uniform_weight, depends_on_width{}));
  CHECK(result.check.starts_with("simd"));
  CHECK(result.message.find("mask at response") != std::string::npos);
  CHECK(result.response >= 0);
  CHECK(result.token >= 0);
}

TEST_CASE("check_region catches a divergence that depends on the number of lanes", "[testing]") {
  CHECK(of_broken(trust_region(other_divergence_on_lanes{}, w, toward_rollout | rule)).check.starts_with("simd"));
}

TEST_CASE("the lane check alone finds it too, without SIMD", "[testing]") {
  auto const region = trust_region(other_divergence_on_lanes{}, w, toward_rollout | rule);
  testing::check_log log;
  auto const batch = testing::generate<float>(5);
  auto const run = testing::capture(seq, batch, region, {});
  testing::lane_check(region, batch, run, log).check();
  CHECK(log.result().check == "four lanes against one");
  CHECK(log.result().message.find("divergence at response") != std::string::npos);
}

TEST_CASE("check_region catches a mask that remembers", "[testing]") {
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, remembers{})).check == "a second run on seq");
}

TEST_CASE("F30: check_region finds a mask that reads past what it declares", "[testing]") {
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, liar<asks::sums>{})).check == "the plain loop");
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, liar<asks::maximum>{})).check == "the plain loop");
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, liar<asks::budget>{})).check == "the plain loop");
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, liar<asks::delta_b>{})).check == "the plain loop");
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, liar<asks::lent>{})).check == "the plain loop");
}

TEST_CASE("F30: check_region finds parts that remember what they were asked", "[testing]") {
  of_broken(trust_region(binary_tv, w, counts_calls{}));
  of_broken(trust_region(binary_tv, w, sums_up{}));
  of_broken(trust_region(divergence_that_counts{}, w, divergence_within(0.1)));
  of_broken(trust_region(binary_tv, weight_that_counts{}, divergence_within(0.1)));
  of_broken(softened(trust_region(binary_tv, w, divergence_within(0.1)), gate_that_counts{}));
  of_broken(trust_region(binary_tv, w, prefix_budget(0.05, budget_of_the_first{})));
  passes(check_region(trust_region(binary_tv, w, counts_for_itself{}), {.batches = 24}));
}

TEST_CASE("F30: without SIMD, a part that remembers is found when it is asked again", "[testing]") {
  auto const found = [](auto const& region) {
    testing::check_log log;
    auto const batch = testing::generate<float>(5);
    testing::lane_check(region, batch, testing::capture(seq, batch, region, {}), log).check();
    return log.result().check;
  };
  CHECK(found(trust_region(binary_tv, w, only_the_first{})) == "a part asked again, in another order");
  CHECK(found(trust_region(binary_tv, w, counts_for_itself{})).empty());
}

TEST_CASE("F30: a budget reads the length, the maximum, the mean and quantiles, on every executor", "[testing]") {
  passes(check_region(trust_region(binary_tv, w, divergence_within(0.15) & prefix_budget(0.05, share_of_the_largest{})),
                      {.batches = 24}));
  std::vector<float> const pi = {-1.0F, -0.5F, -2.0F}, mu = {-1.5F, -0.5F, -1.0F}, a(3, 1.0F);
  report r;
  auto const batch = rollout_batch(padded(1, 3), log_prob(pi), rollout_log_prob(mu), advantage(a));
  REQUIRE(
      policy_loss(seq, batch, trust_region(k2, w, prefix_budget(0.05, share_of_the_largest{})), {.report = &r}).ok());
  // D is 0.125, 0 and 0.5: mean 0.625 / 3, the quartile half way from 0 to 0.125.
  CHECK(r.max_delta_b == cppo_test::approx(0.625 / 3 + 0.2 * 0.0625 + 0.05 * 0.5 / 4).epsilon(1e-9));
}

TEST_CASE("check_region catches a weight that is not a function of t and T", "[testing]") {
  of_broken(trust_region(binary_tv, drifting_weight{}, divergence_within(0.1)));
}

TEST_CASE("check_region catches an executor that is not the definition", "[testing]") {
  auto const region = trust_region(binary_tv, w, toward_rollout | rule);
  testing::named_executor<forgetful_executor> const forgetful{"forgetful", {}};
  check_result const result = check_region(region, {}, forgetful);
  CHECK_FALSE(result.ok);
  CHECK(result.check.starts_with("forgetful"));
  CHECK(result.message.find("gradient") != std::string::npos);
}
