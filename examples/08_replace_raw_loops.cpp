// A CPPO loss as one writes it by hand, and the call that replaces it.
#include <cppo/cppo.hpp>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

using floats = std::vector<float>;

// Before: Algorithm 1 in raw loops; mask and gradient out, mean loss returned.
double loss_by_hand(floats const& pi, floats const& mu, floats const& adv, std::vector<std::uint8_t> const& valid,
                    std::size_t B, std::size_t T, std::vector<std::uint8_t>& mask, floats& gradient) {
  double const delta = 0.15, delta_b = 0.015, w_min = 0.8;
  double loss = 0.0;
  auto const tokens = static_cast<double>(std::count(valid.begin(), valid.end(), 1));
  for (std::size_t b = 0; b < B; ++b) {
    auto const row = valid.begin() + static_cast<std::ptrdiff_t>(b * T);
    auto const length = static_cast<double>(std::count(row, row + static_cast<std::ptrdiff_t>(T), 1));
    double drift = 0.0, weight = 0.0, t = 0.0;
    for (std::size_t i = b * T; i < (b + 1) * T; ++i) {
      mask[i] = 0;
      gradient[i] = 0.0f;
      if (valid[i] == 0) continue;
      double const p = pi[i], q = mu[i], a = adv[i], rho = std::exp(p - q);
      double const w = length > 1 ? 1.0 - (1.0 - w_min) * t / (length - 1) : 1.0;
      double const z = w * std::fabs(std::exp(p) - std::exp(q));
      double const c = std::min(delta, delta + delta_b * weight - drift);
      if (a * (p - q) <= 0.0 || z <= c) {
        mask[i] = 1;
        gradient[i] = static_cast<float>(-a * rho / tokens);
        loss -= a * rho / tokens;
      }
      drift += z;
      weight += w;
      t += 1.0;
    }
  }
  return loss;
}

int main() {
  using namespace cppo;
  constexpr std::size_t B = 16, T = 300, n = B * T;
  floats pi(n), mu(n), adv(n), gradient(n), by_hand(n);
  std::vector<std::uint8_t> valid(n), mask(n), mask_by_hand(n);
  for (std::size_t i = 0; i < n; ++i) {
    mu[i] = -0.1f - 0.01f * static_cast<float>(i * 37 % 211);
    pi[i] = mu[i] + 0.001f * (static_cast<float>(i * 53 % 171) - 80.0f);
    adv[i] = (i / T) % 2 == 0 ? 0.7f : -1.1f;
    valid[i] = i % T < 300 - 13 * (i / T) && i % 29 != 5;
  }
  double const loss = loss_by_hand(pi, mu, adv, valid, B, T, mask_by_hand, by_hand);

  //! [replaced]
  auto const batch = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(adv),
                                   response_mask(valid));
  report r;
  status const s = policy_loss(simd, batch, presets::dense_post_trained(),
                               {.gradient = gradient, .mask = mask, .report = &r}, {.aggregate = token_mean});
  //! [replaced]
  assert(s.ok() && mask == mask_by_hand && std::fabs(r.loss() - loss) < 1e-6);
  for (std::size_t i = 0; i < n; ++i) assert(std::fabs(gradient[i] - by_hand[i]) <= 1e-6f * std::fabs(by_hand[i]));
  std::printf("by hand %.9f, cppo %.9f; the same %td tokens kept of %td\n", loss, r.loss(), r.kept, r.counts.tokens);
}
