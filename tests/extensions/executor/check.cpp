// The executor is one, and has the bits of `seq`.
#include "../check.hpp"

static_assert(cppo::executor<cppo::backward_t>);

int main() {
  call const x;
  auto const gradient = [&](auto const& executor) {
    std::vector<float> g(x.slots, 7.0F);
    cppo::report r;
    cppo::status const s = cppo::policy_loss(executor, x.batch(), cppo::fixed_cppo(), {.gradient = g, .report = &r});
    g.push_back(static_cast<float>(r.loss()));
    return s.ok() ? g : std::vector<float>();
  };
  auto const want = gradient(cppo::seq);
  return !want.empty() && gradient(cppo::backward) == want ? 0 : 1;
}
