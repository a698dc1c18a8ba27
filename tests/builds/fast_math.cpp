// Built with all of -ffast-math and the contract given up: NaN and infinities are found all the same, at their place.
#include <cppo/cppo.hpp>

#include <bit>
#include <cstdio>

namespace {

int wrong = 0;

void demand(bool holds, char const* what, unsigned long long bits) {
  if (holds) return;
  ++wrong;
  std::printf("%s: %#llx\n", what, bits);
}

// One token of each input in turn is the number with these bits.
template <class Real, class Executor, class Bits>
void refuses(Executor const& executor, char const* name, Bits bits) {
  using namespace cppo;
  constexpr int tokens = 37, at = 29;
  Real pi[tokens], mu[tokens], a[tokens], divergences[tokens];
  for (int i = 0; i < tokens; ++i) {
    pi[i] = static_cast<Real>(-0.6);
    mu[i] = static_cast<Real>(-0.5);
    a[i] = static_cast<Real>(i % 2 == 0 ? 1 : -1);
    divergences[i] = static_cast<Real>(0.01);
  }
  auto const batch = rollout_batch(padded(1, tokens), log_prob(pi), rollout_log_prob(mu), advantage(a),
                                   divergence_values(divergences));
  Real gradient[tokens];
  std::uint8_t mask[tokens];
  auto const outcome = [&] {
    return policy_loss(executor, batch, fixed_cppo({}, precomputed), {.gradient = gradient, .mask = mask});
  };
  demand(outcome().ok(), name, 0);
  struct { Real* buffer; status_code code; } const inputs[] = {{pi, status_code::log_prob_invalid},
                                                               {mu, status_code::rollout_log_prob_invalid},
                                                               {a, status_code::advantage_invalid},
                                                               {divergences, status_code::divergence_invalid}};
  for (auto const& [buffer, code] : inputs) {
    Real const valid = buffer[at];
    buffer[at] = std::bit_cast<Real>(bits);
    status const s = outcome();
    demand(s.code == code && s.response == 0 && s.token == at, name, bits);
    for (int i = 0; i < tokens; ++i) demand(std::bit_cast<Bits>(gradient[i]) == 0 && mask[i] == 0, name, bits);
    buffer[at] = valid;
  }
}

}  // namespace

int main() {
  // Quiet and signalling NaN of both signs, the last NaN, both infinities.
  for (std::uint32_t const bits : {0x7fc00000U, 0xffc00000U, 0x7f800001U, 0xff800001U, 0x7fffffffU, 0x7f800000U,
                                   0xff800000U}) {
    refuses<float>(cppo::seq, "seq, float", bits);
    refuses<float>(cppo::simd, "simd, float", bits);
    // The same numbers in double: sign, exponent of ones, first and last bit of the fraction.
    std::uint64_t const sign = bits >> 31, fraction = bits & 0x7fffffU;
    std::uint64_t const wide = sign << 63 | 0x7ff0000000000000U | (fraction >> 1) << 30 | (fraction & 1U);
    refuses<double>(cppo::seq, "seq, double", wide);
    refuses<double>(cppo::simd, "simd, double", wide);
  }
  std::printf(wrong == 0 ? "every one was found\n" : "%d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
