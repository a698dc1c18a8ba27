// What one unit says of the version it was compiled with. Included after the header of that version.
#pragma once

#include <cstdint>

struct version_report {
  int minor = 0;
  void const* inline_function = nullptr;  ///< where its copy of an inline function lies
  bool answers = false;                   ///< it masks one token of three, as it should
};

version_report this_version();
version_report other_version();

/// Asks whichever version is included.
static version_report ask() {
  float const mu[] = {-1.0F, -1.0F, -1.0F};
  float const pi[] = {-0.9F, -0.2F, -1.5F};
  float const a[] = {1.0F, 1.0F, 1.0F};
  std::uint8_t mask[3] = {}, on_registers[3] = {};
  auto const batch = cppo::rollout_batch(cppo::padded(1, 3), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  bool ok = compute_mask(cppo::seq, batch, cppo::dppo(), mask).ok() &&
            compute_mask(cppo::simd, batch, cppo::dppo(), on_registers).ok();
  for (int i = 0; i < 3; ++i) ok = ok && on_registers[i] == mask[i];
  char const* (*const inline_function)(cppo::status_code) = &cppo::sentence;
  return {CPPO_VERSION_MINOR, reinterpret_cast<void const*>(inline_function),
          ok && mask[0] == 1 && mask[1] == 0 && mask[2] == 1};
}
