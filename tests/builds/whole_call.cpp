// What a call goes through, in float and double, on seq, simd and the kernels' bodies, with halves, lists, pieces and
// bad input. Compiled with warnings that other projects have on, and run under clang's -fsanitize=integer.
#include <cppo/cppo.hpp>
#include <cppo/described.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/testing/host_block.hpp>
#include <cppo/testing/random.hpp>

#include <cstdio>
#include <limits>
#include <vector>

// A program's own names are the parameters of somebody's templates: no warning of -Wshadow may come of that.
[[maybe_unused]] static int row, n, t, lists, batch, region, options, out, rank, first;
using at = int;

using namespace cppo;

namespace {

constexpr std::size_t responses = 3, width = 70, slots = responses * width, k = 2;

template <class Real>
struct inputs {
  std::vector<Real> pi, mu, advantage, list_pi, list_mu;
  std::vector<std::uint32_t> ids, sampled;
  std::vector<std::uint8_t> mask;

  inputs() {
    testing::random_source random(5);
    for (std::size_t i = 0; i < slots; ++i) {
      mu.push_back(static_cast<Real>(-random.exponential()));
      pi.push_back(static_cast<Real>(-random.exponential()));
      advantage.push_back(static_cast<Real>(random.normal()));
      sampled.push_back(static_cast<std::uint32_t>(random.below(4)));
      mask.push_back(random.chance(0.9) ? 1 : 0);
      for (std::size_t j = 0; j < k; ++j) {
        ids.push_back(static_cast<std::uint32_t>(j));
        list_mu.push_back(Real(-1) - static_cast<Real>(j));
        list_pi.push_back(Real(-1.25) - static_cast<Real>(j));
      }
    }
  }
};

struct results {
  std::vector<half> gate = std::vector<half>(slots), excess = gate;
  std::vector<bfloat16> loss = std::vector<bfloat16>(slots);
  std::vector<double> gradient = std::vector<double>(slots), drift = gradient, threshold = gradient;
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(slots);
  std::vector<int> decision = std::vector<int>(slots);
  report sums;
};

/// The report of one call on one executor.
template <class Batch, class Region, class Executor>
report call(Executor const& e, Batch const& batch, Region const& region, status_code expected) {
  results r;
  status const s = policy_loss(
      e, batch, region,
      {.loss = r.loss,
       .gradient = r.gradient,
       .mask = r.mask,
       .gate = r.gate,
       .trace = {.prefix_drift = r.drift, .threshold = r.threshold, .excess = r.excess, .decision = r.decision},
       .report = &r.sums});
  if (s.code != expected) std::printf("%s\n", s.message());
  return s.code == expected ? r.sums : report{};
}

/// The report of one call on registers, which do not write traces.
template <class Batch, class Region>
report on_registers(Batch const& batch, Region const& region, status_code expected) {
  std::vector<float> gradient(slots);
  report sums;
  status const s = policy_loss(simd, batch, region, {.gradient = gradient, .report = &sums});
  return s.code == expected ? sums : report{};
}

/// True if all executors keep the same number of tokens, some but not all; the region as data too.
template <class Batch, class Region>
bool agree(Batch const& batch, Region const& region, status_code expected = status_code::ok) {
  report const one = call(seq, batch, region, expected);
  report const two = call(simd.with_threads(2, 1), batch, region, expected);
  report const three = call(testing::kernel_bodies<32>{}, batch, region, expected);
  report const four = on_registers(batch, region, expected);
  report const five = on_registers(batch, described_region(region), expected);
  return one.kept > 0 && one.masked_budget > 0 && two.kept == one.kept && three.kept == one.kept &&
         four.kept == one.kept && five.kept == one.kept;
}

template <class Real>
bool whole() {
  inputs<Real> in;
  std::int32_t const offsets[] = {0, 50, 120, slots};
  auto const dense = rollout_batch(padded(responses, width), log_prob(in.pi), rollout_log_prob(in.mu),
      advantage(in.advantage), response_mask(in.mask), token_id(in.sampled), top_k(k, in.ids, in.list_pi, in.list_mu));
  auto const ragged = rollout_batch(packed(offsets, responses), log_prob(in.pi), rollout_log_prob(in.mu),
                                    advantage(in.advantage), response_mask(in.mask));
  auto const shuffled =
      trust_region(binary_kl, permuted(linear_weight(0.5), 7), toward_rollout | prefix_budget(0.1, fixed_budget(0.02)));
  bool good = agree(dense, presets::dense_base(top_k_tv)) && agree(ragged, presets::dense_base()) &&
              agree(ragged, softened(shuffled, reciprocal_gate));
  index_t const one[] = {0, 0, 0}, order[] = {2, 0, 1};
  piece_plan const plan = plan_pieces(ragged, presets::dense_base(), one, order, 1);
  good = good && plan.carries.size() == responses && !diagnose(dense).has(finding::bad_shape);
  in.pi[3] = std::numeric_limits<Real>::quiet_NaN();
  in.mask[3] = 1;
  return good && agree(ragged, presets::dense_base(), status_code::log_prob_invalid);
}

}  // namespace

int main() {
  bool const good = whole<float>() && whole<double>();
  std::puts(good ? "every executor keeps the same tokens" : "wrong");
  return good ? 0 : 1;
}
