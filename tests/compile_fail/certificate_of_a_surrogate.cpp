// expect: a certificate is about the loss -A rho M: give it the region without objective(...) and penalties
// expect errors: 1
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/theory/certificate.hpp>

void measure(cppo::rollout_batch_view<float> const& batch) {
  (void)cppo::theory::certificate(batch, cppo::dppo() + cppo::penalty(cppo::kl_k3(), 0.1));
}
