// One call on one shape, in a function whose instructions callgrind counts. See gate.py.
#include "gate_data.hpp"

#include <cppo/cppo.hpp>

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

namespace {

enum class rule : std::uint8_t { fixed, calibrated, soft, binary_kl, top_k };

constexpr int k = 20;  // listed tokens

struct shape {
  std::string_view name;
  int responses, length;
  rule what;
  bool holes;
};
constexpr shape shapes[] = {{"fixed_8x1024", 8, 1024, rule::fixed, false},
                            {"calibrated_8x1024", 8, 1024, rule::calibrated, false},
                            {"fixed_8x1024_holes", 8, 1024, rule::fixed, true},
                            {"fixed_128x64", 128, 64, rule::fixed, false},
                            {"soft_8x1024", 8, 1024, rule::soft, false},
                            {"binary_kl_8x1024", 8, 1024, rule::binary_kl, false},
                            {"top_k_8x1024", 8, 1024, rule::top_k, false}};

/// Lists that hold the sampled token at nine of ten tokens.
void draw_lists(buffers& b) {
  for (std::size_t i = 0; i < b.rollout.size(); ++i) {
    b.sampled.push_back(static_cast<std::int64_t>(1000 + i % 7 * 3));
    for (int j = 0; j < k; ++j) {
      bool const own = i % 10 != 0 && j == static_cast<int>(i % k);
      float const mu = -3.0F - 0.4F * static_cast<float>((j * 7 + i) % k), gap = b.log_prob[i] - b.rollout[i];
      b.listed.push_back(own ? b.sampled.back() : static_cast<std::int64_t>(j));
      b.listed_rollout.push_back(own ? b.rollout[i] : mu);
      b.listed_log_prob.push_back(own ? b.log_prob[i] : mu - gap);
    }
  }
}

template <class Batch, class Region>
bool call(Batch const& batch, Region const& region, buffers& b, cppo::report& r) {
  return cppo::policy_loss(cppo::simd, batch, region, {.gradient = b.gradient, .mask = b.mask, .report = &r},
                           {.aggregate = cppo::token_mean, .normalizer = 8192.0})
      .ok();
}

}  // namespace

// callgrind counts everything that this function calls.
extern "C" __attribute__((noinline)) bool cppo_gate_call(int which, void* buffer, void* report) {
  using namespace cppo;
  shape const& s = shapes[which];
  buffers& b = *static_cast<buffers*>(buffer);
  cppo::report& r = *static_cast<cppo::report*>(report);
  auto const batch = rollout_batch(padded(s.responses, s.length), log_prob(b.log_prob), rollout_log_prob(b.rollout),
                                   advantage(b.advantage), response_mask(b.valid));
  switch (s.what) {
    case rule::calibrated: return call(batch, calibrated_cppo(), b, r);
    case rule::soft: return call(batch, softened(fixed_cppo(), reciprocal_gate), b, r);
    case rule::binary_kl: return call(batch, fixed_cppo({}, binary_kl), b, r);
    case rule::top_k: break;
    default: return call(batch, fixed_cppo(), b, r);
  }
  auto const with_lists = rollout_batch(padded(s.responses, s.length), log_prob(b.log_prob),
                                        rollout_log_prob(b.rollout), advantage(b.advantage), response_mask(b.valid),
                                        token_id(b.sampled), top_k(k, b.listed, b.listed_log_prob, b.listed_rollout));
  return call(with_lists, fixed_cppo({}, top_k_tv), b, r);
}

int main(int argc, char** argv) {
  int which = 0;
  for (shape const& s : shapes) {
    if (argc < 2) std::puts(s.name.data());
    if (argc < 2 || s.name != argv[1]) {
      ++which;
      continue;
    }
    buffers b = draw(static_cast<std::size_t>(s.responses * s.length), s.holes,
                     s.what == rule::calibrated ? 0.07F : 0.1F);
    if (s.what == rule::top_k) draw_lists(b);
    cppo::report r;
    if (!cppo_gate_call(which, &b, &r)) return 1;
    std::printf("%s: %td tokens, %td kept, mean delta_b %.4f\n", argv[1], r.counts.tokens, r.kept, r.mean_delta_b());
    return 0;
  }
  return argc < 2 ? 0 : 1;
}
