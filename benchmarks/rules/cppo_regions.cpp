#include "rule.hpp"

namespace {

auto calibrated(bench_rule_info const& i) { return cppo::calibrated_cppo({i.delta, i.delta_b, i.w_min}); }
auto fixed(bench_rule_info const& i) { return cppo::fixed_cppo({i.delta, i.delta_b, i.w_min}); }
constexpr std::uint64_t seed = 1;

}  // namespace

rules::rows rules::of_cppo_regions() {
  using namespace cppo;
  using info = bench_rule_info;
  thresholds const t{0.15, 0.015}, base{0.15, 0.020};
  return {
      make("cppo_calibrated", "binary_tv", binary_tv, base, [](info const& i) { return calibrated(i); }),
      make("cppo_calibrated_soft", "binary_tv", binary_tv, base,
           [](info const& i) { return softened(calibrated(i), reciprocal_gate); }),
      make("cppo_no_budget", "binary_tv", binary_tv, t,
           [](info const& i) {
             return trust_region(binary_tv, linear_weight(i.w_min), toward_rollout | divergence_within(i.delta));
           }),
      make("cppo_no_weight", "binary_tv", binary_tv, t,
           [](info const& i) { return trust_region(binary_tv, linear_weight(1.0), fixed(i).mask()); }),
      make("cppo_shuffled", "binary_tv", binary_tv, t,
           [](info const& i) {
             return trust_region(binary_tv, permuted(linear_weight(i.w_min), seed), fixed(i).mask());
           }),
  };
}

void bench_shuffled_weights(std::int64_t n, double w_min, float* weights) {
  auto const w = cppo::permuted(cppo::linear_weight(w_min), seed);
  using one = cppo::lane<float>;
  for (std::int64_t t = 0; t < n; ++t)
    weights[t] = w.at(cppo::position<one>(static_cast<cppo::index_t>(t + 1)), static_cast<cppo::index_t>(n)).raw();
}
