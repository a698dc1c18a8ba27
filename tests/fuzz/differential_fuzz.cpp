// Bytes to a batch, a trust region and options: seq, simd, simd on threads and kernel bodies agree to the bit, so do
// pieces of the responses, and the oracle agrees wherever its decision is not too close to call.
#include "drawn_batch.hpp"
#include "fault.hpp"

#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/host_block.hpp>
#include <cppo/testing/reference.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace {

using namespace cppo;
using cppo_test::chosen_region;
using fuzz::drawn_batch;
using run = testing::captured_run<float>;

testing::slot_rows all_slots(std::size_t n) {
  testing::slot_rows rows(1);
  for (std::size_t i = 0; i < n; ++i) rows[0].push_back(static_cast<index_t>(i));
  return rows;
}

void demand_same(char const* what, run const& got, run const& expected, std::size_t slots, bool reports) {
  fuzz::demand(got.outcome.code == expected.outcome.code, what, "another status", got.outcome.message());
  fuzz::demand(got.outcome.response == expected.outcome.response || !reports, what, "another place", "");
  auto const d = testing::compare(got, expected, all_slots(slots));
  fuzz::demand(!d.found, what, "another value of", d.output);
  fuzz::demand(!reports || testing::same_bits(got.report, expected.report), what, "another report", "");
}

/// Each response in up to three pieces, the cuts drawn from the bytes.
template <class Region>
void compare_pieces(drawn_batch const& b, Region const& region, loss_options o, run const& whole,
                    fuzz::byte_source& bytes) {
  std::vector<std::int64_t> cuts{0};
  std::vector<index_t> response_of, order_of;
  for (std::size_t r = 0; r + 1 < b.offsets.size(); ++r) {
    auto const n = static_cast<int>(b.offsets[r + 1] - b.offsets[r]);
    int const first = bytes.byte() % (n + 1);
    int const second = first + bytes.byte() % (n - first + 1);
    for (int const end : {first, second, n}) {
      cuts.push_back(b.offsets[r] + end);
      response_of.push_back(static_cast<index_t>(r));
      order_of.push_back(static_cast<index_t>(order_of.size()));
    }
  }
  auto const pieces = b.cut_at(cuts);
  piece_plan const plan = plan_pieces(pieces, region, response_of, order_of, b.responses, o);
  o.carries = plan.carries;
  o.totals = plan.totals;
  using testing::asks_for;
  for (auto const& [threads, asked] :
       {std::pair{1, asks_for::trace}, std::pair{1, asks_for::no_trace}, std::pair{2, asks_for::trace}}) {
    run const got = testing::capture_view(simd.with_threads(threads, 1), pieces, b.slots(), region, o, asked);
    fuzz::demand(got.outcome.code == whole.outcome.code, "pieces", "another status", got.outcome.message());
    auto const d = testing::compare(got, whole, all_slots(b.slots()));
    fuzz::demand(!d.found, "pieces", "another value of", d.output);
  }
}

std::optional<testing::reference_options> reference_of(chosen_region const& c, loss_options const& o) {
  testing::reference_options r;
  int const divergence = named_divergence::find(c.divergence).index();
  if (divergence >= testing::reference_divergences) return std::nullopt;
  r.divergence = static_cast<testing::reference_divergence>(divergence);
  bool const trm = c.region == "trm_max" || c.region == "trm_mean";
  bool const is_cppo = c.region.starts_with("cppo");
  if (c.region == "cppo_shuffled") return std::nullopt;
  r.toward = !trm && c.region != "unrestricted";
  if (c.region == "ppo") r.ratio = testing::reference_bounds{1.0 - *c.epsilon_low, 1.0 + *c.epsilon_high};
  if (is_cppo || c.region == "dppo") r.threshold = testing::reference_bounds{*c.delta, *c.delta};
  if (is_cppo) r.w_min = c.region == "cppo_no_weight" ? 1.0 : c.w_min;
  if (is_cppo && c.region != "cppo_no_budget") {
    r.budget = testing::reference_budget{*c.delta, *c.delta_b, c.region.starts_with("cppo_calibrated"),
                                         c.calibrate.quantile, c.calibrate.scale, c.calibrate.ceiling_factor};
  }
  if (c.region == "trm_max") r.response_max = *c.delta;
  if (c.region == "trm_mean") r.response_mean = *c.delta;
  r.soft = c.region.ends_with("soft");
  r.log_ratio_clamp = o.surrogate.log_ratio_clamp;
  r.ratio_cap = o.surrogate.ratio_cap;
  r.form = static_cast<testing::reference_form>(o.surrogate.form);
  r.aggregate = static_cast<testing::reference_aggregation>(o.aggregate);
  r.normalizer = o.normalizer;
  r.horizon = o.horizon;
  r.positions = static_cast<testing::reference_positions>(o.positions);
  return r;
}

/// Float against double: a decision is compared where it stands this far from flipping.
constexpr double clear_margin = 1e-4;
/// And of a loss: rho is e to a difference of log-probs, which float rounds.
constexpr double term_tolerance = 2e-5;

/// What the divergences of a response in float are uncertain by in all, at each of its slots.
std::vector<double> uncertainty_of(drawn_batch const& b, testing::reference_divergence what) {
  auto const view = b.view();
  std::vector<double> out(b.slots());
  for (index_t r = 0; r < view.shape().responses(); ++r) {
    layout const& l = view.shape();
    index_t const slots = l.slots(r), first = l.is_packed() ? l.begin(r) : r * l.width();
    double all = 0.0;
    for (index_t i = 0; i < slots; ++i) {
      if (view.active(r, i) == 1) all += testing::reference_divergence_slack(view, r, i, what);
    }
    std::fill_n(out.begin() + first, slots, all);
  }
  return out;
}

void compare_oracle(drawn_batch const& b, chosen_region const& c, loss_options const& o, run const& got) {
  auto const options = reference_of(c, o);
  if (!options || !got.outcome.ok()) return;
  testing::reference_result const want = testing::reference(b.view(), *options);
  std::vector<double> const uncertain = uncertainty_of(b, options->divergence);
  for (std::size_t i = 0; i < b.slots(); ++i) {
    bool const unclear = want.margin[i] < clear_margin || uncertain[i] > clear_margin / 100.0;
    if (want.reason[i] == decision::excluded || unclear) continue;
    auto const have = static_cast<double>(got[testing::captured::mask][i]);
    fuzz::demand(have == want.mask[i], "the oracle", "another mask", c.region);
    double const d = std::min(want.divergence[i], 1000.0);
    auto const have_d = static_cast<double>(got[testing::captured::divergence][i]);
    fuzz::demand(std::fabs(have_d - d) <= 1e-4 * (1.0 + std::fabs(d)) || d < 0.0, "the oracle", "another divergence",
                 c.divergence);
    auto const close = [&](testing::captured which, double expected) {
      if (std::fabs(expected) > 1e38) return;  // float may have none
      double const x = static_cast<double>(got[which][i]);
      fuzz::demand(std::fabs(x - expected) <= term_tolerance * std::fabs(expected) + 1e-36, "the oracle", "another",
                   testing::output_names[static_cast<std::size_t>(which)]);
    };
    double const log_ratio = static_cast<double>(b.log_prob[i]) - static_cast<double>(b.rollout_log_prob[i]);
    bool const in_range = o.surrogate.log_ratio_clamp > 0.0 || std::fabs(log_ratio) < 86.0;  // of rho in float
    if (options->soft || !in_range) continue;  // a gate moves with D, whose float it is
    close(testing::captured::loss, want.loss[i]);
    close(testing::captured::gradient, want.gradient[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::byte_source bytes(data, size);
  chosen_region const config = fuzz::drawn_region(bytes);
  loss_options const options = fuzz::drawn_options(bytes);
  drawn_batch const batch(bytes);
  described_region const region = described(config);
  run const whole = testing::capture_view(seq, batch.view(), batch.slots(), region, options);
  demand_same("simd", testing::capture_view(simd, batch.view(), batch.slots(), region, options), whole, batch.slots(),
              true);
  demand_same("kernel bodies",
              testing::capture_view(testing::kernel_bodies<8>{}, batch.view(), batch.slots(), region, options), whole,
              batch.slots(), true);
  demand_same("simd on threads",
              testing::capture_view(simd.with_threads(2, 1), batch.view(), batch.slots(), region, options), whole,
              batch.slots(), true);
  with_region(config, [&](auto const& written) {
    demand_same("simd, the region written out",
                testing::capture_view(simd, batch.view(), batch.slots(), written, options), whole, batch.slots(), true);
  });
  run const plain =
      testing::capture_view(simd, batch.view(), batch.slots(), region, options, testing::asks_for::no_trace);
  fuzz::demand(plain.outcome.code == whole.outcome.code, "simd without trace", "another status", "");
  auto const d = testing::compare(plain, whole, all_slots(batch.slots()));
  fuzz::demand(!d.found, "simd without trace", "another value of", d.output);
  if (whole.outcome.nothing_written()) return 0;
  fuzz::accepted += whole.outcome.ok() ? 1 : 0;
  if (options.positions != position_convention::padded_column) compare_pieces(batch, region, options, whole, bytes);
  if (batch.valid) compare_oracle(batch, config, options, whole);
  return 0;
}
