// A kernel that takes a region as an argument and decides tokens: whatever it calls must be there for the device.
#if defined(CPPO_SINGLE_HEADER)
#include CPPO_SINGLE_HEADER
#else
#include <cppo/region.hpp>
#endif

template <class Region>
__global__ void decide(Region region, float const* pi, float const* mu, float const* a, int n, std::uint8_t* mask) {
  using lane = cppo::float_lane;
  int const i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n) return;
  cppo::response_summary response{};
  response.length = n;
  cppo::position<lane> const at(i + 1);
  cppo::token<lane> t{lane(pi[i]), lane(mu[i]), lane(a[i])};
  t.set_divergence(cppo::detail::divergence_of(region.divergence(), t));
  t.set_weight(at, response, region.weight().at(at, n));
  mask[i] = region.gate_value(t, region.keeps(t)).raw() > 0.0F ? 1 : 0;
}

template __global__ void decide(decltype(cppo::ppo()), float const*, float const*, float const*, int, std::uint8_t*);
template __global__ void decide(decltype(cppo::calibrated_cppo()), float const*, float const*, float const*, int,
                                std::uint8_t*);
template __global__ void decide(decltype(softened(cppo::fixed_cppo(), cppo::reciprocal_gate)), float const*,
                                float const*, float const*, int, std::uint8_t*);
