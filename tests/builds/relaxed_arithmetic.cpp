// Built with parts of -ffast-math that no macro shows: every call must say so and write nothing.
#include <cppo/cppo.hpp>

#include <cstdio>

template <class Real, class Executor>
bool refuses(Executor const& executor) {
  using namespace cppo;
  Real const mu[] = {Real(-0.5), Real(-1)}, pi[] = {Real(-0.6), Real(-0.4)}, a[] = {Real(1), Real(1)};
  Real gradient[2] = {Real(7), Real(7)};
  auto const batch = rollout_batch(padded(1, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  status const s = policy_loss(executor, batch, presets::dense_base(), {.gradient = gradient});
  std::puts(s.message());
  return s.code == status_code::arithmetic_relaxed && gradient[0] == Real(7) && gradient[1] == Real(7);
}

int main() {
  bool const scalar = refuses<float>(cppo::seq) && refuses<double>(cppo::seq);
  bool const registers = refuses<float>(cppo::simd) && refuses<double>(cppo::simd);
  return scalar && registers ? 0 : 1;
}
