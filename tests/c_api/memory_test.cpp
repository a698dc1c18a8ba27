// Memory and threads: calls of a thread allocate once, a call without memory says so, and threads do not disturb each
// other.
#include "c_call.hpp"

#include "support/catch_compat.hpp"

#include <cppo/testing/generators.hpp>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

namespace {

thread_local std::int64_t allocations = 0;
thread_local std::int64_t fails_at = -1;  // the allocation that fails, and all after it; -1: none

/// One call, with its buffers.
class whole_call {
 public:
  whole_call(std::uint64_t seed, char const* text, std::int32_t executor = cppo_simd)
      : batch_(packed(seed)), region_(cppo_test::region_of(text)), lent_(batch_.view()),
        gradient(batch_.valid.size(), 77.0F), mask(batch_.valid.size(), 77),
        outputs_({.gradient = gradient, .mask = mask}, batch_.shape(), report), options_(cppo_test::c_options({})) {
    options_.executor = executor;
    lent_.get();
  }
  whole_call(whole_call const&) = delete;
  whole_call& operator=(whole_call const&) = delete;

  std::int32_t run(std::int32_t threads = 1) {
    options_.threads = threads;
    return cppo_policy_loss(&lent_.batch, &region_, &outputs_.outputs, &options_, &status);
  }
  bool wrote_nothing() const {
    return gradient == std::vector<float>(gradient.size(), 77.0F) &&
           mask == std::vector<std::uint8_t>(mask.size(), 77) && report[0] == 0.0;
  }

 private:
  static cppo::testing::generated_batch<float> packed(std::uint64_t seed) {
    auto batch = cppo::testing::generate<float>(seed, {.max_responses = 40, .max_length = 900, .holes = false});
    while (batch.slots() < 5000) {
      batch = cppo::testing::generate<float>(++seed, {.max_responses = 40, .max_length = 900, .holes = false});
    }
    return batch;
  }
  cppo::testing::generated_batch<float> batch_;
  cppo_region region_;
  cppo_test::c_batch lent_;

 public:
  std::vector<float> gradient;
  std::vector<std::uint8_t> mask;
  double report[CPPO_REPORT_ROOM] = {};
  cppo_status status;

 private:
  cppo_test::c_outputs outputs_;
  cppo_options options_;
};

template <class F>
void on_a_new_thread(F const& f) {
  std::thread(f).join();
}

constexpr char const* regions[] = {"fixed_cppo()", "calibrated_cppo()", "trm_mean(0.1)",
                                   "softened(calibrated_cppo(), reciprocal_gate)"};

}  // namespace

void* operator new(std::size_t n) {
  ++allocations;
  if (fails_at >= 0 && allocations > fails_at) throw std::bad_alloc();
  if (void* const p = std::malloc(n != 0 ? n : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t n, std::nothrow_t const&) noexcept { return std::malloc(n != 0 ? n : 1); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

TEST_CASE("calls of a thread allocate nothing after the first") {
  std::int64_t collected = 0;
  for (char const* region : regions) {
    std::int64_t first = 0, later = -1;
    std::int32_t code = -1;
    on_a_new_thread([&] {
      whole_call call(1, region);
      std::int64_t const before = allocations;
      code = call.run();
      first = allocations - before;
      for (int i = 0; i < 3; ++i) code += call.run();
      later = allocations - before - first;
    });
    CHECK(code == 0);
    CHECK(later == 0);
    collected += first;
  }
  CHECK(collected > 0);
}

TEST_CASE("a call without memory says so and writes nothing") {
  bool ever = false;
  for (char const* region : regions) {
    for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
      for (std::int64_t k = 0;; ++k) {
        std::int32_t code = -1;
        whole_call call(1, region, executor);
        on_a_new_thread([&] {
          allocations = 0, fails_at = k;
          code = call.run(3);
          fails_at = -1;
        });
        if (code == 0) break;
        ever = true;
        CHECK(code == cppo_no_memory);
        CHECK(std::string(call.status.message).find("there is no memory left") == 0);
        CHECK(call.wrote_nothing());
      }
    }
  }
  CHECK(ever);
}

TEST_CASE("threads that call at once get what each gets alone") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 6; ++t) {
    threads.emplace_back([&wrong, t] {
      whole_call alone(t + 1, regions[t % 4], cppo_seq), call(t + 1, regions[t % 4]);
      if (alone.run() != 0) ++wrong;
      for (int i = 0; i < 20; ++i) {
        bool const same = call.run(1 + i % 3) == 0 && call.gradient == alone.gradient && call.mask == alone.mask;
        if (!same || std::memcmp(call.report, alone.report, sizeof call.report) != 0) ++wrong;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}
