// A trust region chosen at run time, as a trainer's configuration file names it.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cstdio>
#include <string_view>
#include <vector>

using namespace cppo;

int main() {
  constexpr index_t B = 8, T = 200;
  std::vector<float> pi(B * T), mu(B * T), adv(B * T), gradient(B * T);
  for (std::size_t i = 0; i < pi.size(); ++i) {
    mu[i] = -0.4f - 0.004f * static_cast<float>(i * 37 % 211);
    pi[i] = mu[i] + (i % 31 == 3 ? 0.004f : 0.0003f) * (static_cast<float>(i * 53 % 171) - 80.0f);
    adv[i] = i % 400 < 200 ? 1.0f : -1.0f;
  }
  auto const batch = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(adv));

  //! [config]
  auto const train = [&](region_config const& config, report& r) {
    status s;
    bool const known = visit_region(config, [&](auto const& region) {
      s = policy_loss(simd, batch, region, {.gradient = gradient, .report = &r}, {.aggregate = token_mean});
    });
    return known && s.ok();
  };
  //! [config]

  for (std::string_view const region : region_names()) {
    report r;
    bool const done = train({.region = region, .delta = 0.1, .delta_b = 0.004, .epsilon_high = 0.28}, r);
    assert(done);
    std::printf("%-20.*s masked %5.2f %%  loss %+.5f\n", static_cast<int>(region.size()), region.data(),
                100.0 * r.masked_fraction(), r.loss());
  }

  // Chosen by name or written out: the same region, the same bits.
  report named, written;
  bool const done = train({.region = "cppo", .divergence = "binary_kl", .delta = 0.1, .delta_b = 0.002}, named);
  status const s = policy_loss(seq, batch, fixed_cppo({.delta = 0.1, .delta_b = 0.002}, binary_kl),
                               {.report = &written}, {.aggregate = token_mean});
  assert(done && s.ok() && named.loss() == written.loss() && named.kept == written.kept);

  // Unknown names are refused, and so are parameters out of range.
  report r;
  assert(!train({.region = "cpo"}, r));
  assert(!train({.w_min = 1.5}, r));
}
