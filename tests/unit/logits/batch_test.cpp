// What a batch of logits may look like, and what is refused, with nothing written.
#include "support/catch_compat.hpp"
#include "support/drawn_logits.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/logits.hpp>

#include <array>
#include <cfenv>
#include <memory>
#include <string>

namespace {

using namespace cppo;
using namespace cppo_test;

// Logits are no input of a response, of which one number may stand for several slots.
static_assert(detail::may_repeat(argument::bootstrap_value) && !detail::may_repeat(argument::logits));

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

// Two responses of three slots over five ids. Slot 2 of response 0 and slot 1 of response 1 are excluded, and hold what
// no call may read.
struct small {
  std::vector<float> x{0, 1, 2, 3, 4,  1, 0, 1, 0, 1,   not_a_number, inf, not_a_number, not_a_number, not_a_number,
                       2, 2, 2, 2, 2,  not_a_number, not_a_number, inf, inf, inf,  no_logit, 0, 1, no_logit, 3};
  std::vector<int> id{4, 0, -77,  2, 99, 4};
  std::vector<int> ids{4, 0,  1, -1,  1000, 1000,  2, 2,  1000, -5,  0, 3};
  std::vector<std::uint8_t> mask{1, 1, 0, 1, 0, 1};
  std::vector<float> log_prob = std::vector<float>(6, 9.0F), entropy = log_prob, log_sum_exp = log_prob;
  std::vector<float> listed = std::vector<float>(12, 9.0F), largest = listed;
  std::vector<std::int64_t> largest_id = std::vector<std::int64_t>(12, 9);

  logit_batch_view batch() const {
    return logit_batch(padded(2, 3), logits(5, x), token_id(id), top_k_ids(2, ids), response_mask(mask));
  }
  log_prob_outputs outputs() {
    return {.log_prob = log_prob, .listed_log_prob = listed, .log_sum_exp = log_sum_exp, .entropy = entropy,
            .largest_count = 2, .largest_id = largest_id, .largest_log_prob = largest};
  }
  // Both executors refuse it with these words, and write nothing.
  void refused(logit_batch_view const& b, log_prob_outputs const& out, std::string const& words) {
    auto const threads = simd.with_threads(2, 1);
    for (status const& s : {log_probs(seq, b, out), log_probs(simd, b, out), log_probs(threads, b, out)}) {
      CHECK(!s.ok());
      CHECK_THAT(std::string(describe(s)), contains(words));
    }
    for (auto const* y : {&log_prob, &entropy, &log_sum_exp, &listed, &largest}) {
      CHECK(std::all_of(y->begin(), y->end(), [](float a) { return a == 9.0F; }));
    }
    CHECK(std::all_of(largest_id.begin(), largest_id.end(), [](auto a) { return a == 9; }));
  }
  void refused(std::string const& words) { refused(batch(), outputs(), words); }
};

}  // namespace

TEST_CASE("excluded rows are not read, whatever they hold, and get +0 and id -1", "[logits]") {
  for (int const threads : {1, 2}) {
    small s;
    REQUIRE(log_probs(simd.with_threads(threads, 1), s.batch(), s.outputs()).ok());
    for (std::size_t const slot : {std::size_t{2}, std::size_t{4}}) {
      for (float const y : {s.log_prob[slot], s.entropy[slot], s.log_sum_exp[slot], s.listed[2 * slot],
                            s.listed[2 * slot + 1], s.largest[2 * slot], s.largest[2 * slot + 1]}) {
        CHECK((y == 0.0F && !std::signbit(y)));
      }
      CHECK((s.largest_id[2 * slot] == -1 && s.largest_id[2 * slot + 1] == -1));
    }
    CHECK(s.log_prob[3] == approx(-std::log(5.0)));
    CHECK(s.entropy[3] == approx(std::log(5.0)));
    CHECK(s.listed[0] == s.log_prob[0]);
    CHECK(s.listed[3] == -inf);   // an empty entry
    CHECK(s.listed[10] == -inf);  // a masked id
    CHECK((s.largest_id[0] == 4 && s.largest_id[1] == 3));
    CHECK((s.largest_id[2] == 0 && s.largest_id[3] == 2));  // of equals the lower ids
    CHECK((s.largest_id[10] == 4 && s.largest_id[11] == 2));
  }
}

TEST_CASE("bad logits and ids are refused with their place", "[logits]") {
  auto const with = [](auto const& spoil, char const* words) {
    small s;
    spoil(s);
    s.refused(words);
  };
  with([](small& s) { s.x[7] = not_a_number; }, "logits at response 0, token 1, id 2 is nan, but must be finite");
  with([](small& s) { s.x[29] = inf; }, "logits at response 1, token 2, id 4 is inf, but must be finite");
  with([](small& s) { s.x[25] = not_a_number; }, "logits at response 1, token 2, id 0 is nan");
  with([](small& s) { s.x[7] = inf, s.x[6] = not_a_number; }, "logits at response 0, token 1, id 1 is nan");
  with([](small& s) { std::fill_n(s.x.begin() + 15, 5, no_logit); },
       "logits at response 1, token 0 is -inf, but must be finite or -inf, and not -inf in a whole row");
  with([](small& s) { std::fill_n(s.x.begin() + 15, 5, no_logit), s.x[17] = not_a_number; }, "token 0, id 2 is nan");
  with([](small& s) { std::fill_n(s.x.begin() + 15, 5, not_a_number); }, "token 0, id 0 is nan");
  with([](small& s) { s.id[5] = 3; },
       "logits at response 1, token 2, id 3 is -inf, but must be above -inf at the sampled id");
  with([](small& s) { s.id[1] = 5; }, "token_id at response 0, token 1 is 5, but must hold ids in 0 ... V - 1");
  with([](small& s) { s.id[3] = -1; }, "token_id at response 1, token 0 is -1");
  with([](small& s) { s.ids[1] = 5; }, "top_k at response 0, token 0 lists 5");
  with([](small& s) { s.mask[1] = 2; }, "response_mask at response 0, token 1 is 2");
}

TEST_CASE("NaN is found wherever it lies in a long row", "[logits]") {
  std::vector<float> x(5000);
  for (std::size_t j = 0; j < x.size(); ++j) x[j] = static_cast<float>(j % 97) * 0.1F;
  for (std::size_t const top : {0U, 1023U, 1024U, 4999U}) {
    for (std::size_t const bad : {0U, 1U, 63U, 1000U, 1023U, 1024U, 1025U, 2047U, 2048U, 4095U, 4096U, 4990U, 4999U}) {
      std::vector<float> y = x;
      y[top] = 50.0F;
      y[bad] = not_a_number;
      float h = 9.0F;
      status const s = log_probs(simd, logit_batch(padded(1, 1), logits(5000, y)), {.entropy = &h});
      CHECK((s.code == status_code::logit_invalid && s.wanted == static_cast<index_t>(bad) && h == 9.0F));
      CHECK(log_probs(seq, logit_batch(padded(1, 1), logits(5000, y)), {.entropy = &h}).wanted == s.wanted);
    }
  }
}

TEST_CASE("shapes that do not fit are refused", "[logits]") {
  small s;
  layout const l = padded(2, 3);
  auto const with = [&](logit_rows const& rows, char const* words) {
    s.refused(logit_batch(l, rows, token_id(s.id), top_k_ids(2, s.ids), response_mask(s.mask)), s.outputs(), words);
  };
  float const* const p = s.x.data();
  with(logits(0, p), "logits(V, ...) is 0, but must be 1 or more");
  with(logits(6, s.x), "logits has 30 elements, but must have 36");
  with(logits(5, matrix_view(p, 5, 5)), "logits has 5 rows, but must have 6");
  with(logits(5, matrix_view(p, 6, 4)), "logits has 4 columns, but must have 5");
  with(logits(5, matrix_view(p, 6, 5, 4, 1)), "logits must have rows that are V elements apart");
  with(logits(5, matrix_view(p, 6, 5, 0, 1)), "logits must have rows that are V elements apart");
  with(logits(5, matrix_view(p, 6, 5, 1, 6)), "logits must have the ids of a row side by side");
  with(logits(5, vector_view(p, 30, 2)), "logits must have stride 1");
  with(logits(5, matrix_view(p, 6, 5, index_t{1} << 60, 1)), "logits must have every element within 2^59");
  with(logits(index_t{1} << 61, p), "2^62 elements");
  with(logits(5, static_cast<float const*>(nullptr)), "logits is null");
  with(logits(5, p).at_temperature(0.0), "at_temperature(t) is 0, but must be in [2^-20, 2^20]");
  with(logits(5, p).at_temperature(std::nan("")), "at_temperature(t) is nan");
  with(logits(5, p).at_temperature(-1.0), "at_temperature(t) is -1");
  with(logits(5, p).from_id(3, 7), "from_id(first, ...) is 3");
  with(logits(5, p).from_id(-1, 7), "from_id(first, ...) is -1");
  with(logits(5, p).from_id(2, 100), "finds in each shard of the vocabulary");
}

TEST_CASE("lists, layouts and arithmetic that do not fit are refused", "[logits]") {
  small s;
  logit_rows const rows = logits(5, s.x);
  auto const refused = [&](logit_batch_view const& b, char const* words) { s.refused(b, s.outputs(), words); };
  auto const with_lists = [&](detail::lent_ids const& ids) { return logit_batch(padded(2, 3), rows, ids); };
  refused(with_lists(top_k_ids(0, s.ids)), "top_k_ids(k, ...) is 0, but must be 1 or more");
  refused(with_lists(top_k_ids(3, s.ids)), "top_k_ids(..., ids) has 12 elements, but must have 18");
  refused(with_lists(top_k_ids(index_t{1} << 61, s.ids.data())), "top_k would need more than 2^62 elements");
  refused(logit_batch(padded(-1, 3), rows), "padded(responses, ...) is -1");
  std::vector<int> const offsets{0, 6};
  refused(logit_batch(packed_on_device(offsets.data(), 1, 6), rows), "cu_seqlens lies on a device");
  refused(logit_batch(padded(2, 3), rows, token_id(offsets)), "token_id has 2 elements, but must have 6");
  log_prob_outputs many = s.outputs();
  many.largest_count = index_t{1} << 61;
  s.refused(s.batch(), many, "top_k would need more than 2^62 elements");
  std::fesetround(FE_UPWARD);
  status const relaxed[] = {log_probs(seq, s.batch(), s.outputs()), log_probs(simd, s.batch(), s.outputs())};
  std::fesetround(FE_TONEAREST);
  for (status const& r : relaxed) CHECK(r.code == status_code::arithmetic_relaxed);
  CHECK(s.log_prob[0] == 9.0F);
}

TEST_CASE("outputs that do not fit are refused", "[logits]") {
  small s;
  auto const with = [&](auto const& spoil, char const* words) {
    log_prob_outputs out = s.outputs();
    spoil(out);
    s.refused(s.batch(), out, words);
  };
  std::vector<float> few(5);
  std::vector<std::int8_t> bytes(12);
  std::vector<int> whole_numbers(12);
  with([&](auto& o) { o.log_prob = few; }, "log_prob has 5 elements, but must have 6");
  with([&](auto& o) { o.log_sum_exp = few; }, "log_sum_exp has 5 elements, but must have 6");
  with([&](auto& o) { o.entropy = matrix_view(s.entropy.data(), 2, 3, 0, 1); },
       "entropy must have an element of its own");
  with([&](auto& o) { o.listed_log_prob = few; }, "listed_log_prob has 5 elements, but must have 12");
  with([&](auto& o) { o.largest_log_prob = few; }, "largest_log_prob has 5 elements, but must have 12");
  with([&](auto& o) { o.largest_count = 3; }, "largest_log_prob has 12 elements, but must have 18");
  with([&](auto& o) { o.largest_count = 0; }, "largest_log_prob has 0 entries at each slot, but must have 1");
  with([&](auto& o) { o.largest_log_prob = whole_numbers; }, "largest_log_prob has elements of the wrong type");
  with([&](auto& o) { o.entropy = output(whole_numbers.data()); }, "entropy has elements of the wrong type");
  with([&](auto& o) { o.log_sum_exp = s.log_prob; }, "log_sum_exp shares memory with log_prob");
  with([&](auto& o) { o.entropy = s.x.data() + 10; }, "entropy shares memory with logits");
  with([&](auto& o) { o.largest_id = s.ids.data(); }, "largest_id shares memory with top_k");
  CHECK(log_probs(seq, s.batch(), {.largest_count = 2, .largest_id = bytes}).ok());
  std::vector<float> wide(300);
  auto const one = logit_batch(padded(1, 1), logits(300, wide));
  status const narrow = log_probs(seq, one, {.largest_count = 12, .largest_id = bytes});
  CHECK_THAT(std::string(describe(narrow)), contains("largest_id is 300, but must be a type that holds V ids"));
  status const no_id = log_probs(seq, one, {.log_prob = few.data()});
  CHECK_THAT(std::string(describe(no_id)), contains("token_id is read by the call, but was not lent"));
}

TEST_CASE("layouts and strides: packed, part of more, views, half types", "[logits]") {
  small s;
  REQUIRE(log_probs(seq, s.batch(), s.outputs()).ok());
  std::vector<int> const offsets{1, 3};  // slots 1 and 2 of 4: rows 1 and 2
  std::vector<float> x(4 * 8, not_a_number);
  std::copy_n(s.x.begin(), 5, x.begin() + 8);
  std::copy_n(s.x.begin() + 5, 5, x.begin() + 16);
  std::vector<int> const id{70, 4, 0, 70};
  matrix_view const spread(std::as_const(x).data(), 4, 5, 8, 1);
  std::vector<double> lp(4, 7.0);
  auto const run = [&](layout const& l) {
    return log_probs(simd, logit_batch(l, logits(5, spread), token_id(id)), {.log_prob = lp}).ok();
  };
  REQUIRE(run(packed(offsets).part_of(4)));
  CHECK((lp[0] == 7.0 && lp[3] == 7.0));
  CHECK((static_cast<float>(lp[1]) == s.log_prob[0] && static_cast<float>(lp[2]) == s.log_prob[1]));
  REQUIRE(run(packed(offsets).with_capacity(4)));
  CHECK((lp[0] == 0.0 && lp[3] == 0.0));
  // Backwards, and into every other element.
  matrix_view const upside_down(std::as_const(s.x).data() + 5, 2, 5, -5, 1);
  std::vector<int> const swapped{0, 4};
  std::vector<float> every_other(3, 7.0F);
  std::vector<int> const two{0, 2};
  REQUIRE(log_probs(simd, logit_batch(packed(two), logits(5, upside_down), token_id(swapped)),
                    {.log_prob = vector_view(every_other.data(), 2, 2)})
              .ok());
  CHECK((every_other == std::vector<float>{s.log_prob[1], 7.0F, s.log_prob[0]}));
  std::vector<bfloat16> const y = as_elements<bfloat16>(s.x);
  std::vector<half> rounded(6);
  auto const halves = logit_batch(padded(2, 3), logits(5, y), token_id(s.id), response_mask(s.mask));
  REQUIRE(log_probs(simd, halves, {.log_prob = rounded}).ok());
  CHECK(rounded[0].bits == to_half(s.log_prob[0]).bits);
}

TEST_CASE("no rows, and no tokens, are no error", "[logits]") {
  float h = 9.0F;
  std::vector<float> const x(5, not_a_number);
  std::uint8_t const none = 0;
  CHECK(log_probs(simd, logit_batch(padded(0, 3), logits(5, x.data())), {.entropy = &h}).ok());
  CHECK(h == 9.0F);
  CHECK(log_probs(simd, logit_batch(padded(1, 1), logits(5, x), response_mask(&none)), {.entropy = &h}).ok());
  CHECK(h == 0.0F);
  CHECK(log_probs(seq, logit_batch(padded(1, 1), logits(1, &h)), {}).ok());
}

TEST_CASE("extremes of the numbers: the largest floats, far below, subnormal, zeros of both signs", "[logits]") {
  constexpr float huge = std::numeric_limits<float>::max();
  auto const row = [](std::vector<float> const& x, double t) {
    float lp = 9.0F, h = 9.0F;
    std::int64_t top = 9;
    int const id = 0;
    logit_rows const rows = logits(static_cast<index_t>(x.size()), x).at_temperature(t);
    auto const batch = logit_batch(padded(1, 1), rows, token_id(&id));
    REQUIRE(log_probs(simd, batch, {.log_prob = &lp, .entropy = &h, .largest_count = 1, .largest_id = &top}).ok());
    return std::array{static_cast<double>(lp), static_cast<double>(h), static_cast<double>(top)};
  };
  CHECK(row({huge, -huge}, 1.0) == std::array{0.0, 0.0, 0.0});
  CHECK(row({-huge, huge}, 1.0)[0] == -std::numeric_limits<double>::infinity());  // -6.8e38 is none of float
  CHECK(row({-200, 0}, 1.0) == std::array{-200.0, 0.0, 1.0});
  CHECK(row({0.0F, -0.0F}, 1.0)[0] == approx(-std::log(2.0)));
  CHECK(row({-0.0F, 0.0F}, 1.0)[2] == 0.0);
  CHECK(row({1e-45F, 0.0F}, 1.0)[2] == 0.0);
  CHECK(row({1.0F, 0.0F}, 0x1p-20) == std::array{0.0, 0.0, 0.0});
  CHECK(row({1.0F, 0.0F}, 0x1p20)[1] == approx(std::log(2.0)));
}

// The sanitizers see it if the row past the end is touched.
TEST_CASE("a last row that is excluded need not be there", "[logits]") {
  constexpr std::size_t v = 1030;
  auto const x = std::make_unique<float[]>(v);  // of two rows
  static float g[2 * v];  // no memory that could lie behind x, where its second row would be
  for (std::size_t j = 0; j < v; ++j) x[j] = static_cast<float>(j % 7);
  std::uint8_t const mask[] = {1, 0};
  int const id[] = {3, 0};
  double total[2], slope[] = {1.0, 1.0}, tv[2];
  logit_rows const rows = logits(v, std::as_const(x).get());
  auto const batch = logit_batch(padded(1, 2), rows, token_id(id), response_mask(mask));
  auto const run = [&](auto const& executor) {
    std::fill(std::begin(g), std::end(g), 9.0F);
    REQUIRE(log_probs(executor, batch, {.log_sum_exp = total}).ok());
    REQUIRE(logits_gradient(executor, batch, {.slope = slope, .log_sum_exp = total}, g).ok());
    REQUIRE(full_divergences(executor, batch, total, {.logits = rows, .log_sum_exp = total}, {.tv = tv}).ok());
    CHECK((total[1] == 0.0 && g[v] == 0.0F && g[2 * v - 1] == 0.0F && tv[0] == 0.0 && tv[1] == 0.0));
  };
  run(seq);
  run(simd.with_threads(2, 1));
}
