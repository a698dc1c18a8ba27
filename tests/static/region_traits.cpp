// What the types promise, checked by the compiler: values that can be kernel arguments, concepts that tell parts apart.
#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/described.hpp>
#include <cppo/region.hpp>

#include <string>
#include <type_traits>
#include <vector>

namespace {

using cppo::float_lane;
using cppo::token;

// ---- values that are copied byte by byte ---------------------------------------------------------------------------

template <class T>
constexpr bool is_plain = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

using fixed = decltype(cppo::fixed_cppo());
using calibrated = decltype(cppo::calibrated_cppo());
using soft = decltype(softened(cppo::fixed_cppo(), cppo::reciprocal_gate));
using reversed = decltype(cppo::trust_region(cppo::k3, cppo::reversed(cppo::linear_weight(0.5)), cppo::keep_all));
using shuffled = decltype(cppo::trust_region(cppo::k3, cppo::permuted(cppo::linear_weight(0.5), 1), cppo::keep_all));
using named = decltype(cppo::fixed_cppo({}, cppo::named_divergence(0)));

static_assert(is_plain<fixed> && is_plain<calibrated> && is_plain<soft> && is_plain<shuffled> &&
              is_plain<reversed> && is_plain<named>);
static_assert(is_plain<cppo::described_region> && cppo::trust_region_like<cppo::described_region>);
static_assert(is_plain<decltype(cppo::ppo())> && is_plain<decltype(cppo::dppo())>);
static_assert(is_plain<decltype(cppo::trm_max())> && is_plain<decltype(cppo::trm_mean())>);
static_assert(is_plain<decltype(cppo::presets::moe_base(cppo::top_k_tv))>);
static_assert(is_plain<cppo::detail::task<float, fixed>> && is_plain<cppo::detail::task<double, soft>>);
static_assert(is_plain<cppo::rollout_batch_view<float>> && is_plain<cppo::rollout_batch_view<double>>);
static_assert(is_plain<token<float_lane>> && is_plain<token<cppo::double_lane>>);
static_assert(is_plain<cppo::layout> && is_plain<cppo::status> && is_plain<cppo::report>);
static_assert(is_plain<cppo::prefix_sums> && is_plain<cppo::response_summary> && is_plain<cppo::exact_sum>);
static_assert(is_plain<cppo::loss_options> && is_plain<cppo::loss_outputs> && is_plain<cppo::top_k_row<float>>);
static_assert(is_plain<cppo::vector_view<float>> && is_plain<cppo::matrix_view<float>>);
static_assert(is_plain<cppo::ragged_view<float>>);
static_assert(is_plain<cppo::half> && sizeof(cppo::half) == 2);
static_assert(is_plain<cppo::bfloat16> && sizeof(cppo::bfloat16) == 2);

// ---- regions know what they need -----------------------------------------------------------------------------------

using cppo::needs;
static_assert(decltype(cppo::ppo())::needed == needs::none);
static_assert(decltype(cppo::dppo())::needed == needs::none);
static_assert(fixed::needed == needs::prefix_budget);
static_assert(calibrated::needed == (needs::prefix_budget | needs::quantile));
static_assert(soft::needed == (needs::prefix_budget | needs::prefix_values));
static_assert(decltype(cppo::trm_max())::needed == needs::response);
static_assert(fixed::has_prefix_budget && !decltype(cppo::dppo())::has_prefix_budget);
static_assert(soft::is_soft && !fixed::is_soft);

// ---- arithmetic follows the log-probs ------------------------------------------------------------------------------

template <class P, class Q, class A>
using real_of = typename decltype(cppo::rollout_batch(cppo::padded(1, 1), cppo::log_prob(std::declval<P*>()),
                                                      cppo::rollout_log_prob(std::declval<Q*>()),
                                                      cppo::advantage(std::declval<A*>())))::value_type;
static_assert(std::is_same_v<real_of<float, float, float>, float>);
static_assert(std::is_same_v<real_of<cppo::half, cppo::bfloat16, float>, float>);
static_assert(std::is_same_v<real_of<float, float, double>, float>, "a double advantage does not widen a call");
static_assert(std::is_same_v<real_of<double, float, float>, double>);
static_assert(std::is_same_v<real_of<float, double const, float>, double>);

// ---- concepts accept what they should ------------------------------------------------------------------------------

struct user_mask {
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() <= V(0.1);
  }
};
struct user_divergence {
  template <class V>
  constexpr V between(V p, V q) const {
    return q - p;
  }
};
struct user_divergence_at {
  template <class V>
  constexpr V at(token<V> const& t) const {
    return t.ratio();
  }
};
struct user_weight {
  template <class V>
  constexpr V at(cppo::position<V> t, cppo::index_t) const {
    return V(1) / t.value();
  }
};
struct user_budget {
  static constexpr cppo::needs needed = cppo::needs::response;
  template <class S>
  constexpr double resolve(S const& s) const {
    return s.mean_divergence() + 0.1 * static_cast<double>(s.length());
  }
};
struct user_gate {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x <= V(1), V(1), V(0));
  }
};
static_assert(cppo::divergence_score<user_divergence> && cppo::divergence_score<user_divergence_at>);
static_assert(cppo::token_mask<user_mask>);
static_assert(cppo::weight_schedule<user_weight> && cppo::budget<user_budget> && cppo::gate<user_gate>);
static_assert(cppo::trust_region_like<fixed> && cppo::trust_region_like<soft>);
static_assert(cppo::token_mask<cppo::toward_rollout_t> && cppo::token_mask<cppo::ratio_within_t>);
static_assert(cppo::token_mask<cppo::divergence_within_t> && cppo::token_mask<cppo::response_max_within_t>);
static_assert(cppo::token_mask<cppo::prefix_budget_t<user_budget>>);
static_assert(cppo::divergence_score<cppo::named_divergence> && cppo::divergence_score<cppo::top_k_tv_t<>>);

// ---- and refuse what they should -----------------------------------------------------------------------------------

struct with_string : user_mask {
  std::string why;
};
struct plain_bool {
  template <class V>
  constexpr bool operator()(token<V> const&) const {
    return true;
  }
};
struct divergence_in_double {
  template <class V>
  constexpr double between(V, V) const {
    return 0.0;
  }
};
struct weight_without_length {
  template <class V>
  constexpr V at(cppo::position<V>) const {
    return V(1);
  }
};
struct gate_of_bool {
  template <class V>
  constexpr auto operator()(V x) const {
    return x <= V(1);
  }
};
static_assert(!cppo::token_mask<with_string>, "not trivially copyable");
static_assert(!cppo::token_mask<plain_bool>, "a mask answers lane by lane");
static_assert(!cppo::token_mask<int> && !cppo::token_mask<user_divergence> && !cppo::token_mask<user_weight>);
static_assert(!cppo::divergence_score<divergence_in_double> && !cppo::divergence_score<user_mask>);
static_assert(!cppo::divergence_score<user_weight> && !cppo::divergence_score<user_gate>);
static_assert(!cppo::weight_schedule<weight_without_length> && !cppo::weight_schedule<user_divergence_at>);
static_assert(!cppo::budget<double> && !cppo::budget<user_weight> && !cppo::budget<user_mask>);
static_assert(!cppo::gate<gate_of_bool> && !cppo::gate<user_mask>);
static_assert(!cppo::trust_region_like<user_mask> && !cppo::trust_region_like<cppo::divergence_within_t>);

// ---- what a part may ask is checked part by part --------------------------------------------------------------------

using cppo::lane;
struct measured {  // a soft gate knows S and W as numbers, declared or not
  template <class V>
  constexpr auto operator()(token<V> const& t) const {
    return t.weighted_divergence() < 0.1;
  }
  template <class V>
  constexpr V excess(token<V> const& t) const {
    return (t.prefix_drift() + t.weighted_divergence()) / (0.1 + t.prefix_weight());
  }
};
static_assert(cppo::token_mask<measured>);
static_assert(decltype(softened(cppo::trust_region(cppo::k2, cppo::uniform_weight, measured{}), user_gate{}))::is_soft);

struct declares { static constexpr needs needed = needs::prefix_budget | needs::prefix_values | needs::response; };
struct asks_all : declares {  // declared by a base
  constexpr cppo::argument reads() const { return which; }  // known at run time alone
  template <class V>
    requires(V::size == 1)
  constexpr typename V::mask operator()(token<V> const& t) const {
    using T = typename V::value_type;
    static_assert(std::is_floating_point_v<T> && std::is_same_v<T, decltype(t.ratio().raw())>);
    V const free =
        t.log_prob() + t.rollout_log_prob() + t.advantage() + t.prob() + t.rollout_prob() + t.log_ratio() + t.ratio();
    V const known = t.divergence() + t.weight() + t.weighted_divergence() + t.at().value() + t.length();
    V const sums = t.prefix_drift() + t.prefix_weight() + t.prefix_allowance() + t.response_delta_b();
    V const lent = t.lent_divergence() + t.top_k().k() + t.response_max() + t.response_mean();
    return t.within_prefix_budget() & t.moves_toward_rollout() & (free + known + sums + lent < 1);
  }
  cppo::argument which;
};
static_assert(cppo::token_mask<asks_all> && asks_all::needed == declares::needed);
using with_budget = decltype(cppo::prefix_budget(0.1, 0.01) & cppo::none_of(asks_all{}));
static_assert(cppo::token_mask<with_budget>);
static_assert(decltype(cppo::trust_region(cppo::k2, cppo::uniform_weight,
                                          with_budget{{0.1, cppo::fixed_budget(0)}, {}}))::has_prefix_budget);

constexpr auto generic = [](auto const& t) { return t.ratio() < 1.2; };
static_assert(cppo::token_mask<decltype(generic)>);

struct of_floats_only {
  constexpr auto operator()(token<float_lane> const& t) const { return t.ratio() < 1.2; }
};
struct check_not_const : user_mask {
  constexpr bool check() { return true; }
};
struct excess_in_float : user_mask {
  template <class V>
  constexpr float excess(token<V> const&) const {
    return 1.0F;
  }
};
static_assert(!cppo::token_mask<of_floats_only> && !cppo::token_mask<check_not_const> &&
              !cppo::token_mask<excess_in_float>);

// The operators are for masks: of other types they know nothing.
template <class A, class B>
concept joined = requires(A const& a, B const& b) { a & b; };
static_assert(joined<user_mask, cppo::toward_rollout_t> && joined<cppo::lane_mask<float>, cppo::lane_mask<float>>);
static_assert(!joined<cppo::needs, cppo::needs> && !joined<cppo::linear_weight_t, cppo::linear_weight_t> &&
              !joined<user_mask, user_mask>);

// ---- a number beside a lane is one, a truth value is not; a lane is no number by accident ---------------------------

static_assert(std::is_convertible_v<double, float_lane> && std::is_convertible_v<int, cppo::double_lane>);
static_assert(!std::is_constructible_v<float_lane, bool> && !std::is_constructible_v<float_lane, void*>);
static_assert(!std::is_convertible_v<float_lane, float>);
static_assert(!std::is_constructible_v<cppo::lane_mask<float>, float_lane>);

// ---- outputs take what can be written ------------------------------------------------------------------------------

static_assert(std::is_constructible_v<cppo::output, std::vector<float>&>);
static_assert(std::is_constructible_v<cppo::output, float*>);
static_assert(std::is_constructible_v<cppo::output, cppo::matrix_view<double>>);
static_assert(!std::is_constructible_v<cppo::output, int> && !std::is_convertible_v<int, cppo::output>);
static_assert(!std::is_constructible_v<cppo::output, float const*>);
static_assert(!std::is_constructible_v<cppo::output, std::span<float const>> &&
              !std::is_constructible_v<cppo::output, std::vector<float> const&>);
// What is wrong is said in a sentence all the same: compile_fail/F40_output_of_a_number.cpp.
static_assert(!cppo::detail::lendable<int> && !cppo::detail::lendable<cppo::report>);

}  // namespace
