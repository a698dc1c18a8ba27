// A trust region as a few small numbers that rapidcheck can shrink, and what it takes to run it on every executor.
#pragma once

#include "support/chosen_region.hpp"
#include "support/property.hpp"

#include <cppo/testing/region_runner.hpp>

#include <ostream>

namespace cppo_test {

using runner = cppo::testing::region_runner<float>;
using float_run = cppo::testing::captured_run<float>;

// Any of the regions, with any divergence that has no sign.
struct region_choice {
  unsigned region = 0, divergence = 0, delta = 0, delta_b = 0, w_min = 0, seed = 0;

  chosen_region config() const {
    auto const& names = cppo::divergence_names();
    chosen_region c;
    c.region = region_names[region % std::size(region_names)];
    c.divergence = names[divergence % std::size(names)];
    if (c.divergence == "k1") c.divergence = "binary_tv";  // has a sign
    c.delta = (1 + delta % 200) / 256.0;
    c.delta_b = delta_b % 100 / 512.0;
    c.w_min = (1 + w_min % 64) / 64.0;
    c.epsilon_low = c.epsilon_high = *c.delta;
    c.seed = seed;
    return c;
  }
};
std::ostream& operator<<(std::ostream& out, region_choice const& choice);

// The region on seq, on simd and on simd with three threads (executors 0, 1 and 2): as data, or for odd seeds written
// out. Compiled once, in its own file.
runner runner_of(chosen_region const& config);

// A run with trace on one executor, which must give the same without it.
float_run run_on(chosen_region const& config, cppo::testing::generated_batch<float> const& batch,
                 cppo::loss_options const& options = {}, std::size_t executor = 0);

}  // namespace cppo_test

namespace rc {

template <>
struct Arbitrary<cppo_test::region_choice> {
  static Gen<cppo_test::region_choice> arbitrary() {
    using cppo_test::region_choice;
    auto const number = gen::resize(kNominalSize, gen::inRange(0U, 1000U));
    return gen::build<region_choice>(
        gen::set(&region_choice::region, number), gen::set(&region_choice::divergence, number),
        gen::set(&region_choice::delta, number), gen::set(&region_choice::delta_b, number),
        gen::set(&region_choice::w_min, number), gen::set(&region_choice::seed, number));
  }
};

}  // namespace rc
