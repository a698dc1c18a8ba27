// The concept `executor`, checked by the compiler: what a call asks of one, member by member.
#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/testing/host_block.hpp>

#include <type_traits>

namespace {

using cppo::detail::checked_call, cppo::detail::outcome_fold, cppo::detail::task;

// The library's own.
static_assert(cppo::executor<cppo::seq_t>);
static_assert(cppo::executor<cppo::simd_t>);
static_assert(cppo::executor<cppo::testing::kernel_bodies<4>>);
static_assert(std::is_same_v<decltype(cppo::simd.with_threads(2)), cppo::simd_t>);

// One of a user's own: the loop is enough.
struct looping : cppo::host_executor<looping> {
  template <class Real, class Region>
  outcome_fold execute(task<Real, Region> const& t) const {
    return cppo::seq.execute(t);
  }
};
static_assert(cppo::executor<looping>);

// One that answers everything itself.
struct complete {
  template <class Real>
  cppo::status check_memory(cppo::rollout_batch_view<Real> const&, cppo::loss_outputs const&,
                            cppo::loss_options const&) const;
  template <class Real>
  bool arithmetic_holds(checked_call<Real> const&) const;
  template <class Real, class Region>
  cppo::status run_call(task<Real, Region>&, cppo::report*) const;
};
static_assert(cppo::executor<complete>);

// What none is.
static_assert(!cppo::executor<int>);
static_assert(!cppo::executor<cppo::seq_t*>);
static_assert(!cppo::executor<cppo::rollout_batch_view<float>>);
struct without_loop : cppo::host_executor<without_loop> {};
static_assert(!cppo::executor<without_loop>);
struct with_loop_of_another_result : cppo::host_executor<with_loop_of_another_result> {
  template <class Real, class Region>
  cppo::report execute(task<Real, Region> const&) const;
};
static_assert(!cppo::executor<with_loop_of_another_result>);
struct that_counts_nothing : looping {
  template <class Real>
  void count_tokens(checked_call<Real> const&, cppo::index_t) const;
};
static_assert(!cppo::detail::runs_on_host<that_counts_nothing, float, cppo::detail::open_region>);
struct without_memory {
  template <class Real>
  bool arithmetic_holds(checked_call<Real> const&) const;
  template <class Real, class Region>
  cppo::status run_call(task<Real, Region>&, cppo::report*) const;
};
static_assert(!cppo::executor<without_memory>);
struct without_arithmetic : without_memory {
  template <class Real>
  cppo::status check_memory(cppo::rollout_batch_view<Real> const&, cppo::loss_outputs const&,
                            cppo::loss_options const&) const;
  template <class Real>
  void arithmetic_holds(checked_call<Real> const&) const;
};
static_assert(!cppo::executor<without_arithmetic>);
struct in_float_alone : cppo::host_executor<in_float_alone> {
  template <class Region>
  outcome_fold execute(task<float, Region> const& t) const;
};
static_assert(!cppo::executor<in_float_alone>);
struct not_const : complete {
  template <class Real, class Region>
  cppo::status run_call(task<Real, Region>&, cppo::report*);
};
static_assert(!cppo::executor<not_const>);

}  // namespace
