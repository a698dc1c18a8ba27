// Measures fixed and calibrated CPPO with reports over sizes and shapes, beside the bounds; and over instruction sets.
#include "driver.hpp"

namespace bench {

namespace {

contender time_twin(library const& lib, problem const& p, layout const& l, bool with_mask, bool non_temporal) {
  bool const warm = in_cache(p.tokens());
  auto const run = [&lib, &p, &l, with_mask, non_temporal](int c) {
    bench_batch const b = p.batch(l, c, with_mask);
    bench_outputs const o = p.outputs(c);
    lib.twin(p.tokens(), &b, &o, non_temporal ? 1 : 0);
  };
  return {non_temporal ? "twin_non_temporal" : "twin", static_cast<double>(p.tokens()), run,
          [&p, warm](int c) { p.before_call(c, warm); }};
}

nlohmann::ordered_json outcome_of(library const& lib, problem const& p, layout const& l, bench_rule rule,
                                  bench_parameters const& parameters, bool with_mask) {
  bench_batch const b = p.batch(l, 0, with_mask);
  bench_outputs const o = p.outputs(0);
  bench_outcome out{};
  lib.policy_loss(rule, 1, &b, &parameters, &o, &out);
  return {{"tokens", out.tokens},
          {"kept", out.kept},
          {"masked_budget", out.masked_budget},
          {"mean_delta_b", out.mean_delta_b}};
}

void shape(library const& lib, problem const& p, layout const& l, double holes, arguments const& a) {
  bool const with_mask = !l.is_packed || holes > 0.0;
  std::int64_t const n = p.tokens();
  std::vector<contender> const all = {
      time_call(lib, p, l, {"fixed", bench_fixed}, post_trained(n), with_mask),
      time_call(lib, p, l, {"calibrated", bench_calibrated}, base(n), with_mask),
      time_twin(lib, p, l, with_mask, false),
      time_twin(lib, p, l, with_mask, true),
      time_exp(lib),
  };
  emit({{"suite", "shapes"},
        {"tokens", n},
        {"T", l.length},
        {"layout", l.is_packed ? "packed" : "padded"},
        {"holes", holes},
        {"response_mask", with_mask},
        {"fixed", outcome_of(lib, p, l, bench_fixed, post_trained(n), with_mask)},
        {"calibrated", outcome_of(lib, p, l, bench_calibrated, base(n), with_mask)}},
       interleave(all, p.copies(), a.timing));
}

/// So many copies that a branch predictor does not learn the data.
int copies_for(std::int64_t tokens) {
  std::int64_t const fresh = std::int64_t{1} << 19;
  return tokens >= fresh ? 1 : static_cast<int>(std::min<std::int64_t>(fresh / tokens, 8));
}

}  // namespace

void suite_shapes(library const& lib, arguments const& a) {
  for (std::int64_t const tokens : a.sizes) {
    std::int64_t const bytes = tokens * copies_for(tokens) * 18;
    if (bytes > available_memory() / 10 * 8) {
      emit_skipped("shapes", std::to_string(tokens) + " tokens",
                   std::to_string(bytes >> 20) + " MiB of buffers do not fit into the memory that is free");
      continue;
    }
    problem p(lib, tokens, copies_for(tokens));
    for (double const holes : {0.0, 0.1}) {
      p.draw_holes(holes);
      for (bool const packed : {false, true}) {
        for (std::int64_t const length : a.lengths) {
          if (length <= tokens) shape(lib, p, make_layout(tokens, length, packed), holes, a);
        }
      }
    }
  }
}

void suite_instruction_sets(std::vector<library> const& libs, arguments const& a) {
  std::int64_t const tokens = a.sizes.front();
  problem const p(libs.front(), tokens, copies_for(tokens));
  layout const l = make_layout(tokens, std::min<std::int64_t>(8192, tokens), false);
  std::vector<contender> all;
  for (library const& lib : libs) {
    all.push_back(time_call(lib, p, l, {lib.isa + " fixed", bench_fixed}, post_trained(tokens), true));
    all.push_back(time_call(lib, p, l, {lib.isa + " calibrated", bench_calibrated}, base(tokens), true));
    all.push_back(time_exp(lib));
    all.back().name = lib.isa + " exp";
  }
  emit({{"suite", "instruction_sets"}, {"tokens", tokens}, {"T", l.length}}, interleave(all, p.copies(), a.timing));
}

}  // namespace bench
