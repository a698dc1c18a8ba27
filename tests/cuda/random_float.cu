// float: every kind of region, with holes and without, short responses and long ones.
#include "equality.hpp"

std::string cppo_test::random_batches_float() {
  std::string wrong = compare_random<float>(cppo::binary_tv, 100, 60);
  if (wrong.empty()) wrong = compare_random<float>(cppo::binary_tv, 500, 60, {.holes = false});
  if (wrong.empty()) wrong = compare_random<float>(cppo::binary_tv, 700, 20, {.max_responses = quick ? 2 : 6, .max_length = quick ? 9000 : 20000});
  return wrong;
}

std::string cppo_test::random_batches_narrow() {
  std::string wrong = compare_random<cppo::half>(cppo::binary_tv, 200, 40);
  if (wrong.empty()) wrong = compare_random<cppo::bfloat16>(cppo::binary_tv, 300, 40);
  return wrong;
}

std::string cppo_test::bad_input() {
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02});
  for (auto const how : {cppo::on_bad_input::reject, cppo::on_bad_input::exclude, cppo::on_bad_input::propagate}) {
    for (std::uint64_t seed = 600; seed < (quick ? 603U : 660U); ++seed) {
      generated_batch<float> batch = seed % 10 == 0 ? generate<float>(seed, {.max_responses = 3, .max_length = 9000}) : generate<float>(seed);
      random_source random(seed);
      for (int k = 0; k < 3 && batch.slots() > 0; ++k) {
        auto const slot = static_cast<std::size_t>(random.below(batch.slots()));
        float const x = poison<float>(static_cast<int>(random.below(4)));
        (k == 0 ? batch.log_prob : k == 1 ? batch.rollout_log_prob : batch.advantage)[slot] = x;
      }
      std::string wrong = seq_against(on_copies{}, batch, region, {.aggregate = seed % 2 == 0 ? cppo::token_sum : cppo::token_mean, .bad_input = how});
      if (!wrong.empty()) return "seed " + std::to_string(seed) + ": " + wrong;
    }
  }
  return "";
}

std::string cppo_test::every_cut() {
  generated_batch<float> const whole = of_lengths({61}, 8, true);
  auto const region = softened(cppo::fixed_cppo({.delta_b = 0.01}), cppo::reciprocal_gate);
  auto const want = capture(cppo::seq, whole, region, {});
  std::vector<index_t> const response_of{0, 0}, order_of{0, 1};
  for (index_t cut = 0; cut <= 61; cut += quick ? 20 : 1) {
    slot_rows rows(2);
    for (index_t i = 0; i < 61; ++i) rows[i < cut ? 0 : 1].push_back(i);
    auto const pieces = rearranged(whole, rows, true).batch;
    auto const plan = plan_pieces(pieces.view(), region, response_of, order_of, 1);
    cppo::loss_options const o{.carries = plan.carries, .totals = plan.totals};
    std::string const wrong = seq_against(on_copies{}, pieces, region, o);
    if (!wrong.empty()) return "cut at " + std::to_string(cut) + ": " + wrong;
    auto const got = capture(on_copies{}, pieces, region, o);
    for (std::size_t i = 0; i < 61; ++i) {
      if (!same_bits(got[captured::gradient][i], want[captured::gradient][i])) return "cut at " + std::to_string(cut) + ": not the whole response's";
    }
  }
  return "";
}
