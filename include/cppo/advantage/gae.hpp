/// @file
/// Generalized advantage estimation and lambda-returns: a fold from the end of each response.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/gae_rule.hpp>
#include <cppo/advantage/inputs.hpp>
#include <cppo/core/arithmetic.hpp>

#include <span>

namespace cppo { inline namespace CPPO_ABI {

/// What the tokens before a token need of it. Where a response is cut, it is that of the first token after the cut.
struct gae_state {
  double value = 0.0;      ///< V
  double advantage = 0.0;  ///< A
};

/// What else a call with `gae` reads and writes.
struct gae_options {
  /// The lambda-return A_t + V_t of each token: what V is fitted to.
  output returns = {};
  /// In place of `bootstrap_value`: of each response, the state of the token that follows in another call.
  std::span<gae_state const> after = {};
  /// Written: the state at the first token of each response. The piece before it reads this as `after`.
  std::span<gae_state> first = {};
};

namespace detail {

/// A call with `gae`.
class gae_call {
 public:
  placed_inputs in;
  placed_output advantages, returns;

  gae_call(gae_rule const& rule, gae_options const& options) noexcept : rule_(rule), options_(options) {}

  status prepare(response_batch_view const& batch, advantage_output const& out) noexcept {
    parameter_check const p = rule_.check();
    if (!p) return out_of_range(argument::region, p);
    wanted_inputs const wanted{.mask = true, .reward = true, .group = false, .value = true, .advantage = false,
                               .reward_for = one_each::slot};
    status s = place_inputs(batch, wanted, in);
    if (!s.ok()) return s;
    if (!scalars_keep_arithmetic()) return {status_code::arithmetic_relaxed};
    s = in.find_tokens();
    if (!s.ok()) return s;
    advantages.where = argument::advantage;
    returns.where = argument::value;
    s = advantages.place_in(out.source(), in, results_are::numbers);
    if (s.ok()) s = returns.place_in(options_.returns.source(), in, results_are::numbers);
    bool const tokens = !advantages.per_response && !returns.per_response;
    if (s.ok() && !tokens) {
      s = wrong_shape(argument::advantage, "a number for each token, as must returns: lend [B, T], or [N] if packed");
    }
    return s.ok() ? check_states() : s;
  }
  /// Runs response b from its end, and gives write(i, advantage, return) each number while it returns true.
  template <class Write>
  void run(index_t b, gae_state& state, Write const& write) const {
    lent_row const rewards = in.reward.row(in.shape, b), values = in.value.row(in.shape, b);
    std::span<token_run const> const runs = in.runs(b);
    bool more = true, last = true;
    for (std::size_t k = runs.size(); k-- > 0;) {
      for (index_t i = runs[k].end; i-- > runs[k].first && more; last = false) {
        double const reward = !in.reward.per_response || last ? rewards(i) : 0.0;
        double const returned = step(reward, values(i), state);
        more = write(i, state.advantage, returned);
      }
    }
  }
  /// V and A after the last token of response b.
  status after(index_t b, gae_state& state) const noexcept {
    if (!options_.after.empty()) state = options_.after[static_cast<std::size_t>(b)];
    else if (in.bootstrap.lent()) state.value = in.bootstrap.row(in.shape, b)(0);
    bool const finite = is_finite(state.value) && is_finite(state.advantage);
    return finite ? status{} : wrong_number(status_code::value_invalid, argument::bootstrap_value, b, -1, state.value);
  }
  /// Checks everything, then writes everything.
  template <class E>
  status execute(E const& executor) const {
    status const s = each_response(executor, in.shape, [&](index_t b) { return check(b); });
    if (!s.ok()) return s;
    status const done = each_response(executor, in.shape, [&](index_t b) { return write(b); });
    advantages.clear_spare(in.shape);
    returns.clear_spare(in.shape);
    return done;
  }

 private:
  status check(index_t b) const {
    gae_state state;
    status s = after(b, state);
    index_t bad = -1;
    run(b, state, [&](index_t i, double a, double r) {
      bad = advantages.fits(a) && returns.fits(r) ? -1 : i;
      return bad < 0;
    });
    if (!s.ok() || bad < 0) return s;
    // A number that is not finite makes all before it so: the first in order is the input's, if one is.
    lent_row const rewards = in.reward.row(in.shape, b), values = in.value.row(in.shape, b);
    in.each_token(b, [&](index_t i) {
      double const v = values(i), r = rewards(i);
      if (!is_finite(r)) s = wrong_number(status_code::reward_invalid, argument::reward, b, i, r);
      else if (!is_finite(v)) s = wrong_number(status_code::value_invalid, argument::value, b, i, v);
      return s.ok();
    });
    if (s.ok()) s = wrong_number(status_code::result_not_finite, advantages.where, b, bad, state.advantage);
    return s;
  }
  status write(index_t b) const {
    gae_state state;
    status const s = after(b, state);
    if (advantages.lent()) advantages.clear_rest(in, b);
    if (returns.lent()) returns.clear_rest(in, b);
    lent_row const to = advantages.row(in.shape, b), returned = returns.row(in.shape, b);
    run(b, state, [&](index_t i, double a, double r) {
      if (advantages.lent()) to.set(i, a);
      if (returns.lent()) returned.set(i, r);
      return true;
    });
    if (!options_.first.empty()) options_.first[static_cast<std::size_t>(b)] = state;
    return s;
  }
  /// Takes the state before the token; returns A + V.
  double step(double reward, double value_here, gae_state& state) const noexcept {
    using V = double_lane;
    V const gamma(rule_.gamma), v(value_here);
    V const delta = (V(reward) + gamma * V(state.value)) - v;
    V const advantage_here = delta + (gamma * V(rule_.lambda)) * V(state.advantage);
    state = {value_here, advantage_here.raw()};
    return (advantage_here + v).raw();
  }
  /// Checks that there is a state for each response, and that outputs do not share memory.
  status check_states() const noexcept {
    index_t const wanted = in.shape.responses();
    auto const count = [wanted](auto const& states, char const* name) {
      auto const n = static_cast<index_t>(states.size());
      return n == 0 || n == wanted ? status{} : wrong_extent(argument::options, "entries", n, wanted, name);
    };
    status s = count(options_.after, "after");
    if (s.ok()) s = count(options_.first, "first");
    footprint const a = footprint_of_column(advantages, in.shape), r = footprint_of_column(returns, in.shape);
    if (s.ok() && may_overlap(a, r)) s = shared_memory(argument::advantage, argument::value);
    return s;
  }

  gae_rule rule_;
  gae_options const& options_;
};

}  // namespace detail

/// Writes the advantage of each token under `gae`, and the lambda-returns if `options.returns` is lent.
///
///     compute_advantage(seq, response_batch(padded(B, T), reward(r), value(v), response_mask(m)), gae(1.0, 0.95), out)
///
/// `reward` is one number a token, or `reward(per_response(r))`: then it counts at the last valid token. Slots with
/// response mask 0 are passed over, wherever they lie.
/// A response that is cut into pieces gives the same bits: run the pieces from the last to the first, and give `first`
/// of each piece to the one before it as `after`. Inside a response the tokens are computed one after the other; the
/// executor's threads share the responses.
/// Post, NaN, determinism: as of the rules on responses. Cost: O(slots), read twice. In double, on the host.
template <detail::runs_on_this_host Executor>
status compute_advantage(Executor const& executor, response_batch_view const& batch, gae_rule const& rule,
                         advantage_output const& out, gae_options const& options = {}) {
  detail::gae_call call(rule, options);
  status const s = call.prepare(batch, out);
  return s.ok() ? call.execute(executor) : s;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
