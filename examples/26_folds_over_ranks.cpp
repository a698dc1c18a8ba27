// A rule of the whole batch, whose responses lie in micro-batches on several ranks: the bits of one batch.
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

#include <cassert>
#include <cstdio>
#include <span>
#include <vector>

int main() {
  using namespace cppo;
  constexpr index_t responses = 12, width = 200, n = responses * width;
  std::vector<float> pi(n), mu(n), adv(n), entropies(n), whole(n), parts(n);
  for (std::size_t i = 0; i < n; ++i) {
    mu[i] = -0.6f - 0.001f * static_cast<float>(i % 997);
    pi[i] = mu[i] + 0.001f * (static_cast<float>(i * 7 % 201) - 98.0f);
    adv[i] = i / width % 3 == 0 ? 1.0f : -0.5f;
    entropies[i] = 0.002f * static_cast<float>(i * 89 % 1009);
  }
  auto const rows = [](auto& v, index_t first, index_t count) {
    return std::span(v.data() + first * width, static_cast<std::size_t>(count * width));
  };
  auto const lend = [&](index_t first, index_t count) {
    auto const of = [=](std::vector<float> const& v) { return rows(v, first, count); };
    return rollout_batch(padded(count, width), log_prob(of(pi)), rollout_log_prob(of(mu)), advantage(of(adv)),
                         entropy(of(entropies)));
  };
  // The fifth of the tokens with the largest entropy, of the whole batch; and of those the ones that do not stray.
  auto const beside = abs(log_ratio - batch(mean(log_ratio)));
  auto const rule = objective(trust_region(no_divergence, uniform_weight,
                                           entropy_top().mask() & at_most(beside, 1.5 * batch(deviation(log_ratio)))),
                              clipped(0.8, 1.28));

  report all;
  status const one = policy_loss(seq, lend(0, responses), rule, {.gradient = whole, .report = &all},
                                 {.aggregate = token_mean});
  assert(one.ok());

  // Two ranks with two micro-batches each. Here one process plays both.
  struct micro_batch { index_t rank, first, count; };
  constexpr micro_batch cut[] = {{0, 7, 5}, {1, 0, 3}, {1, 5, 2}, {0, 3, 2}};
  //! [exchange]
  fold_states known;
  for (int k = 0; k < fold_exchanges<float>(rule); ++k) {
    fold_states of_rank[2];
    for (auto const& part : cut) {
      fold_states more;
      status const s = sum_folds(simd, lend(part.first, part.count), rule, known, more);
      if (!s.ok()) return std::puts(describe(s).c_str()), 1;
      of_rank[part.rank] = combine(of_rank[part.rank], more);
    }
    known = combine(known, combine(of_rank[0], of_rank[1]));  // what an exchange of ranks would do
  }
  //! [exchange]
  //! [plan]
  for (auto const& part : cut) {
    auto const mine = lend(part.first, part.count);
    piece_plan const plan = plan_micro_batch(simd, mine, rule, known);
    if (!plan) return std::puts(describe(plan.outcome).c_str()), 1;
    loss_options const o{.aggregate = token_mean, .normalizer = n, .totals = plan.totals, .folds = plan.folds};
    status const s = policy_loss(simd, mine, rule, {.gradient = rows(parts, part.first, part.count)}, o);
    assert(s.ok());
  }
  //! [plan]
  assert(parts == whole);

  // Without the exchange each micro-batch has a fifth of its own.
  std::vector<float> apart(n);
  for (auto const& part : cut) {
    status const s = policy_loss(simd, lend(part.first, part.count), rule,
                                 {.gradient = rows(apart, part.first, part.count)},
                                 {.aggregate = token_mean, .normalizer = n});
    assert(s.ok());
  }
  index_t differ = 0;
  for (std::size_t i = 0; i < n; ++i) differ += apart[i] != whole[i] ? 1 : 0;
  assert(differ > 0);
  std::printf("kept %td of %td tokens on one rank and on two; %td gradients differ if micro-batches do not exchange\n",
              all.kept, n, differ);
}
