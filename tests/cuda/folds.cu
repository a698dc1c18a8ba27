// Regions with folds, on a device: every range, every kind of statistic, three levels; whole batches, in pieces, and
// with the states of a batch of which this is a micro-batch. Compares with seq, as equality does.
//
//     folds [--quick]
#pragma GCC diagnostic ignored "-Warray-bounds"  // g++ at -O1 sees what no caller does
#include "equality.hpp"

#include <cppo/rules.hpp>

#include <cstdio>
#include <cstring>

namespace {

using namespace cppo_test;
using cppo::index_t;

auto const rule = [] {
  using namespace cppo;
  auto const centred = log_ratio - batch(mean(log_ratio));
  return objective(
      trust_region(binary_tv, linear_weight(0.8),
                   any_of(toward_rollout, at_most(abs(centred), batch(kth_largest(abs(centred), share(0.2)))) &
                                              prefix_budget(0.1, 0.01))),
      clipped(0.8, 1.2) + score_form(batch(trimmed(log_ratio * log_ratio, 0.01)) + batch(deviation(advantage)) +
                                     response(kth_smallest(log_ratio, 2)) + before(mean(log_ratio)) +
                                     upto(count(at_least(log_ratio, 0))) + from(most(log_ratio)) +
                                     from(halving_sum(log_ratio, 3)) +
                                     batch(capped(among(at_least(log_ratio, 0), log_ratio), 0.05))));
}();

// Under options that depend on the seed, but for those of the plain loss alone.
std::string compare(generated_batch<float> const& batch, std::uint64_t seed) {
  cppo::loss_options o = varied_options(seed, batch.packed);
  o.surrogate = {};
  std::string const wrong = seq_against(on_copies{}, batch, rule, o);
  return wrong.empty() ? wrong : "seed " + std::to_string(seed) + ": " + wrong;
}
std::string whole_batches() {
  std::string wrong;
  for (std::uint64_t seed = 0; seed < (quick ? 4U : 40U) && wrong.empty(); ++seed)
    wrong = compare(generate<float>(seed), seed);
  if (wrong.empty()) wrong = compare(of_lengths({700, 3, 260, 0, 33}, 5, true), 0);
  return wrong;
}
// One term is off the grid, and one input is bad.
std::string left_out() {
  for (std::uint64_t seed = 50; seed < (quick ? 52U : 70U); ++seed) {
    generated_batch<float> b = generate<float>(seed, {.max_responses = 4});
    if (b.slots() == 0) continue;
    random_source random(seed);
    b.advantage[static_cast<std::size_t>(random.below(b.slots()))] = 2000.0F;
    if (seed % 2 == 0) b.log_prob[static_cast<std::size_t>(random.below(b.slots()))] = poison<float>(0);
    std::string const wrong = compare(b, seed);
    if (!wrong.empty()) return wrong;
  }
  return "";
}
// The pieces of a response, which know of each other.
std::string in_pieces() {
  generated_batch<float> const whole = of_lengths({300}, 8, true);
  for (index_t const cut : {0, 1, 150, 257, 300}) {
    slot_rows rows(2);
    for (index_t i = 0; i < whole.slots(); ++i) rows[i < cut ? 0 : 1].push_back(i);
    auto const pieces = rearranged(whole, rows, arrangement::packed).batch;
    std::vector<index_t> const response_of{0, 0}, order_of{0, 1};
    auto const plan = plan_pieces(pieces.view(), rule, response_of, order_of, 1);
    if (!plan) return plan.outcome.message();
    cppo::loss_options const o{.carries = plan.carries, .totals = plan.totals, .folds = plan.folds};
    std::string const wrong = seq_against(on_copies{}, pieces, rule, o);
    if (!wrong.empty()) return "cut at " + std::to_string(cut) + ": " + wrong;
  }
  return "";
}
// Every second response, with the statistics of all.
std::string micro_batch() {
  generated_batch<float> const all = of_lengths({90, 40, 300, 7}, 9, false);
  slot_rows const rows = all.rows();
  auto const part = rearranged(all, {rows[0], rows[2]}, arrangement::packed).batch;
  cppo::fold_states known;
  for (int k = 0; k < cppo::fold_exchanges<float>(rule); ++k) {
    cppo::fold_states more;
    auto const s = sum_folds(cppo::seq, all.view(), rule, known, more);
    if (!s.ok()) return s.message();
    known = combine(known, more);
  }
  auto const plan = plan_micro_batch(cppo::seq, part.view(), rule, known);
  if (!plan) return plan.outcome.message();
  return seq_against(on_copies{}, part, rule, {.totals = plan.totals, .folds = plan.folds});
}

}  // namespace

int main(int argc, char** argv) {
  quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("there is no CUDA device: skipped\n");
    return 77;
  }
  struct comparison {
    char const* name;
    std::string (*run)();
  };
  int failed = 0;
  for (auto const& [name, run] : {comparison{"whole batches", whole_batches}, comparison{"left out", left_out},
                                  comparison{"in pieces", in_pieces}, comparison{"a micro-batch", micro_batch}}) {
    std::string const wrong = run();
    std::printf("%s: %s\n", name, wrong.empty() ? "ok" : wrong.c_str());
    failed += wrong.empty() ? 0 : 1;
  }
  return failed == 0 ? 0 : 1;
}
