// Every divergence, picked by name.
#include "equality.hpp"

std::string cppo_test::every_divergence() {
  std::string wrong;
  for (std::string_view const name : cppo::divergence_names()) {
    auto const region = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::named_divergence::find(name));
    generator_options o;
    o.top_k = name.starts_with("top_k") ? 5 : 0;
    o.divergence = name == "precomputed";
    for (std::uint64_t seed = 100; seed < (quick ? 102U : 140U) && wrong.empty(); ++seed) {
      generated_batch<float> batch = generate<float>(seed, o);
      wrong = compare_one(batch, region, seed);
      if (!o.divergence || !wrong.empty()) continue;
      for (float& d : batch.divergence) d = poison<float>(static_cast<int>(seed % 4));
      wrong = compare_one(batch, region, seed);
    }
    if (!wrong.empty()) return std::string(name) + ", " + wrong;
  }
  return wrong;
}
