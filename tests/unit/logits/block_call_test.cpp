// The kernel bodies of log_probs, logits_gradient and full_divergences on blocks made of loops, against seq.
#include "support/catch_compat.hpp"
#include "support/divergence_cases.hpp"
#include "support/logit_cases.hpp"
#include "support/logit_kernel_bodies.hpp"
#include "support/loss_cases.hpp"

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

namespace {

template <int Threads>
auto const divergences_on_block = [](auto& b) {
  cppo::status s = run_case(
      b, [](auto& v) { return v.data(); },
      [](auto const&... of) { return logit_kernel_bodies<Threads>::full_divergences(of...); });
  // A text of the host, which a device does not know and `fetch` finds again.
  if (s.code == status_code::log_sum_exp_invalid)
    s.name = s.where == argument::log_prob ? "log_sum_exp" : "rollout.log_sum_exp";
  return s;
};

}  // namespace

TEMPLATE_TEST_CASE("kernel bodies of full divergences give the bits of seq", "[logits]", float, half, bfloat16) {
  std::uint64_t seed = 1;
  for (unsigned const width : {1U, 2U, 33U, 255U, 1000U, 1024U, 1025U, 4096U, 4097U, 9300U, 20000U}) {
    for (unsigned const apart : {0U, 3U}) {
      divergence_case const c{.rows = 11, .width = width, .apart = apart, .skip = seed % 5,
                              .temperature = seed % 3 == 0 ? 0.7 : 1.0,
                              .mu = seed % 4 == 1 ? mu_is::log_probs : mu_is::logits, .only_tv = seed % 5 == 2,
                              .seed = seed};
      CHECK(divergences_unlike_seq<TestType>(c, divergences_on_block<256>) == "");
      CHECK(divergences_unlike_seq<float, TestType>(c, divergences_on_block<64>) == "");
      if (width < 9000) CHECK(divergences_unlike_seq<TestType, float>(c, divergences_on_block<32>) == "");
      ++seed;
    }
  }
}

TEST_CASE("kernel bodies of full divergences find what is wrong with a batch", "[logits]") {
  CHECK(divergence_faults_unlike_seq(divergences_on_block<256>) == "");
  CHECK(divergence_faults_unlike_seq(divergences_on_block<32>) == "");
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

namespace {

// What both say of a call on rows of three ids, and what they have written.
std::string unlike_seq_on(layout const& l, std::vector<float> const& x) {
  auto const batch = logit_batch(l, logits(3, x));
  std::vector<double> want(12, 9.0), got(12, 9.0);
  std::vector<std::int32_t> want_id(12, 9), got_id(12, 9);
  auto const outputs = [](std::vector<double>& total, std::vector<std::int32_t>& id) {
    return log_prob_outputs{.log_sum_exp = total, .largest_count = 1, .largest_id = id};
  };
  std::string const wrong = unlike(logit_kernel_bodies<32>::log_probs(batch, outputs(got, got_id)),
                                   log_probs(seq, batch, outputs(want, want_id)));
  if (!wrong.empty()) return wrong;
  return got == want && got_id == want_id ? "" : "an output differs";
}
std::string unlike_seq_on_divergences(layout const& l, std::vector<float> const& x) {
  std::vector<double> const total(12, 1.3);
  std::vector<float> const other(36, 0.5F);
  std::vector<double> want(12, 9.0), got(12, 9.0);
  auto const batch = logit_batch(l, logits(3, x));
  policy_rows const mu{.logits = logits(3, other), .log_sum_exp = total};
  std::string const wrong = unlike(logit_kernel_bodies<32>::full_divergences(batch, total, mu, {.tv = got}),
                                   full_divergences(seq, batch, total, mu, {.tv = want}));
  return !wrong.empty() ? wrong : got == want ? "" : "a divergence differs";
}
std::string unlike_seq_on_gradients(layout const& l, std::vector<float> const& x) {
  std::vector<int> const id(12, 1);
  std::vector<double> const slope(12, 0.5), total(12, 2.0);
  std::vector<float> want(36, 9.0F), got(36, 9.0F);
  auto const batch = logit_batch(l, logits(3, x), token_id(id));
  logit_slopes const of{.slope = slope, .log_sum_exp = total};
  std::string const wrong = unlike(logit_kernel_bodies<32>::logits_gradient(batch, of, got),
                                   logits_gradient(seq, batch, of, want));
  return !wrong.empty() ? wrong : got == want ? "" : "a gradient differs";
}

}  // namespace

TEST_CASE("kernel bodies on logits know which rows are those of a call", "[logits]") {
  std::vector<float> x(36, 0.25F);
  std::vector<int> const offsets{2, 2, 5, 5, 9};
  auto const with_rest = packed(offsets.data(), 4).with_capacity(12), part = packed(offsets.data(), 4).part_of(12);
  for (layout const& l : {layout(with_rest), layout(part), layout(padded(3, 4))}) {
    for (int const row : {-1, 0, 4, 8, 9}) {
      CAPTURE(row);
      std::vector<float> one = x;
      if (row >= 0) std::fill_n(one.begin() + 3 * row, 3, no_logit);  // no id is sampled here that it could hide
      CHECK(unlike_seq_on(l, one) == "");
      CHECK(unlike_seq_on_gradients(l, one) == "");
      CHECK(unlike_seq_on_divergences(l, one) == "");
    }
  }
}

TEST_CASE("kernel bodies on logits check what a gradient is made of", "[logits]") {
  logit_case const c{.rows = 5, .width = 40, .entropy_slope = 0.1};
  using buffers = logit_buffers<float>;
  void (*const changes[])(buffers&) = {
      [](buffers& b) { b.log_sum_exp[3] = std::numeric_limits<double>::infinity(), b.log_sum_exp[4] = 1e300; },
      [](buffers& b) { b.entropy[2] = -1.0F, b.log_sum_exp[3] = std::numeric_limits<double>::quiet_NaN(); },
      [](buffers& b) { b.id[1] = 40, b.mask[3] = 2; },
      [](buffers& b) { b.id[1] = 40, b.mask[1] = 0; },
  };
  for (auto const change : changes) {
    buffers want(c), got(c);
    std::vector<std::string> said;
    for (buffers* b : {&want, &got}) {
      b->mask.assign(5, 1), b->slope.assign(5, 1.0), b->log_sum_exp.assign(5, 4.0), b->entropy.assign(5, 1.0F);
      change(*b);
      auto const batch = logit_batch(padded(1, 5), logits(40, b->x), token_id(b->id), response_mask(b->mask));
      logit_slopes const of{.slope = b->slope, .log_sum_exp = b->log_sum_exp, .entropy = b->entropy,
                            .entropy_slope = 0.1};
      status s = b == &want ? logits_gradient(seq, batch, of, b->gradient)
                            : logit_kernel_bodies<64>::logits_gradient(batch, of, b->gradient);
      s.name = nullptr;  // a text of the host, which a device does not know
      said.emplace_back(describe(s).c_str());
    }
    CHECK(said[0] == said[1]);
    CHECK(unlike(got, want) == "");
  }
}

namespace {

auto const losses_on_block = [](auto& b, auto const& region) {
  auto const n = static_cast<index_t>(b.c.responses);
  layout const l =
      b.c.packed ? layout(packed(b.offsets.data(), n)) : layout(padded(n, static_cast<index_t>(b.c.slots)));
  return run_case(b, [](auto& v) { return v.data(); }, l, &b.report,
                  [&](auto const& batch, auto const& out, auto const& options) {
                    return logit_kernel_bodies<64>::policy_loss_from_logits(batch, region, out, options);
                  });
};

}  // namespace

TEST_CASE("kernel bodies of the whole loss from logits give the bits of seq", "[logits]") {
  auto const calibrated = presets::dense_base(top_k_tv);
  for (bool const packed : {false, true}) {
    for (bool const in_place : {false, true}) {
      loss_case const c{.responses = 3, .slots = 5, .width = 301, .packed = packed, .in_place = in_place};
      CHECK(loss_unlike_seq<float>(c, calibrated, losses_on_block) == "");
      CHECK(loss_unlike_seq<bfloat16>(c, calibrated, losses_on_block) == "");
    }
  }
  CHECK(loss_faults_unlike_seq(calibrated, losses_on_block) == "");
}

TEST_CASE("an entropy bonus is refused on a device in words", "[logits]") {
  std::string const words = describe(detail::bonus_on_device(0.1)).c_str();
  CHECK_THAT(words, contains("entropy_bonus is 0.1, but must be 0 on a device"));
  CHECK_THAT(words, contains(".entropy_slopes, -c times each token's scale") && contains("; or call on the host"));
}
