// What a consumer is allowed to rely on whichever way the library came in: one include, the macros of its targets, and
// calls that compile, link and run.
#if defined(CONSUMER_SINGLE_HEADER)
#include <cppo.hpp>
#else
#include <cppo/cppo.hpp>
#endif

#if defined(CONSUMER_WANTS_EIGEN)
#include <cppo/interop/eigen.hpp>
#if !CPPO_USE_EIGEN
#error "cppo::eigen did not set CPPO_USE_EIGEN"
#endif
#endif
#if defined(CONSUMER_WANTS_SIMD) && !CPPO_USE_XSIMD
#error "cppo::simd did not set CPPO_USE_XSIMD"
#endif
#if !defined(CONSUMER_WANTS_SIMD) && defined(CPPO_USE_XSIMD)
#if CPPO_USE_XSIMD
#error "CPPO_USE_XSIMD is on although nobody asked for it"
#endif
#endif

#include <cstdint>

namespace {

using namespace cppo;

// The second token's ratio is far above 1 and its advantage positive: masked. The others are kept.
template <class Batch, class Executor, class Region>
bool as_expected(Executor const& executor, Batch const& batch, Region const& region) {
  float gradient[4] = {9, 9, 9, 9};
  std::uint8_t mask[4] = {9, 9, 9, 9};
  status const s = policy_loss(executor, batch, region, {.gradient = gradient, .mask = mask});
  return s.ok() && mask[0] == 1 && mask[1] == 0 && mask[2] == 1 && mask[3] == 1 && gradient[0] < 0.0F &&
         gradient[1] == 0.0F && gradient[3] > 0.0F;
}

}  // namespace

int main() {
  float const pi[] = {-0.50F, -0.10F, -0.70F, -1.00F}, mu[] = {-0.50F, -1.50F, -0.70F, -1.00F}, a[] = {1.0F, -1.0F};
  layout const two = padded(2, 2);
  auto const batch = rollout_batch(two, log_prob(pi), rollout_log_prob(mu), advantage(per_response(a)));
  auto const region = fixed_cppo({.delta = 0.2});
  bool good = as_expected(seq, batch, region);
#if defined(CONSUMER_WANTS_SIMD)
  good = good && as_expected(simd, batch, region) && as_expected(simd.with_threads(2, 1), batch, region);
#endif
#if defined(CONSUMER_WANTS_DESCRIBED)
  good = good && as_expected(seq, batch, parse_region("fixed_cppo(delta = 0.2)").region);
#endif
#if defined(CONSUMER_WANTS_EIGEN)
  using rows = Eigen::Matrix<float, 2, 2, Eigen::RowMajor>;
  rows const now{{pi[0], pi[1]}, {pi[2], pi[3]}}, then{{mu[0], mu[1]}, {mu[2], mu[3]}};
  good = good && as_expected(seq, rollout_batch(two, log_prob(as_view(now)), rollout_log_prob(as_view(then)),
                                                advantage(per_response(a))), region);
#endif
  return good ? 0 : 1;
}
