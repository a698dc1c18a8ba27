// Rules that look beyond the token: GSPO's ratio of the response, a scan, and a statistic of the whole batch.
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

#include <cassert>
#include <cstdio>
#include <vector>

int main() {
  using namespace cppo;
  constexpr index_t responses = 8, width = 256, n = responses * width;
  std::vector<float> pi(n), mu(n), adv(n), fast(n), plain(n), cut(n);
  for (std::size_t i = 0; i < n; ++i) {  // pi is up to 0.1 nats above mu or below it
    mu[i] = -0.6f - 0.001f * static_cast<float>(i % 997);
    pi[i] = mu[i] + 0.001f * (static_cast<float>(i * 7 % 201) - 98.0f);
    adv[i] = i / width % 3 == 0 ? 1.0f : -0.5f;
  }
  auto const batch_of = [&](layout const& shape) {
    return rollout_batch(shape, log_prob(pi), rollout_log_prob(mu), advantage(adv));
  };
  auto const whole = batch_of(padded(responses, width));
  auto const run = [&](char const* name, auto const& rule) {
    report r;
    status const one = policy_loss(simd, whole, rule, {.gradient = fast, .report = &r});
    status const two = policy_loss(seq, whole, rule, {.gradient = plain});
    assert(one.ok() && two.ok() && fast == plain);  // the same bits
    std::printf("%-10s loss %8.2f, masked %4td, held %4td\n", name, r.loss(), r.masked(), r.held);
  };

  //! [gspo]
  auto const gspo = objective(clipped(1 - 3e-4, 1 + 4e-4, exp(clamped(response(mean(log_ratio)), -10, 10))));
  //! [gspo]
  run("gspo", gspo);
  // CTPO: the ratio of the prefix, in a band that grows with the square root of the position.
  auto const s = sqrt(position_value);
  run("ctpo", objective(clipped(exp(-0.025 * s), exp(0.05 * s), exp(clamped(upto(sum(log_ratio)), -10, 10)))));
  // One's own: tokens stray if they lie three deviations of the batch beside its mean.
  auto const beside = abs(log_ratio - batch(mean(log_ratio)));
  auto const mine = objective(trust_region(binary_tv, uniform_weight,
                                           toward_rollout | at_most(beside, 1.5 * batch(deviation(log_ratio)))),
                              ratio_form);
  run("mine", mine);

  // Each response cut in two: the same bits, since the statistic is that of the whole batch.
  std::vector<index_t> offsets, response_of, order_of;
  for (index_t b = 0; b < responses; ++b) {
    for (index_t const part : {index_t{0}, index_t{100}}) {
      offsets.push_back(b * width + part), response_of.push_back(b), order_of.push_back(part);
    }
  }
  offsets.push_back(n);
  auto const pieces = batch_of(packed(offsets));
  piece_plan const plan = plan_pieces(pieces, mine, response_of, order_of, responses);
  assert(plan);
  loss_options const in_pieces{.carries = plan.carries, .totals = plan.totals, .folds = plan.folds};
  status const done = policy_loss(simd, pieces, mine, {.gradient = cut}, in_pieces);
  assert(done.ok() && cut == fast);
  std::printf("in pieces: the same gradient\n");
}
