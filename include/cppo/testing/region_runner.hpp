/// @file
/// A region bound to every executor, with its type erased: checks are compiled once, not once for each region.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/testing/captured_run.hpp>

#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
#include <cppo/execution/simd.hpp>
#endif

#include <functional>
#include <string>

/// The inline namespace of this header's contents: a unit with `simd` and one without share none of it.
#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
#define CPPO_TESTED_ON seq_and_simd
#else
#define CPPO_TESTED_ON seq_alone
#endif

namespace cppo { inline namespace CPPO_ABI { namespace testing { inline namespace CPPO_TESTED_ON {

/// An executor and its name.
template <class Executor>
struct named_executor {
  std::string_view name;   ///< the name in messages
  Executor executor;       ///< the executor
};

/// A region that can be run on every executor. Real: float or double, the arithmetic of the calls.
template <class Real>
class region_runner {
 public:
  using view = rollout_batch_view<Real>;   ///< a batch

  /// Binds a region to `seq`, to `simd` at one and three threads if it is built, and to further executors.
  template <class Region, class... Executor>
  explicit region_runner(Region const& region, named_executor<Executor> const&... further) {
    bind(region, "seq", seq);
#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
    if constexpr (std::is_same_v<Real, float>) {  // in double, simd runs the code of seq
      bind(region, "simd", simd);
      bind(region, "simd on three threads", simd.with_threads(3, 1));
    }
#endif
    (bind(region, further.name, further.executor), ...);
    stand_alone_ = !detail::reads_batch(region);
    plan_ = [region](view const& v, std::span<index_t const> response_of, std::span<index_t const> order_of,
                     index_t responses, loss_options const& o) {
      return plan_pieces(v, region, response_of, order_of, responses, o);
    };
  }

  /// True if what a response gets depends on no other response.
  bool responses_stand_alone() const noexcept { return stand_alone_; }
  /// The number of executors. Number 0 is `seq`.
  std::size_t executors() const noexcept { return runs_.size(); }
  /// The name of executor k.
  std::string const& name(std::size_t k) const noexcept { return names_[k]; }
  /// Runs a call on executor k.
  template <element T>
  captured_run<Real> run(std::size_t k, generated_batch<T> const& batch, loss_options const& options,
                         asks_for asked = asks_for::trace) const {
    return runs_[k](batch.view(), static_cast<std::size_t>(batch.slots()), options, asked);
  }
  /// Finds carries and totals of pieces.
  piece_plan plan(view const& pieces, std::span<index_t const> response_of, std::span<index_t const> order_of,
                  index_t responses, loss_options const& options) const {
    return plan_(pieces, response_of, order_of, responses, options);
  }

 private:
  template <class Region, class Executor>
  void bind(Region const& region, std::string_view name, Executor const& executor) {
    names_.emplace_back(name);
    runs_.push_back([region, executor](view const& v, std::size_t slots, loss_options const& o, asks_for asked) {
      return capture_view(executor, v, slots, region, o, asked);
    });
  }

  bool stand_alone_ = true;
  std::vector<std::string> names_;
  std::vector<std::function<captured_run<Real>(view const&, std::size_t, loss_options const&, asks_for)>> runs_;
  std::function<piece_plan(view const&, std::span<index_t const>, std::span<index_t const>, index_t,
                           loss_options const&)> plan_;
};

}}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
