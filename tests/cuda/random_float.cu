// float: every kind of region, with holes and without, short responses and long ones.
#include "equality.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

std::string cppo_test::random_batches_float() {
  std::string wrong = compare_random<float>(cppo::binary_tv, 100, 60);
  if (wrong.empty()) wrong = compare_random<float>(cppo::binary_tv, 500, 60, {.holes = false});
  if (wrong.empty())
    wrong = compare_random<float>(cppo::binary_tv, 700, 20,
                                  {.max_responses = quick ? 2 : 6, .max_length = quick ? 9000 : 20000});
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
      generated_batch<float> batch =
          seed % 10 == 0 ? generate<float>(seed, {.max_responses = 3, .max_length = 9000}) : generate<float>(seed);
      random_source random(seed);
      for (int k = 0; k < 3 && batch.slots() > 0; ++k) {
        auto const slot = static_cast<std::size_t>(random.below(batch.slots()));
        float const x = poison<float>(static_cast<int>(random.below(4)));
        (k == 0 ? batch.log_prob : k == 1 ? batch.rollout_log_prob : batch.advantage)[slot] = x;
      }
      std::string wrong =
          seq_against(on_copies{}, batch, region,
                      {.aggregate = seed % 2 == 0 ? cppo::token_sum : cppo::token_mean, .bad_input = how});
      if (!wrong.empty()) return "seed " + std::to_string(seed) + ": " + wrong;
    }
  }
  return "";
}

namespace {

using namespace cppo_test;
using cppo::index_t;

// A response in two pieces.
std::string cut_at(generated_batch<float> const& whole, captured_run<float> const& want, index_t cut) {
  auto const region = softened(cppo::fixed_cppo({.delta_b = 0.01}), cppo::reciprocal_gate);
  std::vector<index_t> const response_of{0, 0}, order_of{0, 1};
  slot_rows rows(2);
  for (index_t i = 0; i < whole.slots(); ++i) rows[i < cut ? 0 : 1].push_back(i);
  auto const pieces = rearranged(whole, rows, arrangement::packed).batch;
  auto const plan = plan_pieces(pieces.view(), region, response_of, order_of, 1);
  cppo::loss_options const o{.carries = plan.carries, .totals = plan.totals};
  std::string const wrong = seq_against(on_copies{}, pieces, region, o);
  if (!wrong.empty()) return "cut at " + std::to_string(cut) + ": " + wrong;
  auto totals = plan.totals;
  totals[1].length -= 5;
  cppo::loss_options const short_of{.carries = plan.carries, .totals = totals};
  if (!seq_against(on_copies{}, pieces, region, short_of).empty()) return "totals that are too short";
  auto const got = capture(on_copies{}, pieces, region, o);
  for (std::size_t i = 0; i < static_cast<std::size_t>(whole.slots()); ++i) {
    bool const same = same_bits(got[captured::gradient][i], want[captured::gradient][i]);
    if (!same) return "cut at " + std::to_string(cut) + ": not the whole response's";
  }
  return "";
}

}  // namespace

std::string cppo_test::every_cut() {
  auto const region = softened(cppo::fixed_cppo({.delta_b = 0.01}), cppo::reciprocal_gate);
  std::string wrong;
  for (index_t const length : {61, 1300}) {
    generated_batch<float> const whole = of_lengths({length}, 8, true);
    auto const want = capture(cppo::seq, whole, region, {});
    index_t const step = length > 61 ? 600 : quick ? 20 : 1;
    for (index_t cut = 0; cut <= length && wrong.empty(); cut += step) wrong = cut_at(whole, want, cut);
  }
  return wrong;
}

namespace {

// Divergences between a calibrated budget's bounds at their P90, and some far above; holes: every seventh slot is no
// token.
generated_batch<float> near_the_budget(std::vector<index_t> const& lengths, bool packed, bool holes) {
  generated_batch<float> batch = of_lengths(lengths, 11, packed);
  random_source random(12);
  batch.token_weight.clear();
  batch.lends_divergence = false;
  batch.lends_mask = holes || !packed;
  for (std::size_t i = 0; i < batch.valid.size(); ++i) {
    double const d = i % 50 == 7 ? 0.3 : random.uniform(-0.033, 0.033);
    batch.rollout_log_prob[i] = -0.5F;
    batch.log_prob[i] = static_cast<float>(std::log(std::exp(-0.5) + d));
    batch.advantage[i] = i % 3 == 0 ? -1.0F : i % 11 == 5 ? 0.0F : 1.0F;
    if (holes && i % 7 == 3) batch.valid[i] = 0;
  }
  batch.mask_type = cppo::element_type::u8;
  batch.seal();
  return batch;
}

// Masks and outputs of another type than a kernel's own.
template <class T>
std::string outputs_of() {
  using real = std::conditional_t<std::is_integral_v<T>, float, T>;
  generated_batch<float> const batch = near_the_budget({40, 700}, true, false);
  auto const n = static_cast<std::size_t>(batch.slots());
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02});
  std::vector<T> const active(n, stored<T>(1.0));
  std::vector<T> want_mask(n), mask(n);
  std::vector<real> want(n), gradient(n);
  cppo::report r[2];
  auto view = batch.view();
  view.add(cppo::response_mask(active));
  cppo::loss_options const o{.aggregate = cppo::token_mean};
  cppo::loss_outputs const of_seq{.gradient = want, .mask = want_mask, .report = &r[0]};
  cppo::loss_outputs const of_device{.gradient = gradient, .mask = mask, .report = &r[1]};
  auto const s = policy_loss(cppo::seq, view, region, of_seq, o);
  auto const t = policy_loss(on_copies{}, view, region, of_device, o);
  if (!s.ok() || !t.ok()) return t.message();
  if (std::memcmp(want.data(), gradient.data(), n * sizeof(real)) != 0) return "gradient";
  return std::memcmp(want_mask.data(), mask.data(), n * sizeof(T)) != 0 ? "mask" : unlike(r[1], r[0]);
}
template <class... T>
std::string outputs_of_all() {
  std::string wrong;
  (void)((wrong = outputs_of<T>(), wrong.empty()) && ...);
  return wrong;
}

}  // namespace

std::string cppo_test::what_is_rare() {
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02});
  std::string wrong;
  auto const compare = [&](char const* name, generated_batch<float> const& batch, cppo::loss_options const& o = {}) {
    if (wrong.empty()) wrong = seq_against(on_copies{}, batch, region, o);
    if (!wrong.empty() && !wrong.starts_with("at ")) wrong = std::string("at ") + name + ", " + wrong;
  };
  using where = cppo::position_convention;
  compare("within bounds", near_the_budget({5000, 700, 40}, true, false), {.surrogate = {.ratio_cap = 1.01}});
  compare("holes", near_the_budget({700, 4200, 9}, true, true),
          {.aggregate = cppo::token_mean, .surrogate = {.form = cppo::surrogate_form::reinforce}});
  compare("columns", near_the_budget({4200, 600}, false, true), {.positions = where::padded_column});
  compare("columns of blocks", near_the_budget({600, 600, 500, 20}, false, true), {.positions = where::padded_column});
  compare("many responses", near_the_budget(std::vector<index_t>(300, 3), true, false));
  compare("a short horizon", near_the_budget({700, 20}, true, false),
          {.horizon = 30, .positions = where::fixed_horizon});
  generated_batch<float> weighted = near_the_budget({700, 4200, 9}, true, false);
  for (std::size_t i = 0; i < weighted.valid.size(); ++i) weighted.token_weight.push_back(i % 2 == 0 ? 0.5F : 2.0F);
  compare("token weights", weighted);
  generated_batch<float> without = near_the_budget({700, 4200, 9}, true, true);
  std::fill(without.valid.begin(), without.valid.end(), std::uint8_t{0});
  without.seal();
  compare("no token", without);
  generated_batch<float> bad = near_the_budget({700, 4200, 9}, true, false);
  bad.log_prob[690] = bad.log_prob[4000] = poison<float>(0);
  compare("bad input", bad);
  if (!wrong.empty()) return wrong;
  return outputs_of_all<cppo::half, cppo::bfloat16, double, std::int8_t, std::int16_t, std::uint16_t, std::int32_t,
                        std::uint32_t, std::int64_t, std::uint64_t>();
}
