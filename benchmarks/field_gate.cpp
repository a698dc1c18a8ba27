// One call of a rule of the field on 8 responses of 1024 tokens, in a function whose instructions callgrind counts. See
// gate.py.
#include "gate_data.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

#include <cstdio>
#include <iterator>
#include <string_view>

namespace {

constexpr int responses = 8, length = 1024;

struct memory {
  buffers b;
  std::vector<float> entropy;
  cppo::report report;
};

template <class Region>
bool call(Region const& region, memory& m) {
  using namespace cppo;
  auto const batch = rollout_batch(padded(responses, length), log_prob(m.b.log_prob), rollout_log_prob(m.b.rollout),
                                   advantage(m.b.advantage), response_mask(m.b.valid), entropy(m.entropy));
  return policy_loss(simd, batch, region, {.gradient = m.b.gradient, .mask = m.b.mask, .report = &m.report},
                     {.aggregate = token_mean, .normalizer = 1.0 * responses * length})
      .ok();
}

struct rule {
  std::string_view name;
  bool (*run)(memory&);
};
constexpr rule rules[] = {
    {"ppo_clip_8x1024", [](memory& m) { return call(cppo::ppo_clip(), m); }},
    {"cispo_8x1024", [](memory& m) { return call(cppo::cispo_by_epsilon(), m); }},
    {"sapo_8x1024", [](memory& m) { return call(cppo::sapo(), m); }},
    {"gspo_8x1024", [](memory& m) { return call(cppo::gspo(), m); }},
    {"minpro_8x1024", [](memory& m) { return call(cppo::minpro(), m); }},
    {"ctpo_8x1024", [](memory& m) { return call(cppo::ctpo(), m); }},
    {"fipo_8x1024", [](memory& m) { return call(cppo::fipo(), m); }},
    {"entropy_top_8x1024", [](memory& m) { return call(cppo::entropy_top(), m); }},
};

}  // namespace

// callgrind counts everything that this function calls.
extern "C" __attribute__((noinline)) bool cppo_gate_call(int which, void* data) {
  return rules[which].run(*static_cast<memory*>(data));
}

int main(int argc, char** argv) {
  for (int which = 0; which < static_cast<int>(std::size(rules)); ++which) {
    if (argc < 2) std::printf("%s\n", rules[which].name.data());
    if (argc < 2 || rules[which].name != argv[1]) continue;
    memory m{draw(responses * length, false, 0.1F), {}, {}};
    for (float const mu : m.b.rollout) m.entropy.push_back(-mu);  // all different, in no order
    if (!cppo_gate_call(which, &m)) return 1;
    std::printf("%s: %td tokens, %td kept, %td held\n", argv[1], m.report.counts.tokens, m.report.kept, m.report.held);
    return 0;
  }
  return argc < 2 ? 0 : 1;
}
