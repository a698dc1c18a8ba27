// Every divergence, picked by name.
#include "equality.hpp"

#include <cppo/described/divergence.hpp>

// What kernels are made for: a mask of bytes.
static void usual(cppo_test::generated_batch<float>& batch) {
  batch.mask_type = cppo::element_type::u8;
  batch.seal();
}

std::string cppo_test::every_divergence() {
  std::string wrong;
  for (std::string_view const name : cppo::divergence_names()) {
    auto const region = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::named_divergence::find(name));
    generator_options o;
    o.top_k = name.starts_with("top_k") ? 5 : 0;
    o.divergence = name == "precomputed";
    for (std::uint64_t seed = 100; seed < (quick ? 102U : 140U) && wrong.empty(); ++seed) {
      generator_options long_enough = o;  // for a block
      if (seed == 100 && o.top_k > 0) long_enough.max_responses = 2, long_enough.max_length = 700;
      generated_batch<float> batch = generate<float>(seed, long_enough);
      if (seed == 101) usual(batch);
      wrong = compare_one(batch, region, seed);
      if (!wrong.empty() || (!o.divergence && o.top_k == 0)) continue;
      for (float& x : o.divergence ? batch.divergence : batch.listed_log_prob)
        x = poison<float>(static_cast<int>(seed % 4));
      usual(batch);
      wrong = compare_one(batch, region, seed);
    }
    if (!wrong.empty()) return std::string(name) + ", " + wrong;
  }
  return wrong;
}
