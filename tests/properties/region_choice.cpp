#include "properties/region_choice.hpp"

#include "support/same_run.hpp"

#include <optional>

namespace cppo_test {

std::ostream& operator<<(std::ostream& out, region_choice const& choice) {
  chosen_region const c = choice.config();
  return out << c.region << " on " << c.divergence << ", delta " << *c.delta << ", delta_b " << *c.delta_b << ", w_min "
             << c.w_min << ", seed " << c.seed;
}

runner runner_of(chosen_region const& config) {
  if (config.seed % 2 == 0) return runner(described(config));
  std::optional<runner> made;
  with_region(config, [&made](auto const& region) { made.emplace(region); });
  return *made;
}

float_run run_on(chosen_region const& config, cppo::testing::generated_batch<float> const& batch,
                 cppo::loss_options const& options, std::size_t executor) {
  runner const on = runner_of(config);
  float_run run = on.run(executor, batch, options);
  if (executor == 0) return run;
  float_run const untraced = on.run(executor, batch, options, cppo::testing::asks_for::no_trace);
  std::string const wrong = unlike(untraced, run, batch.rows());
  if (!wrong.empty()) throw std::logic_error("without trace: " + wrong);
  return run;
}

}  // namespace cppo_test
