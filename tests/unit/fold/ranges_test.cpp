// Folds in calls: what leaves the exact grid is a status that names its place, and its response leaves the batch.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/host_block.hpp>

#include <limits>

namespace {

using namespace cppo;
using testing::kernel_bodies;

// Folds over every range but `group`, which is for advantages.
constexpr auto rule = objective(
    trust_region(no_divergence, uniform_weight, at_most(response(mean(log_ratio)), 50)),
    score_form(batch(mean(advantage)) + batch(kth_largest(among(at_least(advantage, 0), advantage), 2)) +
               before(sum(log_ratio)) + from(most(log_ratio)) + upto(count(at_least(log_ratio, 0)))));

// Three responses of four slots; slot 1 of each is excluded and holds junk.
struct lent_batch {
  static constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> pi{-1, nan, -2, -1, -3, 7, -2, -1, -1, nan, -1, -4};
  std::vector<float> mu{-2, 9, -2, -2, -1, nan, -1, -1, -1, nan, -3, -1};
  std::vector<float> a{1, nan, 2, 0.5F, 4, 1e30F, 4, -4, 0.25F, nan, -1, 0.125F};
  std::vector<std::uint8_t> valid{1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1};

  auto lend(index_t first, index_t responses) const {
    auto const at = [first](auto const& x) { return x.data() + 4 * first; };
    return rollout_batch(padded(responses, 4), log_prob(at(pi)), rollout_log_prob(at(mu)), cppo::advantage(at(a)),
                         response_mask(at(valid)));
  }
};
struct result {
  status outcome;
  std::vector<float> gradient;
};
template <class Executor>
result run(Executor const& executor, rollout_batch_view<float> const& batch, loss_options const& o = {}) {
  result r{{}, std::vector<float>(static_cast<std::size_t>(batch.shape().elements()))};
  r.outcome = policy_loss(executor, batch, rule, {.gradient = r.gradient}, o);
  return r;
}
// Runs on every executor, which must agree.
result run_everywhere(rollout_batch_view<float> const& batch, loss_options const& o = {}) {
  result const one = run(seq, batch, o), registers = run(simd, batch, o), block = run(kernel_bodies<3>{}, batch, o);
  CHECK(registers.gradient == one.gradient);
  CHECK(block.gradient == one.gradient);
  for (status const& s : {registers.outcome, block.outcome}) {
    CHECK(s.code == one.outcome.code);
    CHECK((s.response == one.outcome.response && s.token == one.outcome.token && s.count == one.outcome.count));
  }
  return one;
}

}  // namespace

TEST_CASE("folds: values by hand, and nothing is read where a slot is excluded", "[fold]") {
  lent_batch const b;
  result const r = run_everywhere(b.lend(0, 1));
  REQUIRE(r.outcome.ok());
  // d = 1, 0, 1; A = 1, 2, 1/2: mean 7/6, second largest 1; sums before 0, 1, 1; largest to come 1; counts 1, 2, 3
  float const mean = 7.0F / 6.0F;
  CHECK(r.gradient == std::vector<float>{-1 * (mean + 3), 0, -2 * (mean + 5), -0.5F * (mean + 6)});
}

TEST_CASE("folds: a term off the grid is a status with its place, and its response leaves the folds of the batch",
          "[fold]") {
  lent_batch const clean;
  for (float const bad : {1000.5F, -2000.0F, 3e38F}) {
    lent_batch b = clean;
    b.a[6] = bad;
    result const r = run_everywhere(b.lend(0, 3));
    CHECK(r.outcome.code == status_code::fold_out_of_range);
    CHECK(r.outcome.response == 1);
    CHECK(r.outcome.token == 2);
    CHECK(std::string(describe(r.outcome).c_str()).find("clamped") != std::string::npos);
    lent_batch without = clean;
    for (std::size_t k = 4; k < 8; ++k) without.valid[k] = 0;
    CHECK(r.gradient == run_everywhere(without.lend(0, 3)).gradient);
  }
  lent_batch edge = clean;
  edge.a[6] = 1000.0F;
  CHECK(run_everywhere(edge.lend(0, 3)).outcome.ok());
}

TEST_CASE("folds: a response that is rejected for its input leaves the folds of the batch", "[fold]") {
  lent_batch const clean;
  lent_batch b = clean, without = clean;
  b.pi[6] = lent_batch::nan;
  for (std::size_t k = 4; k < 8; ++k) without.valid[k] = 0;
  result const r = run_everywhere(b.lend(0, 3), {.bad_input = on_bad_input::reject});
  CHECK(!r.outcome.ok());
  CHECK(r.gradient == run_everywhere(without.lend(0, 3)).gradient);
  without = clean;
  without.valid[6] = 0;
  result const excluded = run_everywhere(b.lend(0, 3), {.bad_input = on_bad_input::exclude});
  CHECK(excluded.gradient == run_everywhere(without.lend(0, 3)).gradient);
}

TEST_CASE("folds: pieces get the bits of whole responses, and a plan of another size is refused", "[fold]") {
  lent_batch const b;
  // Three responses of four slots as six pieces of two.
  auto const pieces = rollout_batch(padded(6, 2), log_prob(b.pi), rollout_log_prob(b.mu), cppo::advantage(b.a),
                                    response_mask(b.valid));
  std::vector<index_t> const response_of{0, 0, 1, 1, 2, 2}, order_of{0, 1, 0, 1, 0, 1};
  piece_plan const plan = plan_pieces(pieces, rule, response_of, order_of, 3);
  REQUIRE(plan);
  loss_options o{.carries = plan.carries, .totals = plan.totals, .folds = plan.folds};
  result const whole = run_everywhere(b.lend(0, 3)), cut = run_everywhere(pieces, o);
  REQUIRE(cut.outcome.ok());
  CHECK(cut.gradient == whole.gradient);

  for (std::size_t const entries : {std::size_t{0}, plan.folds.size() - 1}) {
    o.folds = std::span(plan.folds).first(entries);
    result const r = run_everywhere(pieces, o);
    CHECK(r.outcome.code == status_code::carry_mismatch);
    CHECK(r.outcome.wanted == static_cast<index_t>(plan.folds.size()));
  }
  result const uncut = run_everywhere(b.lend(0, 3), {.folds = plan.folds});
  CHECK(uncut.outcome.code == status_code::carry_mismatch);
}
