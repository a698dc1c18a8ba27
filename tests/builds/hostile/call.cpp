// A call in a unit that met other people's macros first: macros.hpp, or the real headers of a platform.
#if defined(REAL_HEADERS)
#include "real.hpp"
#else
#include "macros.hpp"
#endif

#include <cppo/cppo.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/theory/certificate.hpp>

#if !defined(REAL_HEADERS) && !(defined(near) && defined(slots) && defined(min) && defined(check) && defined(assert))
#error "the headers took macros away that were there before them"
#endif

int main() {
  using namespace cppo;
  float const mu[] = {-0.5F, -1.0F, -0.2F, -0.9F};
  float const pi[] = {-0.6F, -0.4F, -0.2F, -0.8F};
  float const a[] = {1.0F, 1.0F, -1.0F, 1.0F};
  float one[4] = {}, other[4] = {};
  report sums;
  auto const batch = rollout_batch(padded(2, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  status const s = policy_loss(seq, batch, presets::dense_base(), {.gradient = one, .report = &sums});
#if defined(CPPO_USE_XSIMD)
  status const z = policy_loss(simd.with_threads(2, 1), batch, presets::dense_base(), {.gradient = other});
#else
  status const z = policy_loss(seq, batch, presets::dense_base(), {.gradient = other});
#endif
  for (int i = 0; i < 4; ++i) {
    if (one[i] != other[i]) return 1;
  }
  return s.ok() && z.ok() && sums.kept > 0 ? 0 : 2;
}
