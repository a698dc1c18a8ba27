// Shards of the vocabulary: what is found in each adds up to what is found in the whole.
#include "support/catch_compat.hpp"
#include "support/drawn_logits.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/logits.hpp>

#include <string>

namespace {

using namespace cppo;
using namespace cppo_test;

constexpr std::size_t n = 11, v = 4320;

struct sharded_rows {
  std::vector<float> x;
  std::vector<int> id, ids;

  sharded_rows() {
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<float> const row = drawn_row(static_cast<row_shape>(i), v, 5);
      id.push_back(static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin()));
      for (int const j : {0, -1, 4319}) ids.push_back(j);
      x.insert(x.end(), row.begin(), row.end());
    }
  }
  // Ids first ... last - 1 of all rows.
  logit_batch_view shard(std::size_t first, std::size_t last) const {
    auto const count = static_cast<index_t>(last - first);
    matrix_view const rows(x.data() + first, index_t{n}, count, index_t{v}, 1);
    return logit_batch(padded(1, n), logits(count, rows).from_id(static_cast<index_t>(first), v).at_temperature(0.8),
                       token_id(id), top_k_ids(3, ids));
  }
};

struct numbers {
  std::vector<float> log_prob = std::vector<float>(n, 9.0F), entropy = log_prob;
  std::vector<float> listed = std::vector<float>(n * 3, 9.0F), largest = std::vector<float>(n * 6, 9.0F);
  std::vector<int> largest_id = std::vector<int>(n * 6, 9);
  log_prob_outputs outputs() {
    return {.log_prob = log_prob, .listed_log_prob = listed, .entropy = entropy, .largest_count = 6,
            .largest_id = largest_id, .largest_log_prob = largest};
  }
};

bool near_one(std::vector<float> const& a, std::vector<float> const& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
    return x == y || std::fabs(x - y) <= 4e-6F + 1.2e-7F * std::fabs(y);
  });
}

}  // namespace

TEST_CASE("shards of the vocabulary give the log-probs of the whole, in any order", "[logits]") {
  sharded_rows const rows;
  numbers whole;
  REQUIRE(log_probs(simd, rows.shard(0, v), whole.outputs()).ok());
  for (auto const& cuts : {std::vector<std::size_t>{0, v}, {0, 1, v}, {0, 1024, 2048, v}, {0, 700, 701, 3000, v}}) {
    for (bool const backwards : {false, true}) {
      std::vector<found_logits> shards(cuts.size() - 1);
      for (std::size_t p = 0; p + 1 < cuts.size(); ++p) {
        status const s = find_logits(simd, rows.shard(cuts[p], cuts[p + 1]), shards[p], 6);
        INFO(std::string(describe(s)));
        REQUIRE(s.ok());
      }
      if (backwards) std::reverse(shards.begin(), shards.end());
      found_logits all = shards[0];
      for (std::size_t p = 1; p < shards.size(); ++p) all = combine(all, shards[p]);
      numbers got;
      REQUIRE(log_probs(rows.shard(0, 5), all, got.outputs()).ok());
      CHECK(near_one(got.log_prob, whole.log_prob));
      CHECK(near_one(got.entropy, whole.entropy));
      CHECK(near_one(got.listed, whole.listed));
      CHECK(near_one(got.largest, whole.largest));
      CHECK((got.largest_id == whole.largest_id));
      if (cuts.size() == 2) CHECK((got.log_prob == whole.log_prob && got.listed == whole.listed));
    }
  }
}

TEST_CASE("shards that are missing, lent twice, of another call, or failed are refused", "[logits]") {
  sharded_rows rows;
  found_logits low, high, other, later, shifted;
  REQUIRE(find_logits(seq, rows.shard(0, v / 2), low).ok());
  REQUIRE(find_logits(seq, rows.shard(v / 2, v), high).ok());
  REQUIRE(find_logits(seq, rows.shard(v / 2, v), other, 6).ok());
  REQUIRE(find_logits(seq, rows.shard(v / 2 + 1, v), later).ok());
  REQUIRE(find_logits(seq, rows.shard(v / 2 - 1, v - 1), shifted).ok());
  numbers got;
  auto const refused = [&](found_logits const& found) {
    status const s = log_probs(rows.shard(0, v), found, {.log_prob = got.log_prob});
    CHECK(s.code == status_code::shards_mismatch);
    CHECK((got.log_prob == std::vector<float>(n, 9.0F)));
  };
  refused({});
  refused(low);
  refused(combine(low, low));  // V ids, each twice
  refused(combine(low, later));
  refused(combine(low, shifted));
  refused(combine(combine(low, shifted), high));
  refused(combine(combine(low, high), high));
  refused(combine(low, other));
  refused(combine(combine(low, other), high));
  rows.x[2500] = std::numeric_limits<float>::quiet_NaN();
  found_logits failed;
  status const s = find_logits(simd, rows.shard(v / 2, v), failed);
  CHECK((s.code == status_code::logit_invalid && s.wanted == 2500));
  refused(combine(low, failed));
  refused(failed);
  CHECK(!find_logits(seq, rows.shard(0, v), failed, -1).ok());
  CHECK(log_probs(rows.shard(0, v), combine(high, low), {.log_prob = got.log_prob}).ok());
}

TEST_CASE("of the same maximum in two shards, the lower id is kept, in either order", "[logits]") {
  std::vector<float> const x{0.0F, 2.0F, 2.0F, 1.0F};
  found_logits a, b;
  REQUIRE(find_logits(seq, logit_batch(padded(1, 1), logits(2, x.data()).from_id(0, 4)), a).ok());
  REQUIRE(find_logits(seq, logit_batch(padded(1, 1), logits(2, x.data() + 2).from_id(2, 4)), b).ok());
  for (found_logits const& both : {combine(a, b), combine(b, a)}) {
    CHECK(both.sums[0].at == 1);
    CHECK(both.sums[0].rest == approx(1.0 + std::exp(-2.0) + std::exp(-1.0)));
    CHECK(both.sums[0].moment == approx(-2.0 * std::exp(-2.0) - std::exp(-1.0)));
  }
}

TEST_CASE("the maximum of zeros is +0, whatever their signs and order", "[logits]") {
  for (std::size_t const positive : {std::size_t{0}, std::size_t{70}, std::size_t{100}}) {
    std::vector<float> x(100, -0.0F);
    if (positive < 100) x[positive] = 0.0F;
    found_logits plain, fast;
    REQUIRE(find_logits(seq, logit_batch(padded(1, 1), logits(100, x)), plain).ok());
    REQUIRE(find_logits(simd, logit_batch(padded(1, 1), logits(100, x)), fast).ok());
    CHECK((!std::signbit(plain.sums[0].maximum) && !std::signbit(fast.sums[0].maximum)));
    CHECK((plain.sums[0].at == 0 && fast.sums[0].at == 0));
  }
}

TEST_CASE("a shard may hold -inf alone, all together may not, nor at the sampled id", "[logits]") {
  std::vector<float> x{no_logit, no_logit, 1.0F, 2.0F};
  int id = 3;
  auto const run = [&] {
    found_logits a, b;
    auto const shard = [&](index_t first) {
      return logit_batch(padded(1, 1), logits(2, x.data() + first).from_id(first, 4), token_id(&id));
    };
    REQUIRE(find_logits(simd, shard(0), a).ok());
    REQUIRE(find_logits(simd, shard(2), b).ok());
    float lp = 9.0F;
    status const s = log_probs(shard(0), combine(a, b), {.log_prob = &lp});
    CHECK(s.ok() == (lp != 9.0F));
    return s;
  };
  CHECK(run().ok());
  id = 1;
  CHECK((run().code == status_code::sampled_id_masked && run().wanted == 1));
  x[2] = x[3] = no_logit;
  CHECK((run().code == status_code::logit_invalid && run().value == -std::numeric_limits<double>::infinity()));
}

TEST_CASE("what another rank sent is refused if a list of it is too short or too long, and is not read", "[logits]") {
  sharded_rows const rows;
  found_logits low, high;
  REQUIRE(find_logits(seq, rows.shard(0, v / 2), low, 6).ok());
  REQUIRE(find_logits(seq, rows.shard(v / 2, v), high, 6).ok());
  found_logits const all = combine(low, high);
  numbers got;
  auto const refused = [&](found_logits const& found) {
    numbers const untouched;
    CHECK(log_probs(rows.shard(0, v), found, got.outputs()).code == status_code::shards_mismatch);
    CHECK((got.log_prob == untouched.log_prob && got.largest_id == untouched.largest_id));
  };
  auto const spoiled = [&](auto const& spoil) {
    found_logits whole = all, half = high;
    spoil(whole), spoil(half);
    refused(whole);
    refused(combine(low, half));
    refused(combine(half, low));
  };
  spoiled([](found_logits& f) { f.sums.pop_back(); });
  spoiled([](found_logits& f) { f.sums.clear(); });
  spoiled([](found_logits& f) { f.logits.pop_back(); });
  spoiled([](found_logits& f) { f.logits.clear(); });
  spoiled([](found_logits& f) { f.logits.resize(f.logits.size() + n); });
  spoiled([](found_logits& f) { f.largest_logits.pop_back(); });
  spoiled([](found_logits& f) { f.largest_logits.clear(); });
  spoiled([](found_logits& f) { f.largest_ids.pop_back(); });
  spoiled([](found_logits& f) { f.largest_ids.clear(); });
  constexpr index_t most = std::numeric_limits<index_t>::max();
  for (index_t const count : {index_t{-1}, index_t{5}, index_t{7}, most, -most}) {
    spoiled([count](found_logits& f) { f.largest_count = count; });
    spoiled([count](found_logits& f) { f.listed = count; });
  }
  spoiled([](found_logits& f) { f.ids = -most; });
  spoiled([](found_logits& f) { f.shards.clear(); });
  for (id_range const r : {id_range{0, most}, {-1, 5}, {most, most}, {-most, most}, {2000, 0}, {v / 2, -most}}) {
    spoiled([r](found_logits& f) { f.shards.assign(1, r); });
  }
  for (bool const of_rest : {true, false}) {
    found_logits odd = high;
    if (of_rest) odd.sums[3].rest = std::numeric_limits<double>::quiet_NaN();
    else odd.sums[3].maximum = std::numeric_limits<float>::infinity();
    status const s = log_probs(rows.shard(0, v), combine(low, odd), got.outputs());
    CHECK((s.code == status_code::logit_invalid && s.token == 3 && std::isnan(s.value)));
  }
  REQUIRE(log_probs(rows.shard(0, v), all, got.outputs()).ok());
}

TEST_CASE("largest logits out of order, or of no id of the vocabulary, are refused", "[logits]") {
  sharded_rows const rows;
  found_logits low, high;
  REQUIRE(find_logits(seq, rows.shard(0, v / 2), low, 6).ok());
  REQUIRE(find_logits(seq, rows.shard(v / 2, v), high, 6).ok());
  numbers got;
  auto const spoiled = [&](auto const& spoil) {
    found_logits whole = combine(low, high), half = high;
    spoil(whole), spoil(half);
    for (found_logits const& odd : {whole, combine(low, half), combine(half, low)}) {
      CHECK(log_probs(rows.shard(0, v), odd, got.outputs()).code == status_code::shards_mismatch);
    }
  };
  constexpr index_t most = std::numeric_limits<index_t>::max();
  for (index_t const id : {index_t{-2}, index_t{-1}, index_t{v}, most, -most}) {
    spoiled([id](found_logits& f) { f.largest_ids[7] = id; });
  }
  spoiled([](found_logits& f) { std::swap(f.largest_logits[6], f.largest_logits[11]); });
  spoiled([](found_logits& f) { f.largest_logits[8] = std::numeric_limits<float>::quiet_NaN(); });
  spoiled([](found_logits& f) { f.largest_logits[6] = std::numeric_limits<float>::infinity(); });
  REQUIRE(log_probs(rows.shard(0, v), combine(low, high), got.outputs()).ok());
}

TEST_CASE("sums and logits that no pass over a row makes are refused", "[logits]") {
  sharded_rows const rows;
  found_logits all;
  REQUIRE(find_logits(seq, rows.shard(0, v), all, 6).ok());
  numbers got;
  auto const impossible = [&](auto const& spoil) {
    found_logits odd = all;
    spoil(odd, odd.sums[3]);
    status const s = log_probs(rows.shard(0, v), odd, got.outputs());
    CHECK((s.code == status_code::logit_invalid && s.token == 3 && std::isnan(s.value)));
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (double const x : {nan, inf, -2.0}) impossible([x](found_logits&, logit_sums& s) { s.rest = x; });
  for (double const x : {nan, -inf, 2.0}) impossible([x](found_logits&, logit_sums& s) { s.moment = x; });
  impossible([](found_logits&, logit_sums& s) { s.maximum = -std::numeric_limits<float>::infinity(); });
  for (float const x : {std::numeric_limits<float>::quiet_NaN(), 1e30F}) {
    auto const each = static_cast<std::size_t>(1 + all.listed);
    impossible([&](found_logits& f, logit_sums&) { f.logits[3 * each] = x; });
  }
  auto const most_found = static_cast<std::size_t>(all.largest_count);
  impossible([&](found_logits& f, logit_sums&) { f.largest_logits[3 * most_found] = 1e30F; });  // above the maximum
  REQUIRE(log_probs(rows.shard(0, v), all, got.outputs()).ok());
}

TEST_CASE("more of the largest logits than there are ids: the rest is empty, too many are refused", "[logits]") {
  std::vector<float> const x{0.0F, 3.0F, no_logit, 1.0F, 2.0F, 5.0F};
  auto const shard = [&](index_t first, index_t all = 3) {
    matrix_view const rows(x.data() + first, index_t{2}, index_t{1}, index_t{3}, 1);
    return logit_batch(padded(1, 2), logits(1, rows).from_id(first, all));
  };
  found_logits found[3];
  for (index_t i = 0; i < 3; ++i) REQUIRE(find_logits(seq, shard(i), found[i], index_t{1} << 62).ok());
  CHECK(found[0].largest_count == 3);
  std::vector<int> of_shards(10, 9), of_whole(10, 9);
  log_prob_outputs out{.largest_count = 5, .largest_id = of_shards};
  REQUIRE(log_probs(shard(0), combine(found[1], combine(found[2], found[0])), out).ok());
  CHECK((of_shards == std::vector<int>{1, 0, -1, -1, -1, 2, 1, 0, -1, -1}));
  out.largest_id = of_whole;
  REQUIRE(log_probs(simd, logit_batch(padded(1, 2), logits(3, x)), out).ok());
  CHECK(of_whole == of_shards);
  std::vector<int> two(4, 9);  // fewer than were found
  REQUIRE(log_probs(shard(0), combine(found[1], combine(found[2], found[0])),
                    {.largest_count = 2, .largest_id = two}).ok());
  CHECK((two == std::vector<int>{1, 0, 2, 1}));
  status const s = find_logits(seq, shard(0, index_t{1} << 62), found[0], index_t{1} << 62);
  CHECK((s.code == status_code::size_overflow && s.where == argument::top_k));
  CHECK(found[0].shards.empty());
}
