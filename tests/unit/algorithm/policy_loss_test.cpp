// The call as a whole: optional outputs, their types and strides, and what must not change an answer.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <array>
#include <cmath>
#include <limits>

namespace {

using cppo::index_t;
using cppo::status_code;
using namespace cppo::testing;
using cppo_test::unlike;

// A call that lends only the outputs whose bit is set in `wanted`; the last bit is the report.
template <class Executor, class Region>
captured_run<float> capture_some(Executor const& executor, generated_batch<float> const& batch, Region const& region,
                                 unsigned wanted) {
  captured_run<float> r;
  cppo::loss_outputs o;
  cppo::detail::each_output(o, [&](captured which, cppo::output& out) {
    if ((wanted >> static_cast<unsigned>(which) & 1U) == 0) return;
    r[which].assign(static_cast<std::size_t>(batch.slots()), static_cast<float>(unwritten));
    out = cppo::output(r[which]);
  });
  if ((wanted >> captured_outputs & 1U) != 0) o.report = &r.report;
  r.outcome = policy_loss(executor, batch.view(), region, o);
  return r;
}

template <class Executor, class Region>
void check_subsets(Executor const& executor, Region const& region) {
  generated_batch<float> batch;
  for (std::uint64_t seed = 1; batch.token_row(0).size() < 8; ++seed) {
    batch = generate<float>(seed, {.max_responses = 2, .max_length = 20});
  }
  unsigned const all = (1U << (captured_outputs + 1)) - 1;
  auto const whole = capture_some(executor, batch, region, all);
  for (unsigned wanted = 0; wanted < all; ++wanted) {
    auto const some = capture_some(executor, batch, region, wanted);
    std::string wrong = unlike(some, whole, batch.rows());
    if ((wanted >> captured_outputs & 1U) != 0 && wrong.empty()) wrong = unlike(some.report, whole.report);
    if (!wrong.empty() || !cppo_test::same_status(some.outcome, whole.outcome)) {
      INFO("outputs " << wanted);
      REQUIRE(wrong == "");
      REQUIRE(cppo_test::same_status(some.outcome, whole.outcome));
    }
  }
}

// Three tokens: kept with a gradient, masked, kept toward.
struct small_batch {
  std::vector<float> pi{-1.0F, -0.1F, -2.0F}, mu{-1.1F, -3.0F, -1.0F}, a{0.5F, 1.0F, 1.0F};
  auto view() const {
    return cppo::rollout_batch(cppo::padded(1, 3), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
  }
};

// Gradient and mask written as T, widened by `widen`.
template <class T, class Widen>
std::array<std::vector<double>, 2> written_as(Widen const& widen) {
  small_batch const b;
  std::vector<T> gradient(3), mask(3);
  REQUIRE(policy_loss(cppo::seq, b.view(), cppo::dppo(), {.gradient = gradient, .mask = mask}).ok());
  std::array<std::vector<double>, 2> r;
  for (std::size_t i = 0; i < 3; ++i) {
    r[0].push_back(widen(gradient[i]));
    r[1].push_back(widen(mask[i]));
  }
  return r;
}

}  // namespace

TEST_CASE("every subset of the outputs gives the same values, seq") {
  check_subsets(cppo::seq, softened(cppo::fixed_cppo(), cppo::reciprocal_gate));
}

TEST_CASE("every subset of the outputs gives the same values, simd") {
  check_subsets(cppo::simd, cppo::calibrated_cppo());
}

TEST_CASE("outputs are rounded to their own type") {
  std::vector<double> const mask{1.0, 0.0, 1.0};
  auto const plain = [](auto x) { return static_cast<double>(x); };
  auto const as_float = written_as<float>(plain);
  CHECK(as_float[1] == mask);
  CHECK(as_float[0][0] == cppo_test::approx(-0.5 * std::exp(0.1)).epsilon(1e-6));
  CHECK(as_float[0][1] == 0.0);
  CHECK(as_float[0][2] == cppo_test::approx(-std::exp(-1.0)).epsilon(1e-6));
  auto const as_double = written_as<double>(plain);
  CHECK(as_double == as_float);
  auto const widen = [](auto x) { return static_cast<double>(to_float(x)); };
  auto const as_half = written_as<cppo::half>(widen);
  auto const as_bfloat = written_as<cppo::bfloat16>(widen);
  CHECK(as_half[1] == mask);
  CHECK(as_bfloat[1] == mask);
  for (std::size_t i = 0; i < 3; ++i) {
    auto const x = static_cast<float>(as_float[0][i]);
    CHECK(as_half[0][i] == static_cast<double>(to_float(cppo::to_half(x))));
    CHECK(as_bfloat[0][i] == static_cast<double>(to_float(cppo::to_bfloat16(x))));
  }
}

TEST_CASE("a mask may be written as bytes, bools and any integer") {
  small_batch const b;
  auto const check = [&b](auto zero) {
    using T = decltype(zero);
    T mask[3] = {T(7), T(7), T(7)};
    REQUIRE(compute_mask(cppo::seq, b.view(), cppo::dppo(), mask).ok());
    CHECK(mask[0] == T(1));
    CHECK(mask[1] == T(0));
    CHECK(mask[2] == T(1));
  };
  check(bool{});
  check(std::uint8_t{});
  check(std::int8_t{});
  check(std::int16_t{});
  check(std::int32_t{});
  check(std::int64_t{});
  check(std::uint64_t{});
  check(float{});
}

TEST_CASE("outputs are written through negative and transposed strides, and nowhere else") {
  auto const is_simd = GENERATE(false, true);
  generated_batch<float> batch = generate<float>(2, {.max_responses = 5, .max_length = 40});
  std::vector<std::vector<index_t>> rows = batch.rows();
  batch = rearranged(batch, rows, arrangement::padded).batch;
  auto const region = cppo::fixed_cppo();
  auto const want = capture(cppo::seq, batch, region, {});
  index_t const b = batch.responses, width = batch.width;
  REQUIRE(b * width > 20);
  auto const cells = static_cast<std::size_t>(2 * b * width);
  std::vector<float> backwards(cells, 7.0F), transposed(cells, 7.0F);
  // backwards: every second element, from the end; transposed: column-major.
  cppo::matrix_view<float> const reverse(backwards.data() + 2 * b * width - 1, b, width, -2 * width, -2);
  cppo::matrix_view<float> const across(transposed.data(), b, width, 1, b);
  cppo::loss_outputs const o{.loss = reverse, .gradient = across};
  cppo::status const s = is_simd ? policy_loss(cppo::simd, batch.view(), region, o)
                                 : policy_loss(cppo::seq, batch.view(), region, o);
  REQUIRE(s.ok());
  for (index_t r = 0; r < b; ++r) {
    for (index_t i = 0; i < width; ++i) {
      auto const slot = static_cast<std::size_t>(r * width + i);
      CHECK(same_bits(reverse(r, i), want[captured::loss][slot]));
      CHECK(same_bits(across(r, i), want[captured::gradient][slot]));
    }
  }
  for (std::size_t i = 0; i < cells; i += 2) CHECK(backwards[i] == 7.0F);
  for (std::size_t i = cells / 2; i < cells; ++i) CHECK(transposed[i] == 7.0F);
}

TEST_CASE("an output may not repeat one element for several tokens") {
  small_batch const b;
  float one = 7.0F;
  cppo::matrix_view<float> const repeated(&one, 1, 3, 0, 0);
  cppo::matrix_view<float> const single_column(&one, 1, 1);
  for (auto const& view : {repeated, single_column}) {
    cppo::status const s = policy_loss(cppo::seq, b.view(), cppo::dppo(), {.gradient = view});
    CHECK(s.code == status_code::extent_mismatch);
    CHECK(s.where == cppo::argument::gradient);
  }
  CHECK(one == 7.0F);
}

TEST_CASE("an output may not repeat one row for several responses") {
  std::vector<float> const pi(6, -1.0F);
  std::vector<float> row(3, 7.0F);
  auto const code = [&](index_t b, index_t width, cppo::matrix_view<float> const& view) {
    auto const batch = cppo::rollout_batch(cppo::padded(b, width), cppo::log_prob(pi), cppo::rollout_log_prob(pi),
                                           cppo::advantage(pi));
    return policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = view}).code;
  };
  CHECK(code(2, 3, {row.data(), 2, 3, 0, 1}) == status_code::extent_mismatch);
  CHECK(code(6, 1, {row.data(), 6, 1, 0, 1}) == status_code::extent_mismatch);
  CHECK(row == std::vector<float>(3, 7.0F));
  // Rows that overlap: (0, 2) is (1, 0); (0, 2) is (1, 0) seen from behind; then strides that interleave rows.
  std::vector<float> shared(8, 7.0F);
  CHECK(code(2, 3, {shared.data(), 2, 3, 2, 1}) == status_code::extent_mismatch);
  CHECK(code(2, 3, {shared.data() + 7, 2, 3, -2, -1}) == status_code::extent_mismatch);
  CHECK(code(2, 3, {shared.data(), 2, 3, 4, 2}) == status_code::extent_mismatch);
  CHECK(shared == std::vector<float>(8, 7.0F));
  CHECK(code(2, 3, {shared.data(), 2, 3, 1, 2}) == status_code::ok);
  CHECK(code(2, 3, {shared.data(), 2, 3, 3, 2}) == status_code::ok);
  // A stride along an axis of extent 1 is never walked.
  std::vector<float> room(6, 7.0F);
  CHECK(code(1, 6, {room.data(), 1, 6, 0, 1}) == status_code::ok);
  CHECK(code(6, 1, {room.data(), 6, 1, 1, 0}) == status_code::ok);
}

TEST_CASE("outputs of another shape are refused by name") {
  small_batch const b;
  std::vector<float> small(2, 7.0F);
  std::vector<float> fits(3, 7.0F);
  auto const check = [&](cppo::loss_outputs const& o, cppo::argument where) {
    cppo::status const s = policy_loss(cppo::seq, b.view(), cppo::dppo(), o);
    CHECK(s.code == status_code::extent_mismatch);
    CHECK(s.where == where);
    CHECK(s.nothing_written());
  };
  check({.loss = small}, cppo::argument::loss);
  check({.loss = fits, .gradient = small}, cppo::argument::gradient);
  check({.loss = fits, .mask = small}, cppo::argument::mask);
  check({.loss = fits, .gate = small}, cppo::argument::gate);
  check({.loss = fits, .trace = {.excess = small}}, cppo::argument::trace);
  CHECK(fits == std::vector<float>(3, 7.0F));
  float* const null = nullptr;
  CHECK(policy_loss(cppo::seq, b.view(), cppo::dppo(), {.loss = null}).code == status_code::null_buffer);
}

TEST_CASE("an output that shares memory with an input or another output is refused") {
  small_batch b;
  std::vector<float> room(8, 7.0F);
  auto const code = [&](cppo::loss_outputs const& o) {
    return policy_loss(cppo::seq, b.view(), cppo::dppo(), o).code;
  };
  CHECK(code({.loss = room.data(), .gradient = room.data()}) == status_code::output_overlap);
  CHECK(code({.loss = room.data(), .gradient = room.data() + 2}) == status_code::output_overlap);
  CHECK(code({.gradient = b.pi}) == status_code::output_overlap);
  CHECK(code({.loss = b.mu}) == status_code::output_overlap);
  CHECK(code({.trace = {.weight = b.a}}) == status_code::output_overlap);
  CHECK(room == std::vector<float>(8, 7.0F));
  CHECK(b.pi == small_batch{}.pi);
  CHECK(code({.loss = room.data(), .gradient = room.data() + 3}) == status_code::ok);
}

TEST_CASE("compute_mask gives the mask of policy_loss") {
  auto const check = [](auto const& region) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      auto const slots = static_cast<std::size_t>(batch.slots());
      std::vector<std::uint8_t> alone(slots, 9), with_loss(slots, 9);
      std::vector<float> loss(slots);
      auto const first = compute_mask(cppo::seq, batch.view(), region, alone);
      auto const second = policy_loss(cppo::seq, batch.view(), region, {.loss = loss, .mask = with_loss});
      REQUIRE(alone == with_loss);
      REQUIRE(cppo_test::same_status(first, second));
    }
  };
  check(cppo::fixed_cppo());
  check(cppo::calibrated_cppo());
}

namespace {

// The regions and executors that the rearrangements below are tried on.
template <class F>
void each_run(F const& f) {
  f(cppo::seq, cppo::fixed_cppo());
  f(cppo::simd, cppo::calibrated_cppo());
  f(cppo::simd, cppo::trm_mean());
}

}  // namespace

TEST_CASE("F13_microbatch_split_bits: responses one at a time or in pairs give the bits of the whole batch") {
  each_run([](auto executor, auto const& region) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      auto const whole = capture(executor, batch, region, {});
      for (index_t size : {1, 2, 3}) {
        for (index_t from = 0; from < batch.responses; from += size) {
          slot_rows rows;
          for (index_t b = from; b < std::min(from + size, batch.responses); ++b) rows.push_back(batch.row(b));
          auto const part = rearranged(batch, rows, packed_if(batch.packed));
          REQUIRE(unlike(capture(executor, part.batch, region, {}), whole, part.batch.rows(), part.source) == "");
        }
      }
    }
  });
}

TEST_CASE("packed responses in any order keep their bits") {
  each_run([](auto executor, auto const& region) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      slot_rows rows = batch.rows();
      std::reverse(rows.begin(), rows.end());
      std::rotate(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(seed % rows.size()), rows.end());
      auto const other = rearranged(batch, rows, arrangement::packed);
      auto const whole = capture(executor, batch, region, {});
      REQUIRE(unlike(capture(executor, other.batch, region, {}), whole, other.batch.rows(), other.source) == "");
    }
  });
}

TEST_CASE("padding, its width and its side change no bit, packed equals padded, and padding gets +0") {
  each_run([](auto executor, auto const& region) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      auto const whole = capture(executor, batch, region, {});
      for (index_t const pad : {0, 1, 19}) {
        for (bool const left : {false, true}) {
          slot_rows rows = batch.rows();
          std::size_t width = 0;
          for (auto const& row : rows) width = std::max(width, row.size() + static_cast<std::size_t>(pad));
          for (auto& row : rows) row.insert(left ? row.begin() : row.end(), width - row.size(), -1);
          auto const padded = rearranged(batch, rows, arrangement::padded);
          REQUIRE(unlike(capture(executor, padded.batch, region, {}), whole, padded.batch.rows(), padded.source) == "");
        }
      }
      auto const packed = rearranged(batch, batch.token_rows(), arrangement::packed);
      REQUIRE(unlike(capture(executor, packed.batch, region, {}), whole, packed.batch.rows(), packed.source) == "");
    }
  });
}

TEST_CASE("F11_hole_equals_removed_token: holes anywhere change no bit") {
  each_run([](auto executor, auto const& region) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      auto const whole = capture(executor, batch, region, {});
      random_source random(seed);
      slot_rows rows;
      for (auto const& tokens : batch.token_rows()) {
        std::vector<index_t> row;
        for (index_t const s : tokens) {
          for (index_t k = random.below(3); k > 0; --k) row.push_back(-1);
          row.push_back(s);
        }
        rows.push_back(row);
      }
      auto const holey = rearranged(batch, rows, packed_if(seed % 2 == 0));
      REQUIRE(unlike(capture(executor, holey.batch, region, {}), whole, holey.batch.rows(), holey.source) == "");
    }
  });
}

TEST_CASE("an advantage per response equals the same advantage on each token") {
  std::vector<float> const pi{-0.9F, -1.0F, -0.2F, -2.0F}, mu{-1.0F, -0.9F, -0.9F, -1.0F};
  std::vector<float> const each{1.5F, 1.5F, -0.5F, -0.5F}, once{1.5F, -0.5F};
  std::vector<float> first(4), second(4), third(4);
  auto const run = [&](auto const& a, std::vector<float>& gradient) {
    auto const batch = cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu), a);
    return policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.gradient = gradient});
  };
  REQUIRE(run(cppo::advantage(each), first).ok());
  REQUIRE(run(cppo::advantage(cppo::per_response(once)), second).ok());
  REQUIRE(run(cppo::advantage(cppo::matrix_view<float const>(once.data(), 2, 2, 1, 0)), third).ok());
  CHECK(first == second);
  CHECK(first == third);
  CHECK(first[0] != 0.0F);
}

namespace {

// Values of [3, 5] batches in buffers that share an array.
constexpr index_t woven_rows = 3, woven_width = 5;
using woven_view = cppo::matrix_view<float>;

// Fills a view with log-probs about -1.
void fill(woven_view const& v, float step) {
  for (index_t b = 0; b < woven_rows; ++b) {
    for (index_t i = 0; i < woven_width; ++i) v(b, i) = -1.0F + step * static_cast<float>((7 * b + 3 * i) % 5 - 2);
  }
}

// A call that reads pi and mu and writes loss and gradient through the views, on each executor; the code, which must
// be one, and where the call was made, that it gave the numbers of separate buffers.
cppo::status_code woven_call(woven_view const& pi, woven_view const& mu, woven_view const& loss,
                             woven_view const& gradient) {
  std::vector<float> const a(woven_rows * woven_width, 1.0F);
  std::vector<float> room(4 * a.size());
  auto const apart = [&room, n = a.size()](std::size_t k) {
    return woven_view(room.data() + k * n, woven_rows, woven_width);
  };
  auto const call = [&a](auto executor, woven_view const& p, woven_view const& q, woven_view const& l,
                         woven_view const& g) {
    fill(p, 0.04F);
    fill(q, -0.03F);
    auto const batch = cppo::rollout_batch(cppo::padded(woven_rows, woven_width), cppo::log_prob(p),
                                           cppo::rollout_log_prob(q), cppo::advantage(a));
    return policy_loss(executor, batch, cppo::fixed_cppo(), {.loss = l, .gradient = g}).code;
  };
  CHECK(call(cppo::seq, apart(0), apart(1), apart(2), apart(3)) == status_code::ok);
  cppo::status_code const code = call(cppo::seq, pi, mu, loss, gradient);
  CHECK(call(cppo::simd, pi, mu, loss, gradient) == code);
  for (index_t b = 0; code == status_code::ok && b < woven_rows; ++b) {
    for (index_t i = 0; i < woven_width; ++i) {
      CHECK(loss(b, i) == apart(2)(b, i));
      CHECK(gradient(b, i) == apart(3)(b, i));
    }
  }
  return code;
}

}  // namespace

TEST_CASE("outputs and inputs may be woven into one array") {
  std::vector<float> x(400, 7.0F);
  auto const interleaved = [&x](index_t k) { return woven_view(x.data() + k, woven_rows, woven_width, 20, 4); };
  CHECK(woven_call(interleaved(0), interleaved(1), interleaved(2), interleaved(3)) == status_code::ok);
  auto const slice = [&x](index_t column) { return woven_view(x.data() + column, woven_rows, woven_width, 20, 1); };
  CHECK(woven_call(slice(0), slice(5), slice(10), slice(15)) == status_code::ok);
  CHECK(woven_call(slice(15), slice(0), slice(5), slice(10)) == status_code::ok);
  auto const across = [&x](index_t row) { return woven_view(x.data() + row, woven_rows, woven_width, 1, 12); };
  CHECK(woven_call(across(0), across(3), across(6), across(9)) == status_code::ok);
}

TEST_CASE("an output that shares memory through strides is refused, whatever the strides") {
  std::vector<float> x(400, 7.0F), apart(400);
  auto const at = [](std::vector<float>& v, index_t first, index_t down, index_t across) {
    return woven_view(v.data() + first, woven_rows, woven_width, down, across);
  };
  auto const loss = at(apart, 0, 5, 1), mu = at(apart, 100, 5, 1);
  auto const code = [&](woven_view const& pi, woven_view const& g) { return woven_call(pi, mu, loss, g); };
  CHECK(code(at(x, 0, 6, 1), at(x, 0, 6, 1)) == status_code::output_overlap);     // in place, rows with a gap
  CHECK(code(at(x, 0, 6, 1), at(x, 2, 6, 1)) == status_code::output_overlap);
  CHECK(code(at(x, 0, 10, 2), at(x, 4, 10, 2)) == status_code::output_overlap);
  CHECK(code(at(x, 0, 10, 2), at(x, 0, 5, 1)) == status_code::output_overlap);    // gaps of one filled by the other
  CHECK(code(at(x, 0, 5, 1), at(x, 0, 1, 3)) == status_code::output_overlap);     // transposed
  CHECK(code(at(x, 60, -20, 1), at(x, 22, 20, 1)) == status_code::output_overlap);  // backwards
  CHECK(code(at(x, 0, 6, 1), at(x, 40, 6, 1)) == status_code::ok);
  std::vector<float> packed_room(40, -1.0F);
  std::vector<float> const a(5, 1.0F);
  std::int32_t const cuts[] = {0, 2, 5};
  auto const every = [&packed_room](index_t first, index_t step) {
    return cppo::vector_view<float>(packed_room.data() + first, 5, step);
  };
  auto const batch = cppo::rollout_batch(cppo::packed(cuts, 2), cppo::log_prob(every(0, 3)),
                                         cppo::rollout_log_prob(every(1, 3)), cppo::advantage(a));
  CHECK(policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = every(3, 3)}).code == status_code::output_overlap);
  CHECK(policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = every(2, 3)}).code == status_code::ok);
}

TEST_CASE("an output may not share memory with Top-K lists or offsets") {
  std::vector<std::int32_t> cuts{0, 2, 3}, ids(6, 1), sampled(3, 1);
  std::vector<float> const pi(3, -0.5F), a(3, 1.0F);
  std::vector<float> listed_pi(6, -1.0F), listed_mu(6, -1.0F);
  auto const batch = cppo::rollout_batch(cppo::packed(cuts), cppo::log_prob(pi), cppo::rollout_log_prob(pi),
                                         cppo::advantage(a), cppo::token_id(sampled),
                                         cppo::top_k(2, ids, listed_pi, listed_mu));
  auto const code = [&batch](cppo::loss_outputs const& o) {
    return policy_loss(cppo::seq, batch, cppo::dppo(), o).code;
  };
  CHECK(code({.gradient = listed_pi.data() + 3}) == status_code::output_overlap);
  CHECK(code({.loss = listed_mu.data()}) == status_code::output_overlap);
  CHECK(code({.mask = ids.data()}) == status_code::output_overlap);
  CHECK(code({.mask = sampled}) == status_code::output_overlap);
  CHECK(code({.mask = cuts}) == status_code::output_overlap);
  CHECK(cuts == std::vector<std::int32_t>{0, 2, 3});
  CHECK(ids == std::vector<std::int32_t>(6, 1));
  CHECK(code({}) == status_code::ok);
}

TEST_CASE("outputs that are numbers are refused as integers, masks and decisions are not") {
  small_batch const b;
  std::vector<int> whole(3, 7), why(3, 7);
  std::vector<float> fits(3, 7.0F);
  std::array<bool, 3> flags{};
  auto const refused = [&](cppo::loss_outputs const& o, cppo::argument where) {
    cppo::status const s = policy_loss(cppo::seq, b.view(), cppo::dppo(), o);
    CHECK(s.code == status_code::element_type_mismatch);
    CHECK(s.where == where);
    CHECK(s.nothing_written());
    CHECK(whole == std::vector<int>(3, 7));
    CHECK(fits == std::vector<float>(3, 7.0F));
  };
  refused({.loss = whole}, cppo::argument::loss);
  refused({.loss = fits, .gradient = whole}, cppo::argument::gradient);
  refused({.loss = fits, .gate = whole}, cppo::argument::gate);
  refused({.loss = fits, .trace = {.divergence = whole}}, cppo::argument::trace);
  refused({.loss = fits, .trace = {.excess = whole}}, cppo::argument::trace);
  refused({.loss = fits, .trace = {.decision = flags}}, cppo::argument::trace);
  CHECK(policy_loss(cppo::seq, b.view(), cppo::dppo(), {.mask = whole, .trace = {.decision = why}}).ok());
  CHECK(whole == std::vector<int>{1, 0, 1});
  CHECK(why[1] == static_cast<int>(cppo::decision::masked_divergence));
}

namespace {

// Responses at slots 2 ... 9 of buffers of 16, the rest of every input NaN.
struct in_the_middle {
  std::vector<float> pi = std::vector<float>(16, std::numeric_limits<float>::quiet_NaN()), mu = pi, a = pi;
  std::vector<std::int32_t> cuts{2, 6, 6, 10};

  in_the_middle() {
    for (std::size_t i = 2; i < 10; ++i) {
      pi[i] = -0.25F * static_cast<float>(i % 3);
      mu[i] = -0.5F;
      a[i] = i % 2 == 0 ? 1.0F : -1.0F;
    }
  }
  // Slots with other bits than `want`, outside the responses that lie from `first` to `last`.
  template <class Executor>
  std::size_t unlike_outside(Executor const& executor, cppo::layout const& l, cppo::loss_options const& o, float want,
                             std::size_t first = 2, std::size_t last = 10) const {
    auto const batch = cppo::rollout_batch(l, cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
    std::size_t wrong = 0;
    for (asks_for const asked : {asks_for::no_trace, asks_for::trace}) {
      auto const run = capture_view(executor, batch, 16, cppo::dppo(), o, asked);
      for (auto const& column : run.column) {
        for (std::size_t i = 0; i < column.size(); ++i) {
          bool const inside = i >= first && i < last;
          wrong += inside ? column[i] == static_cast<float>(unwritten) : !same_bits(column[i], want);
        }
      }
    }
    return wrong;
  }
};

}  // namespace

TEST_CASE("F34: a capacity is +0 at every slot of no response, a part leaves them alone") {
  in_the_middle b;
  auto const both = [&b](cppo::layout const& l, float want, std::size_t first = 2, std::size_t last = 10) {
    for (auto const bad : {cppo::on_bad_input::reject, cppo::on_bad_input::exclude, cppo::on_bad_input::propagate}) {
      CHECK(b.unlike_outside(cppo::seq, l, {.bad_input = bad}, want, first, last) == 0);
      CHECK(b.unlike_outside(cppo::simd, l, {.bad_input = bad}, want, first, last) == 0);
    }
  };
  for (bool const valid : {true, false}) {
    if (!valid) b.pi[3] = std::numeric_limits<float>::quiet_NaN();
    both(cppo::packed(b.cuts).with_capacity(16), 0.0F);
    both(cppo::packed(b.cuts).part_of(16), static_cast<float>(unwritten));
  }
  both(cppo::packed(b.cuts.data(), 0).with_capacity(16), 0.0F, 16, 16);
  both(cppo::packed(b.cuts.data(), 0).part_of(16), static_cast<float>(unwritten), 16, 16);
}

TEST_CASE("F34: a refused call writes no spare slot either") {
  in_the_middle const b;
  auto const l = cppo::packed(b.cuts).with_capacity(16);
  auto const nowhere = static_cast<float>(unwritten);
  CHECK(b.unlike_outside(cppo::seq, l, {.horizon = -1}, nowhere, 16, 16) == 0);
  cppo::loss_options const too_short{.horizon = 3, .positions = cppo::position_convention::fixed_horizon};
  CHECK(b.unlike_outside(cppo::seq, l, too_short, nowhere, 16, 16) == 0);
  CHECK(b.unlike_outside(cppo::simd, l, too_short, nowhere, 16, 16) == 0);
}

TEST_CASE("F34: what a capacity clears may not be an input") {
  in_the_middle const b;
  std::vector<float> arena(28);
  float* const pi = arena.data() + 12;  // an output from 0 on has its tail where log pi begins
  std::copy(b.pi.begin(), b.pi.end(), pi);
  auto const code = [&](cppo::layout const& l) {
    auto const batch = cppo::rollout_batch(l, cppo::log_prob(pi), cppo::rollout_log_prob(b.mu), cppo::advantage(b.a));
    return policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = arena.data()}).code;
  };
  CHECK(code(cppo::packed(b.cuts).with_capacity(16)) == status_code::output_overlap);
  CHECK(code(cppo::packed(b.cuts).part_of(16)) == status_code::ok);
}
