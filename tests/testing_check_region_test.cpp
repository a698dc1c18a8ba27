// check_region passes every region of the library, and catches regions that break the rules.
#include "catch_compat.hpp"

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
struct other_score_on_lanes {
  template <class V>
  constexpr V between(V log_p, V log_q) const {
    V const d = abs(exp(log_p) - exp(log_q));
    return V::size == 1 ? d : d * V(1.0000005F);
  }
};

// Wrong on purpose: asks for sums without saying that it needs them.
struct undeclared_sums {
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= V(0.2) - V(0.05) * t.prefix_drift();
  }
};

// Wrong on purpose: asks for the maximum of the response without saying that it needs it.
struct undeclared_maximum {
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= V(0.9) * t.response_max();
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
  passes(check_region(trust_region(binary_tv, uniform_weight, toward_rollout | divergence_within(0.15)), o));
  passes(check_region(trust_region(binary_tv, w, toward_rollout | divergence_within(0.15)), o));
  passes(check_region(trust_region(binary_tv, w, toward_rollout | rule), o));
  passes(check_region(trust_region(binary_tv, uniform_weight, toward_rollout | rule), o));
  passes(check_region(trust_region(binary_tv, permuted(w, 7), toward_rollout | rule), o));
  passes(check_region(fixed_cppo({0.1, 0.002, 0.8}, binary_kl), o));
  passes(check_region(trm_max(), o));
  passes(check_region(trm_mean({0.01}), o));
  passes(check_region(softened(trust_region(binary_tv, w, toward_rollout | rule), reciprocal_gate), o));
}

TEST_CASE("check_region passes lists, a signed score and users' variants", "[testing]") {
  check_options const o{.batches = 24, .seed = 3000};
  passes(check_region(fixed_cppo({}, top_k_tv), o));
  passes(check_region(calibrated_cppo({}, precomputed), o));
  passes(check_region(trust_region(k1, uniform_weight, toward_rollout | rule), o));
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
  CHECK(of_broken(trust_region(other_score_on_lanes{}, w, toward_rollout | rule)).check.starts_with("simd"));
}

TEST_CASE("the lane check alone finds it too, without SIMD", "[testing]") {
  auto const region = trust_region(other_score_on_lanes{}, w, toward_rollout | rule);
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

TEST_CASE("check_region catches needs that are not declared", "[testing]") {
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, undeclared_sums{})).check == "the plain loop");
  CHECK(of_broken(trust_region(binary_tv, uniform_weight, undeclared_maximum{})).check == "the plain loop");
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
