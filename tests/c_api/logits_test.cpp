// The calls on logits beside `seq` of the C++ library: the same bits and sentences. Each wrong argument: its sentence,
// and that nothing is written.
#include "c_call.hpp"

#include "support/catch_compat.hpp"
#include "support/logit_oracle.hpp"
#include "support/same_run.hpp"

#include <cppo/described_rule.hpp>
#include <cppo/logits.hpp>

#include <cmath>
#include <functional>
#include <memory>

using namespace cppo;
using namespace cppo_test;

namespace {

template <class T>
constexpr std::int32_t dtype_of = -1;
template <>
constexpr std::int32_t dtype_of<float> = cppo_f32;
template <>
constexpr std::int32_t dtype_of<double> = cppo_f64;
template <>
constexpr std::int32_t dtype_of<half> = cppo_f16;
template <>
constexpr std::int32_t dtype_of<bfloat16> = cppo_bf16;
template <>
constexpr std::int32_t dtype_of<std::int32_t> = cppo_i32;
template <>
constexpr std::int32_t dtype_of<std::int64_t> = cppo_i64;
template <>
constexpr std::int32_t dtype_of<std::uint8_t> = cppo_u8;

template <class T>
cppo_tensor matrix(std::vector<T> const& x, index_t rows, index_t columns, index_t apart = 0) {
  return {const_cast<T*>(x.data()), dtype_of<T>, 2, {rows, columns}, {apart != 0 ? apart : columns, 1}};
}

/// Two responses of three slots over V ids, the last one excluded, with NaN in its row; rows lie V + 5 apart.
template <class Element>
struct logit_case {
  static constexpr index_t B = 2, T = 3, N = B * T, K = 4;
  index_t V, apart;
  double temperature = 0.7;
  std::vector<Element> x, mu_x;
  std::vector<std::int64_t> y;
  std::vector<std::uint8_t> valid = {1, 1, 1, 1, 1, 0};
  std::vector<std::int32_t> ids;
  std::vector<float> mu, mu_lists, advantage = {1, 1, 1, -1, -1, not_a_logit};
  std::vector<double> mu_total;

  explicit logit_case(index_t v) : V(v), apart(v + 5), mu(N), mu_lists(N * K), mu_total(N) {
    auto const rows = static_cast<std::size_t>(N), width = static_cast<std::size_t>(apart);
    std::vector<float> drawn = random_logits(7, rows, width, 0.05);
    for (index_t i = 0; i < N; ++i) y.push_back(i * 31 % V), drawn[at(i, y.back())] = 5.0F;
    std::fill(drawn.end() - apart, drawn.end(), not_a_logit);
    x = as_elements<Element>(drawn);
    mu_x = as_elements<Element>(moved_logits(9, drawn, 0.4));
    ids.resize(N * K);
    auto const rollout = logit_batch(shape(), rows_of(mu_x), token_id(y), response_mask(valid));
    REQUIRE(log_probs(seq, rollout, {.log_prob = mu, .log_sum_exp = mu_total, .largest_count = K, .largest_id = ids,
                                     .largest_log_prob = mu_lists}).ok());
  }
  std::size_t at(index_t i, index_t v) const { return static_cast<std::size_t>(i * apart + v); }
  static layout shape() { return padded(B, T); }
  logit_rows rows_of(std::vector<Element> const& of) const {
    return logits(V, matrix_view<Element const>(of.data(), N, V, apart, 1)).at_temperature(temperature);
  }
  logit_batch_view batch() const {
    return logit_batch(shape(), rows_of(x), token_id(y), response_mask(valid), top_k_ids(K, ids));
  }
  cppo_logits lent(std::vector<Element> const& of) const {
    return {sizeof(cppo_logits), matrix(of, N, V, apart), temperature, 0, 0};
  }
  /// Ids first ... last - 1 of the rows, as one rank holds them.
  /// @{
  logit_batch_view shard(index_t first, index_t last) const {
    matrix_view<Element const> const rows(x.data() + first, N, last - first, apart, 1);
    return logit_batch(shape(), logits(last - first, rows).at_temperature(temperature).from_id(first, V), token_id(y),
                       response_mask(valid), top_k_ids(K, ids));
  }
  cppo_logits lent_shard(index_t first, index_t last) const {
    cppo_logits rows = lent(x);
    rows.rows.data = const_cast<Element*>(x.data() + first);
    rows.rows.shape[1] = last - first;
    rows.first_id = first, rows.ids = V;
    return rows;
  }
  /// @}
};

/// A batch and outputs as C structures, lent one by one.
struct c_lent {
  std::vector<cppo_lent> inputs, outputs;
  cppo_batch batch{};
  cppo_outputs written{};

  template <class T>
  c_lent& in(std::int32_t id, std::vector<T> const& x, index_t columns = 3) {
    inputs.push_back({id, 0, matrix(x, 6 / (columns == 3 ? 3 : 1), columns)});
    return *this;
  }
  template <class T>
  c_lent& out(std::int32_t id, std::vector<T>& x, index_t columns = 3, index_t apart = 0) {
    outputs.push_back({id, 0, matrix(x, 6 / (columns == 3 ? 3 : 1), columns, apart)});
    return *this;
  }
  template <class Call>
  std::string run(Call const& call, index_t top_k = 0, double* report = nullptr) {
    batch = {sizeof batch, 2, 3, {}, 0, top_k, inputs.data(), static_cast<std::int64_t>(inputs.size())};
    written = {sizeof written, outputs.data(), static_cast<std::int64_t>(outputs.size()), report};
    cppo_status s;
    CHECK(call(&batch, &written, &s) == s.code);
    return s.message;
  }
};
cppo_logit_options options_of(std::int32_t executor, double entropy_slope = 0.0) {
  return {sizeof(cppo_logit_options), executor, 2, entropy_slope};
}

/// What `log_probs` writes.
struct found_numbers {
  std::vector<float> log_prob = std::vector<float>(6), listed = std::vector<float>(24),
                     largest = std::vector<float>(18);
  std::vector<double> total = std::vector<double>(6), entropy = std::vector<double>(6);
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(18);

  log_prob_outputs outputs() {
    return {.log_prob = log_prob, .listed_log_prob = listed, .log_sum_exp = total, .entropy = entropy,
            .largest_count = 3, .largest_id = matrix_view<std::int32_t>(ids.data(), 6, 3),
            .largest_log_prob = largest};
  }
  bool operator==(found_numbers const& o) const {
    return same_bits(log_prob, o.log_prob) && same_bits(listed, o.listed) && same_bits(largest, o.largest) &&
           same_bits(total, o.total) && same_bits(entropy, o.entropy) && ids == o.ids;
  }
};

/// Lends what `log_probs` reads, and where it writes.
template <class Case>
void lend_log_probs(c_lent& to, Case const& c, found_numbers& got) {
  to.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid).in(cppo_top_k_ids, c.ids, 4);
  to.out(cppo_out_log_prob, got.log_prob).out(cppo_out_log_sum_exp, got.total);
  to.out(cppo_out_entropy, got.entropy).out(cppo_out_listed_log_prob, got.listed, 4);
  to.outputs.push_back({cppo_out_largest_id, 0, matrix(got.ids, 6, 3)});
  to.outputs.push_back({cppo_out_largest_log_prob, 0, matrix(got.largest, 6, 3)});
}

}  // namespace

TEMPLATE_TEST_CASE("cppo_log_probs has the bits of seq", "", float, half, bfloat16) {
  for (index_t const v : {index_t{70}, index_t{2100}}) {
    logit_case<TestType> const c(v);
    found_numbers want;
    REQUIRE(log_probs(seq, c.batch(), want.outputs()).ok());
    for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
      found_numbers got;
      c_lent lent;
      lend_log_probs(lent, c, got);
      cppo_logits const x = c.lent(c.x);
      cppo_logit_options const o = options_of(executor);
      std::string const said = lent.run([&](auto* b, auto* w, auto* s) { return cppo_log_probs(b, &x, w, &o, s); }, 4);
      CHECK(said == "");
      CHECK(got == want);
    }
  }
}

TEMPLATE_TEST_CASE("cppo_logits_gradient has the bits of seq, in place too", "", float, half, bfloat16) {
  logit_case<TestType> const c(1500);
  found_numbers found;
  REQUIRE(log_probs(seq, c.batch(), found.outputs()).ok());
  std::vector<float> const slope = {0.5F, -1, 0, 2, 0, not_a_logit};
  std::vector<double> const slopes = {0.1, 0, 0, -0.3, 0.2, 0};
  std::vector<TestType> want = c.x;
  auto const rows = [&](std::vector<TestType>& g) { return matrix_view<TestType>(g.data(), 6, c.V, c.apart, 1); };
  logit_slopes const of{.slope = slope, .log_sum_exp = found.total, .entropy = found.entropy,
                        .entropy_slopes = slopes};
  REQUIRE(logits_gradient(seq, c.batch(), of, rows(want)).ok());
  for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
    std::vector<TestType> beside = c.x, over = c.x;
    for (bool const in_place : {false, true}) {
      std::vector<TestType>& g = in_place ? over : beside;
      c_lent lent;
      lent.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid).in(cppo_slope, slope);
      lent.in(cppo_log_sum_exp, found.total).in(cppo_entropy, found.entropy).in(cppo_entropy_slopes, slopes);
      lent.outputs.push_back({cppo_out_logits_gradient, 0, matrix(g, 6, c.V, c.apart)});
      cppo_logits const x = c.lent(in_place ? over : c.x);
      cppo_logit_options const o = options_of(executor);
      CHECK(lent.run([&](auto* b, auto* w, auto* s) { return cppo_logits_gradient(b, &x, w, &o, s); }) == "");
      CHECK(same_bits(g, want));
    }
  }
}

namespace {

using found_words = std::vector<std::int64_t>;

/// What a rank finds of ids first ... last - 1. `said` becomes the sentence of the call.
template <class Element>
found_words find(logit_case<Element> const& c, index_t first, index_t last, std::int32_t executor, std::string& said,
                 index_t largest_count = 3) {
  c_lent lent;
  found_numbers unused;
  lend_log_probs(lent, c, unused);
  cppo_logits const x = c.lent_shard(first, last);
  cppo_logit_options const o = options_of(executor);
  found_words words(static_cast<std::size_t>(cppo_found_words(6, c.K, std::max(largest_count, index_t{0}), 1)), 77);
  std::int64_t n = 99;
  said = lent.run([&](auto* b, auto*, auto* s) {
    return cppo_find_logits(b, &x, largest_count, words.data(), static_cast<std::int64_t>(words.size()), &n, &o, s);
  }, c.K);
  words.resize(static_cast<std::size_t>(n));
  return words;
}
template <class Element>
found_words find(logit_case<Element> const& c, index_t first, index_t last, std::int32_t executor = cppo_simd) {
  std::string said;
  found_words const found = find(c, first, last, executor, said);
  CHECK(said == "");
  CHECK(static_cast<std::int64_t>(found.size()) == cppo_found_words(5, c.K, 3, 1));
  return found;
}
found_words combined(found_words const& a, found_words const& b) {
  auto const size = [](found_words const& x) { return static_cast<std::int64_t>(x.size()); };
  found_words all(a.size() + b.size() + 8);
  std::int64_t const n = cppo_combine_found(a.data(), size(a), b.data(), size(b), all.data(), size(all));
  REQUIRE((n >= 6 && n <= size(all)));
  all.resize(static_cast<std::size_t>(n));
  found_words in_place = a;
  in_place.resize(all.size());
  CHECK(cppo_combine_found(in_place.data(), size(a), b.data(), size(b), in_place.data(), size(in_place)) == n);
  CHECK(in_place == all);
  return all;
}
template <class Element>
std::string log_probs_of(logit_case<Element> const& c, found_words const& found, found_numbers& got) {
  c_lent lent;
  lend_log_probs(lent, c, got);
  cppo_logits const x = c.lent_shard(0, 1);
  return lent.run([&](auto* b, auto* w, auto* s) {
    return cppo_log_probs_of_found(b, &x, found.data(), static_cast<std::int64_t>(found.size()), w, s);
  }, c.K);
}

}  // namespace

TEMPLATE_TEST_CASE("shards of the vocabulary have the bits of C++ in C, in any order of two", "", float, bfloat16) {
  logit_case<TestType> const c(2100);
  found_logits low, high;
  REQUIRE(find_logits(seq, c.shard(0, 900), low, 3).ok());
  REQUIRE(find_logits(seq, c.shard(900, c.V), high, 3).ok());
  found_numbers want, whole;
  REQUIRE(log_probs(c.shard(0, 1), combine(low, high), want.outputs()).ok());
  REQUIRE(log_probs(seq, c.batch(), whole.outputs()).ok());
  for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
    found_words const a = find(c, 0, 900, executor), b = find(c, 900, c.V, executor);
    for (found_words const& all : {combined(a, b), combined(b, a)}) {
      CHECK(static_cast<std::int64_t>(all.size()) == cppo_found_words(5, c.K, 3, 1));
      found_numbers got;
      CHECK(log_probs_of(c, all, got) == "");
      CHECK(got == want);
    }
    found_words const one = find(c, 0, 400, executor), other = find(c, 1000, c.V, executor);
    found_words const apart = combined(other, one);
    CHECK(static_cast<std::int64_t>(apart.size()) == cppo_found_words(5, c.K, 3, 2));
    found_numbers got;
    CHECK(log_probs_of(c, combined(apart, find(c, 400, 1000, executor)), got) == "");
    CHECK(got.ids == whole.ids);
    for (std::size_t i = 0; i < 5; ++i) CHECK(std::abs(got.total[i] - whole.total[i]) < 4e-6);
  }
}

TEST_CASE("the gradient of a shard in C is that part of the whole gradient") {
  logit_case<float> const c(1500);
  found_numbers found;
  REQUIRE(log_probs(seq, c.batch(), found.outputs()).ok());
  std::vector<float> const slope = {0.5F, -1, 0, 2, 0, not_a_logit};
  std::vector<double> const slopes = {0.1, 0, 0, -0.3, 0.2, 0};
  std::vector<float> want = c.x, got = c.x;
  logit_slopes const of{.slope = slope, .log_sum_exp = found.total, .entropy = found.entropy,
                        .entropy_slopes = slopes};
  REQUIRE(logits_gradient(seq, c.batch(), of, matrix_view<float>(want.data(), 6, c.V, c.apart, 1)).ok());
  for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
    std::fill(got.begin(), got.end(), 77.0F);
    for (auto const& [first, last] : {std::pair<index_t, index_t>{0, 700}, {700, 1500}}) {
      c_lent lent;
      lent.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid).in(cppo_slope, slope);
      lent.in(cppo_log_sum_exp, found.total).in(cppo_entropy, found.entropy).in(cppo_entropy_slopes, slopes);
      cppo_tensor to = matrix(got, 6, last - first, c.apart);
      to.data = got.data() + first;
      lent.outputs.push_back({cppo_out_logits_gradient, 0, to});
      cppo_logits const x = c.lent_shard(first, last);
      cppo_logit_options const o = options_of(executor);
      CHECK(lent.run([&](auto* b, auto* w, auto* s) { return cppo_logits_gradient(b, &x, w, &o, s); }) == "");
    }
    for (index_t i = 0; i < 6; ++i) {
      CHECK(std::memcmp(&got[c.at(i, 0)], &want[c.at(i, 0)], static_cast<std::size_t>(c.V) * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("shards that are missing, lent twice, overlapping, of another call or cut short are refused in C") {
  logit_case<float> const c(1500);
  found_words const low = find(c, 0, 700), high = find(c, 700, 1500);
  auto const words = std::string(describe(status{status_code::shards_mismatch}));
  auto const refused = [&](found_words const& found) {
    found_numbers got;
    found_numbers const untouched;
    CHECK(log_probs_of(c, found, got) == words);
    CHECK(got == untouched);
  };
  std::string said;
  found_words all = combined(low, high);
  refused({});
  refused(low);
  refused(combined(low, low));
  refused(combined(low, find(c, 699, 1500)));
  refused(combined(low, find(c, 701, 1500)));
  refused(combined(all, high));
  refused(combined(low, find(c, 700, 1500, cppo_simd, said, 2)));
  refused(combined({}, high));
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::int64_t const x : {std::int64_t{-1}, std::int64_t{4}, INT64_MAX, INT64_MIN}) {
      found_words odd = all;
      odd[i] = x;
      if (odd != all) refused(odd);
    }
  }
  for (double const maximum : {1e300, -1e300, HUGE_VAL, std::nan(""), 0.1}) {  // no float, or no logit
    found_words odd = all;
    odd[8] = std::bit_cast<std::int64_t>(maximum);
    refused(odd);
    refused(combined(odd, high));
  }
  all.pop_back();
  refused(all);
  all.resize(all.size() + 2);
  refused(all);
  all.resize(3);
  refused(all);
}

TEST_CASE("a wrong call for shards in C is named, and leaves what no call accepts") {
  logit_case<float> c(40);
  std::string said;
  CHECK(find(c, 0, 40, cppo_simd, said, -1).empty());
  CHECK_THAT(said, contains("largest_count"));
  c.x[c.at(4, 7)] = not_a_logit;
  CHECK(find(c, 0, 40, cppo_simd, said).empty());
  CHECK_THAT(said, contains("logits at response 1, token 1, id 7 is nan"));
  CHECK(find(c, 8, 40).size() > 6);  // the shard without it
  c_lent lent;
  lent.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid);
  cppo_logits const x = c.lent_shard(8, 40);
  found_words room(200, 77);
  std::int64_t n = 99;
  auto const run = [&](std::int64_t* to, std::int64_t words, std::int64_t* written) {
    return lent.run([&](auto* b, auto*, auto* s) {
      return cppo_find_logits(b, &x, 0, to, words, written, nullptr, s);
    });
  };
  std::int64_t const most = cppo_found_words(6, 0, 0, 1);
  CHECK(run(room.data(), most, &n) == "");
  CHECK(n == cppo_found_words(5, 0, 0, 1));
  CHECK(run(room.data(), most - 1, &n) == "room is 34, but what is found takes up to 35 words: ask cppo_found_words "
                                          "for a token in each slot");
  CHECK((n == 0 && room[4] == 0 && room[5] == 0));
  cppo_logits wide = c.lent_shard(0, 40);
  wide.ids = INT64_MAX;
  CHECK_THAT(lent.run([&](auto* b, auto*, auto* s) {
    return cppo_find_logits(b, &wide, INT64_MAX, room.data(), 200, &n, nullptr, s);
  }), contains("largest_count is 9223372036854775807, which makes more words than can be"));
  CHECK_THAT(run(nullptr, 0, &n), contains("found is null: pass one"));
  CHECK_THAT(run(room.data(), most, nullptr), contains("written is null: pass one"));
  CHECK_THAT(run(room.data(), most, room.data() + 3), contains("found shares memory with written"));
  CHECK_THAT(run(c.y.data(), most, &n), contains("found shares memory with token_id"));
  CHECK_THAT(run(room.data(), most, c.y.data()), contains("written shares memory with token_id"));
  CHECK((cppo_found_words(-1, 0, 0, 1) == -1 && cppo_found_words(INT64_MAX, 0, 0, 1) == -1));
  CHECK((cppo_found_words(1, INT64_MAX, 0, 1) == -1 && cppo_found_words(1, 0, 0, -1) == -1));
  CHECK(cppo_combine_found(nullptr, 4, room.data(), 4, room.data(), 4) == -1);
  CHECK(cppo_combine_found(nullptr, 0, nullptr, 0, nullptr, 0) == 6);  // and nothing is written
  found_numbers unused;
  lent.out(cppo_out_log_prob, unused.log_prob);
  CHECK(lent.run([&](auto* b, auto* w, auto* s) { return cppo_log_probs_of_found(b, &x, nullptr, 6, w, s); }) ==
        "found is null: pass one");
  CHECK_THAT(lent.run([&](auto* b, auto* w, auto* s) {
    return cppo_log_probs_of_found(b, &x, room.data(), -1, w, s);
  }), contains("found_words is -1, but must be 0 or more"));
}

TEST_CASE("cppo_full_divergences has the bits of seq, of logits and of log-probs") {
  logit_case<bfloat16> const c(1500);
  found_numbers found;
  REQUIRE(log_probs(seq, c.batch(), found.outputs()).ok());
  std::vector<float> flat(static_cast<std::size_t>(6 * c.apart));
  for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = number_of(c.mu_x[i]) - 9.0F;
  for (bool const of_log_probs : {false, true}) {
    policy_rows const mu = of_log_probs
                               ? policy_rows{.log_probs = logits(c.V, matrix_view<float const>(flat.data(), 6, c.V,
                                                                                               c.apart, 1))}
                               : policy_rows{.logits = c.rows_of(c.mu_x), .log_sum_exp = c.mu_total};
    std::vector<float> tv(6), kl(6);
    REQUIRE(full_divergences(seq, c.batch(), found.total, mu, {.tv = tv, .kl = kl}).ok());
    for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
      std::vector<float> got_tv(6), got_kl(6);
      c_lent lent;
      lent.in(cppo_response_mask, c.valid).in(cppo_log_sum_exp, found.total);
      if (!of_log_probs) lent.in(cppo_rollout_log_sum_exp, c.mu_total);
      lent.out(cppo_out_tv, got_tv).out(cppo_out_kl, got_kl);
      cppo_logits const x = c.lent(c.x), mu_x = c.lent(c.mu_x),
                        mu_p{sizeof(cppo_logits), matrix(flat, 6, c.V, c.apart), 1.0, 0, 0};
      cppo_logit_options const o = options_of(executor);
      CHECK(lent.run([&](auto* b, auto* w, auto* s) {
        return cppo_full_divergences(b, &x, of_log_probs ? nullptr : &mu_x, of_log_probs ? &mu_p : nullptr, w, &o, s);
      }) == "");
      CHECK((same_bits(got_tv, tv) && same_bits(got_kl, kl)));
    }
  }
}

namespace {

/// A call from logits to their gradient, in C++ on `seq` and through C; rollout log-probs are of type Real.
template <class Element, class Real>
struct whole_call {
  logit_case<Element> c{1100};
  std::vector<Real> mu = std::vector<Real>(c.mu.begin(), c.mu.end());
  std::vector<Element> gradient = c.x;
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(6, 77);
  std::vector<float> divergence = std::vector<float>(6, 77), loss = divergence, log_prob = divergence,
                     entropy = divergence;
  double numbers[CPPO_REPORT_ROOM] = {};
  double bonus = 0.0;
  aggregation aggregate = token_mean;
  piece_plan plan = {};                  ///< if the two responses are pieces of one
  std::vector<cppo_prefix> carries = {};  ///< the same in C
  std::vector<cppo_totals> totals = {};

  template <class Region>
  report in_cpp(Region const& region) {
    report r;
    auto const batch = rollout_batch(c.shape(), c.rows_of(c.x), token_id(c.y), rollout_log_prob(mu),
                                     cppo::advantage(c.advantage), response_mask(c.valid),
                                     rollout_top_k(c.K, c.ids, c.mu_lists));
    status const s = policy_loss_from_logits(
        seq, batch, region,
        {.logits_gradient = matrix_view<Element>(gradient.data(), 6, c.V, c.apart, 1), .loss = loss, .mask = mask,
         .log_prob = log_prob, .entropy = entropy, .trace = {.divergence = divergence}, .report = &r},
        {.aggregate = aggregate, .carries = plan.carries, .totals = plan.totals}, {.entropy_bonus = bonus});
    INFO(describe(s).c_str());
    REQUIRE(s.ok());
    return r;
  }
  std::string in_c(char const* text, std::int32_t executor) {
    c_lent lent;
    lent.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid).in(cppo_rollout_log_prob, mu);
    lent.in(cppo_advantage, c.advantage).in(cppo_top_k_ids, c.ids, 4);
    lent.in(cppo_top_k_rollout_log_probs, c.mu_lists, 4);
    lent.out(cppo_out_mask, mask).out(cppo_out_divergence, divergence).out(cppo_out_loss, loss);
    lent.out(cppo_out_log_prob, log_prob).out(cppo_out_entropy, entropy);
    lent.outputs.push_back({cppo_out_logits_gradient, 0, matrix(gradient, 6, c.V, c.apart)});
    cppo_region const region = region_of(text);
    cppo_logits const x = c.lent(c.x);
    auto o = c_options({.aggregate = aggregate});
    o.entropy_bonus = bonus;
    if (!carries.empty()) o.carries = carries.data(), o.totals = totals.data();
    o.executor = executor;
    o.threads = 2;
    auto const call = [&](auto* b, auto* w, auto* s) { return cppo_policy_loss_from_logits(b, &x, &region, w, &o, s); };
    return lent.run(call, c.K, numbers);
  }
};

template <class Element, class Real, class Region>
void check_whole(char const* text, Region const& region, double bonus = 0.0, aggregation aggregate = token_mean) {
  whole_call<Element, Real> want;
  want.bonus = bonus, want.aggregate = aggregate;
  report const r = want.in_cpp(region);
  for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
    whole_call<Element, Real> got;
    got.bonus = bonus, got.aggregate = aggregate;
    INFO(text);
    CHECK(got.in_c(text, executor) == "");
    CHECK(same_bits(got.gradient, want.gradient));
    CHECK(got.mask == want.mask);
    CHECK(same_bits(got.divergence, want.divergence));
    CHECK((same_bits(got.loss, want.loss) && same_bits(got.log_prob, want.log_prob)));
    CHECK(same_bits(got.entropy, want.entropy));
    CHECK(unlike(report_of(got.numbers), r) == "");
  }
}

}  // namespace

TEST_CASE("cppo_policy_loss_from_logits has the bits of seq") {
  constexpr char const* text = "fixed_cppo(delta = 0.05, delta_b = 0.02, divergence = top_k_tv)";
  described_region const region = parse_region(text).region;
  check_whole<float, float>(text, region);
  check_whole<bfloat16, float>(text, region);
  check_whole<half, double>(text, region);
}
TEST_CASE("an entropy bonus in C has the bits of seq, under every aggregation") {
  constexpr char const* text = "fixed_cppo(delta = 0.05, delta_b = 0.02, divergence = top_k_tv)";
  described_region const region = parse_region(text).region;
  for (aggregation const a : {token_sum, token_mean, seq_mean_token_sum, seq_mean_token_mean}) {
    check_whole<float, float>(text, region, 0.01, a);
  }
  check_whole<half, double>(text, region, -0.3);
  check_whole<float, double>("entropy_top()", parse_rule("entropy_top()").rule, 0.1);
}
TEST_CASE("an entropy bonus in C counts the pieces of a response as one") {
  constexpr char const* text = "fixed_cppo(delta = 0.05, delta_b = 0.02)";
  cppo_region const c_region = region_of(text);
  described_region const region = parse_region(text).region;
  for (aggregation const a : {token_mean, seq_mean_token_sum, seq_mean_token_mean}) {
    whole_call<float, float> want, got;
    want.bonus = got.bonus = 0.2, want.aggregate = got.aggregate = a;
    found_numbers found;
    REQUIRE(log_probs(seq, want.c.batch(), found.outputs()).ok());
    auto const lent = rollout_batch(want.c.shape(), cppo::log_prob(found.log_prob), rollout_log_prob(want.mu),
                                    cppo::advantage(want.c.advantage), response_mask(want.c.valid));
    index_t const response_of[] = {0, 0}, order_of[] = {0, 1};
    want.plan = plan_pieces(lent, region, response_of, order_of, 1);
    REQUIRE(want.plan);
    report const r = want.in_cpp(region);
    c_batch pieces(lent);
    cppo_totals whole{}, piece{};
    cppo_prefix sums{};
    for (std::int64_t b : {0, 1}) {
      REQUIRE(cppo_summarize_piece(pieces.get(), &c_region, b, nullptr, &piece, nullptr, nullptr, nullptr) == 0);
      cppo_totals_add(&whole, &piece);
    }
    REQUIRE(cppo_resolve_totals(&c_region, &whole, nullptr, cppo_f32, 0, nullptr) == 0);
    REQUIRE(cppo_sum_piece(pieces.get(), &c_region, 0, &whole, 0, nullptr, &sums, nullptr) == 0);
    got.carries = {cppo_prefix{}, sums}, got.totals = {whole, whole};
    CHECK(got.in_c(text, cppo_simd) == "");
    CHECK((same_bits(got.gradient, want.gradient) && same_bits(got.loss, want.loss)));
    CHECK(unlike(report_of(got.numbers), r) == "");
  }
}
TEST_CASE("cppo_policy_loss_from_logits runs rules, which may read the entropy of the logits") {
  for (char const* text : {"gspo()", "entropy_top()"}) {
    described_rule const rule = parse_rule(text).rule;
    check_whole<float, float>(text, rule);
    check_whole<float, double>(text, rule);
  }
}

namespace {

/// A right call of `cppo_policy_loss_from_logits`, to be made wrong in one place.
struct right_call {
  logit_case<float> c{40};
  std::vector<float> gradient = std::vector<float>(6 * 40, 77.0F);
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(6, 77);
  c_lent lent;
  cppo_logits x = c.lent(c.x);
  cppo_region region = region_of("fixed_cppo(divergence = top_k_tv)");
  ::cppo_options options = c_options({});
  index_t top_k = 4;
  double report[CPPO_REPORT_ROOM];
  std::vector<std::uint8_t> spare = std::vector<std::uint8_t>(6);

  right_call() {
    for (double& n : report) n = 77.0;
    lent.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid).in(cppo_rollout_log_prob, c.mu);
    lent.in(cppo_advantage, c.advantage).in(cppo_top_k_ids, c.ids, 4).in(cppo_top_k_rollout_log_probs, c.mu_lists, 4);
    lent.out(cppo_out_mask, mask);
    lent.outputs.push_back({cppo_out_logits_gradient, 0, matrix(gradient, 6, 40)});
  }
  std::string run() {
    return lent.run([&](auto* b, auto* w, auto* s) {
      return cppo_policy_loss_from_logits(b, &x, &region, w, &options, s);
    }, top_k, report);
  }
  bool wrote_nothing() const {
    return gradient == std::vector<float>(240, 77.0F) && mask == std::vector<std::uint8_t>(6, 77) && report[0] == 77.0;
  }
};
struct mistake {
  std::function<void(right_call&)> make;
  char const* sentence;
};
cppo_tensor& input(right_call& r, std::size_t i) { return r.lent.inputs[i].tensor; }
cppo_tensor& gradient(right_call& r) { return r.lent.outputs[1].tensor; }

}  // namespace

TEST_CASE("what is wrong with a call on logits is named, and nothing is written") {
  auto const right = std::make_unique<right_call>();
  CHECK(right->run() == "");
  CHECK(!right->wrote_nothing());
  mistake const mistakes[] = {
      {[](auto& r) { r.x.size = 8; }, "logits->size is 8"},
      {[](auto& r) { r.x.temperature = 0.0; }, "at_temperature(t) is 0, but must be in [2^-20, 2^20]"},
      {[](auto& r) { r.x.rows.rank = 1; }, "logits has rank 1, but must have 2: lend [slots, V]"},
      {[](auto& r) { r.x.rows.dtype = cppo_f64; }, "logits must be f32, f16 or bf16: convert it"},
      {[](auto& r) { r.x.rows.dtype = 40; }, "logits has dtype 40"},
      {[](auto& r) { r.x.rows.shape[0] = 5; }, "logits has 5 rows, but must have 6"},
      {[](auto& r) { r.x.rows.stride[1] = 2; }, "the ids of a row side by side"},
      {[](auto& r) { r.x.rows.data = nullptr; }, "logits is null"},
      {[](auto& r) { r.x.first_id = 3; }, "from_id(first, ...) is 3"},
      {[](auto& r) { r.x.ids = 80; }, "from_id(...)"},
      {[](auto& r) { input(r, 0).dtype = cppo_f32; }, "token_id is of f32, but must be an integer"},
      {[](auto& r) { r.c.y[2] = 40; }, "token_id at response 0, token 2 is 40"},
      {[](auto& r) { r.c.x[r.c.at(4, 7)] = not_a_logit; }, "logits at response 1, token 1, id 7 is nan"},
      {[](auto& r) { r.lent.inputs.erase(r.lent.inputs.begin()); }, "token_id was not lent: this call needs it"},
      {[](auto& r) { r.lent.inputs.pop_back(); }, "lend top_k, top_k_ids and top_k_rollout_log_probs together"},
      {[](auto& r) { r.lent.in(cppo_log_prob, r.c.mu); }, "log_prob is lent, but this call computes it from logits"},
      {[](auto& r) { r.lent.in(cppo_top_k_log_probs, r.c.mu_lists, 4); }, "top_k_log_probs is lent, but this call"},
      {[](auto& r) { r.lent.outputs[0].id = cppo_out_gradient; }, "gradient is that of log-probs: lend"},
      {[](auto& r) { r.lent.outputs.push_back(r.lent.outputs[1]); }, "logits_gradient is lent twice"},
      {[](auto& r) { gradient(r).shape[1] = 39; }, "logits_gradient has 39 columns, but must have 40"},
      {[](auto& r) { gradient(r).rank = 1; }, "logits_gradient has rank 1, but must have 2"},
      {[](auto& r) { gradient(r).dtype = cppo_i32; }, "logits_gradient has elements of the wrong type"},
      {[](auto& r) { input(r, 2).data = r.gradient.data(); }, "logits_gradient shares memory with rollout_log_prob"},
      {[](auto& r) { gradient(r).data = r.c.x.data() + 1; }, "logits_gradient shares memory with logits"},
      {[](auto& r) { r.lent.outputs[0].tensor.data = r.c.x.data(); }, "mask shares memory with logits"},
      {[](auto& r) { r.lent.outputs[0].tensor.data = r.gradient.data(); }, "mask shares memory with logits_gradient"},
      {[](auto& r) { r.x.rows.data = r.report; }, "report shares memory with logits"},
      {[](auto& r) { r.lent.out(cppo_out_log_prob, r.c.mu); }, "log_prob shares memory with rollout_log_prob"},
      {[](auto& r) { r.lent.out(cppo_out_entropy, r.gradient); }, "entropy shares memory with logits_gradient"},
      {[](auto& r) { r.lent.out(cppo_out_entropy, r.c.x); }, "entropy shares memory with logits"},
      {[](auto& r) { r.lent.out(cppo_out_log_prob, r.spare); }, "log_prob has elements of the wrong type"},
      {[](auto& r) { r.options.entropy_bonus = HUGE_VAL; }, "entropy_bonus is inf, but must be finite"},
      {[](auto& r) { r.options.aggregate = 9; }, "option aggregate is 9"},
      {[](auto& r) { r.region.opaque[3] += 1.0; }, "region was not made by cppo_region_parse"},
  };
  for (mistake const& m : mistakes) {
    auto const r = std::make_unique<right_call>();
    m.make(*r);
    std::string const said = r->run();
    CAPTURE(m.sentence, said);
    CHECK(said.find(m.sentence) != std::string::npos);
    CHECK(r->wrote_nothing());
  }
}

TEST_CASE("a response with bad input is rejected, and its rows of the gradient are 0") {
  auto const right = std::make_unique<right_call>(), bad = std::make_unique<right_call>();
  CHECK(right->run() == "");
  bad->c.mu[1] = not_a_logit;
  CHECK_THAT(bad->run(), contains("rollout_log_prob at response 0, token 1 is nan"));
  CHECK(all_zero_bits(bad->gradient, 0, 120));
  CHECK(std::memcmp(bad->gradient.data() + 120, right->gradient.data() + 120, 120 * sizeof(float)) == 0);
  CHECK(bad->report[0] != 77.0);
}

TEST_CASE("what is wrong with a call on rows is named") {
  logit_case<float> c(40);
  std::vector<float> number(6, 77.0F);
  std::vector<std::uint8_t> ids(18);
  cppo_logits const x = c.lent(c.x);
  cppo_logit_options o = options_of(cppo_simd);
  double report[CPPO_REPORT_ROOM] = {};
  auto const said = [&](auto const& change, index_t top_k = 0, double* lent_report = nullptr) {
    c_lent lent;
    lent.in(cppo_token_id, c.y).in(cppo_response_mask, c.valid).out(cppo_out_log_prob, number);
    change(lent);
    return lent.run([&](auto* b, auto* w, auto* s) { return cppo_log_probs(b, &x, w, &o, s); }, top_k, lent_report);
  };
  CHECK(said([](c_lent&) {}) == "");
  number.assign(6, 77.0F);
  CHECK_THAT(said([&](c_lent& l) { l.in(cppo_advantage, c.advantage); }),
             contains("an input has id 3, which is none of this call: pass one of response_mask (4), token_id (7)"));
  CHECK_THAT(said([&](c_lent& l) { l.out(cppo_out_mask, ids); }),
             contains("an output has id 66, which is none of this call: pass one of log_prob (78)"));
  CHECK_THAT(said([&](c_lent& l) { l.outputs.push_back({cppo_out_largest_id, 0, matrix(ids, 6, 3)}); }),
             contains("largest_id must be i8, i16, i32 or i64, since an empty entry is -1"));
  CHECK_THAT(said([](c_lent& l) { l.outputs[0].per_response = 1; }), contains("log_prob has per_response 1"));
  CHECK_THAT(said([](c_lent&) {}, 4), contains("top_k is 4, but top_k_ids was not lent"));
  CHECK_THAT(said([](c_lent&) {}, 0, report), contains("report is lent, but this call has none: pass null"));
  o.executor = 2;
  CHECK_THAT(said([](c_lent&) {}), contains("executor is 2 and threads 2"));
  CHECK(number == std::vector<float>(6, 77.0F));
}

TEST_CASE("cppo_full_divergences takes one other policy") {
  logit_case<float> const c(40);
  std::vector<double> total(6);
  std::vector<float> tv(6, 77.0F);
  cppo_logits const x = c.lent(c.x);
  c_lent lent;
  lent.in(cppo_response_mask, c.valid).in(cppo_log_sum_exp, total).out(cppo_out_tv, tv);
  for (auto const* mu : {&x, static_cast<cppo_logits const*>(nullptr)}) {
    std::string const said =
        lent.run([&](auto* b, auto* w, auto* s) { return cppo_full_divergences(b, &x, mu, mu, w, nullptr, s); });
    CHECK(said == std::string("rollout_logits and rollout_log_probs are both ") + (mu != nullptr ? "lent" : "null") +
                      ": lend one of the two");
  }
  CHECK(tv == std::vector<float>(6, 77.0F));
}
