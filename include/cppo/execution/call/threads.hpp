/// @file
/// Gives responses to threads, and adds up their reports in order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/host_executor.hpp>

#include <atomic>
#include <thread>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The least number of slots for which a thread is worth starting, where it decides `lanes` of them at once: some 200
/// us of work, twice what starting a thread takes. One lane is scalar code.
constexpr index_t slots_worth_a_thread(int lanes) noexcept { return lanes == 1 ? 4096 : index_t{8192} * lanes; }

/// The number of threads to use, if `wanted` are asked for (0: as many as the machine has) and each is to have at least
/// `least` slots.
inline int useful_threads(int wanted, index_t responses, index_t slots, index_t least) noexcept {
  if (wanted == 0) wanted = static_cast<int>(std::thread::hardware_concurrency());
  index_t const by_work = slots / least;
  index_t n = wanted < responses ? wanted : responses;
  if (by_work < n) n = by_work;
  return n < 1 ? 1 : static_cast<int>(n);
}

/// Threads that are joined in the destructor, whatever happens.
template <class Thread>
class joined_threads {
 public:
  joined_threads() = default;
  joined_threads(joined_threads const&) = delete;
  joined_threads& operator=(joined_threads const&) = delete;
  ~joined_threads() {
    for (Thread& member : members_) member.join();
  }
  /// Starts `n` threads, or as many as the machine can start.
  template <class Work>
  void start(int n, Work const& work) {
    CPPO_TRY {
      members_.reserve(static_cast<std::size_t>(n));
      for (int i = 0; i < n; ++i) members_.emplace_back(work);
    }
    CPPO_CATCH_ALL {}
  }

 private:
  std::vector<Thread> members_;
};

/// Memory that threads work in, for one call or kept for the next.
template <class Real>
struct work_memory {
  std::vector<Real> first;                  // of the calling thread
  std::vector<std::vector<Real>> others;    // of each other one
  std::vector<response_outcome> outcomes;   // by response, where there is more than one thread
};

/// What a region does with response b, as a function whose type does not name the region.
template <class Real>
class response_body {
 public:
  /// Calls `f(b, scratch, into)`, which adds to `into` what response b adds; f must outlive it.
  template <class F>
  explicit response_body(F const& f) noexcept
      : f_(&f), call_([](void const* g, index_t b, std::vector<Real>& scratch, response_outcome& into) {
          (*static_cast<F const*>(g))(b, scratch, into);
        }) {}
  void operator()(index_t b, std::vector<Real>& scratch, response_outcome& into) const { call_(f_, b, scratch, into); }

 private:
  void const* f_;
  void (*call_)(void const*, index_t, std::vector<Real>&, response_outcome&);
};

/// Calls body for every response, on several threads, and adds the outcomes in the order of responses, so
/// that sums have the same bits at every number of threads. A thread that is done takes the next response; if a thread
/// cannot be started, the others do its work. `least`: slots for each thread. All memory is allocated before the first
/// response, on the calling thread; each `scratch` can hold `room` numbers.
template <class Real, class Thread = std::thread>
outcome_fold over_responses(int threads, index_t least, layout const& l, std::size_t room, work_memory<Real>& memory,
                            response_body<Real> body) {
  outcome_fold fold;
  memory.first.reserve(room);
  int const n = useful_threads(threads, l.responses(), l.covered(), least);
  if (n == 1) {
    for (index_t b = 0; b < l.responses(); ++b, fold.end_response()) body(b, memory.first, fold.run);
    return fold;
  }
  std::vector<response_outcome>& outcomes = memory.outcomes;
  outcomes.assign(static_cast<std::size_t>(l.responses()), {});
  if (memory.others.size() < static_cast<std::size_t>(n - 1)) memory.others.resize(static_cast<std::size_t>(n - 1));
  for (int k = 0; k < n - 1; ++k) memory.others[static_cast<std::size_t>(k)].reserve(room);
  std::atomic<index_t> next{0};
  std::atomic<std::size_t> arrived{0};
  auto const take = [&](std::vector<Real>& scratch) {
    for (index_t b = next++; b < l.responses(); b = next++) body(b, scratch, outcomes[static_cast<std::size_t>(b)]);
  };
  auto const work = [&] { take(memory.others[arrived++]); };
  {
    joined_threads<Thread> others;
    others.start(n - 1, work);
    take(memory.first);
  }
  for (response_outcome const& o : outcomes) fold.add(o);
  return fold;
}

}}}  // namespace cppo::detail

namespace cppo { inline namespace CPPO_ABI {

/// Memory that `simd` works in. Lent with `simd.with_workspace(w)` and kept between calls, it saves allocations: a call
/// on one thread makes none once the longest response has been seen. For one call at a time.
class workspace {
 public:
  /// Frees the memory.
  void clear() { *this = workspace(); }

 private:
  friend class simd_t;
  detail::work_memory<float> floats_;
  detail::work_memory<double> doubles_;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
