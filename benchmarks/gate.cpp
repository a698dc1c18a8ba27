// One call on one shape, in a function whose instructions callgrind counts. See gate.py.
#include <cppo/cppo.hpp>

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

namespace {

struct shape {
  std::string_view name;
  int responses, length;
  bool calibrated, holes;
};
constexpr shape shapes[] = {{"fixed_8x1024", 8, 1024, false, false},
                            {"calibrated_8x1024", 8, 1024, true, false},
                            {"fixed_8x1024_holes", 8, 1024, false, true},
                            {"fixed_128x64", 128, 64, false, false}};

struct buffers {
  std::vector<float> log_prob, rollout, advantage, gradient;
  std::vector<std::uint8_t> valid, mask;
};

/// Draws data by sums and products only, so that they are the same with every libm. Drift is such that a fixed budget
/// runs out in places, and that P90 lies between floor and ceiling of a calibrated one.
buffers draw(std::size_t n, bool holes, float spread) {
  buffers b;
  std::uint64_t state = 1;
  auto const uniform = [&state] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<float>(state >> 40) * 0x1p-24F;
  };
  for (std::size_t i = 0; i < n; ++i) {
    float const u = uniform(), drift = uniform() + uniform() - 1.0F;
    float const mu = -0.001F - 2.0F * u * u;
    b.rollout.push_back(mu);
    b.log_prob.push_back(mu + spread * drift < 0.0F ? mu + spread * drift : 0.0F);
    b.advantage.push_back(i / 64 % 2 == 0 ? 1.0F : -0.5F);
    b.valid.push_back(holes && uniform() < 0.1F ? 0 : 1);
  }
  b.gradient.resize(n);
  b.mask.resize(n);
  return b;
}

template <class Batch, class Region>
bool call(Batch const& batch, Region const& region, buffers& b, cppo::report& r) {
  return cppo::policy_loss(cppo::simd, batch, region, {.gradient = b.gradient, .mask = b.mask, .report = &r},
                           {.aggregate = cppo::token_mean, .normalizer = 8192.0})
      .ok();
}

}  // namespace

// callgrind counts everything that this function calls.
extern "C" __attribute__((noinline)) bool cppo_gate_call(int responses, int length, bool calibrated, void* buffer,
                                                         void* report) {
  using namespace cppo;
  buffers& b = *static_cast<buffers*>(buffer);
  cppo::report& r = *static_cast<cppo::report*>(report);
  auto const batch = rollout_batch(padded(responses, length), log_prob(b.log_prob), rollout_log_prob(b.rollout),
                                   advantage(b.advantage), response_mask(b.valid));
  return calibrated ? call(batch, calibrated_cppo(), b, r) : call(batch, fixed_cppo(), b, r);
}

int main(int argc, char** argv) {
  for (shape const& s : shapes) {
    if (argc < 2) std::puts(s.name.data());
    if (argc < 2 || s.name != argv[1]) continue;
    buffers b = draw(static_cast<std::size_t>(s.responses * s.length), s.holes, s.calibrated ? 0.07F : 0.1F);
    cppo::report r;
    if (!cppo_gate_call(s.responses, s.length, s.calibrated, &b, &r)) return 1;
    std::printf("%s: %td tokens, %td kept, mean delta_b %.4f\n", argv[1], r.counts.tokens, r.kept, r.mean_delta_b());
    return 0;
  }
  return argc < 2 ? 0 : 1;
}
