// Responses in pieces through the C interface: totals, sums and the mask of the uncut batch.
#include "c_call.hpp"

#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/testing/rearrange.hpp>

#include <cppo/testing/generators.hpp>

namespace {

using cppo::index_t;

/// What each piece is.
struct pieces {
  std::vector<index_t> response_of, order_of;
};

/// One response of n tokens in three pieces of a packed batch.
template <class T>
struct cut_response {
  cppo::testing::generated_batch<T> whole, cut;
  pieces of{{0, 0, 0}, {0, 1, 2}};

  explicit cut_response(std::uint64_t seed) {
    do whole = cppo::testing::generate<T>(seed++, {.max_responses = 1, .max_length = 200, .top_k = 3});
    while (!whole.packed || !whole.spare().empty() || whole.slots() < 9);
    cut = whole;
    auto const n = whole.slots();
    cut.responses = 3;
    cut.offsets = {0, n / 4, n / 2, n};
    cut.seal();
  }
};

/// Totals and carries of the pieces, made by the functions of the interface.
template <class Real>
struct c_plan {
  std::vector<cppo_totals> totals;
  std::vector<cppo_prefix> carries;

  c_plan(cppo_batch const* batch, cppo_region const& region, index_t slots) {
    cppo_totals total{};
    std::vector<Real> divergences(static_cast<std::size_t>(slots));
    std::int64_t n = 0;
    for (index_t b = 0; b < batch->responses; ++b) {
      cppo_totals piece;
      std::int64_t written = -1;
      call(cppo_summarize_piece(batch, &region, b, nullptr, &piece, divergences.data() + n, &written, &status));
      cppo_totals_add(&total, &piece);
      n += written;
    }
    std::int32_t const dtype = std::is_same_v<Real, double> ? cppo_f64 : cppo_f32;
    call(cppo_resolve_totals(&region, &total, divergences.data(), dtype, n, &status));
    totals.assign(static_cast<std::size_t>(batch->responses), total);
    cppo_prefix before{};
    for (index_t b = 0; b < batch->responses; ++b) {
      carries.push_back(before);
      cppo_prefix piece;
      call(cppo_sum_piece(batch, &region, b, &total, before.words[0], nullptr, &piece, &status));
      cppo_prefix_add(&before, &piece);
    }
    CHECK(before.words[0] == total.words[0]);
  }
  void call(std::int32_t code) {
    INFO(status.message);
    REQUIRE(code == 0);
  }
  cppo_status status;
};

template <class T>
void check_cut(std::uint64_t seed, char const* text) {
  using real = typename cppo::testing::generated_batch<T>::real;
  cut_response<T> const response(seed);
  auto const region = cppo::parse_region(text).region;
  cppo_region const c_region = cppo_test::region_of(text);
  cppo_test::c_batch lent(response.cut.view());
  auto const slots = static_cast<std::size_t>(response.cut.slots());
  c_plan<real> const plan(lent.get(), c_region, response.cut.slots());
  auto const want = capture(cppo::seq, response.whole, region, {}, cppo::testing::asks_for::no_trace);
  std::vector<real> gradient(slots, real(77));
  std::vector<std::uint8_t> mask(slots, 77);
  cppo_test::c_outputs const outputs({.gradient = gradient, .mask = mask}, response.cut.shape(), nullptr);
  cppo_options options = cppo_test::c_options({});
  options.carries = plan.carries.data();
  options.totals = plan.totals.data();
  cppo_status s;
  REQUIRE(cppo_policy_loss(lent.get(), &c_region, &outputs.outputs, &options, &s) == 0);
  for (std::size_t i = 0; i < slots; ++i) {
    if (response.whole.valid[i] == 0) continue;
    CHECK(cppo::testing::same_bits(gradient[i], want[cppo::testing::captured::gradient][i]));
    CHECK(real(mask[i]) == want[cppo::testing::captured::mask][i]);
  }
}

}  // namespace

TEST_CASE("a response in three pieces has the mask and the gradient of the uncut one") {
  for (char const* text : {"fixed_cppo()", "calibrated_cppo(delta = 0.1, divergence = top_k_tv)",
                           "trm_mean(0.05)", "calibrated_cppo(delta_b = 0.01)"}) {
    for (std::uint64_t seed = 1; seed < 200; seed += 40) {
      check_cut<float>(seed, text);
      check_cut<double>(seed, text);
    }
  }
}

TEST_CASE("what fails becomes what no call accepts") {
  cut_response<float> const response(3);
  cppo_region const region = cppo_test::region_of("calibrated_cppo()");
  cppo_test::c_batch lent(response.cut.view());
  std::vector<float> divergences(static_cast<std::size_t>(response.cut.slots()));
  cppo_totals total{}, good{};
  cppo_prefix piece{};
  std::int64_t written = -5;
  cppo_status s;
  CHECK(cppo_summarize_piece(lent.get(), &region, 3, nullptr, &total, divergences.data(), &written, &s) >= 96);
  CHECK(total.words[0] < 0);
  CHECK(written == -5);
  CHECK(cppo_sum_piece(lent.get(), &region, 0, &total, 0, nullptr, &piece, &s) >= 96);
  CHECK(piece.words[0] < 0);
  CHECK(cppo_summarize_piece(lent.get(), &region, 0, nullptr, &good, divergences.data(), &written, &s) == 0);
  cppo_totals_add(&good, &total);
  CHECK(good.words[0] < 0);
  cppo_prefix sums{};
  cppo_prefix_add(&sums, &piece);
  CHECK(sums.words[0] < 0);
  CHECK(cppo_resolve_totals(&region, &good, divergences.data(), cppo_f32, written, &s) >= 96);
  std::vector<cppo_totals> const totals(3, good);
  cppo_options options = cppo_test::c_options({});
  options.totals = totals.data();
  std::vector<std::uint8_t> mask(divergences.size(), 77);
  cppo_test::c_outputs const outputs({.mask = mask}, response.cut.shape(), nullptr);
  CHECK(cppo_policy_loss(lent.get(), &region, &outputs.outputs, &options, &s) >= 96);
  CHECK(mask == std::vector<std::uint8_t>(divergences.size(), 77));
}

TEST_CASE("totals and sums of any bits are added without harm") {
  for (std::int64_t const junk : {INT64_MAX, INT64_MIN, std::int64_t{-1}}) {
    cppo_totals a, b;
    cppo_prefix p, q;
    for (std::int64_t& w : a.words) w = junk;
    for (std::int64_t& w : p.words) w = junk;
    b = a, q = p;
    cppo_totals_add(&a, &b);
    cppo_prefix_add(&p, &q);
    CHECK(a.words[0] < 0);
    CHECK(p.words[0] < 0);
  }
  cppo_totals_add(nullptr, nullptr);
  cppo_prefix_add(nullptr, nullptr);
}

TEST_CASE("wrong arguments of pieces are named") {
  cut_response<float> const response(3);
  cppo_region const region = cppo_test::region_of("calibrated_cppo()");
  cppo_test::c_batch lent(response.cut.view());
  std::vector<float> d(static_cast<std::size_t>(response.cut.slots()), 7.0F);
  cppo_totals t{};
  cppo_prefix p{};
  std::int64_t n = -5;
  cppo_status s;
  auto const says = [&s](char const* words) { return std::string(s.message).find(words) != std::string::npos; };
  CHECK(cppo_summarize_piece(lent.get(), &region, 0, nullptr, nullptr, d.data(), &n, &s) == cppo_bad_argument);
  CHECK(says("piece is null"));
  CHECK(cppo_summarize_piece(lent.get(), &region, 0, nullptr, &t, nullptr, &n, &s) == cppo_bad_argument);
  CHECK(says("divergences is null"));
  CHECK(cppo_summarize_piece(lent.get(), &region, 0, nullptr, &t, d.data(), nullptr, &s) == cppo_bad_argument);
  CHECK(says("written is null"));
  CHECK(cppo_summarize_piece(nullptr, &region, 0, nullptr, &t, d.data(), &n, nullptr) == cppo_bad_argument);
  CHECK(cppo_resolve_totals(&region, nullptr, d.data(), cppo_f32, 0, &s) == cppo_bad_argument);
  CHECK(says("total is null"));
  CHECK(cppo_resolve_totals(&region, &t, d.data(), cppo_f16, 0, &s) == cppo_bad_argument);
  CHECK(says("dtype is 2"));
  CHECK(cppo_resolve_totals(&region, &t, d.data(), cppo_f32, -1, &s) == cppo_bad_argument);
  CHECK(says("count is -1"));
  CHECK(cppo_resolve_totals(&region, &t, nullptr, cppo_f32, 4, &s) == cppo_bad_argument);
  CHECK(says("divergences is null"));
  CHECK(cppo_sum_piece(lent.get(), &region, 0, nullptr, 0, nullptr, &p, &s) == cppo_bad_argument);
  CHECK(says("total is null"));
  CHECK(cppo_sum_piece(lent.get(), &region, 0, &t, 0, nullptr, nullptr, &s) == cppo_bad_argument);
  CHECK(says("piece is null"));
  CHECK(n == -5);
  CHECK(d == std::vector<float>(d.size(), 7.0F));
}
