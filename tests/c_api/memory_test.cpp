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

namespace {

/// A call on logits of one kind, two responses of three tokens over 40 ids.
struct logit_call {
  float x[6 * 40], number[6 * 40];
  std::int64_t found[64], combined[128];  // what is found is no longer than the first
  std::int64_t words = 0;
  std::int32_t id[6] = {1, 2, 3, 4, 5, 6};
  float slope[6] = {1, 1, 1, 1, 1, 1}, mu[6] = {-1, -2, -3, -2, -1, -4};
  double total[6] = {4, 4, 4, 4, 4, 4};
  double report[CPPO_REPORT_ROOM] = {};
  cppo_region region = cppo_test::region_of("fixed_cppo()");
  cppo_status status;

  logit_call() {
    cppo_lent const ids = lent(cppo_token_id, id, cppo_i32);
    cppo_batch const batch{sizeof(cppo_batch), 2, 3, {}, 0, 0, &ids, 1};
    for (int i = 0; i < 240; ++i) x[i] = static_cast<float>(i * 7 % 11) * 0.25F, number[i] = 77.0F;
    cppo_logits const rows{sizeof(cppo_logits), {x, cppo_f32, 2, {6, 40}, {40, 1}}, 1.0, 0, 0};
    REQUIRE(cppo_find_logits(&batch, &rows, 0, found, 64, &words, nullptr, &status) == 0);
    REQUIRE(words == 35);
    words = 0;
  }
  static cppo_lent lent(std::int32_t what, void* data, std::int32_t dtype, std::int64_t columns = 3) {
    return {what, 0, {data, dtype, 2, {columns == 3 ? 2 : 6, columns}, {columns, 1}}};
  }
  std::int32_t run(int kind, std::int32_t executor, std::int32_t threads) {
    cppo_lent const inputs[] = {lent(cppo_token_id, id, cppo_i32), lent(cppo_slope, slope, cppo_f32),
                                lent(cppo_log_sum_exp, total, cppo_f64),
                                lent(cppo_rollout_log_sum_exp, total, cppo_f64),
                                lent(cppo_rollout_log_prob, mu, cppo_f32), lent(cppo_advantage, slope, cppo_f32)};
    cppo_lent const all[] = {lent(cppo_out_log_prob, number, cppo_f32),
                             lent(cppo_out_logits_gradient, number, cppo_f32, 40), lent(cppo_out_tv, number, cppo_f32),
                             lent(cppo_out_logits_gradient, number, cppo_f32, 40)};
    cppo_lent const read[7][3] = {{inputs[0]}, {inputs[0], inputs[1], inputs[2]}, {inputs[2], inputs[3]},
                                  {inputs[0], inputs[4], inputs[5]}, {inputs[0]}, {inputs[0]}, {inputs[0]}};
    constexpr std::int64_t reads[] = {1, 3, 2, 3, 1, 1, 1};
    cppo_batch const batch{sizeof(cppo_batch), 2, 3, {}, 0, 0, read[kind], reads[kind]};
    cppo_outputs const outputs{sizeof(cppo_outputs), &all[kind < 4 ? kind : 0], 1, kind == 3 ? report : nullptr};
    cppo_logits const rows{sizeof(cppo_logits), {x, cppo_f32, 2, {6, 40}, {40, 1}}, 1.0, 0, 0};
    cppo_logit_options const how{sizeof(cppo_logit_options), executor, threads, 0.0};
    cppo_options options = cppo_test::c_options({});
    options.executor = executor, options.threads = threads;
    if (kind == 0) return cppo_log_probs(&batch, &rows, &outputs, &how, &status);
    if (kind == 1) return cppo_logits_gradient(&batch, &rows, &outputs, &how, &status);
    if (kind == 2) return cppo_full_divergences(&batch, &rows, &rows, nullptr, &outputs, &how, &status);
    if (kind == 4) return cppo_find_logits(&batch, &rows, 0, combined, 128, &words, &how, &status);
    if (kind == 5) return cppo_log_probs_of_found(&batch, &rows, found, 35, &outputs, &status);
    if (kind == 6) return run_combine();
    return cppo_policy_loss_from_logits(&batch, &rows, &region, &outputs, &options, &status);
  }
  /// Combines what was found with itself: -1 is no memory.
  std::int32_t run_combine() {
    std::int64_t const n = cppo_combine_found(found, 35, found, 35, combined, 128);
    status.message[0] = 0;
    return n < 0 ? cppo_no_memory : 0;
  }
  bool wrote_nothing() const {
    bool nothing = report[0] == 0.0 && words == 0;
    for (float const y : number) nothing = nothing && y == 77.0F;
    return nothing;
  }
};

}  // namespace

TEST_CASE("a call on logits without memory says so and writes nothing") {
  for (int kind = 0; kind < 7; ++kind) {
    for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
      std::int64_t failed = 0;
      for (std::int64_t k = 0;; ++k) {
        logit_call call;
        std::int32_t code = -1;
        on_a_new_thread([&] {
          allocations = 0, fails_at = k;
          code = call.run(kind, executor, 3);
          fails_at = -1;
        });
        INFO(kind << " " << call.status.message);
        if (code == 0) break;
        ++failed;
        REQUIRE(code == cppo_no_memory);
        CHECK(call.wrote_nothing());
      }
      CHECK(failed > 0);
    }
  }
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
