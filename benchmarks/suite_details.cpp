// Measures cost against T, user parts against the library's, seq against simd, holes, threads, quantile and memory.
#include "allocations.hpp"
#include "driver.hpp"

namespace bench {

void suite_lengths(library const& lib, arguments const& a) {
  problem const p(lib, a.tokens, 1);
  std::vector<layout> shapes;
  for (std::int64_t length = 64; length <= a.tokens; length *= 2)
    shapes.push_back(make_layout(a.tokens, length, false));
  std::vector<contender> all;
  for (layout const& l : shapes) {
    std::string const at = std::to_string(l.length);
    all.push_back(time_call(lib, p, l, {"fixed " + at, bench_fixed}, post_trained(a.tokens), false));
    all.push_back(time_call(lib, p, l, {"calibrated " + at, bench_calibrated}, base(a.tokens), false));
  }
  emit({{"suite", "lengths"}, {"tokens", a.tokens}}, interleave(all, 1, a.timing));
}

namespace {

constexpr int copies = 8;

/// Two problems of the same data, one without holes, and one batch shape.
struct pair_of_problems {
  std::int64_t tokens;
  problem whole, holes;
  layout l;

  pair_of_problems(library const& lib, arguments const& a)
      : tokens(a.sizes.front()),
        whole(lib, tokens, copies),
        holes(lib, tokens, copies),
        l(make_layout(tokens, std::min<std::int64_t>(8192, tokens), false)) {
    holes.draw_holes(0.1);
  }
};

void row(std::string const& suite, std::string const& name, std::int64_t tokens, std::vector<contender> const& all,
         arguments const& a, int how_many = copies) {
  emit({{"suite", suite}, {"name", name}, {"tokens", tokens}}, interleave(all, how_many, a.timing));
}

}  // namespace

void suite_variants(library const& lib, arguments const& a) {
  pair_of_problems const p(lib, a);
  bench_parameters const fixed = post_trained(p.tokens), calibrated = base(p.tokens);
  bench_parameters edge = fixed;
  edge.delta_b = 0.0105;  // about the mean of D
  row("variants", "composed", p.tokens,
      {time_call(lib, p.whole, p.l, {"built-in", bench_fixed}, fixed, true),
       time_call(lib, p.whole, p.l, {"own parts", bench_composed}, fixed, true),
       time_call(lib, p.whole, p.l, {"own parts, D = |pi - mu|", bench_composed_textbook}, fixed, true)},
      a);
  row("variants", "holes", p.tokens,
      {time_call(lib, p.whole, p.l, {"fixed, none", bench_fixed}, fixed, true),
       time_call(lib, p.holes, p.l, {"fixed, 10 %", bench_fixed}, fixed, true),
       time_call(lib, p.whole, p.l, {"calibrated, none", bench_calibrated}, calibrated, true),
       time_call(lib, p.holes, p.l, {"calibrated, 10 %", bench_calibrated}, calibrated, true)},
      a);
  row("variants", "response mask", p.tokens,
      {time_call(lib, p.whole, p.l, {"none lent", bench_fixed}, fixed, false),
       time_call(lib, p.whole, p.l, {"all ones", bench_fixed}, fixed, true)},
      a);
  row("variants", "budget", p.tokens,
      {time_call(lib, p.whole, p.l, {"usual", bench_fixed}, fixed, true),
       time_call(lib, p.whole, p.l, {"at its edge", bench_fixed}, edge, true)},
      a);
  row("variants", "seq", p.tokens,
      {time_call(lib, p.whole, p.l, {"fixed, simd", bench_fixed}, fixed, true),
       time_call(lib, p.whole, p.l, {"fixed, seq", bench_fixed, 0}, fixed, true),
       time_call(lib, p.whole, p.l, {"calibrated, simd", bench_calibrated}, calibrated, true),
       time_call(lib, p.whole, p.l, {"calibrated, seq", bench_calibrated, 0}, calibrated, true)},
      a);
}

void suite_threads(library const& lib, arguments const& a) {
  for (std::int64_t const tokens : {a.tokens, a.tokens * 4}) {
    bool const small = in_cache(tokens);
    problem const p(lib, tokens, small ? copies : 1);
    layout const l = make_layout(tokens, std::min<std::int64_t>(8192, tokens), false);
    row("threads", "1 and 2", tokens,
        {time_call(lib, p, l, {"fixed, 1", bench_fixed}, post_trained(tokens), true),
         time_call(lib, p, l, {"fixed, 2", bench_fixed, 2}, post_trained(tokens), true),
         time_call(lib, p, l, {"calibrated, 1", bench_calibrated}, base(tokens), true),
         time_call(lib, p, l, {"calibrated, 2", bench_calibrated, 2}, base(tokens), true)},
        a, small ? copies : 1);
  }
}

namespace {

/// |pi - mu| of random tokens, 128 responses of the given length.
std::vector<float> divergences(library const& lib, std::int64_t n, double spread) {
  auto const size = static_cast<std::size_t>(n);
  std::vector<float> pi(size), mu(size), advantage(size), d(size);
  bench_data const data{pi.data(), mu.data(), advantage.data()};
  lib.fill(n, 7, spread, &data);
  lib.exp(pi.data(), d.data(), n, 1);
  lib.exp(mu.data(), pi.data(), n, 1);
  for (std::size_t i = 0; i < size; ++i) d[i] = d[i] > pi[i] ? d[i] - pi[i] : pi[i] - d[i];
  return d;
}

}  // namespace

void suite_quantile(library const& lib, arguments const& a) {
  constexpr std::int64_t responses = 128;
  std::int64_t const n = std::min<std::int64_t>(8192, a.sizes.front());
  struct where {
    char const* name;
    double lo;
  };
  struct method {
    char const* name;
    bench_quantile_method which;
  };
  std::vector<float> const d = divergences(lib, responses * n, usual_spread);
  std::vector<float> scratch(static_cast<std::size_t>(n));
  std::vector<double> out(static_cast<std::size_t>(responses));
  for (where const w : {where{"inside", 0.02}, where{"above", 0.002}, where{"below", 0.2}}) {
    std::vector<contender> all;
    for (method const m : {method{"nth_element", bench_nth_element}, method{"cppo::quantile", bench_library_quantile},
                           method{"clamped", bench_clamped_quantile}}) {
      all.push_back({m.name, static_cast<double>(n * responses), [&, m, w](int) {
                       lib.quantiles(m.which, d.data(), responses, n, 0.9, w.lo, 2.0 * w.lo, scratch.data(),
                                     out.data());
                     }});
    }
    emit({{"suite", "quantile"}, {"name", w.name}, {"T", n}, {"lo", w.lo}}, interleave(all, 1, a.timing));
  }
}

void suite_memory(library const& lib, arguments const& a) {
  struct what {
    char const* name;
    bench_rule rule;
  };
  for (std::int64_t const length : {std::int64_t{64}, std::int64_t{8192}}) {
    std::int64_t const tokens = std::max(a.sizes.front(), length);
    problem const p(lib, tokens, 1);
    layout const l = make_layout(tokens, length, false);
    for (what const w : {what{"fixed", bench_fixed}, what{"calibrated", bench_calibrated}}) {
      contender const k = time_call(lib, p, l, {w.name, w.rule}, base(tokens), true);
      k.run(0);
      reset_allocations();
      k.run(0);
      allocations const n = count_allocations();
      emit({{"suite", "memory"},
            {"name", w.name},
            {"tokens", tokens},
            {"T", length},
            {"allocations", n.calls},
            {"bytes_at_peak", n.bytes_at_peak}});
    }
  }
}

}  // namespace bench
