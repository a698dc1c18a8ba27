// What a loss shares is computed once for each token, and the loss is the one with the quantity at each place.
#include "support/catch_compat.hpp"
#include "support/hand_token.hpp"

#include <cppo/cppo.hpp>
#include <cppo/quantity.hpp>
#include <cppo/rules.hpp>
#include <cppo/surrogate.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace {

int asked = 0;  // how often a `noted` quantity was computed

struct noted_t {
  template <class V>
  V operator()(cppo::token<V> const& t) const noexcept {
    ++asked;
    return t.log_ratio();
  }
  template <class V>
  V slope(cppo::token<V> const&) const noexcept {
    return V(1);
  }
};
constexpr noted_t noted;

// The loss of a token of this log ratio and advantage. Sets `asked` to the number of times that `noted` was computed.
template <class S>
std::pair<float, float> at(S const& s, double log_ratio, double advantage) {
  asked = 0;
  cppo_test::hand_token const hand{.log_prob = -1.0 + log_ratio, .advantage = advantage};
  auto const v = s(hand.make());
  return {v.loss.raw(), v.slope.raw()};
}
// f(log ratio, advantage) for some of each.
template <class F>
void each_token(F const& f) {
  for (double d = -1.9; d < 0.95; d += 0.07) f(d, 1.3), f(d, -0.7), f(d, 0.0);
}
constexpr auto banded = [](auto q) {
  using namespace cppo::quantities;
  return cppo::dual_clipped(cppo::clipped(exp(-0.1 * exp(q)), exp(0.1 * q), cppo::ratio), 3.0 + exp(q));
};

// The gradients of responses of these lengths under CTPO, which shares a number of the position: in one call, or one
// response a call.
std::vector<float> ctpo_gradients(auto const& executor, std::vector<cppo::index_t> const& ends, bool in_one_call) {
  auto const n = static_cast<std::size_t>(ends.back());
  std::vector<float> pi, mu(n, -1.0F), a, gradient(n);
  for (std::size_t k = 0; k < n; ++k) {
    pi.push_back(-1.0F + 0.02F * static_cast<float>(static_cast<int>(k * 7 % 23) - 11));
    a.push_back(k % 3 == 0 ? -0.5F : 1.25F);
  }
  auto const call = [&](std::vector<cppo::index_t> const& offsets, std::size_t first) {
    auto const count = static_cast<std::size_t>(offsets.back());
    auto const batch = cppo::rollout_batch(
        cppo::packed(offsets), cppo::log_prob(std::span(pi).subspan(first, count)),
        cppo::rollout_log_prob(std::span(mu).subspan(first, count)),
        cppo::advantage(std::span(a).subspan(first, count)));
    REQUIRE(cppo::policy_loss(executor, batch, cppo::ctpo(), {.gradient = std::span(gradient).subspan(first, count)},
                              {.aggregate = cppo::token_sum}).ok());
  };
  if (in_one_call) return call(ends, 0), gradient;
  for (std::size_t b = 0; b + 1 < ends.size(); ++b)
    call({0, ends[b + 1] - ends[b]}, static_cast<std::size_t>(ends[b]));
  return gradient;
}

}  // namespace

TEST_CASE("sharing: a number of the position, found once for many responses, has the bits of one found at each token") {
  std::vector<cppo::index_t> const ends{0, 3, 40, 41, 118, 190, 191, 455, 520, 540, 700};
  std::vector<float> const want = ctpo_gradients(cppo::seq, ends, false);
  CHECK(std::count(want.begin(), want.end(), 0.0F) < 700);
  CHECK(ctpo_gradients(cppo::seq, ends, true) == want);
  CHECK(ctpo_gradients(cppo::simd, ends, true) == want);
  CHECK(ctpo_gradients(cppo::simd, ends, false) == want);
}

TEST_CASE("sharing: the loss is that with the quantity at each place, which is computed once") {
  auto const shared = cppo::detail::sharing(noted, banded);
  auto const written = banded(noted);
  each_token([&](double d, double a) {
    auto const got = at(shared, d, a);
    CHECK(asked == 1);
    CHECK(got == at(written, d, a));
    CHECK(asked == 3);
  });
}

TEST_CASE("sharing: a ratio and its slope are computed together") {
  using namespace cppo::quantities;
  auto const q = exp(cppo::clamped(noted * 2.0, -1.5, 0.6) + 0.25);
  each_token([&](double d, double a) {
    for (auto const& got : {at(cppo::clipped(0.5, 1.5, q), d, a), at(cppo::ratio_form(q), d, a),
                            at(cppo::sigmoid_form(1.0, 1.05, q), d, a), at(cppo::penalty(q, 0.1), d, a),
                            at(cppo::rolled_back(0.5, 1.5, 0.3, q), d, a)}) {
      CHECK(asked == 1);
      CHECK(got.first == got.first);
    }
    auto const t = cppo_test::hand_token{.log_prob = -1.0 + d, .advantage = a}.make();
    float const x = 2.0F * t.log_ratio().raw(), value = q(t).raw(), slope = x < -1.5F || x > 0.6F ? 0.0F : value * 2.0F;
    CHECK(at(cppo::ratio_form(q), d, a) == std::pair(-(t.advantage().raw() * value), -(t.advantage().raw() * slope)));
  });
}

TEST_CASE("sharing: checks the quantity and the loss") {
  using cppo::detail::sharing;
  auto const fine = [](auto q) { return cppo::score_form(q); };
  CHECK(sharing(cppo::clamped(cppo::ratio, 0.0, 1.0), fine).check().in_range);
  CHECK(!sharing(cppo::clamped(cppo::ratio, 1.0, 0.0), fine).check().in_range);
  CHECK(!sharing(cppo::ratio, [](auto q) { return cppo::score_form(cppo::clamped(q, 1.0, 0.0)); }).check().in_range);
}
