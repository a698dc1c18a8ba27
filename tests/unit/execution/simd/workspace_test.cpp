// With a workspace that has seen the batch, a call on one thread allocates nothing; what it allocates otherwise it has
// before it writes, and threads allocate nothing. Counted, and refused, by a replacement of operator new; the thread
// sanitizer has its own and leaves no room for one.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CPPO_TEST_NEW_IS_TAKEN
#endif
#endif
#if !defined(CPPO_TEST_NEW_IS_TAKEN)

#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/logits/head_loss.hpp>
#include <cppo/logits/policy_loss.hpp>
#include <cppo/testing/generated_batch.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local int allocations = 0;
thread_local std::size_t bytes = 0;         // of all of them
thread_local int refused = 0;               // the one with this number fails; 0: none
thread_local bool is_main = false;
std::atomic<int> allocations_of_others{0};  // of threads that are not the tests' own

}  // namespace

void* operator new(std::size_t n, std::nothrow_t const&) noexcept {
  if (++allocations == refused) return nullptr;
  bytes += n;
  if (!is_main) ++allocations_of_others;
  return std::malloc(n > 0 ? n : 1);
}
void* operator new(std::size_t n) {
  if (void* p = operator new(n, std::nothrow)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace cppo;

struct lent {
  index_t responses = 40, width = 600;  // too little for a thread to pay
  std::vector<float> pi, mu, a, gradient;
  std::vector<std::uint8_t> mask, kept;

  lent() {
    for (index_t i = 0; i < responses * width; ++i) {
      auto const x = static_cast<float>(i * 7919 % 1000) / 1000.0F;
      mu.push_back(-x - 0.1F);
      pi.push_back(-x - 0.1F - 0.2F * static_cast<float>(i % 13 - 6) / 13.0F);
      a.push_back(i % 3 == 0 ? -1.0F : 1.0F);
      mask.push_back(i % 11 != 0 ? 1 : 0);
    }
    gradient.resize(pi.size());
    kept.resize(pi.size());
  }
  template <class Executor, class Region>
  int count(Executor const& executor, Region const& region) {
    report r;
    auto const batch =
        rollout_batch(padded(responses, width), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(mask));
    loss_outputs const out{.gradient = gradient, .mask = kept, .report = &r};
    int const before = allocations;
    status const s = policy_loss(executor, batch, region, out);
    int const made = allocations - before;
    CHECK(s.ok());
    return made;
  }
};

}  // namespace

TEST_CASE("a call with a workspace allocates nothing the second time", "[execution][simd]") {
  lent data;
  CHECK(data.count(simd, fixed_cppo()) == 0);  // no divergences to keep: nothing ever
  CHECK(data.count(simd, calibrated_cppo()) > 0);
  workspace memory;
  auto const executor = simd.with_workspace(memory);
  (void)data.count(executor, calibrated_cppo());
  std::vector<float> const first = data.gradient;
  CHECK(data.count(executor, calibrated_cppo()) == 0);
  CHECK(data.count(executor, fixed_cppo()) == 0);
  CHECK(data.count(simd, calibrated_cppo()) > 0);
  CHECK(data.gradient == first);
  memory.clear();
  CHECK(data.count(executor, calibrated_cppo()) > 0);
}

TEST_CASE("threads start where they pay, or where each has the slots asked for", "[execution][simd]") {
  lent data;
  CHECK(data.count(simd.with_threads(3), fixed_cppo()) == 0);
  CHECK(data.count(simd.with_threads(3, 8001), fixed_cppo()) > 0);  // two of 12 000
  CHECK(data.count(simd.with_threads(3, 24001), fixed_cppo()) == 0);
}

TEST_CASE("a workspace serves threads, and calls in double", "[execution][simd]") {
  lent data;
  (void)data.count(simd, calibrated_cppo());
  std::vector<float> const want = data.gradient;
  workspace memory;
  for (int threads : {2, 3, 2, 1}) {
    (void)data.count(simd.with_workspace(memory).with_threads(threads, 1), calibrated_cppo());
    CHECK(data.gradient == want);
  }
  std::vector<double> const pi(data.pi.begin(), data.pi.end());
  auto const batch =
      rollout_batch(padded(data.responses, data.width), log_prob(pi), rollout_log_prob(data.mu), advantage(data.a));
  std::vector<double> one(pi.size()), other(pi.size());
  CHECK(policy_loss(simd.with_workspace(memory), batch, calibrated_cppo(), {.gradient = one}).ok());
  CHECK(policy_loss(seq, batch, calibrated_cppo(), {.gradient = other}).ok());
  CHECK(one == other);
}

namespace {

/// A call of which allocation k is refused: whether it threw, its status, and the allocations that it made.
struct refused_call {
  bool threw = false;
  status outcome;
  int allocated = 0;
};
template <class F>
refused_call refuse(int k, F const& call) {
  refused_call r;
  allocations = 0;
  refused = k;
  try {
    r.outcome = call();
  } catch (std::bad_alloc const&) {
    r.threw = true;
  }
  refused = 0;
  r.allocated = allocations;
  return r;
}

/// Refuses one allocation of a call after the other until there is none left to refuse; how many ended the call.
template <class Executor, class Region>
int refuse_each(Executor const& executor, Region const& region, loss_options const& options, lent& data) {
  auto const batch = rollout_batch(padded(data.responses, data.width), log_prob(data.pi), rollout_log_prob(data.mu),
                                   advantage(data.a), response_mask(data.mask));
  loss_outputs const out{.gradient = data.gradient, .mask = data.kept};
  REQUIRE(policy_loss(seq, batch, region, out, options).ok());
  std::vector<float> const gradient = data.gradient;
  std::vector<std::uint8_t> const kept = data.kept;
  int ended = 0;
  for (int k = 1;; ++k) {
    std::fill(data.gradient.begin(), data.gradient.end(), 7.0F);
    std::fill(data.kept.begin(), data.kept.end(), std::uint8_t{7});
    auto const r = refuse(k, [&] { return policy_loss(executor, batch, region, out, options); });
    if (r.threw) {
      ++ended;
      CHECK(std::count(data.gradient.begin(), data.gradient.end(), 7.0F) == data.responses * data.width);
      CHECK(std::count(data.kept.begin(), data.kept.end(), std::uint8_t{7}) == data.responses * data.width);
      continue;
    }
    CHECK(r.outcome.ok());  // a thread that could not be started is not missed
    CHECK(data.gradient == gradient);
    CHECK(data.kept == kept);
    if (r.allocated < k) return ended;
  }
}

}  // namespace

TEST_CASE("where memory ends, a call throws on its own thread and has written nothing", "[execution][reliability]") {
  is_main = true;
  lent data;
  loss_options counted;  // looks at the batch first
  counted.aggregate = aggregation::token_mean;
  for (loss_options const& options : {loss_options{}, counted}) {
    auto const each_executor = [&](auto const& region, bool seq_collects) {
      CHECK(refuse_each(seq, region, options, data) == (seq_collects ? 1 : 0));
      CHECK(refuse_each(simd, region, options, data) == 1);
      int const before = allocations_of_others;
      CHECK(refuse_each(simd.with_threads(3, 1), region, options, data) >= 5);  // divergences of three, whose, outcomes
      workspace memory;
      CHECK(refuse_each(simd.with_threads(3, 1).with_workspace(memory), region, options, data) > 0);
      CHECK(allocations_of_others == before);
    };
    each_executor(calibrated_cppo(), true);
    each_executor(trm_mean(), false);
    CHECK(refuse_each(seq, fixed_cppo(), options, data) == 0);
    CHECK(refuse_each(simd, fixed_cppo(), options, data) == 0);
    CHECK(refuse_each(simd.with_threads(3, 1), fixed_cppo(), options, data) > 0);
  }
  // Lent in any other way than registers read it, a response goes the scalar way, on the same memory.
  loss_options columns;
  columns.positions = position_convention::padded_column;
  CHECK(refuse_each(simd, calibrated_cppo(), columns, data) == 1);
  CHECK(refuse_each(simd.with_threads(3, 1), calibrated_cppo(), columns, data) >= 5);
}

namespace {

/// From logits to their gradient, one allocation after the other refused; how many ended the call.
template <class Executor, class Region>
int refuse_each_of_logits(Executor const& executor, Region const& region) {
  constexpr std::size_t slots = 12, ids = 40;
  std::vector<float> x(slots * ids), g(slots * ids);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k * 7919 % 100) / 25.0F;
  std::vector<int> const y(slots, 3);
  std::vector<float> const mu(slots, -3.5F), a(slots, 1.0F);
  std::vector<std::uint8_t> kept(slots);
  report counts;
  auto const batch = rollout_batch(padded(3, 4), logits(ids, x), token_id(y), rollout_log_prob(mu), advantage(a));
  logit_loss_outputs const out{.logits_gradient = g, .mask = kept, .report = &counts};
  REQUIRE(policy_loss_from_logits(seq, batch, region, out).ok());
  std::vector<float> const gradient = g;
  int ended = 0;
  for (int k = 1;; ++k) {
    std::fill(g.begin(), g.end(), 7.0F);
    std::fill(kept.begin(), kept.end(), std::uint8_t{7});
    counts = report{};
    auto const r = refuse(k, [&] { return policy_loss_from_logits(executor, batch, region, out); });
    if (r.threw) {
      ++ended;
      CHECK(std::count(g.begin(), g.end(), 7.0F) == static_cast<std::ptrdiff_t>(g.size()));
      CHECK(std::count(kept.begin(), kept.end(), std::uint8_t{7}) == static_cast<std::ptrdiff_t>(kept.size()));
      CHECK(counts.counts.tokens == 0);
      continue;
    }
    CHECK((r.outcome.ok() && g == gradient));
    if (r.allocated < k) return ended;
  }
}

}  // namespace

TEST_CASE("where memory ends between logits and gradient, nothing is written", "[execution][reliability][logits]") {
  CHECK(refuse_each_of_logits(seq, fixed_cppo()) >= 7);
  CHECK(refuse_each_of_logits(simd, calibrated_cppo()) >= 8);
  CHECK(refuse_each_of_logits(simd.with_threads(3, 1), calibrated_cppo()) >= 8);
}

namespace {

// A head whose logits are the same in every row, which allocates nothing.
struct quiet_head {
  int* gradients;

  void logits(head_rows, matrix_view<float> x) const {
    for (index_t r = 0; r < x.extent(0); ++r) {
      for (index_t v = 0; v < x.extent(1); ++v) x(r, v) = static_cast<float>(v * 7919 % 100) / 25.0F;
    }
  }
  void hidden_gradient(head_rows, matrix_view<float const>) const {}
  void head_gradient(head_rows, matrix_view<float const>) const { ++*gradients; }
};
struct head_batch {
  static constexpr index_t slots = 12, ids = 40, room = 5;
  std::vector<float> slab = std::vector<float>(room * ids), mu = std::vector<float>(slots, -3.5F),
                     a = std::vector<float>(slots, 1.0F);
  std::vector<int> y = std::vector<int>(slots, 3);

  auto view() {
    return rollout_batch(padded(3, 4), logits_in_slabs(room, ids, slab), token_id(y), rollout_log_prob(mu),
                         advantage(a));
  }
};

/// From a head to its gradient, one allocation after the other refused; how many ended the call.
template <class Executor, class Region>
int refuse_each_of_head(Executor const& executor, Region const& region, head_loss_options const& more) {
  head_batch data;
  std::vector<std::uint8_t> kept(head_batch::slots);
  int gradients = 0, ended = 0;
  auto const batch = data.view();
  for (int k = 1;; ++k) {
    std::fill(kept.begin(), kept.end(), std::uint8_t{7});
    gradients = 0;
    auto const r = refuse(k, [&] {
      return policy_loss_from_head(executor, quiet_head{&gradients}, batch, region, {.mask = kept}, {}, more);
    });
    CHECK((r.threw || r.outcome.ok()));
    CHECK((gradients > 0) != r.threw);
    CHECK((kept[0] != 7) != r.threw);
    ended += r.threw ? 1 : 0;
    if (!r.threw && r.allocated < k) return ended;
  }
}

}  // namespace

TEST_CASE("where memory ends between a head and its gradient, nothing is written or added",
          "[execution][reliability][logits]") {
  CHECK(refuse_each_of_head(seq, fixed_cppo(), {}) >= 7);
  CHECK(refuse_each_of_head(simd, calibrated_cppo(), {.entropy_bonus = 0.1}) >= 8);
  CHECK(refuse_each_of_head(simd.with_threads(3, 1), calibrated_cppo(), {}) >= 8);
}

TEST_CASE("a call on a head takes as much memory as it says", "[execution][logits]") {
  head_batch data;
  std::vector<std::uint8_t> kept(head_batch::slots);
  int gradients = 0;
  auto const taken = [&](double bonus) {
    auto const batch = data.view();
    std::size_t const before = bytes;
    status const s = policy_loss_from_head(seq, quiet_head{&gradients}, batch, fixed_cppo(), {.mask = kept}, {},
                                           {.entropy_bonus = bonus});
    std::size_t const after = bytes;
    REQUIRE(s.ok());
    return after - before;
  };
  constexpr std::size_t n = head_batch::slots, room = head_batch::room, shards = sizeof(id_range);
  auto const placed = [](std::size_t size) { return (n * size + 255) / 256 * 256; };
  std::size_t const always = 2 * placed(4) + placed(8) + n * 24 + room * 68 + shards;
  CHECK(taken(0.0) == always);
  CHECK(taken(0.1) == always + 2 * placed(8) + placed(1));
}

#endif
