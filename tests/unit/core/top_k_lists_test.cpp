// Top-K lists: their shapes, and where an entry lies.
#include "support/catch_compat.hpp"

#include <cppo/core/batch.hpp>

#include <numeric>
#include <span>
#include <vector>

using namespace cppo;

TEST_CASE("Top-K lists of rank 1 are dense, and their size is checked without overflow", "[core]") {
  float const x[4] = {-0.5F, -0.5F, -0.5F, -0.5F};
  std::vector<std::int32_t> const ids(16, 1), sampled(4, 1);
  std::vector<float> const listed(16, -2.0F);
  auto const code = [&](index_t k, auto const& i, auto const& p, auto const& q) {
    auto const batch = rollout_batch(padded(2, 2), log_prob(x), rollout_log_prob(x), advantage(x), token_id(sampled),
                                     top_k(k, i, p, q));
    return batch.check().code;
  };
  CHECK(code(4, ids, listed, listed) == status_code::ok);
  CHECK(code(5, ids, listed, listed) == status_code::extent_mismatch);
  CHECK(code(2, ids.data(), listed.data(), vector_view(listed.data(), 8)) == status_code::ok);
  CHECK(code(2, ids.data(), listed.data(), vector_view(listed.data(), 8, 2)) == status_code::extent_mismatch);
  CHECK(code(2, ids.data(), listed.data(), vector_view(listed.data(), 9)) == status_code::extent_mismatch);
  CHECK(code(2, ids.data(), listed, listed.data()) == status_code::extent_mismatch);
  CHECK(code(2, vector_view(ids.data(), 8, -1), listed, listed) == status_code::extent_mismatch);
  CHECK(code(4, matrix_view(ids.data(), 4, 4), listed, matrix_view(listed.data(), 4, 4, 1, 4)) == status_code::ok);
  CHECK(code(4, matrix_view(ids.data(), 3, 4), listed, listed) == status_code::extent_mismatch);
  CHECK(code(4, ids, matrix_view(listed.data(), 5, 3), listed) == status_code::extent_mismatch);
  CHECK(code(index_t{1} << 61, ids, listed, listed) == status_code::size_overflow);
  CHECK(code(index_t{1} << 62, ids.data(), listed.data(), listed.data()) == status_code::size_overflow);
  CHECK(code((index_t{1} << 60) + 1, ids.data(), listed.data(), listed.data()) == status_code::size_overflow);
  CHECK(code(index_t{1} << 60, ids, listed, listed) == status_code::extent_mismatch);
}

TEST_CASE("one entry of a Top-K list has no stride, and nobody's token has no id", "[core]") {
  float const x[] = {-0.5F};
  std::int32_t const ids[] = {3, 4};
  auto const code = [&](index_t slots) {
    auto const entries = vector_view<float const>(x, slots, 7);
    return rollout_batch(padded(1, slots), log_prob(x), rollout_log_prob(x), advantage(x),
                         top_k(1, vector_view<std::int32_t const>(ids, slots), entries, entries));
  };
  CHECK(code(1).check().ok());
  CHECK(code(1).top_k_at(0, 0).id(0) == 3);
  CHECK(code(1).top_k_at(0, 0).sampled() == -1);
  CHECK(top_k_row<float>{}.sampled() == -1);
  CHECK(code(2).check().where == argument::log_prob);
  float const two[] = {-0.5F, -0.5F};
  auto const wide = rollout_batch(padded(1, 2), log_prob(two), rollout_log_prob(two), advantage(two),
                                  top_k(1, ids, vector_view<float const>(two, 2, 7), two));
  CHECK(wide.check().where == argument::top_k);
}

TEST_CASE("Top-K lists of rank 2 have a row for each slot and k columns", "[core]") {
  std::vector<float> const x(12, -0.5F);
  std::vector<std::int32_t> const ids(12, 1);
  auto const lists = [&](index_t rows, index_t columns) {
    matrix_view<float const> const values(x.data(), rows, columns);
    auto const batch =
        rollout_batch(padded(1, 2), log_prob(x.data()), rollout_log_prob(x.data()), advantage(x.data()),
                      top_k(3, matrix_view<std::int32_t const>(ids.data(), rows, columns), values, values));
    return batch.check().code;
  };
  CHECK(lists(2, 3) == status_code::ok);
  CHECK(lists(4, 3) == status_code::extent_mismatch);  // more than the slots
  CHECK(lists(1, 3) == status_code::extent_mismatch);
  CHECK(lists(3, 2) == status_code::extent_mismatch);
  CHECK(lists(2, 4) == status_code::extent_mismatch);
  CHECK(lists(3, 4) == status_code::extent_mismatch);
}

TEST_CASE("entry j of the list at slot i of response b", "[core]") {
  std::vector<std::int32_t> ids(48);
  std::iota(ids.begin(), ids.end(), 0);
  float const x[] = {-0.5F, -0.5F, -0.5F, -0.5F};
  std::vector<float> const listed(8, -1.0F);
  std::int32_t const cuts[] = {0, 1, 4};
  std::span<std::int32_t const> const dense(ids.data(), 8);
  auto const lend = [&](layout const& l, auto const& lent) {
    auto const batch = rollout_batch(l, log_prob(x), rollout_log_prob(x), advantage(x), top_k(2, lent, listed, listed));
    CHECK(batch.check().ok());
    return batch;
  };
  matrix_view<std::int32_t const> const grid(ids.data(), 4, 2, 10, 3);
  CHECK(lend(padded(2, 2), grid).top_k_at(1, 1).id(1) == 33);
  CHECK(lend(padded(2, 2), grid).top_k_at(0, 1).id(0) == 10);
  CHECK(lend(padded(2, 2), dense).top_k_at(1, 1).id(1) == 7);
  CHECK(lend(padded(2, 2), dense).top_k_at(1, 0).id(0) == 4);
  CHECK(lend(packed(cuts, 2), grid).top_k_at(1, 2).id(1) == 33);
  CHECK(lend(packed(cuts, 2), dense).top_k_at(1, 1).id(1) == 5);
}

TEST_CASE("what was wrong first is kept where Top-K lists do not fit either", "[core]") {
  std::vector<float> const x(4, -0.5F), short_one(3);
  std::vector<std::int32_t> const ids(8, 1);
  auto const lend = [&](auto const& a) {
    return rollout_batch(padded(2, 2), log_prob(x), rollout_log_prob(x), advantage(a), top_k(2, ids, x, x));
  };
  CHECK(lend(short_one).check().where == argument::advantage);
  CHECK(lend(x).check().where == argument::top_k);
}
