/// @file
/// Sentences for calls whose arguments are of the wrong kind or in the wrong order. The compiler shows the cause.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/diagnose.hpp>
#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/core/refusals.hpp>
#include <cppo/execution/simd/executor.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class T>
inline constexpr bool is_batch = false;
template <class Real>
inline constexpr bool is_batch<rollout_batch_view<Real>> = true;

/// What can be wrong with a call.
enum class call_fault {
  none, order, switched_off, no_loop, incomplete, no_executor, no_batch, region_owns, no_region, no_outputs, no_options,
};

/// E has a member that a call asks of an executor.
template <class E>
concept part_of_executor =
    requires(E& e, task<float, open_region>& t, report* r) { e.run_call(t, r); } ||
    requires(E& e, rollout_batch_view<float> const& b) { e.check_memory(b, loss_outputs{}, loss_options{}); };
template <class E>
consteval call_fault fault_of_executor() noexcept {
  if (executor<E>) return call_fault::none;
  if (std::is_same_v<E, simd_t>) return call_fault::switched_off;
  if (std::is_base_of_v<host_executor<E>, E>) return call_fault::no_loop;
  return part_of_executor<E> ? call_fault::incomplete : call_fault::no_executor;
}
template <class R>
consteval call_fault fault_of_region() noexcept {
  if (trust_region_like<R>) return call_fault::none;
  return trivially_copyable_value<R> ? call_fault::no_region : call_fault::region_owns;
}

template <class T>
inline constexpr bool is_meant_as_executor = fault_of_executor<T>() != call_fault::no_executor;
template <class T>
inline constexpr bool belongs_in_call = is_meant_as_executor<T> || is_batch<T> || trust_region_like<T>;
/// The first three arguments of a call, but not in its order.
template <class E, class B, class R>
inline constexpr bool in_disorder = belongs_in_call<E> && belongs_in_call<B> && belongs_in_call<R> &&
                                    !(is_meant_as_executor<E> && is_batch<B> && trust_region_like<R>);

/// True if a call may begin with it.
template <class First>
inline constexpr bool begins = executor<First> || is_batch<First>;

/// The calls: what they take as fourth argument, and what they say of braces into which nothing fits.
struct policy_loss_call {
  using outputs = loss_outputs;
  template <class First>
  static constexpr void refuse_braces() noexcept {
    static_assert(!begins<First>, "in the braces of policy_loss a member has a wrong name, or a value of a wrong type: "
                                  "outputs are {.loss, .gradient, .mask, .gate, .trace = {...}, .report = &r}, all but "
                                  "the report buffers that may be written; options are members of cppo::loss_options");
  }
};
struct compute_mask_call {
  using outputs = output;
  template <class First>
  static constexpr void refuse_braces() noexcept {
    static_assert(!begins<First>, "in the braces of compute_mask a member has a wrong name, or a value of a wrong type"
                                  ": they hold members of cppo::loss_options");
  }
};
struct diagnose_call {
  template <class First>
  static constexpr void refuse_braces() noexcept {
    static_assert(!begins<First>, "in the braces of diagnose a member has a wrong name, or a value of a wrong type: "
                                  "they hold members of cppo::loss_options");
  }
};

/// The first thing that is wrong with a call of these arguments: their number or order, or one that is of another kind.
template <class Call, class...>
struct checked_arguments {
  static constexpr call_fault fault = call_fault::order;
};
template <class Call, class E, class B, class R, class Outputs, class... Options>
  requires(sizeof...(Options) < 2 && !in_disorder<E, B, R>)
struct checked_arguments<Call, E, B, R, Outputs, Options...> {
  static consteval call_fault find() noexcept {
    if (call_fault const wrong = fault_of_executor<E>(); wrong != call_fault::none) return wrong;
    if (!is_batch<B>) return call_fault::no_batch;
    if (call_fault const wrong = fault_of_region<R>(); wrong != call_fault::none) return wrong;
    if (!std::is_convertible_v<Outputs, typename Call::outputs>) return call_fault::no_outputs;
    return (std::is_convertible_v<Options, loss_options> && ...) ? call_fault::none : call_fault::no_options;
  }
  static constexpr call_fault fault = find();
};

/// Says what is wrong with an executor.
template <call_fault Wrong>
constexpr void refuse_executor() noexcept {
  static_assert(is_not<Wrong, call_fault::switched_off>,
                "simd is not switched on: define CPPO_USE_XSIMD=1 before cppo is included, or link cppo::simd");
  static_assert(is_not<Wrong, call_fault::no_loop>,
                "what derives from cppo::host_executor has the public member `template <class Real, class Region> "
                "cppo::detail::outcome_fold execute(cppo::detail::task<Real, Region> const&) const`");
  static_assert(is_not<Wrong, call_fault::incomplete>,
                "an executor has check_memory(batch, outputs, options), arithmetic_holds(call) and run_call(task, "
                "report*), public and const, as <cppo/execution/call/executor.hpp> lists them");
  static_assert(is_not<Wrong, call_fault::no_executor>,
                "a call begins with an executor: cppo::seq, cppo::simd or cppo::on(stream)");
}
/// Says what is wrong with a call.
template <class Call, class... Arguments>
constexpr void refuse_call() noexcept {
  constexpr call_fault wrong = checked_arguments<Call, Arguments...>::fault;
  constexpr bool masks = std::is_same_v<Call, compute_mask_call>;
  static_assert(masks || is_not<wrong, call_fault::order>,
                "policy_loss takes an executor, a batch, a region and outputs, in this order, and may take options: "
                "policy_loss(cppo::seq, batch, region, {.gradient = g}, {.aggregate = cppo::token_mean})");
  static_assert(!masks || is_not<wrong, call_fault::order>,
                "compute_mask takes an executor, a batch, a region and a mask, in this order, and may take options: "
                "compute_mask(cppo::seq, batch, region, mask)");
  refuse_executor<wrong>();
  static_assert(is_not<wrong, call_fault::no_batch>,
                "the second argument of a call is a batch, as cppo::rollout_batch(...) makes it");
  static_assert(is_not<wrong, call_fault::region_owns>,
                "a region is copied byte by byte, as a kernel argument is: no vector or string in it, but a pointer to "
                "what outlives the call");
  static_assert(is_not<wrong, call_fault::no_region>,
                "the third argument of a call is a region: make one by cppo::trust_region(divergence, weight, mask), "
                "or by a named region such as cppo::ppo()");
  static_assert(masks || is_not<wrong, call_fault::no_outputs>,
                "the fourth argument of policy_loss is what it writes: {.gradient = g, .mask = m}");
  static_assert(!masks || is_not<wrong, call_fault::no_outputs>,
                "the fourth argument of compute_mask is what it writes: a pointer, an array, a container or a view of "
                "elements that are not const; of an Eigen object as_view(x)");
  static_assert(is_not<wrong, call_fault::no_options>,
                "the last argument of a call is its options: {.aggregate = cppo::token_mean}");
}

/// True if calls that read a batch under a region, and run nothing, begin with these.
template <class B, class R>
inline constexpr bool begin_reading = is_batch<B> && trust_region_like<R>;
template <class B, class Divergences>
inline constexpr bool collects = false;
template <class Real>
inline constexpr bool collects<rollout_batch_view<Real>, std::vector<Real>> = true;

/// Says what is wrong with a call that reads a batch under a region.
template <class B, class R>
constexpr void refuse_reading() noexcept {
  constexpr bool batch = is_batch<B>, region = !batch || trust_region_like<R>;
  static_assert(batch, "diagnose, and what plans and sums pieces, begin with a batch, as cppo::rollout_batch(...) "
                       "makes it, and take no executor");
  static_assert(region, "what plans and sums pieces takes a region, diagnose a region or options: make one by "
                        "cppo::trust_region(divergence, weight, mask), or by a named region such as cppo::ppo()");
}

template <class E, class B, class R>
inline constexpr bool begin_call = executor<E> && is_batch<B> && trust_region_like<R>;
/// True if the arguments are those of the real call.
template <class Call, class... Any>
inline constexpr bool fits = false;
template <class Call, class E, class B, class R, class Outputs, class... Options>
  requires(sizeof...(Options) < 2)
inline constexpr bool fits<Call, E, B, R, Outputs, Options...> =
    begin_call<std::remove_cvref_t<E>, std::remove_cvref_t<B>, std::remove_cvref_t<R>> &&
    std::is_convertible_v<Outputs, typename Call::outputs> && (std::is_convertible_v<Options, loss_options> && ...);

/// True if cppo may refuse a call with these arguments. It may not if `First` is a class that no call takes: then the
/// call may be meant for an overload of the user's.
template <class... Arguments>
inline constexpr bool may_refuse = true;
template <class First, class... Rest>
inline constexpr bool may_refuse<First, Rest...> =
    !std::is_class_v<std::remove_cvref_t<First>> || belongs_in_call<std::remove_cvref_t<First>>;

/// The first arguments of a call whose braces fit nothing, as in {.gradiemt = g}. Braces have no type, so that they
/// match no parameter of a template; they match an ellipsis, which then refuses them. The error message is in a
/// constructor, since g++ does not look into a function whose ellipsis it refuses.
/// @{
template <class Call>
struct first_before_braces {
  template <class First>
    requires(begins<First>)
  first_before_braces(First const&) noexcept {
    Call::template refuse_braces<First>();
  }
};
struct batch_before_braces {
  template <class Real>
  batch_before_braces(rollout_batch_view<Real> const&) noexcept {}
};
struct region_before_braces {
  template <trust_region_like R>
  region_before_braces(R const&) noexcept {}
};
/// @}

}  // namespace detail

/// Chosen for a call with wrong arguments: it does not compile, and says what is wrong.
/// @{
template <class... Any>
  requires(detail::may_refuse<Any...> && !detail::fits<detail::policy_loss_call, Any...>)
status policy_loss(Any&&...) noexcept {
  detail::refuse_call<detail::policy_loss_call, std::remove_cvref_t<Any>...>();
  return {};
}
template <class E, class B, class R>
  requires(detail::may_refuse<E> && !detail::begin_call<E, B, R>)
status policy_loss(E const&, B const&, R const&, loss_outputs const&, loss_options const& = {}) noexcept {
  detail::refuse_call<detail::policy_loss_call, E, B, R, loss_outputs>();
  return {};
}
template <class E, class B, class R, class Options>
  requires(detail::may_refuse<E> && !std::is_convertible_v<Options const&, loss_options>)
status policy_loss(E const&, B const&, R const&, loss_outputs const&, Options const&) noexcept {
  detail::refuse_call<detail::policy_loss_call, E, B, R, loss_outputs, Options>();
  return {};
}
template <class E, class B, class R, class Outputs>
  requires(detail::may_refuse<E> && !std::is_convertible_v<Outputs const&, loss_outputs>)
status policy_loss(E const&, B const&, R const&, Outputs const&, loss_options const&) noexcept {
  detail::refuse_call<detail::policy_loss_call, E, B, R, Outputs>();
  return {};
}
template <class B, class R>
  requires(detail::may_refuse<B>)
status policy_loss(B const&, R const&, loss_outputs const&, loss_options const& = {}) noexcept {
  detail::refuse_call<detail::policy_loss_call, B, R, loss_outputs>();
  return {};
}
template <class... Any>
  requires(detail::may_refuse<Any...> && !detail::fits<detail::compute_mask_call, Any...>)
status compute_mask(Any&&...) noexcept {
  detail::refuse_call<detail::compute_mask_call, std::remove_cvref_t<Any>...>();
  return {};
}
template <class E, class B, class R>
  requires(detail::may_refuse<E> && !detail::begin_call<E, B, R>)
status compute_mask(E const&, B const&, R const&, output const&, loss_options const& = {}) noexcept {
  detail::refuse_call<detail::compute_mask_call, E, B, R, output>();
  return {};
}
inline status policy_loss(detail::first_before_braces<detail::policy_loss_call>, detail::batch_before_braces,
                          detail::region_before_braces, ...) noexcept {
  return {};
}
inline status compute_mask(detail::first_before_braces<detail::compute_mask_call>, detail::batch_before_braces,
                           detail::region_before_braces, ...) noexcept {
  return {};
}
inline batch_diagnosis diagnose(detail::first_before_braces<detail::diagnose_call>, ...) noexcept { return {}; }
template <class B, class R, class Divergences>
  requires(!detail::begin_reading<B, R> || !detail::collects<B, Divergences>)
status summarize_piece(B const&, R const&, index_t, response_summary&, Divergences&, loss_options const& = {}) {
  constexpr bool in_type_of_batch = !detail::begin_reading<B, R> || detail::collects<B, Divergences>;
  detail::refuse_reading<B, R>();
  static_assert(in_type_of_batch, "the divergences of pieces are collected in a std::vector of the batch's value_type: "
                                  "float, or double where a log-prob or divergence was lent as double");
  return {};
}
template <class B, class R>
  requires(!detail::begin_reading<B, R>)
status sum_piece(B const&, R const&, index_t, response_summary const&, index_t, prefix_sums&,
                 loss_options const& = {}) {
  detail::refuse_reading<B, R>();
  return {};
}
template <class B, class R>
  requires(!detail::begin_reading<B, R>)
piece_plan plan_pieces(B const&, R const&, std::span<index_t const>, std::span<index_t const>, index_t,
                       loss_options const& = {}) {
  detail::refuse_reading<B, R>();
  return {};
}
template <class B, class... Rest>
  requires(!detail::is_batch<B>)
batch_diagnosis diagnose(B const&, Rest const&...) noexcept {
  detail::refuse_reading<B, detail::open_region>();
  return {};
}
template <class Real, class R>
  requires(!trust_region_like<R> && !std::is_convertible_v<R const&, loss_options>)
batch_diagnosis diagnose(rollout_batch_view<Real> const&, R const&, loss_options const& = {}) noexcept {
  detail::refuse_reading<rollout_batch_view<Real>, R>();
  return {};
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
