// What must not change a bit, whatever the region and the batch: junk in excluded slots, holes, padding, order,
// company, cuts, executors. And what must change in a known way: the scale and the sign of the advantages.
#include "properties/code_batch.hpp"
#include "properties/region_choice.hpp"

#include "support/same_run.hpp"
#include "support/spoilers.hpp"

#include <cppo/testing/rearrange.hpp>

#include <numeric>
#include <optional>

namespace {

using namespace cppo_test;
using namespace cppo::testing;
using batch_t = generated_batch<float>;

// A number below n, 0 first.
index_t any_below(index_t n) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<index_t>(0, n)); }
std::size_t any_executor() { return static_cast<std::size_t>(any_below(3)); }
// simd, one time in eight on threads, which take longer to start than such a batch to run.
std::size_t any_simd() { return any_below(8) == 7 ? 2 : 1; }
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
  if (reports) RC_ASSERT(unlike(got.report, want.report) == "");
}

// The same slots in other rows give the same bits.
void require_same_in(region_choice const& choice, batch_t const& batch, slot_rows rows, bool packed, bool reports) {
  auto const other = rearranged(batch, std::move(rows), packed_if(packed));
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
    require_same_in(choice, batch, batch.token_rows(), any_below(2) == 0, true);
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
      auto const half = rearranged(batch, part, packed_if(batch.packed));
      float_run const got = run_on(choice.config(), half.batch, {}, executor);
      RC_ASSERT(unlike(got, whole, half.batch.rows(), half.source) == "");
    }
  });
}

TEST_CASE("F13_microbatch_split_bits, property: parts under a global count are scaled like the whole", "[property]") {
  property("normalizer", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    float_run const whole = run_on(choice.config(), batch, {.aggregate = cppo::token_mean});
    auto const tokens = static_cast<double>(whole.report.counts.tokens);
    for (auto const& row : batch.rows()) {
      auto const one = rearranged(batch, {row}, arrangement::packed);
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
    auto const cut = rearranged(batch, pieces, packed_if(any_below(2) == 0));
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
    bool const one_sided = choice.config().region != "unrestricted" && !choice.config().region.starts_with("trm");
    batch_t batch = codes.make();
    float_run const before = run_on(choice.config(), batch);
    for (float& a : batch.advantage) a = -a;
    float_run const after = run_on(choice.config(), batch);
    for (index_t b = 0; b < batch.responses; ++b) {
      for (index_t const slot : batch.token_row(b)) {
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
    chosen_region config = choice.config();
    config.divergence = "binary_tv";
    config.region = config.region == "ppo" ? "dppo" : config.region;  // an interval on rho is not symmetric
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

// A batch with one slot made strange.
struct faulty_batch {
  batch_t unspoiled, batch;
  index_t slot = 0, response = 0, token = 0;
};

// Lends no more than the region and the fault need, one time in two: beside lists, simd looks at each token by itself.
void lend_less(batch_t& batch, region_choice const& choice, cppo::argument fault) {
  if (any_below(2) == 0) return;
  std::string_view const reads = choice.config().divergence;
  if (fault != cppo::argument::divergence && reads != "precomputed") batch.lends_divergence = false;
  if (fault != cppo::argument::top_k && !reads.starts_with("top_k")) batch.k = 0;
}

// `s` in an active slot of a batch; a response mask in any slot. Nothing where there is none.
std::optional<faulty_batch> with_fault(batch_t unspoiled, region_choice const& choice, spoiler const& s) {
  lend_less(unspoiled, choice, s.where);
  if (s.where == cppo::argument::token_weight && unspoiled.token_weight.empty()) {
    unspoiled.token_weight.assign(unspoiled.valid.size(), 1.0F);
  }
  if (s.where == cppo::argument::entropy) {
    unspoiled.lends_entropy = true;
    unspoiled.entropy.assign(unspoiled.valid.size(), 0.5F);
  }
  if (s.where == cppo::argument::reference_log_prob) {
    unspoiled.lends_reference = true;
    unspoiled.reference_log_prob.assign(unspoiled.valid.size(), -0.5F);
  }
  std::vector<index_t> slots;
  bool const anywhere = s.where == cppo::argument::response_mask;
  for (auto const& row : anywhere ? unspoiled.rows() : unspoiled.token_rows()) {
    slots.insert(slots.end(), row.begin(), row.end());
  }
  if (slots.empty()) return std::nullopt;
  faulty_batch f{.unspoiled = unspoiled, .batch = std::move(unspoiled)};
  f.slot = slots[static_cast<std::size_t>(any_below(static_cast<index_t>(slots.size())))];
  while (f.slot >= f.batch.first(f.response) + f.batch.slots_of(f.response)) ++f.response;
  f.token = f.slot - f.batch.first(f.response);
  s.at(f.batch, f.slot);
  return f;
}

// The bad batch on seq and on simd: the status names its one fault. What that adds to a report is taken off.
std::vector<float_run> run_bad(runner const& run, faulty_batch const& f, cppo::loss_options const& o,
                               cppo::status const& want) {
  std::vector<float_run> all;
  bool const rejected = o.bad_input == cppo::on_bad_input::reject;
  for (std::size_t const executor : {std::size_t{0}, any_simd()}) {
    float_run& got = all.emplace_back(run.run(executor, f.batch, o));
    RC_ASSERT(cppo_test::same_status(got.outcome, want));
    RC_ASSERT(got.report.bad_tokens == 1);
    RC_ASSERT(got.report.rejected_responses == (rejected ? 1 : 0));
    got.report.bad_tokens = got.report.rejected_responses = 0;
  }
  return all;
}

// The unspoiled batch with or without a token in the bad slot.
batch_t with_slot(faulty_batch const& f, bool token) {
  batch_t batch = f.unspoiled;
  batch.valid[static_cast<std::size_t>(f.slot)] = token ? 1 : 0;
  batch.refill_excluded(static_cast<int>(any_below(poisons)));
  batch.seal();
  return batch;
}

// What `propagate` makes of a bad slot: a token that moves nowhere and is most diverged. On lent divergences, since no
// other could be given it.
batch_t with_most_diverged(faulty_batch const& f, float_run const& unspoiled) {
  batch_t batch = with_slot(f, true);
  auto const i = static_cast<std::size_t>(f.slot);
  batch.divergence = unspoiled[captured::divergence];
  batch.divergence[i] = 1000.0F;
  batch.log_prob[i] = batch.rollout_log_prob[i] = -1.0F;
  batch.advantage[i] = 0.0F;
  if (!batch.token_weight.empty()) batch.token_weight[i] = 1.0F;
  batch.lends_entropy = batch.lends_reference = false;
  batch.lends_divergence = true;
  batch.k = 0;
  return batch;
}

// The response is as if it were not there.
void check_rejected(runner const& run, faulty_batch const& f, cppo::loss_options const& o, cppo::status const& s) {
  slot_rows rows = f.unspoiled.rows();
  rows.erase(rows.begin() + f.response);
  auto const others = rearranged(f.unspoiled, std::move(rows), packed_if(any_below(2) == 0));
  float_run const want = run.run(0, others.batch, o);
  std::vector<index_t> const nothing(f.batch.valid.size(), -1);
  for (float_run const& got : run_bad(run, f, o, s)) {
    RC_ASSERT(unlike(want, got, others.batch.rows(), others.source) == "");
    RC_ASSERT(unlike(got, got, {f.batch.row(f.response)}, nothing) == "");
    RC_ASSERT(unlike(got.report, want.report) == "");
  }
}

// The token is as if it were masked.
void check_excluded(runner const& run, faulty_batch const& f, cppo::loss_options o, cppo::status s) {
  s.code = cppo::status_code::bad_input_excluded;
  o.bad_input = cppo::on_bad_input::exclude;
  float_run const want = run.run(0, with_slot(f, false), o);
  for (float_run const& got : run_bad(run, f, o, s)) {
    RC_ASSERT(unlike(got, want, f.batch.rows()) == "");
    RC_ASSERT(unlike(got.report, want.report) == "");
  }
}

// The token is NaN and masked; the others see a token that is most diverged.
void check_propagated(region_choice const& choice, faulty_batch const& f, cppo::loss_options o, cppo::status s) {
  s.code = cppo::status_code::bad_input_propagated;
  o.bad_input = cppo::on_bad_input::propagate;
  chosen_region config = choice.config();
  runner const run = runner_of(config);
  batch_t const stand_in = with_most_diverged(f, run.run(0, f.unspoiled, o));
  config.divergence = "precomputed";
  float_run const want = run_on(config, stand_in, o);
  slot_rows rest = f.batch.rows();
  std::erase(rest[static_cast<std::size_t>(f.response)], f.slot);
  for (float_run const& got : run_bad(run, f, o, s)) {
    auto const at_slot = [&](captured c) { return got[c][static_cast<std::size_t>(f.slot)]; };
    RC_ASSERT(std::isnan(at_slot(captured::loss)));
    RC_ASSERT(std::isnan(at_slot(captured::gradient)));
    RC_ASSERT(at_slot(captured::mask) == 0.0F);
    RC_ASSERT(at_slot(captured::gate) == 0.0F);
    RC_ASSERT(got.report.counts.tokens == want.report.counts.tokens);
    RC_ASSERT(got.report.counts.responses == want.report.counts.responses);
    RC_ASSERT(unlike(got, want, rest) == "");
  }
}

spoiler const& any_of(std::vector<spoiler> const& all) {
  spoiler const& s = all[static_cast<std::size_t>(any_below(static_cast<index_t>(all.size())))];
  RC_LOG() << name(s.where) << " is " << s.value << '\n';
  return s;
}

}  // namespace

TEST_CASE("F5_nan_is_reported_at_its_index, property", "[property]") {
  auto const all = all_spoilers();
  property("one bad value in any input", [&all](region_choice const& choice, code_batch const& codes) {
    spoiler const& s = any_of(all);
    auto const fault = with_fault(codes.make(), choice, s);
    RC_PRE(fault.has_value());
    cppo::loss_options const o = any_options(fault->unspoiled);
    cppo::status want{s.code, s.where, fault->response, fault->token, 1};
    want.has_value = true;
    want.value = static_cast<double>(s.value);
    runner const run = runner_of(choice.config());
    check_rejected(run, *fault, o, want);
    check_excluded(run, *fault, o, want);
    check_propagated(choice, *fault, o, want);
  });
}

TEST_CASE("F5, property: a subnormal number and what the tolerance admits are valid", "[property]") {
  auto const all = all_harmless();
  property("one strange value in any input", [&all](region_choice const& choice, code_batch const& codes) {
    spoiler const& s = any_of(all);
    auto const fault = with_fault(codes.make(), choice, s);
    RC_PRE(fault.has_value());
    runner const run = runner_of(choice.config());
    cppo::loss_options o = any_options(fault->unspoiled);
    o.log_prob_tolerance = s.options.log_prob_tolerance;
    o.log_prob_floor = s.options.log_prob_floor;
    o.bad_input = static_cast<cppo::on_bad_input>(any_below(3));
    float_run const got = run.run(0, fault->batch, o), before = run.run(0, fault->unspoiled, o);
    RC_ASSERT(got.outcome.code == cppo::status_code::ok);
    RC_ASSERT(got.report.bad_tokens == 0);
    RC_ASSERT(got.report.counts.tokens == before.report.counts.tokens);
    slot_rows others = fault->batch.rows();
    for (auto const& column : got.column) {
      for (index_t const slot : others[static_cast<std::size_t>(fault->response)]) {
        RC_ASSERT(std::isfinite(column[static_cast<std::size_t>(slot)]));
      }
    }
    others.erase(others.begin() + fault->response);
    RC_ASSERT(unlike(got, before, others) == "");
    require_same(run.run(any_simd(), fault->batch, o), got, fault->batch.rows(), {}, true);
  });
}

namespace {

// Requires that `sum`, of the parts of a batch, is the report `whole` of a run, with sums within `tolerance` of their
// terms.
void require_sum(cppo::report const& sum, batch_t const& batch, float_run const& run, double tolerance) {
  cppo::report const& whole = run.report;
  double loss = 0.0, log_ratio = 0.0;
  for (float const x : run[captured::loss]) loss += std::fabs(static_cast<double>(x));
  for (auto const& row : batch.token_rows()) {
    for (index_t const slot : row) {
      auto const i = static_cast<std::size_t>(slot);
      log_ratio += std::fabs(static_cast<double>(batch.log_prob[i]) - static_cast<double>(batch.rollout_log_prob[i]));
    }
  }
  cppo::report::each_count([](char const*, index_t x, index_t y) { RC_ASSERT(x == y); }, sum, whole);
  cppo::report::each_extreme([](char const*, double x, double y) { RC_ASSERT(x == y); }, sum, whole);
  RC_ASSERT(std::fabs(sum.loss() - whole.loss()) <= tolerance * loss);
  cppo::report::each_sum(
      [&](std::string_view name, double x, double y) {
        double const size = name == "sum_loss" ? loss * whole.scaling.divisor(whole.counts)
                            : name == "sum_k1" ? log_ratio
                                               : y;
        RC_ASSERT(std::fabs(x - y) <= tolerance * size);
      },
      sum, whole);
}

cppo::loss_options any_scaling(batch_t const& batch) {
  cppo::loss_options o = any_options(batch);
  if (any_below(2) == 1) o.normalizer = 7.0;
  return o;
}

}  // namespace

TEST_CASE("F12_sum_count_consistent, F39, property: reports of micro-batches add up to the report of the whole",
          "[property]") {
  property("responses dealt out to micro-batches", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    cppo::loss_options const o = any_scaling(batch);
    float_run const whole = run_on(choice.config(), batch, o);
    auto const of = [&](slot_rows part) {
      auto const one = rearranged(batch, std::move(part), arrangement::packed);
      return run_on(choice.config(), one.batch, o, any_executor()).report;
    };
    cppo::report in_order;
    slot_rows dealt[3];
    for (auto const& row : batch.rows()) {
      in_order = in_order + of({row});
      dealt[any_below(3)].push_back(row);
    }
    if (batch.responses > 0) RC_ASSERT(unlike(in_order, whole.report) == "");  // the very order of the whole
    cppo::report const a = of(dealt[0]), b = of(dealt[1]), c = of(dealt[2]);
    for (cppo::report const& sum : {(a + b) + c, a + (b + c), c + a + b}) require_sum(sum, batch, whole, 1e-14);
  });
}

TEST_CASE("F39, property: reports of the pieces of responses add up to the report of the uncut batch", "[property]") {
  property("each piece a call of its own", [](region_choice const& choice, code_batch const& codes) {
    batch_t const batch = codes.make();
    cppo::loss_options o = any_scaling(batch);
    runner const run = runner_of(choice.config());
    slot_rows pieces;
    std::vector<index_t> response_of, order_of;
    for (index_t b = 0; b < batch.responses; ++b) {
      auto const row = batch.row(b);
      auto const cut = row.begin() + any_below(static_cast<index_t>(row.size()) + 1);
      pieces.insert(pieces.end(), {{row.begin(), cut}, {cut, row.end()}});
      response_of.insert(response_of.end(), 2, b);
      order_of.insert(order_of.end(), {0, 1});
    }
    auto const cut = rearranged(batch, pieces, arrangement::packed);
    cppo::piece_plan const plan = run.plan(cut.batch.view(), response_of, order_of, batch.responses, o);
    cppo::report sum;
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      o.carries = std::span(plan.carries).subspan(k, 1);
      o.totals = std::span(plan.totals).subspan(k, 1);
      sum += run.run(any_executor(), rearranged(batch, {pieces[k]}, arrangement::packed).batch, o).report;
    }
    o.carries = {};
    o.totals = {};
    if (batch.responses > 0) require_sum(sum, batch, run.run(0, batch, o), 2e-6);
  });
}
