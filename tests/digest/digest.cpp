// Prints two hashes of 128 bits over a fixed corpus: all regions, layouts, element types, executors and thread counts,
// with adversarial values. Whoever compiles it, for whatever target, it must print the same two lines. The first is of
// every output bit of each token, and of parts of status and report; the second of the whole report and status, and of
// each batch as pieces: their carries and totals, and what a call gives with them.
#include "corpus.hpp"

#include "../support/chosen_region.hpp"
#include "../support/report_fields.hpp"

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
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

namespace {

using digest::batch;
using digest::hash128;

/// What the two lines are made of.
struct hashes {
  hash128 tokens, rest;
  friend bool operator==(hashes const&, hashes const&) = default;
};

std::string text(std::uint64_t high, std::uint64_t low) {
  char line[33];
  std::snprintf(line, sizeof line, "%016" PRIx64 "%016" PRIx64, high, low);
  return line;
}
std::string text(hash128 const& h) { return text(h.high(), h.low()); }

#if defined(CPPO_DIGEST_PART)
/// Writes the digest so far; given the lines of an earlier run, ends the program where they differ.
void checkpoint(hashes const& h, char const* expected = nullptr) {
  static std::ifstream lines;
  if (expected != nullptr) return lines.open(expected);
  std::string const line = text(h.tokens) + text(h.rest);
  std::string want;
  if (lines >> want && want != line) std::exit(1);
  std::puts(line.c_str());
}
#else
void checkpoint(hashes const&) {}
#endif

void numbers(hash128& h, std::initializer_list<std::int64_t> all) {
  h.bytes(std::data(all), all.size() * sizeof(std::int64_t));
}
void note(hash128& h, cppo::status const& s) {
  static_assert(sizeof s == 4 * sizeof(std::int32_t) + 5 * sizeof(std::int64_t) + 2 * sizeof(char const*),
                "a field is not in this list, nor words");
  double const value = s.value == s.value ? s.value : std::numeric_limits<double>::quiet_NaN();  // one NaN for all
  numbers(h, {static_cast<std::int64_t>(s.code), static_cast<std::int64_t>(s.where), s.response, s.token, s.count,
              static_cast<std::int64_t>(s.other), s.has_value ? 1 : 0, std::bit_cast<std::int64_t>(value), s.wanted});
}
void note(hash128& h, cppo::report const& r) {
  for (cppo_test::report_field const& f : cppo_test::fields(r)) {
    bool const younger = std::string_view(f.name) == "held";  // than the stored digest: it is 0 in these regions
    if (!younger || f.bits != 0) numbers(h, {static_cast<std::int64_t>(f.bits)});
  }
}
void note(hash128& h, cppo::prefix_sums const& s) {
  static_assert(sizeof s == 7 * sizeof(std::int64_t), "a field is not in this list");
  numbers(h, {s.drift.high, s.drift.low, s.weight.high, s.weight.low, s.allowance.high, s.allowance.low, s.count});
}
void note(hash128& h, cppo::response_summary const& s) {
  static_assert(sizeof s == 6 * sizeof(std::int64_t), "a field is not in this list");
  numbers(h, {s.length, std::bit_cast<std::int64_t>(s.max_divergence), s.divergence_sum.high, s.divergence_sum.low,
              std::bit_cast<std::int64_t>(s.delta_b), s.bad_tokens});
}

/// The same batch as pieces: each three of its responses are one response, the last of them first.
template <class Out, class Executor, class Batch, class Region>
void run_pieces(hash128& h, Executor const& executor, Batch const& lent, Region const& region, std::size_t slots,
                cppo::loss_options options) {
  std::vector<cppo::index_t> response_of, order_of;
  for (cppo::index_t b = 0; b < lent.shape().responses(); ++b) {
    response_of.push_back(b / 3);
    order_of.push_back(2 - b % 3);
  }
  options.horizon *= 3;
  auto const responses = static_cast<cppo::index_t>((response_of.size() + 2) / 3);
  cppo::piece_plan const plan = plan_pieces(lent, region, response_of, order_of, responses, options);
  for (cppo::prefix_sums const& s : plan.carries) note(h, s);
  for (cppo::response_summary const& s : plan.totals) note(h, s);
  options.carries = plan.carries;
  options.totals = plan.totals;
  std::vector<Out> gradient(slots);
  std::vector<std::uint8_t> mask(slots);
  cppo::report report;
  note(h, cppo::policy_loss(executor, lent, region, {.gradient = gradient, .mask = mask, .report = &report}, options));
  note(h, report);
  h.values(gradient);
  h.values(mask);
}

/// The token losses as scaled, in the type of the call, added up as reports add up: what they held when the first line
/// was made. They hold the sum before it is scaled now, which is in the second.
template <class Executor, class Real, class Region>
double scaled_loss(Executor const& executor, cppo::rollout_batch_view<Real> const& lent, Region const& region,
                   std::size_t slots, cppo::loss_options const& options) {
  std::vector<Real> loss(slots);
  std::vector<std::uint8_t> decision(slots);
  (void)cppo::policy_loss(executor, lent, region, {.loss = loss, .trace = {.decision = decision}}, options);
  cppo::layout const& l = lent.shape();
  cppo::detail::outcome_fold all;
  for (cppo::index_t b = 0; b < l.responses(); ++b) {
    cppo::detail::lane_sums<Real> sums;
    cppo::index_t rank = 0;
    for (cppo::index_t i = 0; i < l.slots(b); ++i) {
      auto const at = static_cast<std::size_t>((l.is_packed() ? l.begin(b) : b * l.width()) + i);
      if (decision[at] != 0) sums.add(rank++, loss[at]);
    }
    cppo::detail::response_outcome one;
    one.report.sum_loss = sums.total();
    all.add(one);
  }
  all.settle();
  double const sum = all.report.sum_loss;
  return sum == sum ? sum : std::numeric_limits<double>::quiet_NaN();
}

/// Gradient and mask of a call without report and trace: executors take another path to them. Its status.
template <class Out, class Executor, class Batch, class Region>
cppo::status run_plain(hash128& h, Executor const& executor, Batch const& lent, Region const& region, std::size_t slots,
                       cppo::loss_options const& options) {
  std::vector<Out> gradient(slots);
  std::vector<std::uint8_t> mask(slots);
  cppo::status const s = cppo::policy_loss(executor, lent, region, {.gradient = gradient, .mask = mask}, options);
  auto const code = static_cast<std::uint8_t>(s.code);
  h.bytes(&code, sizeof code);
  h.values(gradient);
  h.values(mask);
  return s;
}

/// Every output of a call, and the call for the batch as pieces.
template <class Out, class Executor, class Batch, class Region>
void run(hashes& both, Executor const& executor, Batch const& lent, Region const& region, std::size_t slots,
         cppo::loss_options const& options) {
  hash128& h = both.tokens;
  std::vector<Out> loss(slots), gradient(slots), gate(slots), d(slots), w(slots), z(slots), s(slots), sw(slots),
      c(slots), x(slots);
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
  double const sums[] = {scaled_loss(executor, lent, region, slots, options), report.sum_divergence, report.sum_k3,
                         report.max_ratio, report.sum_delta_b};
  h.bytes(sums, sizeof sums);
  cppo::status const again = run_plain<Out>(h, executor, lent, region, slots, options);
  note(both.rest, status);
  note(both.rest, report);
  note(both.rest, again);
  run_pieces<Out>(both.rest, executor, lent, region, slots, options);
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

#if defined(CPPO_DIGEST_SMALL)
/// Four regions stand for all: a program for a device that compiles in minutes. Divergences are picked as it runs.
constexpr std::size_t regions = 4;
template <class F>
void with_region(std::size_t k, std::string_view divergence, double delta, double delta_b, F const& f) {
  auto const d = cppo::named_divergence::find(divergence);
  auto const fixed = cppo::fixed_cppo({.delta = delta, .delta_b = delta_b}, d);
  if (k == 0) f(cppo::trust_region(d, cppo::uniform_weight, cppo::ppo().mask()));
  if (k == 1) f(fixed);
  if (k == 2) f(softened(fixed, cppo::reciprocal_gate));
  if (k == 3) f(cppo::calibrated_cppo({.delta = delta, .delta_b = delta_b}, d));
}
#else
std::size_t const regions = std::size(cppo_test::region_names);
template <class F>
void with_region(std::size_t k, std::string_view divergence, double delta, double delta_b, F const& f) {
  cppo_test::with_region({.region = cppo_test::region_names[k], .divergence = divergence, .delta = delta,
                          .delta_b = delta_b, .seed = 7}, f);
}
#endif

template <class T, class Out, class Executor>
void over_regions(hashes& h, Executor const& executor, batch const& b, double delta, double delta_b,
                   std::size_t step = 1) {
  typed<T> const buffers(b);
  auto const lent = buffers.lend(b);
  int variant = 0;
  for (std::size_t region = 0; region < regions; ++region) {
    for (std::size_t i = 1; i < std::size(cppo::divergence_names()); i += step) {
      std::string_view const divergence = cppo::divergence_names()[i];
      cppo::loss_options options;
      options.aggregate = static_cast<cppo::aggregation>(variant % 4);
      options.surrogate.form = static_cast<cppo::surrogate_form>(variant % 2);
      options.surrogate.ratio_cap = variant % 3 == 0 ? 2.0 : 0.0;
      options.surrogate.log_ratio_clamp = variant % 5 == 0 ? 0.0 : 20.0;
      ++variant;
      with_region(region, divergence, delta, delta_b,
                  [&](auto const& region) { run<Out>(h, executor, lent, region, b.log_prob.size(), options); });
      checkpoint(h);
    }
  }
}

/// A padded, column-major batch, by column and by fixed horizon; and bad input under each region for it.
template <class Executor>
void other_ways(hashes& h, Executor const& executor) {
  using namespace cppo;
  batch const b = digest::make_batch(99, -1, false);
  index_t const rows = 7, columns = 59;
  std::vector<float> advantages{1.0F, -1.0F, 0.5F, -0.5F, 2.0F, 0.0F, -3.0F};
  auto const view = [&](auto const& v) { return matrix_view(v.data(), rows, columns, index_t{1}, rows); };
  auto const lent =
      rollout_batch(padded(rows, columns), log_prob(view(b.log_prob)), rollout_log_prob(view(b.rollout_log_prob)),
                    advantage(per_response(advantages)), response_mask(view(b.mask)));
  auto const region = presets::dense_base();
  auto const slots = static_cast<std::size_t>(rows * columns);
  run<float>(h, executor, lent, region, slots, {.positions = position_convention::padded_column});
  run<double>(h, executor, lent, region, slots, {.horizon = 64, .positions = position_convention::fixed_horizon});
  run<bfloat16>(h, executor, lent, softened(region, reciprocal_gate), slots,
                {.aggregate = seq_mean_token_sum_norm, .horizon = columns});
  std::vector<std::uint8_t> everything(slots, 1);
  auto const poisoned =
      rollout_batch(padded(rows, columns), log_prob(view(b.log_prob)), rollout_log_prob(view(b.rollout_log_prob)),
                    advantage(per_response(advantages)), response_mask(everything));
  for (auto how : {on_bad_input::reject, on_bad_input::exclude, on_bad_input::propagate}) {
    run<float>(h, executor, poisoned, region, slots, {.bad_input = how});
  }
}

#if !defined(CPPO_DIGEST_PART)
/// Short responses of every awkward length, all regions and divergences.
template <class Executor>
hashes short_digest(Executor const& executor) {
  hashes h;
  for (int drift : {-9, -4, -1, 3}) {
    batch const b = digest::make_batch(static_cast<std::uint64_t>(100 + drift), drift, false);
    over_regions<float, float>(h, executor, b, 0.15, 0.015);
    over_regions<float, cppo::half>(h, executor, b, 0.05, 0.002, 4);
    over_regions<cppo::bfloat16, float>(h, executor, b, 0.15, 0.0, 5);
    over_regions<cppo::half, cppo::bfloat16>(h, executor, b, 0.15, 0.04, 6);
    over_regions<double, double>(h, executor, b, 0.15, 0.015);
  }
  other_ways(h, executor);
  return h;
}

/// Long responses, enough of them for threads to start.
template <class Executor>
hashes long_digest(Executor const& executor) {
  hashes h;
  batch const b = digest::make_batch(5, -3, true);
  over_regions<float, float>(h, executor, b, 0.15, 0.015, 7);
  over_regions<double, double>(h, executor, b, 0.1, 0.01, 12);
  return h;
}

int complain(std::string const& who, char const* what, hashes const& want, hashes const& got) {
  if (want == got) return 0;
  std::printf("%s, %s responses: %s %s, seq: %s %s\n", who.c_str(), what, text(got.tokens).c_str(),
              text(got.rest).c_str(), text(want.tokens).c_str(), text(want.rest).c_str());
  return 1;
}
#endif

}  // namespace

#if defined(CPPO_DIGEST_PART)
// One batch of the whole: other bits here are other bits there. For mutation runs: what it finds, it finds at once.
template <class Executor>
void part_digest(Executor const& executor) {
  hashes h;
  over_regions<float, float>(h, executor, digest::make_batch(96, -4, false), 0.15, 0.015);
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
  hashes const first = short_digest(cppo::seq);
  hashes const second = long_digest(cppo::seq);
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
    wrong += complain("simd on " + std::to_string(threads) + " threads", "long", second,
                      long_digest(cppo::simd.with_threads(threads, 1)));
  }
#endif
  auto const both = [](hash128 const& a, hash128 const& b) { return text(a.high() ^ b.low(), a.low() + b.high()); };
  std::string const lines[] = {both(first.tokens, second.tokens), both(first.rest, second.rest)};
  std::ifstream checked_in(argc > 1 ? argv[1] : "");
  for (std::string const& line : lines) {
    std::string expected;
    if (argc <= 1 || (checked_in >> expected && expected == line)) continue;
    std::printf("expected %s (%s)\n", expected.c_str(), argv[1]);
    ++wrong;
  }
  for (std::string const& line : lines) std::puts(line.c_str());
  return wrong == 0 ? 0 : 1;
}
#endif
