/// @file
/// A block of threads made of loops, on which kernel bodies run on a host, to be tested without a device.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/block/call.hpp>

#include <memory>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// `Threads` threads that take turns, forward and backward. With few threads, tiles have many edges.
template <int Threads>
class host_block {
 public:
  static constexpr int threads = Threads;  ///< number of threads
  static constexpr int digit_bits = 5;     ///< few counters, many digits
  /// A T for each thread.
  template <class T>
  class local {
   public:
    /// The value of thread `th`.
    T& operator[](int th) noexcept { return of_[th]; }

   private:
    T of_[std::size_t{Threads}] = {};
  };

  /// Calls f(th) for every thread: forward, and the next time backward.
  template <class F>
  void each(F const& f) noexcept {
    forward_ = !forward_;
    for (int k = 0; k < Threads; ++k) f(forward_ ? k : Threads - 1 - k);
  }
  /// The same as `each`: on a host there are no barriers to leave out.
  template <class F>
  void apart(F const& f) noexcept {
    each(f);
  }
  /// x[th] becomes the sum over threads before th; returns the sum over all.
  template <class T>
  T exclusive_sum(local<T>& x) noexcept {
    T sum{};
    for (int th = 0; th < Threads; ++th) {
      T const here = x[th];
      x[th] = sum;
      sum = sum + here;
    }
    return sum;
  }
  /// The reduction by op over all threads, from the last to the first.
  template <class T, class Op>
  T reduce(local<T>& x, Op const& op) noexcept {
    T all = x[Threads - 1];
    for (int th = Threads - 2; th >= 0; --th) all = op(x[th], all);
    return all;
  }
  /// Adds n to the counter. Returns its value before.
  std::uint32_t add(std::uint32_t& counter, std::uint32_t n) noexcept {
    std::uint32_t const before = counter;
    counter += n;
    return before;
  }

 private:
  bool forward_ = false;
};

namespace kernels {

/// Runs the steps of a call as a device does, one block after the other.
template <int Threads, class Real, class Region>
class host_kernels {
  using block = host_block<Threads>;
  using task_type = cppo::detail::task<Real, Region>;
  using body_for = cppo::detail::body_for;

 public:
  /// Runs a call. Returns its status and, if `wanted` is not null, its report.
  status run(task_type& t, report* wanted) {
    t.reports = wanted != nullptr;
    layout const& l = t.batch.shape();
    std::size_t const bytes = memory_.template place<Region>(nullptr, l);
    std::unique_ptr<std::byte[]> const raw(new std::byte[bytes]);
    memory_.template place<Region>(raw.get(), l);
    new (memory_.state) cppo::detail::call_state{};
    block threads;
    if (l.is_packed()) {
      std::uint32_t buckets[64];
      prepare_call(threads, buckets, t, memory_);
    }
    status const folded = compute_folds(t);
    if (!folded.ok()) return folded;
    if (t.needs_sweep() && memory_.state->refused.ok()) {
      each_response<body_for::any>(t, [this](auto& body, index_t b) { memory_.tokens[b] = body.count(); });
      conclude_count(threads, t, memory_);
    }
    if (!memory_.state->refused.ok()) return memory_.state->refused;
    decide_all(t);
    if (t.batch.shape().clears_rest()) threads.each([&](int th) { t.clear_spare(th, Threads); });
    fold(threads, l.responses());
    cppo::detail::response_outcome& all = *memory_.folds;
    status const s = cppo::detail::conclude(t, all.first_bad, all.report);
    if (wanted != nullptr) *wanted = all.report;
    return s;
  }

 private:
  void decide_all(task_type const& t) {
    std::vector<char> done(static_cast<std::size_t>(t.batch.shape().responses()));
    auto const decide = [&](auto& body, index_t b) {
      if (done[static_cast<std::size_t>(b)] == 0)
        done[static_cast<std::size_t>(b)] = body.run(memory_.outcomes[b]) ? 1 : 0;
    };
    if (is_usual(t)) each_response<body_for::usual>(t, decide);
    each_response<body_for::any>(t, decide);
  }
  template <body_for Calls, class F>
  void each_response(task_type const& t, F const& f) {
    using body_type = cppo::detail::block_response<block, Real, Region, Calls>;
    auto const shared = std::make_unique<typename body_type::storage>();
    layout const& l = t.batch.shape();
    for (index_t k = 0; k < l.responses(); ++k) {
      index_t const b = memory_.order != nullptr ? memory_.order[k] : k;
      block threads;
      Real* const divergences =
          memory_.divergences != nullptr ? memory_.divergences + (l.is_packed() ? l.begin(b) : b * l.width()) : nullptr;
      body_type body(threads, *shared, t, b, divergences, call_divisor(t, memory_));
      f(body, b);
    }
  }
  status compute_folds(task_type& t) {
    status const given = cppo::detail::check_fold_totals(t, cppo::detail::values_of_folds(t.region));
    if constexpr (cppo::detail::has_folds<Region>) {
      int const values = cppo::detail::values_of_folds(t.region);
      if (!given.ok() || !memory_.state->refused.ok() || values == 0) return given;
      fold_totals const* const known = t.folds.totals;
      t.folds = memory_.columns;
      t.folds.folds = values;
      t.folds.totals = known;
      block threads;
      cppo::detail::each_level(t.region, [&](auto level) { compute_level<decltype(level)::value>(threads, t); });
    }
    return given;
  }
  template <int Level>
  static void compute_level(block& threads, task_type const& t) {
    for (index_t b = 0; b < t.batch.shape().responses(); ++b) {
      cppo::detail::block_folds<block, Real, Region>(threads, t, b).template run<Level>();
    }
    cppo::detail::settle_folds<Level>(threads, t);
  }
  void fold(block& threads, index_t responses) {
    using folding = cppo::detail::block_fold<block>;
    typename folding::storage shared;
    folding const one(threads, shared);
    index_t const blocks = cppo::detail::fold_parts(responses);
    for (index_t k = 0; k < blocks; ++k) {
      index_t const first = k * cppo::detail::fold_width, left = responses - first;
      one.run(memory_.outcomes + first, left < cppo::detail::fold_width ? left : cppo::detail::fold_width,
              memory_.folds[k]);
    }
    if (blocks > 1) one.run(memory_.folds, blocks, *memory_.folds);
  }

  cppo::detail::call_memory<Real> memory_;
};

}  // namespace kernels

/// An executor that runs kernel bodies on `host_block<Threads>`.
template <int Threads>
class kernel_bodies : public host_executor<kernel_bodies<Threads>> {
 public:
  /// Runs a checked call on kernel bodies.
  template <class Real, class Region>
  status run_call(cppo::detail::task<Real, Region>& t, report* wanted) const {
    return kernels::host_kernels<Threads, Real, Region>().run(t, wanted);
  }
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
