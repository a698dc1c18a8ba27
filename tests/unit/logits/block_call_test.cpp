// The kernel bodies of log_probs and logits_gradient on blocks made of loops, against seq.
#include "support/catch_compat.hpp"
#include "support/logit_cases.hpp"
#include "support/logit_kernel_bodies.hpp"

using namespace cppo;
using namespace cppo_test;

namespace {

template <int Threads>
auto const on_block = [](auto& b) {
  using bodies = logit_kernel_bodies<Threads>;
  return run_case(
      b, [](auto& v) { return v.data(); },
      [](auto const& batch, auto const& out) { return bodies::log_probs(batch, out); },
      [](auto const& batch, auto const& s, auto const& g) { return bodies::logits_gradient(batch, s, g); });
};
auto const as_it_is = [](auto&) {};

// Rows of less than a stretch, of some tiles, and with edges everywhere.
std::vector<logit_case> cases() {
  std::vector<logit_case> all;
  std::uint64_t seed = 1;
  for (unsigned const width : {1U, 2U, 33U, 255U, 1000U, 1024U, 1025U, 2100U, 8192U, 8193U, 9300U, 20000U}) {
    for (unsigned const apart : {0U, 3U}) {
      double const odd = seed % 2 == 0 ? 0.0 : 1.0;
      auto const most = static_cast<index_t>(1 + seed % 7 * 5);
      all.push_back({.rows = 11, .width = width, .apart = apart, .skip = seed % 5, .most = most,
                     .temperature = 1.0 - 0.3 * odd, .entropy_slope = 0.01 * odd, .seed = seed});
      ++seed;
    }
  }
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("kernel bodies on logits give the bits of seq", "[logits]", float, half, bfloat16) {
  for (logit_case const& c : cases()) {
    CHECK(unlike_seq<TestType>(c, on_block<256>, as_it_is) == "");
    if (c.width > 9000) continue;
    CHECK(unlike_seq<TestType>(c, on_block<32>, as_it_is) == "");
    CHECK(unlike_seq<TestType, float>(c, on_block<512>, as_it_is) == "");
    CHECK(unlike_seq<float, TestType>(c, on_block<64>, as_it_is) == "");
  }
}

TEST_CASE("kernel bodies on logits raise their maximum where seq does", "[logits]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    logit_case const c{.rows = 2, .width = 20000, .most = 20, .temperature = 0.5, .seed = seed};
    auto const steps = [&](logit_buffers<float>& b) {
      drawn_numbers draw(seed);
      for (float& x : b.x) x = static_cast<float>(draw.normal());
      for (int k = 0; k < 6; ++k) b.x[draw.bits() % b.x.size()] = static_cast<float>(4 + draw.bits() % 3);
      for (int k = 0; k < 4; ++k) b.x[draw.bits() % b.x.size()] = draw.bits() % 2 == 0 ? 0.0F : -0.0F;
      b.mask = {1, 1};
    };
    CHECK(unlike_seq<float>(c, on_block<256>, steps) == "");
  }
}

TEST_CASE("kernel bodies on logits find what is wrong with a batch", "[logits]") {
  CHECK(faults_unlike_seq(on_block<256>) == "");
  CHECK(faults_unlike_seq(on_block<32>) == "");
}
