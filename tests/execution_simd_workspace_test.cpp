// With a workspace that has seen the batch, a call on one thread allocates nothing. Counted by a replacement of
// operator new; the thread sanitizer has its own and leaves no room for one.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CPPO_TEST_NEW_IS_TAKEN
#endif
#endif
#if !defined(CPPO_TEST_NEW_IS_TAKEN)

#include "catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/generated_batch.hpp>

#include <cstdlib>
#include <new>

namespace {

thread_local int allocations = 0;

}  // namespace

void* operator new(std::size_t n, std::nothrow_t const&) noexcept {
  ++allocations;
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
    auto const batch = rollout_batch(padded(responses, width), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(mask));
    policy_outputs const out{.gradient = gradient, .mask = kept, .report = &r};
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
  CHECK(data.count(simd, fixed_cppo()) == 0);  // no scores to keep: nothing ever
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
  auto const batch = rollout_batch(padded(data.responses, data.width), log_prob(pi), rollout_log_prob(data.mu), advantage(data.a));
  std::vector<double> one(pi.size()), other(pi.size());
  CHECK(policy_loss(simd.with_workspace(memory), batch, calibrated_cppo(), {.gradient = one}).ok());
  CHECK(policy_loss(seq, batch, calibrated_cppo(), {.gradient = other}).ok());
  CHECK(one == other);
}

#endif
