// A linear head in slabs, beside all logits at once: whatever the layout, the holes and the room of a slab, every
// output and each row of the gradient of logits has the same bits.
#include "support/naive_head.hpp"
#include "support/property.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/logits/head_loss.hpp>
#include <cppo/logits/policy_loss.hpp>

using namespace cppo;
using namespace cppo_test;

namespace {

constexpr std::size_t ids = 19, width = 2, k = 3;

// Responses of slots; each slot is a number, and 0 is a token that is likely under both policies.
struct head_batch {
  std::vector<std::vector<std::uint8_t>> responses;
  bool is_packed, once, bonus;
  index_t room;
  int region, aggregate;
};

struct lent_batch {
  std::vector<std::int64_t> cuts = {0};
  index_t longest = 0;
  bool is_packed;
  std::vector<std::uint8_t> valid = {};
  std::vector<float> advantages = {}, mu = {}, mu_lists = {}, hidden = {};
  std::vector<std::int32_t> y = {}, listed = {};

  explicit lent_batch(head_batch const& b) : is_packed(b.is_packed) {
    for (auto const& r : b.responses) longest = std::max(longest, static_cast<index_t>(r.size()));
    for (auto const& r : b.responses) {
      for (std::uint8_t const code : r) add(code);
      for (auto i = static_cast<index_t>(r.size()); !is_packed && i < longest; ++i) add(7);
      cuts.push_back(static_cast<std::int64_t>(valid.size()));
    }
  }
  layout shape() const {
    return is_packed ? layout(packed(cuts)) : padded(static_cast<index_t>(cuts.size()) - 1, longest);
  }
  auto batch_of(auto const& rows) const {
    return rollout_batch(shape(), rows.at_temperature(0.9), token_id(y), rollout_log_prob(mu), advantage(advantages),
                         response_mask(valid), rollout_top_k(k, listed, mu_lists));
  }

 private:
  void add(std::uint8_t code) {
    bool const token = code % 8 != 7;
    valid.push_back(token ? 1 : 0);
    advantages.push_back(!token ? not_a_logit : code % 3 == 1 ? -1.0F : 0.5F);
    y.push_back(token ? code % 16 : -3);
    mu.push_back(-0.02F * static_cast<float>(code / 8 % 32) - 0.5F);
    for (int j = 0; j < 3; ++j) {
      listed.push_back(j == 2 && code % 5 == 0 ? -1 : (y.back() + 3 * j + 19) % 19);
      mu_lists.push_back(mu.back() - static_cast<float>(j));
    }
  }
};

struct run_of {
  std::vector<float> loss, divergence, log_prob, entropy;
  std::vector<std::uint8_t> mask;
  report counts = {};
  status outcome = {};
  explicit run_of(std::size_t n)
      : loss(n, 3.0F), divergence(n, 3.0F), log_prob(n, 3.0F), entropy(n, 3.0F), mask(n, 3) {}
};
bool same(run_of const& a, run_of const& b) {
  return same_status(a.outcome, b.outcome) && same_bits(a.loss, b.loss) && same_bits(a.mask, b.mask) &&
         same_bits(a.divergence, b.divergence) && same_bits(a.log_prob, b.log_prob) &&
         same_bits(a.entropy, b.entropy) && unlike(a.counts, b.counts).empty();
}
loss_options options_of(head_batch const& b) {
  return {.aggregate = static_cast<aggregation>(b.aggregate), .normalizer = b.once ? 3.0 : 0.0, .horizon = 9};
}

template <class Region>
run_of at_once(head_batch const& b, lent_batch const& lent, std::vector<float> const& x, std::vector<float>& gradient,
               Region const& region) {
  run_of r(lent.valid.size());
  r.outcome = policy_loss_from_logits(
      seq, lent.batch_of(logits(ids, x)), region,
      {.logits_gradient = gradient, .loss = r.loss, .mask = r.mask, .log_prob = r.log_prob, .entropy = r.entropy,
       .trace = {.divergence = r.divergence}, .report = &r.counts},
      options_of(b), {.entropy_bonus = b.bonus ? 0.1 : 0.0});
  return r;
}
template <class Region>
run_of in_slabs(head_batch const& b, lent_batch const& lent, naive_head<float>& head, Region const& region) {
  run_of r(lent.valid.size());
  std::vector<float> slab(static_cast<std::size_t>(b.room) * ids);
  r.outcome = policy_loss_from_head(
      simd, head, lent.batch_of(logits_in_slabs(b.room, ids, slab)), region,
      {.loss = r.loss, .mask = r.mask, .log_prob = r.log_prob, .entropy = r.entropy,
       .trace = {.divergence = r.divergence}, .report = &r.counts},
      options_of(b), {.entropy_bonus = b.bonus ? 0.1 : 0.0,
                      .forward = b.once ? head_forward::once : head_forward::checked_first});
  return r;
}

template <class Region>
void compare(head_batch const& b, lent_batch const& lent, Region const& region) {
  std::size_t const n = lent.valid.size();
  naive_head<float> head(7, n, width, ids);
  std::vector<float> gradient(n * ids);
  run_of const want = at_once(b, lent, head.all_logits(), gradient, region);
  RC_ASSERT(same(in_slabs(b, lent, head, region), want));
  RC_ASSERT(same_bits(head.rows_seen, gradient));
  for (std::size_t i = 0; i < n; ++i) {
    bool const moves = !all_zero_bits(gradient, i * ids, ids);
    RC_ASSERT(head.computed[i] <= (lent.valid[i] == 1 ? 2 : 0));
    RC_ASSERT((head.computed[i] == 2) <= (head.with_gradient[i] == 1));
    RC_ASSERT((head.with_gradient[i] == 1) >= moves);
  }
  for (index_t const size : head.sizes) RC_ASSERT((size >= 1 && size <= b.room));
}

}  // namespace

TEST_CASE("a head in slabs gives the bits of all logits at once", "[property][logits]") {
  property("slabs of any room, responses of any length, padded or packed",
           [](std::vector<std::vector<std::uint8_t>> const& responses, bool is_packed, bool once, bool bonus) {
             RC_PRE(!responses.empty());
             head_batch b{responses, is_packed, once, bonus, *rc::gen::inRange<index_t>(1, 12),
                          *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 5)};
             if (b.responses.size() > 5) b.responses.resize(5);
             for (auto& r : b.responses) r.resize(std::min<std::size_t>(r.size(), 9));
             lent_batch const lent(b);
             if (b.region == 0) compare(b, lent, calibrated_cppo({.delta = 0.2}, top_k_tv));
             if (b.region == 1) compare(b, lent, trm_mean({.delta = 0.3}));
             if (b.region == 2) compare(b, lent, ppo());
           });
}
