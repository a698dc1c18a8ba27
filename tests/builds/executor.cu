// The device executor under presets: every kernel is there for the device.
#include <cppo/execution/cuda.cuh>
#include <cppo/cppo.hpp>

namespace {

template <class Real, class Region>
cppo::status run(Real const* pi, Real const* mu, float const* a, float* gradient, Region const& region,
                 cudaStream_t stream) {
  auto const batch =
      cppo::rollout_batch(cppo::padded(64, 8192), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
  cppo::device_workspace memory;
  auto const gpu = cppo::on(stream).with_workspace(memory).with_report();
  cppo::status const queued =
      cppo::policy_loss(gpu, batch, region, {.gradient = gradient}, {.aggregate = cppo::token_mean});
  cppo::report r;
  return queued.ok() ? cppo::fetch(gpu, &r) : queued;
}

}  // namespace

cppo::status all(float const* pi, double const* wide, float const* a, float* g, cudaStream_t s) {
  cppo::status worst = run(pi, pi, a, g, cppo::fixed_cppo(), s);
  worst = run(pi, pi, a, g, cppo::calibrated_cppo(), s);
  worst = run(wide, wide, a, g, softened(cppo::fixed_cppo(), cppo::reciprocal_gate), s);
  return worst;
}
