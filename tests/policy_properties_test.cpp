// What must hold of a trust region whatever the batch: monotone in its thresholds, symmetric, blind to scale.
#include "property.hpp"

#include <cppo/policy.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <cmath>

namespace {

using cppo::index_t;
using namespace cppo::testing;
using bytes = std::vector<std::uint8_t>;

template <class T, class Region>
bytes mask_of(generated_batch<T> const& batch, Region const& region) {
  bytes mask(static_cast<std::size_t>(batch.slots()), 0);
  (void)compute_mask(cppo::seq, batch.view(), region, mask);
  return mask;
}

bool is_subset(bytes const& small, bytes const& large) {
  for (std::size_t i = 0; i < small.size(); ++i) {
    if (small[i] > large[i]) return false;
  }
  return true;
}

// `holds(batch, random)` on `cases` generated batches; rapidcheck draws and shrinks the seed.
template <class Holds>
void on_batches(std::string const& what, int cases, Holds const& holds) {
  cppo_test::property(what, [&](std::uint64_t seed) {
    for (int k = 0; k < cases / 100; ++k) {
      auto const mine = seed + 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(k);
      random_source random(~mine);
      generated_batch<float> const batch = generate<float>(mine, {.max_responses = 3, .max_length = 40});
      RC_ASSERT(holds(batch, random));
    }
  });
}

}  // namespace

TEST_CASE("F27_threshold_monotone: a larger delta keeps a superset") {
  on_batches("cppo, fixed budget", 2000, [](auto const& batch, random_source& random) {
    double const delta = random.uniform(0.001, 0.5), more = delta + random.uniform(0.0, 0.3);
    double const delta_b = random.uniform(0.0, 0.1), w_min = random.uniform(0.05, 1.0);
    return is_subset(mask_of(batch, cppo::fixed_cppo({delta, delta_b, w_min})),
                     mask_of(batch, cppo::fixed_cppo({more, delta_b, w_min})));
  });
  on_batches("dppo", 1000, [](auto const& batch, random_source& random) {
    double const delta = random.uniform(0.001, 0.5), more = delta + random.uniform(0.0, 0.3);
    return is_subset(mask_of(batch, cppo::dppo({delta, delta})), mask_of(batch, cppo::dppo({more, more})));
  });
  on_batches("trm", 1000, [](auto const& batch, random_source& random) {
    double const delta = random.uniform(0.0001, 0.2), more = delta + random.uniform(0.0, 0.3);
    return is_subset(mask_of(batch, cppo::trm_mean({delta})), mask_of(batch, cppo::trm_mean({more})));
  });
  on_batches("ppo", 1000, [](auto const& batch, random_source& random) {
    double const low = random.uniform(0.01, 0.5), high = random.uniform(0.01, 0.5);
    return is_subset(mask_of(batch, cppo::ppo({low, high})),
                     mask_of(batch, cppo::ppo({low + random.uniform(0.0, 0.4), high + random.uniform(0.0, 1.0)})));
  });
}

TEST_CASE("F27_threshold_monotone: a larger budget keeps a superset") {
  on_batches("fixed", 2000, [](auto const& batch, random_source& random) {
    double const delta = random.uniform(0.01, 0.5), w_min = random.uniform(0.05, 1.0);
    double const delta_b = random.uniform(0.0, 0.1), more = delta_b + random.uniform(0.0, 0.1);
    return is_subset(mask_of(batch, cppo::fixed_cppo({delta, delta_b, w_min})),
                     mask_of(batch, cppo::fixed_cppo({delta, more, w_min})));
  });
  on_batches("calibrated: a larger floor, a larger ceiling", 1000, [](auto const& batch, random_source& random) {
    double const floor = random.uniform(0.0, 0.1), more = floor + random.uniform(0.0, 0.1);
    auto const with = [&batch](double f, double ceiling) {
      return mask_of(batch, cppo::calibrated_cppo({.delta_b = f}, cppo::binary_tv, {.ceiling_factor = ceiling}));
    };
    return is_subset(with(floor, 2.0), with(more, 2.0)) && is_subset(with(floor, 2.0), with(floor, 3.0));
  });
}

TEST_CASE("F27_threshold_monotone: without a budget, the allowance grows along the response as w falls") {
  on_batches("a smaller w_min keeps a superset", 1000, [](auto const& batch, random_source& random) {
    double const w_min = random.uniform(0.1, 1.0), less = w_min * random.uniform(0.1, 1.0);
    auto const with = [&batch](double w) {
      return mask_of(batch, cppo::trust_region(cppo::binary_tv, cppo::linear_weight(w),
                                               cppo::toward_rollout | cppo::divergence_within(0.1)));
    };
    return is_subset(with(w_min), with(less));
  });
}

TEST_CASE("without weight and with a budget that never binds CPPO is DPPO") {
  // D <= 1, so delta_b >= 1 earns at least what any token spends.
  on_batches("w_min = 1, delta_b >= 1", 2000, [](auto const& batch, random_source& random) {
    double const delta = random.uniform(0.01, 0.5), delta_b = 1.0 + random.uniform();
    return mask_of(batch, cppo::fixed_cppo({delta, delta_b, 1.0})) == mask_of(batch, cppo::dppo({delta, delta}));
  });
}

TEST_CASE("identical policies: everything is kept, the gradient is -A") {
  auto const check = [](auto const& region) {
    on_batches("pi = mu", 500, [&region](generated_batch<float> batch, random_source&) {
      batch.log_prob = batch.rollout_log_prob;
      std::vector<float> gradient(static_cast<std::size_t>(batch.slots()), 7.0F);
      bytes mask(gradient.size(), 9);
      auto const view = rollout_batch(batch.shape(), cppo::log_prob(batch.log_prob),
                                      cppo::rollout_log_prob(batch.rollout_log_prob), cppo::advantage(batch.advantage),
                                      cppo::response_mask(batch.valid));
      (void)policy_loss(cppo::seq, view, region, {.gradient = gradient, .mask = mask});
      for (index_t b = 0; b < batch.responses; ++b) {
        for (index_t const slot : batch.row(b)) {
          auto const s = static_cast<std::size_t>(slot);
          if (mask[s] != batch.valid[s]) return false;
          if (gradient[s] != (batch.valid[s] != 0 ? -batch.advantage[s] : 0.0F)) return false;
        }
      }
      return true;
    });
  };
  check(cppo::fixed_cppo({.delta_b = 0.0}));
  check(cppo::ppo());
  check(cppo::trm_mean());
}

TEST_CASE("advantages scaled by powers of two leave the mask") {
  on_batches("A times 2^k", 2000, [](generated_batch<float> batch, random_source& random) {
    auto const region = cppo::calibrated_cppo();
    bytes const before = mask_of(batch, region);
    float const scale = std::ldexp(1.0F, static_cast<int>(random.below(61)) - 30);
    for (std::size_t i = 0; i < batch.valid.size(); ++i) {
      if (batch.valid[i] != 0) batch.advantage[i] *= scale;
    }
    return mask_of(batch, region) == before;
  });
}

TEST_CASE("advantages turned round: what moved away moves toward") {
  on_batches("A to -A", 2000, [](generated_batch<float> batch, random_source&) {
    auto const toward_only = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::toward_rollout);
    bytes const before = mask_of(batch, toward_only);
    auto const both = cppo::divergence_within(0.15) & cppo::prefix_budget(0.15, 0.015);
    bytes const inside = mask_of(batch, cppo::trust_region(cppo::binary_tv, cppo::linear_weight(0.8), both));
    bytes const full = mask_of(batch, cppo::fixed_cppo());
    for (std::size_t i = 0; i < batch.valid.size(); ++i) {
      if (batch.valid[i] != 0) batch.advantage[i] = -batch.advantage[i];
    }
    bytes const after = mask_of(batch, toward_only);
    bytes const full_after = mask_of(batch, cppo::fixed_cppo());
    for (index_t b = 0; b < batch.responses; ++b) {
      for (index_t const slot : batch.row(b, true)) {
        auto const s = static_cast<std::size_t>(slot);
        bool const neutral = batch.advantage[s] == 0.0F || batch.log_prob[s] == batch.rollout_log_prob[s];
        if ((before[s] + after[s]) != (neutral ? 2 : 1)) return false;
        // The sums do not see the advantage, so one of the two runs shows whether the token is inside.
        bool const saved = neutral || inside[s] != 0;
        if ((full[s] + full_after[s]) != (saved ? 2 : 1)) return false;
      }
    }
    return true;
  });
}

TEST_CASE("Binary-TV is symmetric: exchanging the policies and turning A round leaves the mask") {
  on_batches("pi and mu exchanged", 1000, [](generated_batch<float> batch, random_source&) {
    auto const region = cppo::fixed_cppo();
    bytes const before = mask_of(batch, region);
    std::swap(batch.log_prob, batch.rollout_log_prob);
    for (std::size_t i = 0; i < batch.valid.size(); ++i) {
      if (batch.valid[i] != 0) batch.advantage[i] = -batch.advantage[i];
    }
    return mask_of(batch, region) == before;
  });
}
