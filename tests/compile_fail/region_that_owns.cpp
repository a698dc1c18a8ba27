// expect first: a region is copied byte by byte, as a kernel argument is
// expect errors: 1
// expect lines: 12
#include <cppo/cppo.hpp>

#include <vector>

struct logged : decltype(cppo::ppo()) {
  logged() : decltype(cppo::ppo())(cppo::ppo()) {}
  std::vector<float> seen;
};
float log_probs[4], advantages[4];
std::uint8_t mask[4];
auto const batch = cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(log_probs), cppo::rollout_log_prob(log_probs),
                                       cppo::advantage(advantages));
auto const status = cppo::compute_mask(cppo::seq, batch, logged{}, mask);
