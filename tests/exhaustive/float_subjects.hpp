// The functions that exhaustive_floats walks through, each with what is promised of it.
#pragma once

#include "float_reference.hpp"
#include "float_walk.hpp"

#include <cppo/core/half.hpp>
#include <cppo/divergence.hpp>
#include <cppo/execution/call/inspection.hpp>
#include <cppo/execution/simd/registers.hpp>
#include <cppo/gate.hpp>

namespace exhaustive {

using cppo::float_lane;
using cppo::simd_lane;

inline std::uint32_t bits_of(float x) { return x != x ? 0x7fc00000U : std::bit_cast<std::uint32_t>(x); }

// Not compared: outside of what is promised.
inline constexpr double no_promise = -1.0;

// `f` takes one lane or many; `error(x, y)` says how wrong y is. Direction of monotony: +1 rising, -1 falling, 0 none.
// `in(x)` tells an interval that reaches over blocks; blocks outside of it are left out.
template <class F, class Error, class In>
subject on_lanes(std::string name, std::string unit, double allowed, int monotony, F f, Error error, In in) {
  auto const run = [f, error, monotony, in](float_block const& b, tally& t) {
    if (!in(b.x.front()) && !in(b.x.back())) return;
    t.walked += block_size;
    float many[block_size];
    for (std::size_t i = 0; i < block_size; i += simd_lane::size) {
      simd_lane const x = simd_lane::from_raw(simd_lane::ops::load(b.x.data() + i));
      simd_lane::ops::save(many + i, f(x).raw());
    }
    for (std::size_t i = 0; i < block_size; ++i) {
      float const x = b.x[i], y = f(float_lane(x)).raw();
      t.differences += bits_of(y) != bits_of(many[i]) ? 1 : 0;
      t.note(x, bits_of(y));
      double const e = error(x, y);
      if (e == no_promise) continue;
      t.compare(x, e);
      if (x == x) t.step(x, monotony >= 0 ? y : -y, t.y_before);
    }
  };
  return {std::move(name), std::move(unit), allowed, monotony != 0, run, true};
}
template <class F, class Error>
subject on_lanes(std::string name, std::string unit, double allowed, int monotony, F f, Error error) {
  return on_lanes(std::move(name), std::move(unit), allowed, monotony, f, error, [](float) { return true; });
}

// `result(x)` and `want(x)` are integers of any kind, compared for equality; `compared(x)` says where. Rises with x.
template <class Compared, class Result, class Want>
subject on_integers(std::string name, Compared compared, Result result, Want want) {
  auto const run = [compared, result, want](float_block const& b, tally& t) {
    for (float const x : b.x) {
      if (!compared(x)) continue;
      ++t.walked;
      wide_int const y = result(x), off = y - want(x);
      t.note(x, static_cast<std::uint32_t>(y));
      t.compare(x, std::fabs(static_cast<double>(off)));
      t.step(x, y, t.n_before);
    }
  };
  return {std::move(name), "units", 0.0, true, run};
}

// A function in double over every float. `want` is the C library's in long double, in units of the last place of
// double.
template <class F, class Want, class In>
subject in_double(std::string name, double allowed, F f, Want want, In in) {
  auto const run = [f, want, in](float_block const& b, tally& t) {
    for (float const x : b.x) {
      if (!in(x)) continue;
      ++t.walked;
      double const y = f(static_cast<double>(x));
      auto const u = std::bit_cast<std::uint64_t>(y);
      t.note(x, static_cast<std::uint32_t>(u ^ (u >> 32)));
      t.compare(x, wide_ulps(y, want(static_cast<long double>(x))));
    }
  };
  return {std::move(name), "ulp", allowed, false, run};
}

inline double wrong_unless(bool right) { return right ? 0.0 : HUGE_VAL; }

inline bool past_88(float x) { return x > 88.0F; }
inline bool log_prob(float x) { return x <= 0.0F; }

inline double exp_error(float x, float y) {
  if (x != x) return wrong_unless(y != y);
  if (x < -86.5F) return wrong_unless(bits_of(y) == 0);
  double const want = std::exp(static_cast<double>(x));
  return want >= 0x1.ffffffp127 ? wrong_unless(std::isinf(y)) : ulps(y, want);
}
inline double exp_value_error(float x, float y) {
  return x >= -86.5F && x <= 88.37F ? ulps(y, std::exp(static_cast<double>(x))) : no_promise;
}
inline double complement_error(float x, float y) {
  return x >= -86.5F && x <= 0.0F ? ulps(y, -std::expm1(static_cast<double>(x))) : no_promise;
}
inline double log_error(float x, float y) {
  if (x != x || x < 0.0F) return wrong_unless(y != y);
  double const want = std::log(static_cast<double>(x));
  return std::isfinite(want) ? ulps(y, want) : wrong_unless(y == static_cast<float>(want));
}
inline double ratio_error(float x, float y) {
  if (!std::isfinite(x)) return no_promise;
  return ulps(y, std::exp(std::fmin(std::fmax(static_cast<double>(x), -86.5), 86.5)));
}
inline double saturate_error(float x, float y) {
  return wrong_unless(y == (x > 1000.0F || x != x ? 1000.0F : x < -1000.0F ? -1000.0F : x));
}

inline void add_exponentials(std::vector<subject>& all) {
  auto const core = [](auto x) {
    using V = decltype(x);
    return cppo::detail::exp_core(min(max(x, V(-86.5F)), V(88.37F)));
  };
  auto const whole = [](auto x) { return exp(x); };
  auto const up_to_88 = [](float x, float y) { return past_88(x) ? no_promise : exp_error(x, y); };
  auto const beyond = [](float x, float y) { return past_88(x) ? exp_error(x, y) : no_promise; };
  all.push_back(on_lanes("exp, x <= 88 or NaN", "ulp", 1.0, 1, whole, up_to_88));
  all.push_back(on_lanes("exp, x > 88", "ulp", 2.0, 1, whole, beyond, past_88));
  all.push_back(on_lanes("exp_core: e^x", "ulp", 1.0, 1, [core](auto x) { return core(x).value(); }, exp_value_error));
  all.push_back(on_lanes("exp_core: 1 - e^x", "ulp", 1.0, -1, [core](auto x) { return core(x).complement(); },
                         complement_error));
  all.push_back(on_lanes("log", "ulp", 0.5000001, 1, [](auto x) { return log(x); }, log_error));
  auto const ratio = [](auto x) {  // log pi - log mu = x exactly
    using V = decltype(x);
    return cppo::token<V>(min(x, V(0)), min(-x, V(0)), V(1)).ratio();
  };
  all.push_back(on_lanes("ratio of log ratio x", "ulp", 2.0, 1, ratio, ratio_error));
}

inline void add_double(std::vector<subject>& all) {
  static_assert(std::numeric_limits<long double>::digits > 53, "what double is compared with");
  auto const exp_of = [](double x) { return exp(cppo::lane<double>(x)).raw(); };
  auto const exponential = [](long double x) { return x < -700.0L ? 0.0L : std::exp(x); };
  all.push_back(in_double("exp in double, x <= 700", 1.5, exp_of, exponential, [](float x) { return !(x > 700.0F); }));
  all.push_back(in_double("exp in double, x > 700", 2.5, exp_of, exponential, [](float x) { return x > 700.0F; }));
  all.push_back(in_double("exp_nonpositive, in double", 1.5, cppo::detail::exp_nonpositive, exponential, log_prob));
  all.back().log_probs = true;
  all.push_back(in_double("log in double", 2.0, [](double x) { return cppo::detail::log(x); },
                          [](long double x) { return std::log(x); }, [](float x) { return x >= 0.0F; }));
}

// D with one log-prob fixed and the other any float; the fixed one is log mu, or log pi where `turned`.
template <class D>
auto with_fixed(D divergence, float fixed, bool turned) {
  return [=](auto x) {
    using V = decltype(x);
    V const other(fixed);
    cppo::token<V> const t = turned ? cppo::token<V>(other, x, V(1)) : cppo::token<V>(x, other, V(1));
    return cppo::detail::divergence_of(divergence, t);
  };
}

// The subjects from `from` on take log-probs, and share a sample. `shift`: what is the same function under two names
// takes other blocks under each.
inline void share_log_probs(std::vector<subject>& all, std::size_t from, int shift) {
  for (std::size_t i = from; i < all.size(); ++i) {
    all[i].log_probs = true;
    all[i].of_group = static_cast<int>(all.size() - from);
    all[i].place = (static_cast<int>(i - from) + shift) % all[i].of_group;
  }
}

inline std::string name_of(std::string const& divergence, float fixed, bool turned) {
  std::string const at = std::to_string(fixed);
  return divergence + (turned ? "(" + at + ", mu = x)" : "(x, mu = " + at + ")");
}

inline void add_binary_tv(std::vector<subject>& all) {
  for (bool const turned : {false, true}) {
    std::size_t const first = all.size();
    for (float const fixed : {0.0F, -0.6931472F, -5.0F}) {
      double const other = std::exp(static_cast<double>(fixed));
      auto const error = [other](float x, float y) {
        if (!(x <= 0.0F) || std::isinf(x)) return no_promise;
        if (!(y >= 0.0F && y <= 1.0F)) return HUGE_VAL;
        return std::fabs(static_cast<double>(y) - std::fabs(std::exp(static_cast<double>(x)) - other));
      };
      all.push_back(on_lanes(name_of("binary_tv", fixed, turned), "absolute", 1e-7, 0,
                             with_fixed(cppo::binary_tv, fixed, turned), error));
    }
    share_log_probs(all, first, turned ? 1 : 0);
  }
}

// D = KL(mu || pi) of the two events, or KL(pi || mu) where `reverse`.
template <class D>
void add_kl(std::vector<subject>& all, std::string const& name, D divergence, bool reverse) {
  for (bool const turned : {false, true}) {
    std::size_t const first = all.size();
    for (float const fixed : {0.0F, -1e-6F, -0.6931472F, -5.0F}) {
      double const f = static_cast<double>(fixed);
      auto const error = [f, from_x = turned != reverse](float x, float y) {
        if (!(x <= 0.0F) || std::isinf(x)) return no_promise;
        double const wide = static_cast<double>(x), want = from_x ? bernoulli_kl(wide, f) : bernoulli_kl(f, wide);
        if (want > 0x1.fffffep127) return wrong_unless(std::isinf(y));
        return std::fabs(static_cast<double>(y) - want) / (want + 1e-35);
      };
      all.push_back(
          on_lanes(name_of(name, fixed, turned), "of D", 6.1e-8, 0, with_fixed(divergence, fixed, turned), error));
    }
    share_log_probs(all, first, reverse ? 2 : 0);
  }
}
inline void add_binary_kl(std::vector<subject>& all) {
  add_kl(all, "binary_kl", cppo::binary_kl, false);
  add_kl(all, "binary_kl_reverse", cppo::binary_kl_reverse, true);
}

inline void add_gates(std::vector<subject>& all) {
  auto const excess = [](float x, float y) {  // conditions of Eq. 20, as x g(x) - 1
    if (!(x >= 0.0F) || std::isinf(x)) return no_promise;
    if (!(y >= 0.0F && y <= 1.0F) || (x <= 1.0F && y != 1.0F)) return HUGE_VAL;
    return x <= 1.0F ? 0.0 : std::fmax(static_cast<double>(x) * static_cast<double>(y) - 1.0, 0.0);
  };
  all.push_back(on_lanes("reciprocal_gate", "past 1/x", 2.5e-7, -1, cppo::reciprocal_gate, excess));
  all.push_back(on_lanes("hard_gate", "past 1/x", 0.0, -1, cppo::hard_gate, excess));
  all.push_back(on_lanes("saturate", "", 0.0, 1, [](auto x) { return cppo::detail::saturate(x); }, saturate_error));
}

inline wide_int units(cppo::exact_sum s) { return static_cast<wide_int>(s.high) * (1 << 25) + s.low; }

// Both limbs on registers and on scalars.
inline subject grid_on_lanes() {
  auto const run = [](float_block const& b, tally& t) {
    using ops = simd_lane::ops;
    t.walked += block_size;
    for (std::size_t i = 0; i < block_size; i += simd_lane::size) {
      std::int32_t high[simd_lane::size], low[simd_lane::size];
      ops::ints h, l;
      ops::to_grid(ops::load(b.x.data() + i), h, l);
      ops::save(high, h);
      ops::save(low, l);
      for (std::size_t k = 0; k < simd_lane::size; ++k) {
        float const x = b.x[i + k];
        if (!(std::fabs(x) <= 1000.0F)) continue;
        cppo::exact_sum const one = cppo::detail::to_grid(x);
        t.differences += one.high != high[k] || one.low != low[k] ? 1 : 0;
        t.note(x, static_cast<std::uint32_t>(one.high * 31 + one.low));
        t.compare(x, 0.0);
      }
    }
  };
  return {"to_grid, both limbs", "units", 0.0, false, run, true};
}

inline void add_rounding(std::vector<subject>& all) {
  auto const divergences = [](float x) { return std::fabs(x) <= 1000.0F; };
  auto const grid = [](float x) { return nearest_scaled(x, 40); };
  all.push_back(grid_on_lanes());
  all.push_back(on_integers("to_grid(float)", divergences, [](float x) { return units(cppo::detail::to_grid(x)); },
                               grid));
  all.push_back(on_integers("to_grid(double)", divergences,
                            [](float x) { return units(cppo::detail::to_grid(static_cast<double>(x))); }, grid));
  auto const narrow = [](float x) { return std::fabs(x) < 0x1p31F; };
  auto const whole = [](float x) { return nearest_scaled(x, 0); };
  all.push_back(
      on_integers("nearest(float)", narrow, [](float x) { return wide_int{cppo::detail::nearest(x)}; }, whole));
  all.push_back(on_integers("nearest(double)", narrow,
                            [](float x) { return wide_int{cppo::detail::nearest(static_cast<double>(x))}; }, whole));
}

// A pattern of 16 bits as a number that rises with its meaning.
inline wide_int rank_of(std::uint16_t bits) { return (bits & 0x8000U) != 0 ? -static_cast<int>(bits & 0x7fffU) : bits; }

template <class Format, int ExponentBits, int FractionBits, class To>
void add_format(std::vector<subject>& all, std::string const& name, To to) {
  auto const number = [](float x) { return x == x; };
  all.push_back(on_integers("to_" + name, number, [to](float x) { return rank_of(to(x).bits); },
                            [](float x) { return rank_of(nearest_in_format<ExponentBits, FractionBits>(x)); }));
  auto const there_and_back = [to](float_block const& b, tally& t) {
    t.walked += block_size;
    for (float const x : b.x) {  // every pattern comes up, NaN too
      std::uint16_t const bits = to(x).bits;
      float const y = to_float(Format{bits});
      double const want = meaning<ExponentBits, FractionBits>(bits);
      t.note(x, bits_of(y));
      bool const same = static_cast<double>(y) == want && std::signbit(y) == (bits >> 15 != 0);
      t.compare(x, wrong_unless(x != x ? y != y && want != want : same));
    }
  };
  all.push_back({name + " to float", "", 0.0, false, there_and_back});
}

inline void add_checks(std::vector<subject>& all) {
  float const lowest = std::numeric_limits<float>::lowest();
  for (auto const r : {cppo::detail::number_range<float>{lowest, 0.0F}, {-1000.0F, 0.001F}, {-0.0F, -lowest}}) {
    auto const is = [r](float x) { return wide_int{cppo::detail::holds(r, x) ? 1 : 0}; };
    auto const should = [r](float x) { return wide_int{x >= r.low && x <= r.high ? 1 : 0}; };
    std::string const name = "holds({" + std::to_string(r.low) + ", " + std::to_string(r.high) + "}, x)";
    all.push_back(on_integers(name, [](float) { return true; }, is, should));
    all.back().monotone = false;
  }
}

inline std::vector<subject> subjects() {
  std::vector<subject> all;
  add_exponentials(all);
  add_double(all);
  add_binary_tv(all);
  add_binary_kl(all);
  add_gates(all);
  add_rounding(all);
  add_format<cppo::half, 5, 10>(all, "half", [](float x) { return cppo::to_half(x); });
  add_format<cppo::bfloat16, 8, 7>(all, "bfloat16", [](float x) { return cppo::to_bfloat16(x); });
  add_checks(all);
  return all;
}

}  // namespace exhaustive
