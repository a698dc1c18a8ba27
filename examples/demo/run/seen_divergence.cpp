#include "run/seen_divergence.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace demo {

namespace {

double ninth_tenth(std::vector<float> x) {
  if (x.empty()) return 0.0;
  auto const at = x.begin() + static_cast<std::ptrdiff_t>((9 * x.size() + 9) / 10 - 1);
  std::nth_element(x.begin(), at, x.end());
  return static_cast<double>(*at);
}

}  // namespace

setting masking_region(shown_divergence const& measure) {
  std::vector<setting> const all = all_settings(measure);
  return *std::find_if(all.begin(), all.end(), [](setting const& s) { return s.name == "cppo"; });
}

std::vector<seen_divergence> seen_divergences(std::vector<trainer::experience> const& responses,
                                              std::vector<trainer::trained_policy> const& pi) {
  std::vector<std::size_t> picked(responses.size());
  std::iota(picked.begin(), picked.end(), std::size_t{0});
  std::vector<seen_divergence> seen;
  for (shown_divergence const& measure : divergences_to_compare()) {
    trainer::lent_minibatch const lent(responses, picked, pi, measure.source);
    std::vector<float> divergence(lent.slots());
    cppo::report report;
    cppo::status const ended =
        dispatch::policy_loss(dispatch::executor::simd, lent.lend(), masking_region(measure).region,
                              {.trace = {.divergence = divergence}, .report = &report});
    if (!ended.ok()) throw std::runtime_error(describe(ended).c_str());
    seen.push_back({measure, report.mean_divergence(), ninth_tenth(std::move(divergence)), report.masked_fraction()});
  }
  return seen;
}

}  // namespace demo
