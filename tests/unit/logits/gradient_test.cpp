#include <cppo/logits/gradient.hpp>
#include <cppo/logits/log_probs.hpp>

#include "support/catch_compat.hpp"
#include "support/logit_oracle.hpp"

using namespace cppo;
using namespace cppo_test;

namespace {

// N rows of V logits with all that their gradient is made of.
template <class Element>
struct gradient_case {
  std::size_t rows, width;
  double temperature = 1.0, entropy_slope = 0.0;
  std::vector<float> exact = {};
  std::vector<Element> x = {};
  std::vector<std::int64_t> y = {};
  std::vector<std::uint8_t> valid = {};
  std::vector<double> slope = {}, total = {}, entropy = {};

  gradient_case(std::uint64_t seed, std::size_t n, std::size_t v, double t = 1.0, double masked = 0.0,
                float level = 0.0F)
      : rows(n), width(v), temperature(t), valid(n, 1) {
    std::vector<float> drawn = random_logits(seed, n, v, masked);
    for (float& logit : drawn) logit += level;
    x = as_elements<Element>(drawn);
    exact = numbers_of(x);
    drawn_numbers draw(seed + 1);
    for (std::size_t i = 0; i < n; ++i) {
      y.push_back(i % 2 == 0 ? 0 : static_cast<std::int64_t>(draw.bits() % v));
      while (exact[i * v + static_cast<std::size_t>(y[i])] == no_logit) y[i] = 0;
      slope.push_back(draw.normal());
      exact_policy const policy = policy_of(i);
      total.push_back(static_cast<double>(policy.log_sum_exp));
      entropy.push_back(static_cast<double>(policy.entropy));
    }
  }
  exact_policy policy_of(std::size_t i) const { return {exact, i, width, temperature}; }
  layout shape() const { return padded(1, static_cast<index_t>(rows)); }
  logit_rows lent() const { return logits(static_cast<index_t>(width), x).at_temperature(temperature); }
  logit_batch_view batch() const { return logit_batch(shape(), lent(), token_id(y), response_mask(valid)); }
  logit_slopes slopes() const {
    return {.slope = slope, .log_sum_exp = total, .entropy = entropy, .entropy_slope = entropy_slope};
  }
  template <class Gradient = Element, class Executor>
  std::vector<Gradient> run(Executor const& e) const {
    std::vector<Gradient> g(rows * width, Gradient(7.0F));
    status const s = logits_gradient(e, batch(), slopes(), g);
    INFO(describe(s).c_str());
    CHECK(s.ok());
    return g;
  }
};

// The largest error of a gradient in units of what is promised; `half_ulp` is that of the element type, `least` half
// its smallest number, or where p counts as 0.
template <class Case, class Gradient>
double worst_error(Case const& c, std::vector<Gradient> const& g, double half_ulp, double least = 1e-37) {
  double worst = 0.0;
  for (std::size_t i = 0; i < c.rows; ++i) {
    exact_policy const policy = c.policy_of(i);
    for (std::size_t v = 0; v < c.width; ++v) {
      auto const want = static_cast<double>(
          policy.gradient(v, static_cast<std::size_t>(c.y[i]), c.slope[i], c.entropy_slope));
      double const p = static_cast<double>(policy.p(v)), log_p = std::fabs(static_cast<double>(policy.log_prob[v]));
      double const finite = p > 0.0 ? log_p : 0.0, h = static_cast<double>(policy.entropy), beside = finite + h + 1.0;
      double const size = std::fabs(c.slope[i]) + std::fabs(c.entropy_slope) * beside;
      double const share = p * (4e-7 + 2e-7 * finite) + 1e-38;
      double const allowed = (half_ulp * std::fabs(want) + share * size / c.temperature) * (1.0 + 1e-6) + least;
      worst = std::max(worst, std::fabs(static_cast<double>(number_of(g[i * c.width + v])) - want) / allowed);
    }
  }
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("logits_gradient is (onehot - softmax) slope / T", "[logits]", float, half, bfloat16) {
  double const half_ulp = std::is_same_v<TestType, float> ? 0x1p-24 : std::is_same_v<TestType, half> ? 0x1p-11 : 0x1p-8;
  double const least = std::is_same_v<TestType, half> ? 0x1p-25 : 1e-37;
  for (std::size_t const width : {1U, 2U, 15U, 16U, 65U, 1000U, 1024U, 1025U, 3000U}) {
    for (double const t : {1.0, 0.7, 3.0}) {
      gradient_case<TestType> c(width, 3, width, t, 0.1);
      INFO(width << " ids at " << t);
      CHECK(worst_error(c, c.run(seq), half_ulp, least) <= 1.0);
      c.entropy_slope = -0.3;
      CHECK(worst_error(c, c.run(seq), half_ulp, least) <= 1.0);
    }
  }
}

TEST_CASE("logits_gradient of logits far from 0 is as exact", "[logits]") {
  for (float const level : {-9000.0F, 20000.0F}) {
    for (double const t : {1.0, 0.25}) {
      gradient_case<float> c(17, 4, 200, t, 0.1, level);
      CHECK(worst_error(c, c.run(seq), 0x1p-24) < 1.0);
      c.entropy_slope = 0.5;
      CHECK(worst_error(c, c.run(seq), 0x1p-24) < 1.0);
    }
  }
}

TEST_CASE("logits_gradient of a sampled id without a chance is its slope", "[logits]") {
  float const x[] = {-5000.0F, 0.0F};
  int const y[] = {0};
  double const slope[] = {-3.0}, total[] = {0.0};
  float g[2];
  REQUIRE(logits_gradient(seq, logit_batch(padded(1, 1), logits(2, x), token_id(y)),
                          {.slope = slope, .log_sum_exp = total}, g)
              .ok());
  CHECK(g[0] == -3.0F);
  CHECK(g[1] == approx(3.0).epsilon(1e-6));
}

TEST_CASE("logits_gradient: the entropy's slope is the derivative of the entropy", "[logits]") {
  gradient_case<float> c(5, 2, 9, 0.8);
  c.slope.assign(2, 0.0);
  c.entropy_slope = 1.5;
  std::vector<float> const g = c.run(seq);
  for (std::size_t k = 0; k < g.size(); ++k) {
    std::size_t const row = k / c.width;
    float const h = 0x1p-7F;
    auto const entropy_at = [&](float step) {
      std::vector<float> x = c.exact;
      x[k] += step;
      return exact_policy(x, row, c.width, c.temperature).entropy;
    };
    auto const twice = static_cast<long double>(2.0F * h);
    auto const want = static_cast<double>(1.5L * (entropy_at(h) - entropy_at(-h)) / twice);
    CHECK(std::fabs(static_cast<double>(g[k]) - want) < 1e-4);
  }
}

TEST_CASE("logits_gradient: each token may have an entropy slope of its own", "[logits]") {
  gradient_case<float> c(5, 4, 70, 0.8);
  std::vector<float> each = {0.25F, 0.0F, -1.5F, 0.5F};
  c.slope[1] = 0.0;
  c.valid[3] = 0, each[3] = not_a_logit;  // excluded: not read
  c.entropy[1] = -1.0;                    // has no slope: not read
  for (bool const on_simd : {false, true}) {
    std::vector<float> g(280, 7.0F);
    logit_slopes of = c.slopes();
    of.entropy_slopes = each;
    REQUIRE((on_simd ? logits_gradient(simd, c.batch(), of, g) : logits_gradient(seq, c.batch(), of, g)).ok());
    for (std::size_t i = 0; i < 3; ++i) {
      gradient_case<float> alone = c;
      alone.entropy_slope = static_cast<double>(each[i]);
      alone.valid = {i == 0, i == 1, i == 2, 0};
      std::vector<float> const row = alone.run(seq);
      CHECK(std::equal(row.begin() + static_cast<std::ptrdiff_t>(70 * i),
                       row.begin() + static_cast<std::ptrdiff_t>(70 * i + 70),
                       g.begin() + static_cast<std::ptrdiff_t>(70 * i)));
    }
    CHECK(all_zero_bits(g, 70, 70));
    CHECK(all_zero_bits(g, 210, 70));
  }
}

TEST_CASE("logits_gradient: an entropy slope that is NaN fills its row, and one of all tokens is not added to it",
          "[logits]") {
  gradient_case<float> c(5, 2, 9);
  std::vector<double> const each = {std::numeric_limits<double>::quiet_NaN(), 0.5};
  std::vector<float> g(18);
  logit_slopes of = c.slopes();
  of.entropy_slopes = each;
  REQUIRE(logits_gradient(simd, c.batch(), of, g).ok());
  CHECK(std::all_of(g.begin(), g.begin() + 9, [](float x) { return x != x; }));
  CHECK(std::none_of(g.begin() + 9, g.end(), [](float x) { return x != x; }));
  of.entropy_slope = 1.0;
  CHECK_THAT(describe(logits_gradient(simd, c.batch(), of, g)).c_str(),
             contains("entropy_slope is 1, but must be 0 where entropy_slopes are lent: add it to each of them"));
  of.entropy_slope = 0.0;
  std::vector<double> const few(1);
  of.entropy_slopes = few;
  status const s = logits_gradient(simd, c.batch(), of, g);
  CHECK((s.code == status_code::extent_mismatch && s.where == argument::entropy));
  of.entropy_slopes = each;
  of.entropy = {};
  CHECK(logits_gradient(simd, c.batch(), of, g).code == status_code::null_buffer);
}

TEMPLATE_TEST_CASE("logits_gradient has the same bits on every executor, in place or not", "[logits]", float, half,
                   bfloat16) {
  for (std::size_t const width : {3U, 64U, 1023U, 2100U}) {
    for (double const entropy_slope : {0.0, -0.01}) {
      gradient_case<TestType> c(width + 7, 6, width, 0.9, 0.05);
      c.entropy_slope = entropy_slope;
      c.valid[2] = 0;
      c.slope[4] = 0.0;
      std::vector<TestType> const want = c.run(seq);
      CHECK(same_bits(c.run(simd), want));
      CHECK(same_bits(c.run(simd.with_threads(3, 1)), want));
      CHECK(same_bits(c.template run<float>(simd), c.template run<float>(seq)));
      gradient_case<TestType> in_place = c;
      REQUIRE(logits_gradient(simd, in_place.batch(), in_place.slopes(), in_place.x).ok());
      CHECK(same_bits(in_place.x, want));
    }
  }
}

TEMPLATE_TEST_CASE("logits_gradient of many logits passes the caches by, with the same bits", "[logits]", float, half,
                   bfloat16) {
  constexpr std::size_t rows = 1100, width = 4001;
  gradient_case<TestType> const few(4, 3, width, 1.2);
  std::vector<TestType> x(rows * width, TestType(1.0F)), g(rows * width + 64, TestType(9.0F));
  std::vector<std::int64_t> y(rows);
  std::vector<double> slope(rows), total(rows);
  for (std::size_t i = 0; i < 3; ++i) {
    std::size_t const row = 500 * i;
    std::copy_n(few.x.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                x.begin() + static_cast<std::ptrdiff_t>(row * width));
    y[row] = few.y[i], slope[row] = few.slope[i], total[row] = few.total[i];
  }
  auto const batch = logit_batch(padded(1, rows), logits(width, x).at_temperature(1.2), token_id(y));
  logit_slopes const of{.slope = slope, .log_sum_exp = total};
  std::vector<TestType> const want = few.run(seq);
  std::size_t const line = (64 - reinterpret_cast<std::uintptr_t>(g.data()) % 64) / sizeof(TestType);
  for (std::size_t const begin : {line, line - 1}) {  // where a cache line begins, and where none does
    matrix_view<TestType> const out(g.data() + begin, rows, width);
    for (bool const on_simd : {false, true}) {
      std::fill(g.begin(), g.end(), TestType(9.0F));
      status const s = on_simd ? logits_gradient(simd.with_threads(2), batch, of, out)
                               : logits_gradient(seq, batch, of, out);
      REQUIRE(s.ok());
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::memcmp(&out(static_cast<index_t>(500 * i), 0), &want[i * width], width * sizeof(TestType)) == 0);
      }
      CHECK(all_zero_bits(g, begin + width, 499 * width));
      CHECK((begin == 0 || number_of(g[begin - 1]) == 9.0F));
      CHECK(number_of(g[begin + rows * width]) == 9.0F);
    }
  }
}

TEST_CASE("logits_gradient: rows without a slope are +0, and are not read", "[logits]") {
  gradient_case<float> c(3, 4, 70);
  c.valid = {0, 1, 1, 0};
  c.slope = {not_a_logit, 0.0, -1.0, 3.0};
  c.y = {-5, 1 << 30, 3, 900};
  c.total = {not_a_logit, not_a_logit, c.total[2], not_a_logit};
  for (std::size_t const row : {0U, 1U, 3U}) {
    for (std::size_t v = 0; v < 70; ++v) c.x[row * 70 + v] = not_a_logit;
  }
  for (bool const on_simd : {false, true}) {
    std::vector<float> const g = on_simd ? c.run(simd) : c.run(seq);
    CHECK(all_zero_bits(g, 0, 140));
    CHECK(all_zero_bits(g, 210, 70));
    CHECK(g[140 + 3] < 0.0F);
  }
}

TEST_CASE("logits_gradient at -inf, NaN and a certain token", "[logits]") {
  std::vector<float> const x = {1.0F, no_logit, 3.0F,   0.0F, not_a_logit, 0.0F,   20.0F, 0.0F, -30.0F};
  std::vector<int> const y = {0, 0, 0};
  double const slope[] = {2.0, 1.0, -1.0};
  double const total[] = {3.0 + std::log1p(std::exp(-2.0)), std::log(3.0), 20.0 + std::log1p(std::exp(-20.0))};
  for (bool const on_simd : {false, true}) {
    std::vector<float> g(9);
    auto const batch = logit_batch(padded(3, 1), logits(3, x), token_id(y));
    logit_slopes const of{.slope = slope, .log_sum_exp = total};
    REQUIRE((on_simd ? logits_gradient(simd, batch, of, g) : logits_gradient(seq, batch, of, g)).ok());
    CHECK(all_zero_bits(g, 1, 1));  // p = 0, and slope > 0: not -0
    CHECK(std::isnan(g[4]));
    CHECK(g[6] < 0.0F);  // 1 - p = e^-20: nothing has cancelled
    CHECK(g[6] == approx(-std::exp(-20.0)).epsilon(1e-5));
  }
}

TEST_CASE("logits_gradient has the same bits on every executor where logits are no log-probs' too", "[logits]") {
  constexpr float inf = std::numeric_limits<float>::infinity(), huge = std::numeric_limits<float>::max();
  constexpr std::size_t width = 70;
  std::vector<float> const odd = {inf,   not_a_logit, huge, -huge, no_logit, 6e6F, 3e6F, 5e6F, 200.0F, 128.0F,
                                  88.0F, 87.7F,       91.5F, 126.5F, 127.5F, 1e30F, 0x1p22F, 0x1p23F, -0.0F};
  for (double const entropy_slope : {0.0, -0.01}) {
    for (double const t : {1.0, 0.7, 0x1p-20}) {
      gradient_case<float> c(11, 2, width, t);
      for (std::size_t k = 0; k < 2 * width; ++k) c.x[k] = k % width == 0 ? 0.0F : odd[k % width % odd.size()];
      c.y = {0, 0}, c.total = {0.5, -3.0}, c.entropy = {1.0, 1.0};
      c.entropy_slope = entropy_slope;
      std::vector<float> const want = c.run(seq), got = c.run(simd);
      for (std::size_t k = 0; k < want.size(); ++k) {
        INFO("logit " << c.x[k] << " T " << t << " seq " << want[k] << " simd " << got[k]);
        CHECK((std::isnan(want[k]) ? std::isnan(got[k]) : std::memcmp(&want[k], &got[k], sizeof(float)) == 0));
        if (k % width == 0) continue;
        if (c.x[k] == inf || std::isnan(c.x[k])) CHECK(std::isnan(want[k]));
        if (c.x[k] == no_logit) CHECK(all_zero_bits(want, k, 1));
      }
    }
  }
}

TEST_CASE("logits_gradient: a NaN slope fills its row", "[logits]") {
  gradient_case<bfloat16> c(8, 2, 33);
  c.slope[1] = std::numeric_limits<double>::quiet_NaN();
  std::vector<bfloat16> const g = c.run(simd);
  CHECK(std::all_of(g.begin() + 33, g.end(), [](bfloat16 b) { return std::isnan(to_float(b)); }));
  CHECK(std::none_of(g.begin(), g.begin() + 33, [](bfloat16 b) { return std::isnan(to_float(b)); }));
}

TEST_CASE("logits_gradient: rows apart, packed, and slots of no response", "[logits]") {
  gradient_case<float> c(13, 5, 40);
  std::vector<float> const dense = c.run(seq);
  std::vector<float> wide(5 * 50, not_a_logit), g(5 * 45, 9.0F);
  for (std::size_t j = 0; j < c.x.size(); ++j) wide[j / 40 * 50 + j % 40] = c.x[j];
  std::int32_t const cuts[] = {1, 2, 4};
  auto const rows = logits(40, matrix_view<float const>(wide.data(), 5, 40, 50, 1));
  matrix_view<float> const out(g.data(), 5, 40, 45, 1);
  for (bool const clears : {false, true}) {
    layout const l = clears ? packed(cuts).with_capacity(5) : packed(cuts).part_of(5);
    REQUIRE(logits_gradient(simd, logit_batch(l, rows, token_id(c.y)), c.slopes(), out).ok());
    for (std::size_t i = 0; i < 5; ++i) {
      bool const inside = i > 0 && i < 4;
      for (std::size_t v = 0; v < 40; ++v) CHECK(g[i * 45 + v] == (inside ? dense[i * 40 + v] : clears ? 0.0F : 9.0F));
      CHECK(g[i * 45 + 40] == 9.0F);
    }
  }
}

TEST_CASE("logits_gradient of shards of the vocabulary is that of all of it", "[logits]") {
  gradient_case<float> c(21, 3, 96);
  std::vector<float> const whole = c.run(seq);
  for (index_t const first : {0, 48}) {
    matrix_view<float const> const shard(c.x.data() + first, 3, 48, 96, 1);
    std::vector<float> g(3 * 48);
    auto const batch = logit_batch(c.shape(), logits(48, shard).from_id(first, 96), token_id(c.y));
    REQUIRE(logits_gradient(simd, batch, c.slopes(), g).ok());
    for (std::size_t k = 0; k < g.size(); ++k) {
      CHECK(g[k] == whole[k / 48 * 96 + static_cast<std::size_t>(first) + k % 48]);
    }
  }
}

namespace {

// What a call says that must not write.
template <class Change>
status refused(Change const& change) {
  gradient_case<float> c(2, 4, 10);
  std::vector<float> g(40, 5.0F);
  output out(g);
  change(c, out);
  auto const batch = logit_batch(padded(2, 2), c.lent(), token_id(c.y), response_mask(c.valid));
  status const s = logits_gradient(simd, batch, c.slopes(), out);
  CHECK(!s.ok());
  CHECK(std::all_of(g.begin(), g.end(), [](float x) { return x == 5.0F; }));
  return s;
}

}  // namespace

TEST_CASE("logits_gradient of no slot is ok, whatever empty buffers point to", "[logits]") {
  std::vector<float> const none;
  std::vector<std::int64_t> const ids;
  std::vector<float> g;
  for (layout const& l : {layout(padded(0, 3)), layout(padded(2, 0))}) {
    status const s = logits_gradient(simd, logit_batch(l, logits(7, none), token_id(ids)),
                                     {.slope = none, .log_sum_exp = none}, g);
    INFO(describe(s).c_str());
    CHECK(s.ok());
  }
}

TEST_CASE("logits_gradient names what is wrong, and writes nothing", "[logits]") {
  using cases = gradient_case<float>;
  status s = refused([](cases& c, output&) { c.y[3] = 10; });
  CHECK(s.code == status_code::id_out_of_vocabulary);
  CHECK(s.response == 1);
  CHECK(s.token == 1);
  s = refused([](cases& c, output&) { c.total[2] = std::numeric_limits<double>::infinity(); });
  CHECK(describe(s) == "log_sum_exp at response 1, token 0 is inf, but must hold finite log-sum-exps where "
                       "response_mask is 1: lend what log_probs writes for the same logits and temperature, or mask "
                       "the token");
  CHECK((s.code == status_code::log_sum_exp_invalid && s.where == argument::log_prob));
  s = refused([](cases& c, output&) { c.x[static_cast<std::size_t>(c.y[0])] = no_logit; });
  CHECK(s.code == status_code::sampled_id_masked);
  CHECK(describe(s) == "logits at response 0, token 0, id " + std::to_string(s.wanted) +
                           " is -inf, but must be above -inf at the sampled id, which has no log-prob otherwise: mask "
                           "the same ids when sampling and when training, or mask the token");
  CHECK(s.wanted == cases(2, 4, 10).y[0]);
  s = refused([](cases& c, output&) { c.valid[1] = 2; });
  CHECK(s.code == status_code::response_mask_invalid);
  s = refused([](cases& c, output&) { c.entropy_slope = 1.0, c.entropy[1] = -1.0; });
  CHECK(describe(s) == "entropy at response 0, token 1 is -1, but must be finite and not below 0 where response_mask "
                       "is 1: recompute it, or mask the token");
  CHECK((s.code == status_code::entropy_invalid && s.where == argument::entropy));
  s = refused([](cases& c, output&) { c.entropy_slope = std::numeric_limits<double>::infinity(); });
  CHECK(s.code == status_code::bad_parameter);
  s = refused([](cases& c, output&) { c.slope.pop_back(); });
  CHECK(s.code == status_code::extent_mismatch);
  CHECK(s.where == argument::gradient);
  static std::vector<double> doubles(40);
  s = refused([](cases&, output& out) { out = output(doubles); });
  CHECK(s.code == status_code::element_type_mismatch);
  s = refused([](cases&, output& out) { out = output(); });
  CHECK_THAT(describe(s).c_str(), contains("logits_gradient"));
  s = refused([](cases& c, output& out) { out = output(matrix_view<float>(c.x.data() + 10, 2, 10)); });
  CHECK(s.code == status_code::extent_mismatch);
  s = refused([](cases& c, output& out) { c.x.resize(50), out = output(c.x.data() + 10), c.x.resize(40); });
  CHECK(s.code == status_code::output_overlap);
  CHECK(s.other == argument::logits);
  s = refused([](cases& c, output& out) {
    c.slope.reserve(100), out = output(reinterpret_cast<float*>(c.slope.data()));
  });
  CHECK(s.code == status_code::output_overlap);
  CHECK(s.other == argument::gradient);
}

TEST_CASE("logits_gradient shares no memory with offsets or lists", "[logits]") {
  gradient_case<float> const c(2, 4, 10);
  std::vector<std::int32_t> memory(64);
  memory[0] = 0, memory[1] = 4;
  auto* const g = reinterpret_cast<float*>(memory.data());
  auto const run = [&](logit_batch_view const& batch, argument other) {
    status const s = logits_gradient(seq, batch, c.slopes(), g);
    CHECK((s.code == status_code::output_overlap && s.other == other));
  };
  run(logit_batch(packed(static_cast<std::int32_t const*>(memory.data()), 1), c.lent(), token_id(c.y)),
      argument::offsets);
  run(logit_batch(c.shape(), c.lent(), token_id(c.y), top_k_ids(1, memory.data())), argument::top_k);
}

TEST_CASE("logits_gradient needs the sampled ids", "[logits]") {
  float const x[] = {1.0F, 2.0F};
  float g[2];
  double const one[] = {1.0};
  status const s = logits_gradient(seq, logit_batch(padded(1, 1), logits(2, x)), {.slope = one, .log_sum_exp = one}, g);
  CHECK(s.code == status_code::not_in_logit_batch);
  CHECK(s.where == argument::token_id);
}
