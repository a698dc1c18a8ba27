// Prints 128 bits made of every output bit over a fixed corpus: all policies, layouts, element types, executors and
// thread counts, with adversarial values. Whoever compiles it, for whatever target, it must print the same line.
#include "corpus.hpp"

#include <cppo/cppo.hpp>
#if defined(CPPO_DIGEST_BODIES)
#include <cppo/testing/host_block.hpp>
#elif defined(CPPO_DIGEST_DEVICE)
#include <cppo/testing/cuda_copies.cuh>
#endif

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

using digest::batch;
using digest::hash128;

#if defined(CPPO_DIGEST_PART)
/// Writes the digest so far; given the lines of an earlier run, ends the program where they differ.
void checkpoint(hash128 const& h, char const* expected = nullptr) {
  static std::ifstream lines;
  if (expected != nullptr) return lines.open(expected);
  char line[34];
  std::snprintf(line, sizeof line, "%016" PRIx64 "%016" PRIx64, h.high(), h.low());
  std::string want;
  if (lines >> want && want != line) std::exit(1);
  std::puts(line);
}
#else
void checkpoint(hash128 const&) {}
#endif

/// Every per-token output of a call, and its report.
template <class Out, class Executor, class Batch, class Region>
void run(hash128& h, Executor const& executor, Batch const& lent, Region const& region, std::size_t slots,
         cppo::loss_options const& options) {
  std::vector<Out> loss(slots), gradient(slots), gate(slots), d(slots), w(slots), z(slots), s(slots), sw(slots), c(slots), x(slots);
  std::vector<std::uint8_t> mask(slots), decision(slots);
  cppo::report report;
  cppo::status const status = cppo::policy_loss(
      executor, lent, region,
      {.loss = loss, .gradient = gradient, .mask = mask, .gate = gate,
       .trace = {.divergence = d, .weight = w, .weighted_divergence = z, .prefix_drift = s, .prefix_weight = sw,
                 .threshold = c, .excess = x, .decision = decision},
       .report = &report},
      options);
  for (auto const* v : {&loss, &gradient, &gate, &d, &w, &z, &s, &sw, &c, &x}) h.values(*v);
  h.values(mask);
  h.values(decision);
  std::int64_t const numbers[] = {static_cast<std::int64_t>(status.code), status.response, status.token, status.count,
                                  report.counts.tokens, report.kept, report.kept_toward, report.masked_budget};
  h.bytes(numbers, sizeof numbers);
  double const sums[] = {report.loss, report.sum_divergence, report.sum_k3, report.max_ratio, report.sum_delta_b};
  h.bytes(sums, sizeof sums);
  // Without report and trace, executors take another path.
  std::vector<Out> plain(slots);
  std::vector<std::uint8_t> plain_mask(slots);
  cppo::status const again = cppo::policy_loss(executor, lent, region, {.gradient = plain, .mask = plain_mask}, options);
  auto const code = static_cast<std::uint8_t>(again.code);
  h.bytes(&code, sizeof code);
  h.values(plain);
  h.values(plain_mask);
}

/// A batch in the element type T, packed.
template <class T>
struct typed {
  std::vector<T> pi, mu, a, weight, divergence, top_pi, top_mu;

  explicit typed(batch const& b) {
    auto const convert = [](std::vector<float> const& from, std::vector<T>& to) {
      for (float x : from) {
        if constexpr (std::is_same_v<T, cppo::half>) to.push_back(cppo::to_half(x));
        else if constexpr (std::is_same_v<T, cppo::bfloat16>) to.push_back(cppo::to_bfloat16(x));
        else to.push_back(static_cast<T>(x));
      }
    };
    convert(b.log_prob, pi);
    convert(b.rollout_log_prob, mu);
    convert(b.advantage, a);
    convert(b.weight, weight);
    convert(b.divergence, divergence);
    convert(b.top_pi, top_pi);
    convert(b.top_mu, top_mu);
  }
  auto lend(batch const& b) const {
    using namespace cppo;
    return rollout_batch(packed(b.offsets), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(b.mask),
                         token_weight(weight), divergence_values(divergence), token_id(b.ids),
                         top_k(digest::listed, b.top_ids, top_pi, top_mu));
  }
};

template <class T, class Out, class Executor>
void over_policies(hash128& h, Executor const& executor, batch const& b, double delta, double delta_b, std::size_t step = 1) {
  typed<T> const buffers(b);
  auto const lent = buffers.lend(b);
  int variant = 0;
  for (std::string_view policy : cppo::policy_names()) {
    for (std::size_t i = 1; i < std::size(cppo::divergence_names()); i += step) {
      std::string_view const divergence = cppo::divergence_names()[i];
      cppo::loss_options options;
      options.aggregate = static_cast<cppo::aggregation>(variant % 4);
      options.surrogate.form = static_cast<cppo::surrogate_form>(variant % 2);
      options.surrogate.ratio_cap = variant % 3 == 0 ? 2.0 : 0.0;
      options.surrogate.log_ratio_clamp = variant % 5 == 0 ? 0.0 : 20.0;
      ++variant;
      cppo::policy_config const config{.policy = policy, .divergence = divergence, .delta = delta, .delta_b = delta_b, .seed = 7};
      cppo::visit_policy(config, [&](auto const& region) { run<Out>(h, executor, lent, region, b.log_prob.size(), options); });
      checkpoint(h);
    }
  }
}

/// A padded, column-major batch, by column and by fixed horizon; and bad input under each policy for it.
template <class Executor>
void other_ways(hash128& h, Executor const& executor) {
  using namespace cppo;
  batch const b = digest::make_batch(99, -1, false);
  index_t const rows = 7, columns = 59;
  std::vector<float> advantages{1.0F, -1.0F, 0.5F, -0.5F, 2.0F, 0.0F, -3.0F};
  auto const view = [&](auto const& v) { return matrix_view(v.data(), rows, columns, index_t{1}, rows); };
  auto const lent = rollout_batch(padded(rows, columns), log_prob(view(b.log_prob)), rollout_log_prob(view(b.rollout_log_prob)),
                                  advantage(per_response(advantages)), response_mask(view(b.mask)));
  auto const region = presets::dense_base();
  auto const slots = static_cast<std::size_t>(rows * columns);
  run<float>(h, executor, lent, region, slots, {.positions = position_convention::padded_column});
  run<double>(h, executor, lent, region, slots, {.horizon = 64, .positions = position_convention::fixed_horizon});
  run<bfloat16>(h, executor, lent, softened(region, reciprocal_gate), slots, {.aggregate = seq_mean_token_sum_norm});
  std::vector<std::uint8_t> everything(slots, 1);
  auto const poisoned = rollout_batch(padded(rows, columns), log_prob(view(b.log_prob)), rollout_log_prob(view(b.rollout_log_prob)),
                                      advantage(per_response(advantages)), response_mask(everything));
  for (auto how : {on_bad_input::reject, on_bad_input::exclude, on_bad_input::propagate}) {
    run<float>(h, executor, poisoned, region, slots, {.bad_input = how});
  }
}

#if !defined(CPPO_DIGEST_PART)
/// Short responses of every awkward length, all policies and divergences.
template <class Executor>
hash128 short_digest(Executor const& executor) {
  hash128 h;
  for (int drift : {-9, -4, -1, 3}) {
    batch const b = digest::make_batch(static_cast<std::uint64_t>(100 + drift), drift, false);
    over_policies<float, float>(h, executor, b, 0.15, 0.015);
    over_policies<float, cppo::half>(h, executor, b, 0.05, 0.002, 4);
    over_policies<cppo::bfloat16, float>(h, executor, b, 0.15, 0.0, 5);
    over_policies<cppo::half, cppo::bfloat16>(h, executor, b, 0.15, 0.04, 6);
    over_policies<double, double>(h, executor, b, 0.15, 0.015);
  }
  other_ways(h, executor);
  return h;
}

/// Long responses, enough of them for threads to start.
template <class Executor>
hash128 long_digest(Executor const& executor) {
  hash128 h;
  batch const b = digest::make_batch(5, -3, true);
  over_policies<float, float>(h, executor, b, 0.15, 0.015, 7);
  over_policies<double, double>(h, executor, b, 0.1, 0.01, 12);
  return h;
}

int complain(std::string const& who, char const* what, hash128 const& want, hash128 const& got) {
  if (want.high() == got.high() && want.low() == got.low()) return 0;
  std::printf("%s, %s responses: %016" PRIx64 "%016" PRIx64 ", seq: %016" PRIx64 "%016" PRIx64 "\n", who.c_str(), what,
              got.high(), got.low(), want.high(), want.low());
  return 1;
}
#endif

}  // namespace

#if defined(CPPO_DIGEST_PART)
// One batch of the whole: other bits here are other bits there. For mutation runs: what it finds, it finds at once.
template <class Executor>
void part_digest(Executor const& executor) {
  hash128 h;
  over_policies<float, float>(h, executor, digest::make_batch(96, -4, false), 0.15, 0.015);
  other_ways(h, executor);
  checkpoint(h);
}

int main(int argc, char** argv) {
  if (argc > 1) checkpoint({}, argv[1]);
  part_digest(cppo::seq);
  part_digest(cppo::simd);
}
#else
int main(int argc, char** argv) {
  hash128 const first = short_digest(cppo::seq);
  hash128 const second = long_digest(cppo::seq);
  int wrong = 0;
#if defined(CPPO_DIGEST_BODIES)
  wrong += complain("kernel bodies", "short", first, short_digest(cppo::testing::kernel_bodies<32>{}));
  wrong += complain("kernel bodies", "long", second, long_digest(cppo::testing::kernel_bodies<256>{}));
#elif defined(CPPO_DIGEST_DEVICE)
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) return 77;
  wrong += complain("the device", "short", first, short_digest(cppo::testing::on_copies{}));
  wrong += complain("the device", "long", second, long_digest(cppo::testing::on_copies{}));
#elif defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
  wrong += complain("simd", "short", first, short_digest(cppo::simd));
  for (int threads = 1; threads <= 4; ++threads) {
    wrong += complain("simd on " + std::to_string(threads) + " threads", "long", second, long_digest(cppo::simd.with_threads(threads, 1)));
  }
#endif
  char line[33];
  std::snprintf(line, sizeof line, "%016" PRIx64 "%016" PRIx64, first.high() ^ second.low(), first.low() + second.high());
  if (argc > 1) {
    std::string expected;
    std::ifstream(argv[1]) >> expected;
    if (expected != line) {
      std::printf("expected %s (%s)\n", expected.c_str(), argv[1]);
      ++wrong;
    }
  }
  std::printf("%s\n", line);
  return wrong == 0 ? 0 : 1;
}
#endif
