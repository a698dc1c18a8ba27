// What must not change a bit, whatever the region and the batch: junk in excluded slots, holes, padding, order,
// company, cuts, executors. And what must change in a known way: the scale and the sign of the advantages.
#include "code_batch.hpp"
#include "region_choice.hpp"

#include "../same_run.hpp"

#include <cppo/testing/rearrange.hpp>

#include <numeric>

namespace {

using namespace cppo_test;
using namespace cppo::testing;
using batch_t = generated_batch<float>;

// A number below n, 0 first.
index_t any_below(index_t n) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<index_t>(0, n)); }
std::size_t any_executor() { return static_cast<std::size_t>(any_below(3)); }
// How a loss is formed where no slot counts but those with a token.
cppo::loss_options any_options(batch_t const& batch) {
  index_t const horizon = batch.width > 64 ? batch.width : 64;
  cppo::loss_options o{.aggregate = static_cast<cppo::aggregation>(any_below(5)), .horizon = horizon};
  if (any_below(3) == 2) o.positions = cppo::position_convention::fixed_horizon;
  if (any_below(3) == 2) o.surrogate.form = cppo::surrogate_form::reinforce;
  if (any_below(3) == 2) o.surrogate.ratio_cap = 1.25;
  return o;
}

// Outputs of `got` against those of `want`, and the reports if asked for.
void require_same(float_run const& got, float_run const& want, slot_rows const& rows,
                  std::vector<index_t> const& source = {}, bool reports = false) {
  RC_ASSERT(got.outcome.code == want.outcome.code);
  RC_ASSERT(unlike(got, want, rows, source) == "");
  if (reports) RC_ASSERT(unlike(got.diagnostics, want.diagnostics) == "");
}

// The same slots in other rows give the same bits.
void require_same_in(region_choice const& choice, batch_t const& batch, slot_rows rows, bool packed, bool reports) {
  auto const other = rearranged(batch, std::move(rows), packed);
  std::size_t const executor = any_executor();
  cppo::loss_options const o = any_options(batch);
  float_run const want = run_on(choice.config(), batch, o, executor);
  require_same(run_on(choice.config(), other.batch, o, executor), want, other.batch.rows(), other.source, reports);
}

}  // namespace

TEST_CASE("F3_poison_invariance, property", "[property]") {
  property("what stands in excluded slots reaches nothing", [](region_choice const& choice, code_batch const& codes) {
    batch_t batch = codes.make();
    std::size_t const executor = any_executor();
    cppo::loss_options const o = any_options(batch);
    float_run const want = run_on(choice.config(), batch, o, executor);
    batch.refill_excluded(1 + static_cast<int>(any_below(poisons - 1)));
    require_same(run_on(choice.config(), batch, o, executor), want, batch.rows(), {}, true);
  });
}

TEST_CASE("F11_hole_equals_removed_token, property", "[property]") {
  property("holes taken out", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    require_same_in(choice, batch, batch.rows(true), any_below(2) == 0, true);
  });
  property("holes put in", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    slot_rows rows = batch.rows();
    for (auto& row : rows) {
      auto const at = row.begin() + any_below(static_cast<index_t>(row.size()) + 1);
      row.insert(at, 1 + static_cast<std::size_t>(any_below(5)), -1);
    }
    require_same_in(choice, batch, std::move(rows), any_below(2) == 0, true);
  });
}

TEST_CASE("property: padding, its width and its side change no bit", "[property]") {
  property("rows padded left and right", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    slot_rows rows = batch.rows();
    std::size_t width = 0;
    for (auto const& row : rows) width = std::max(width, row.size());
    width += static_cast<std::size_t>(any_below(20));
    for (auto& row : rows) {
      row.insert(row.begin(), static_cast<std::size_t>(any_below(static_cast<index_t>(width - row.size()) + 1)), -1);
      row.resize(width, -1);
    }
    require_same_in(choice, batch, std::move(rows), false, true);
  });
}

TEST_CASE("property: responses in any order, packed or padded, keep their bits", "[property]") {
  property("responses permuted", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    slot_rows rows = batch.rows();
    for (std::size_t i = rows.size(); i > 1; --i) {
      std::swap(rows[i - 1], rows[static_cast<std::size_t>(any_below(static_cast<index_t>(i)))]);
    }
    require_same_in(choice, batch, std::move(rows), any_below(2) == 0, false);
  });
}

TEST_CASE("F13_microbatch_split_bits, property", "[property]") {
  property("two micro-batches", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    slot_rows const rows = batch.rows();
    auto const cut = rows.begin() + any_below(static_cast<index_t>(rows.size()) + 1);
    float_run const whole = run_on(choice.config(), batch);
    std::size_t const executor = any_executor();
    for (slot_rows const& part : {slot_rows(rows.begin(), cut), slot_rows(cut, rows.end())}) {
      auto const half = rearranged(batch, part, batch.packed);
      float_run const got = run_on(choice.config(), half.batch, {}, executor);
      RC_ASSERT(unlike(got, whole, half.batch.rows(), half.source) == "");
    }
  });
}

TEST_CASE("F13_microbatch_split_bits, property: parts under a global count are scaled like the whole", "[property]") {
  property("normalizer", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    float_run const whole = run_on(choice.config(), batch, {.aggregate = cppo::token_mean});
    auto const tokens = static_cast<double>(whole.diagnostics.counts.tokens);
    for (auto const& row : batch.rows()) {
      auto const one = rearranged(batch, {row}, true);
      cppo::loss_options const o{.aggregate = cppo::token_mean, .normalizer = tokens};
      RC_ASSERT(unlike(run_on(choice.config(), one.batch, o), whole, one.batch.rows(), one.source) == "");
    }
  });
}

TEST_CASE("F23_every_cut, property", "[property]") {
  property("responses in pieces, the pieces in any order", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    runner const run = runner_of(choice.config());
    slot_rows pieces;
    std::vector<index_t> response_of, order_of;
    for (index_t b = 0; b < batch.responses; ++b) {
      auto const row = batch.row(b);
      auto const cut = row.begin() + any_below(static_cast<index_t>(row.size()) + 1);
      auto const again = cut + any_below(row.end() - cut + 1);
      for (auto const& piece : slot_rows{{row.begin(), cut}, {cut, again}, {again, row.end()}}) {
        auto const at = any_below(static_cast<index_t>(pieces.size()) + 1);
        pieces.insert(pieces.begin() + at, piece);
        response_of.insert(response_of.begin() + at, b);
        order_of.insert(order_of.begin() + at, std::count(response_of.begin(), response_of.end(), b) - 1);
      }
    }
    auto const cut = rearranged(batch, pieces, any_below(2) == 0);
    cppo::piece_plan const plan = run.plan(cut.batch.view(), response_of, order_of, batch.responses, {});
    cppo::loss_options const o{.carries = plan.carries, .totals = plan.totals};
    require_same(run.run(any_executor(), cut.batch, o), run.run(0, batch, {}), cut.batch.rows(), cut.source);
  });
}

TEST_CASE("F22, property: every executor and every run give the same bits", "[property]") {
  property("seq, simd, simd on threads, seq again", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    runner const run = runner_of(choice.config());
    cppo::loss_options const o = any_options(batch);
    float_run const want = run.run(0, batch, o);
    for (std::size_t const executor : {std::size_t{1}, std::size_t{2}, std::size_t{0}}) {
      require_same(run.run(executor, batch, o), want, batch.rows(), {}, true);
    }
  });
}

TEST_CASE("property: advantages scaled by powers of two leave the decisions and scale the gradient", "[property]") {
  property("A times 2^k", [](region_choice const& choice, code_batch const& codes) {
    batch_t batch = codes.make();
    float_run const before = run_on(choice.config(), batch);
    int const k = static_cast<int>(any_below(61)) - 30;
    for (float& a : batch.advantage) a = std::ldexp(a, k);
    float_run const after = run_on(choice.config(), batch);
    RC_ASSERT(after[captured::decision] == before[captured::decision]);
    RC_ASSERT(after[captured::gate] == before[captured::gate]);
    for (std::size_t i = 0; i < batch.valid.size(); ++i) {
      RC_ASSERT(after[captured::gradient][i] == std::ldexp(before[captured::gradient][i], k));
    }
  });
}

TEST_CASE("property: advantages turned round turn the gradient of what is kept both times", "[property]") {
  property("A to -A", [](region_choice const& choice, code_batch const& codes) {
    bool const one_sided = choice.config().policy != "none" && !choice.config().policy.starts_with("trm");
    batch_t batch = codes.make();
    float_run const before = run_on(choice.config(), batch);
    for (float& a : batch.advantage) a = -a;
    float_run const after = run_on(choice.config(), batch);
    for (index_t b = 0; b < batch.responses; ++b) {
      for (index_t const slot : batch.row(b, true)) {
        auto const i = static_cast<std::size_t>(slot);
        float const x = before[captured::gradient][i], y = after[captured::gradient][i];
        bool const both = before[captured::mask][i] != 0.0F && after[captured::mask][i] != 0.0F;
        RC_ASSERT((!both || x == -y));
        bool const neutral = batch.advantage[i] == 0.0F || batch.log_prob[i] == batch.rollout_log_prob[i];
        auto const is_toward = [i](float_run const& run) { return run[captured::decision][i] == 2.0F ? 1 : 0; };
        int const toward = is_toward(before) + is_toward(after);
        RC_ASSERT((toward == (one_sided ? (neutral ? 2 : 1) : 0)));
      }
    }
  });
}

TEST_CASE("property: a decision does not depend on the advantages of other tokens", "[property]") {
  property("A of every other token turned round", [](region_choice const& choice, code_batch const& codes) {
    batch_t batch = codes.make();
    float_run const before = run_on(choice.config(), batch);
    std::size_t const every = 2 + static_cast<std::size_t>(any_below(3));
    for (std::size_t i = 0; i < batch.advantage.size(); i += every) batch.advantage[i] *= -1.0F;
    float_run const after = run_on(choice.config(), batch, {}, any_executor());
    for (std::size_t i = 0; i < batch.valid.size(); ++i) {
      if (i % every == 0) continue;
      RC_ASSERT(after[captured::decision][i] == before[captured::decision][i]);
      RC_ASSERT(after[captured::gate][i] == before[captured::gate][i]);
      RC_ASSERT(after[captured::prefix_drift][i] == before[captured::prefix_drift][i]);
    }
  });
}

TEST_CASE("property: Binary-TV is symmetric, policies exchanged and A turned round leave the mask", "[property]") {
  property("pi and mu exchanged", [](region_choice const& choice, code_batch const& codes) {
    cppo::policy_config config = choice.config();
    config.divergence = "binary_tv";
    config.policy = config.policy == "ppo" ? "dppo" : config.policy;  // an interval on rho is not symmetric
    batch_t batch = codes.make();
    float_run const before = run_on(config, batch);
    std::swap(batch.log_prob, batch.rollout_log_prob);
    for (float& a : batch.advantage) a = -a;
    float_run const after = run_on(config, batch);
    RC_ASSERT(after[captured::divergence] == before[captured::divergence]);
    RC_ASSERT(after[captured::decision] == before[captured::decision]);
  });
}

namespace {

// One token of a batch made bad: how it is reported, what is left of its response and of the others.
void check_one_bad_token(region_choice const& choice, batch_t const& sound, index_t slot) {
  batch_t bad = sound;
  bad.log_prob[static_cast<std::size_t>(slot)] = poison<float>(static_cast<int>(any_below(4)));
  index_t b = 0;
  while (slot >= bad.first(b) + bad.slots_of(b)) ++b;
  float_run const refused = run_on(choice.config(), bad, {}, any_executor());
  RC_ASSERT(refused.outcome.code == cppo::status_code::log_prob_invalid);
  RC_ASSERT(refused.outcome.response == b);
  RC_ASSERT(refused.outcome.token == slot - bad.first(b));
  RC_ASSERT(refused.outcome.count == 1);
  float_run const want = run_on(choice.config(), sound);
  for (index_t r = 0; r < bad.responses; ++r) {  // nothing of its response is left, nothing of the others is lost
    std::vector<index_t> const none(r == b ? bad.valid.size() : 0, -1);
    RC_ASSERT(unlike(refused, want, {bad.row(r)}, none) == "");
  }
  batch_t masked = sound;
  masked.valid[static_cast<std::size_t>(slot)] = 0;
  masked.refill_excluded(2);
  masked.seal();
  float_run const left_out = run_on(choice.config(), bad, {.bad_input = cppo::on_bad_input::exclude}, any_executor());
  RC_ASSERT(unlike(left_out, run_on(choice.config(), masked), bad.rows()) == "");
}

}  // namespace

TEST_CASE("F5_nan_is_reported_at_its_index, property", "[property]") {
  property("one bad token", [](region_choice const& choice, code_batch const& codes) {
    batch_t const sound = codes.make();
    std::vector<index_t> tokens;
    for (auto const& row : sound.rows(true)) tokens.insert(tokens.end(), row.begin(), row.end());
    RC_PRE(!tokens.empty());
    auto const k = any_below(static_cast<index_t>(tokens.size()));
    check_one_bad_token(choice, sound, tokens[static_cast<std::size_t>(k)]);
  });
}

TEST_CASE("F12_sum_count_consistent, property: reports of parts add up to the report of the whole", "[property]") {
  property("sums merge", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    slot_rows const rows = batch.rows();
    auto const of = [&](slot_rows part) {
      return run_on(choice.config(), rearranged(batch, std::move(part), true).batch).diagnostics;
    };
    cppo::report const whole = run_on(choice.config(), batch).diagnostics;
    cppo::report merged;
    for (auto const& row : rows) merged = merged + of({row});
    RC_ASSERT(unlike(merged, whole) == "");  // one response at a time: in the very order in which the whole adds them
    auto const cut = rows.begin() + any_below(batch.responses + 1);
    cppo::report const other = of({cut, rows.end()}) + of({rows.begin(), cut});
    RC_ASSERT(other.kept == whole.kept);
    RC_ASSERT(other.counts.tokens == whole.counts.tokens);
    RC_ASSERT(other.counts.responses == whole.counts.responses);
    RC_ASSERT(other.max_divergence == whole.max_divergence);
    RC_ASSERT(other.min_delta_b == whole.min_delta_b);
    double const size = whole.sum_ratio * 4.0 + 1.0;
    RC_ASSERT(std::fabs(other.loss - whole.loss) <= 1e-14 * size);
    RC_ASSERT(std::fabs(other.sum_divergence - whole.sum_divergence) <= 1e-14 * (whole.sum_divergence + 1.0));
    RC_ASSERT(std::fabs(other.sum_k3 - whole.sum_k3) <= 1e-14 * size);
  });
}
