// Log-probs against long double, and the same bits on every executor, width, thread and cut.
#include "support/catch_compat.hpp"
#include "support/drawn_logits.hpp"
#include "support/property.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/logits.hpp>

#include <bit>
#include <cstring>

namespace {

using namespace cppo;
using namespace cppo_test;

constexpr std::size_t whole = 151936;  // a vocabulary in use
constexpr index_t k = 5, most = 7;

// What a call writes, all that there is.
struct written {
  std::vector<float> log_prob, log_sum_exp, entropy, listed, largest;
  std::vector<std::int32_t> largest_id;

  explicit written(std::size_t n)
      : log_prob(n, 9.0F), log_sum_exp(n, 9.0F), entropy(n, 9.0F), listed(n * k, 9.0F), largest(n * most, 9.0F),
        largest_id(n * most, 9) {}
  log_prob_outputs outputs(std::size_t first = 0) {
    return {.log_prob = log_prob.data() + first, .listed_log_prob = listed.data() + first * k,
            .log_sum_exp = log_sum_exp.data() + first, .entropy = entropy.data() + first, .largest_count = most,
            .largest_id = largest_id.data() + first * most, .largest_log_prob = largest.data() + first * most};
  }
  std::vector<std::uint32_t> bits() const {
    std::vector<std::uint32_t> all;
    for (auto const* x : {&log_prob, &log_sum_exp, &entropy, &listed, &largest}) {
      for (float const y : *x) all.push_back(std::bit_cast<std::uint32_t>(y));
    }
    for (std::int32_t const id : largest_id) all.push_back(static_cast<std::uint32_t>(id));
    return all;
  }
};

// Some rows [n, v], dense, with sampled ids, listed ids and a mask.
template <class Element>
struct some_rows {
  std::size_t n, v;
  std::vector<Element> x;
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> mask;

  some_rows(std::size_t rows, std::size_t columns, std::uint64_t seed) : n(rows), v(columns) {
    drawn_numbers draw(seed);
    for (std::size_t i = 0; i < n; ++i) {
      auto const shape = static_cast<row_shape>((i + seed) % static_cast<std::size_t>(row_shape::count));
      std::vector<float> row = drawn_row(shape, v, seed + i);
      auto const top = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
      std::size_t const any = draw.bits() % v;
      id.push_back(static_cast<std::int64_t>(row[any] == no_logit ? top : any));
      for (int j = 0; j < k; ++j)
        ids.push_back(draw.bits() % 5 == 0 ? -1 : static_cast<std::int32_t>(draw.bits() % v));
      mask.push_back(draw.bits() % 4 != 0 || n == 1);
      for (float const y : row) x.push_back(Element(y));
    }
  }
  logit_batch_view batch(std::size_t first, std::size_t count, double t = 1.0) const {
    auto const rows = logits(static_cast<index_t>(v), x.data() + first * v).at_temperature(t);
    return logit_batch(padded(1, static_cast<index_t>(count)), rows, token_id(id.data() + first),
                       top_k_ids(k, ids.data() + first * k), response_mask(mask.data() + first));
  }
};

double ulp(double x) {
  float const y = std::fabs(static_cast<float>(x));
  return static_cast<double>(std::nextafter(y, std::numeric_limits<float>::infinity())) - static_cast<double>(y);
}
// Within 2e-6, and then rounded to a float.
bool near_enough(float got, long double want) {
  if (std::isinf(want)) return static_cast<long double>(got) == want;
  auto const error = static_cast<double>(std::fabs(static_cast<long double>(got) - want));
  return error <= 2e-6 + 0.5 * ulp(static_cast<double>(want));
}
bool relatively_near(float got, long double want) {
  return std::fabs(static_cast<long double>(got) - want) <= 1e-5L * want;
}

// Row i of what was written is that of the logits, within what is promised.
void check_row(written const& w, std::size_t i, std::vector<float> const& x, std::int64_t id, std::int32_t const* ids,
               double t) {
  exact_log_probs const exact(x, t);
  INFO("row " << i << " temperature " << t);
  CHECK(near_enough(w.log_prob[i], exact.log_prob[static_cast<std::size_t>(id)]));
  CHECK(near_enough(w.log_sum_exp[i], exact.log_sum_exp));
  CHECK(relatively_near(w.entropy[i], exact.entropy));
  for (std::size_t j = 0; j < k; ++j) {
    long double const want = ids[j] < 0 ? static_cast<long double>(no_logit) : exact.log_prob[std::size_t(ids[j])];
    CHECK(near_enough(w.listed[i * k + j], want));
  }
  std::vector<int> const largest = exact_largest(x, most);
  for (std::size_t j = 0; j < most; ++j) {
    CHECK(w.largest_id[i * most + j] == largest[j]);
    long double const want =
        largest[j] < 0 ? static_cast<long double>(no_logit) : exact.log_prob[static_cast<std::size_t>(largest[j])];
    CHECK(near_enough(w.largest[i * most + j], want));
  }
}

template <class Element>
void check_accuracy(std::size_t n, std::size_t v, std::uint64_t seed, double t) {
  some_rows<Element> rows(n, v, seed);
  std::fill(rows.mask.begin(), rows.mask.end(), std::uint8_t{1});
  written w(n);
  REQUIRE(log_probs(simd, rows.batch(0, n, t), w.outputs()).ok());
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<Element> const row(rows.x.data() + i * v, rows.x.data() + (i + 1) * v);
    check_row(w, i, numbers_of(row), rows.id[i], rows.ids.data() + i * k, t);
  }
}

// The same bits whatever runs the call, and however the rows are cut and shared.
template <class Element>
void check_bits(std::size_t n, std::size_t v, std::uint64_t seed, double t) {
  some_rows<Element> const rows(n, v, seed);
  written plain(n), fast(n), cut(n);
  REQUIRE(log_probs(seq, rows.batch(0, n, t), plain.outputs()).ok());
  REQUIRE(log_probs(simd, rows.batch(0, n, t), fast.outputs()).ok());
  std::size_t const middle = n / 3;
  REQUIRE(log_probs(simd, rows.batch(0, middle, t), cut.outputs()).ok());
  REQUIRE(log_probs(simd, rows.batch(middle, n - middle, t), cut.outputs(middle)).ok());
  INFO("rows " << n << " ids " << v << " seed " << seed);
  CHECK((fast.bits() == plain.bits()));
  CHECK((cut.bits() == plain.bits()));
  for (int threads = 1; threads <= 4; ++threads) {
    written shared(n);
    REQUIRE(log_probs(simd.with_threads(threads, 1), rows.batch(0, n, t), shared.outputs()).ok());
    CHECK((shared.bits() == plain.bits()));
  }
}

}  // namespace

TEST_CASE("log-probs of a whole vocabulary are within 2e-6, and entropies within 1e-5 of themselves", "[logits]") {
  auto const shapes = static_cast<std::size_t>(row_shape::count);
  check_accuracy<float>(shapes, whole, 1, 1.0);
  check_accuracy<float>(shapes, whole, 2, 0.7);
  check_accuracy<bfloat16>(shapes, whole, 3, 1.0);
  check_accuracy<half>(shapes, whole, 4, 1.3);
}

TEST_CASE("where errors of one sign would add up: two levels, as far apart as counts most", "[logits]") {
  std::vector<float> x(whole);
  std::vector<std::int64_t> const id{7};
  for (int step = 0; step < 40; ++step) {
    float const level = 7.1F + 0.171F * static_cast<float>(step), top = 0.37F * static_cast<float>(step % 7);
    double const t = step % 3 == 0 ? 1.0 : step % 3 == 1 ? 0.73 : 1.9;
    std::fill(x.begin(), x.end(), top - level);
    x[1000] = top;
    float lp = 9.0F, h = 9.0F;
    auto const batch = logit_batch(padded(1, 1), logits(whole, x).at_temperature(t), token_id(id));
    REQUIRE(log_probs(simd, batch, {.log_prob = &lp, .entropy = &h}).ok());
    exact_log_probs const exact(x, t);
    INFO("level " << level << " temperature " << t);
    CHECK(near_enough(lp, exact.log_prob[7]));
    CHECK(relatively_near(h, exact.entropy));
  }
}

TEST_CASE("where a log-prob is large its rounding comes on top, and a small entropy errs most", "[logits]") {
  struct level_case {
    std::size_t n;
    double t;
    float first, others;
    std::size_t top;
  };
  for (level_case const& c : {level_case{whole, 1.845877131551405, 29.921928F, 13.06286F, 0},
                              level_case{2, 1.532011668419761, -16.166893F, -145.92537F, 0},
                              level_case{2, 0.72040607083355246, 3.10112572F, -58.0719376F, 0},
                              level_case{whole, 1.409784553562013, -19.875475F, -8.899563F, 1}}) {
    std::vector<float> x(c.n, c.others);
    x[0] = c.first;
    if (c.top == 1) x[1] = 5.0718913F;
    int const id = 0;
    float lp = 9.0F, total = 9.0F, h = 9.0F;
    logit_rows const rows = logits(static_cast<index_t>(c.n), x).at_temperature(c.t);
    auto const batch = logit_batch(padded(1, 1), rows, token_id(&id));
    REQUIRE(log_probs(simd, batch, {.log_prob = &lp, .log_sum_exp = &total, .entropy = &h}).ok());
    exact_log_probs const exact(x, c.t);
    INFO("T " << c.t);
    CHECK(near_enough(lp, exact.log_prob[0]));
    CHECK(near_enough(total, exact.log_sum_exp));
    CHECK(relatively_near(h, exact.entropy));
  }
}

TEST_CASE("a nearly certain id keeps the accuracy of its log-prob and entropy", "[logits]") {
  for (float const gap : {5.0F, 17.0F, 20.0F, 33.0F, 60.0F, 80.0F}) {
    for (std::size_t const other : {std::size_t{1}, std::size_t{16}, std::size_t{2000}}) {
      std::vector<float> x(3000, no_logit);
      x[0] = 2.0F;
      x[other] = 2.0F - gap;
      std::vector<int> const id{0};
      float lp = 9.0F, h = 9.0F;
      auto const batch = logit_batch(padded(1, 1), logits(3000, x), token_id(id));
      REQUIRE(log_probs(seq, batch, {.log_prob = &lp, .entropy = &h}).ok());
      exact_log_probs const exact(x, 1.0);
      INFO("gap " << gap << " at " << other);
      CHECK(relatively_near(-lp, -exact.log_prob[0]));
      CHECK(relatively_near(h, exact.entropy));
    }
  }
}

TEST_CASE("seq and simd have the same bits at every length of a row", "[logits]") {
  for (std::size_t const v : {1U, 2U, 3U, 15U, 16U, 17U, 31U, 32U, 33U, 63U, 64U, 65U, 255U, 256U, 257U, 1023U, 1024U,
                              1025U, 1279U, 2048U, 2049U, 3333U, 5000U}) {
    check_bits<float>(12, v, v, 1.0);
    check_bits<bfloat16>(12, v, v + 7, 0.6);
    check_bits<half>(12, v, v + 13, 1.7);
  }
}

TEST_CASE("property: log-probs have the same bits on any executor and cut", "[logits][property]") {
  property("same bits", [](std::uint32_t seed) {
    drawn_numbers draw(seed);
    std::size_t const n = 1 + draw.bits() % 3, v = 1 + draw.bits() % 200 + (draw.bits() % 16 == 0 ? 1024 : 0);
    some_rows<float> const rows(n, v, seed);
    double const t = 0.25 + 2.0 * draw.uniform();
    written plain(n), fast(n);
    RC_ASSERT(log_probs(seq, rows.batch(0, n, t), plain.outputs()).ok());
    auto const executor = simd.with_threads(1 + static_cast<int>(seed % 2), 1);
    RC_ASSERT(log_probs(executor, rows.batch(0, n, t), fast.outputs()).ok());
    RC_ASSERT(plain.bits() == fast.bits());
  });
}

TEST_CASE("property: probabilities add up to 1, and log-probs are at most 0", "[logits][property]") {
  property("sum to 1", [](std::uint32_t seed) {
    drawn_numbers draw(seed);
    std::size_t const v = 1 + draw.bits() % 300;
    std::vector<float> const x = drawn_row(static_cast<row_shape>(seed % 11), v, seed);
    std::vector<std::int32_t> ids(v);
    std::iota(ids.begin(), ids.end(), 0);
    std::vector<float> all(v);
    auto const lists = top_k_ids(static_cast<index_t>(v), ids);
    auto const batch = logit_batch(padded(1, 1), logits(static_cast<index_t>(v), x), lists);
    RC_ASSERT(log_probs(simd, batch, {.listed_log_prob = all}).ok());
    double sum = 0.0;
    for (float const lp : all) {
      RC_ASSERT(lp <= 0.0F);
      sum += std::exp(static_cast<double>(lp));
    }
    RC_ASSERT(std::fabs(sum - 1.0) < 4e-6);
  });
}

TEST_CASE("log-probs of stored rows have the stored bits, whatever the compiler and the target", "[logits]") {
  std::uint64_t hash = 14695981039346656037U;
  auto const add = [&hash](std::uint32_t x) { hash = (hash ^ x) * 1099511628211U; };
  for (std::size_t const v : {40U, 1500U, 4444U}) {
    // Quotients of whole numbers: the same rows wherever IEEE arithmetic is.
    std::vector<float> x(v * 3);
    drawn_numbers draw(v);
    for (float& y : x) y = static_cast<float>(static_cast<int>(draw.bits() % 20000) - 10000) / 1024.0F;
    std::vector<int> const id{3, 17, 39};
    written w(3);
    auto outputs = w.outputs();
    outputs.listed_log_prob = {};
    auto const batch = logit_batch(padded(1, 3), logits(static_cast<index_t>(v), x).at_temperature(0.9), token_id(id));
    REQUIRE(log_probs(simd, batch, outputs).ok());
    for (std::uint32_t const b : w.bits()) add(b);
  }
  CHECK(hash == 0xa285e89dc007b748U);
}
