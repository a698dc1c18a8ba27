/// @file
/// Checks that a call can run: inputs, options, pieces and outputs, before anything is written.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/describe.hpp>
#include <cppo/core/overlap.hpp>
#include <cppo/execution/call/task.hpp>

#include <algorithm>
#include <limits>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if a buffer of this type can take what the sink writes. Integers would truncate all but masks and decisions.
constexpr bool holds(sink s, element_type type) noexcept {
  bool const is_float = type == element_type::f32 || type == element_type::f64 || type == element_type::f16 ||
                        type == element_type::bf16;
  return is_float || s == sink::mask || (s == sink::decision && type != element_type::boolean);
}

/// Places an output in the layout, if its type can take what is written.
constexpr status place_output(named_output const& o, sink which, layout const& l, column& out) noexcept {
  status s = place(o.lent->source(), l, o.where, out);
  if (s.ok() && out.lent() && !holds(which, out.type)) s = {status_code::element_type_mismatch, o.where};
  s.name = o.member;
  return s;
}

/// What `f` may share a byte with of all that a call reads: of the batch, or of carries, totals and folds.
template <class Real>
CPPO_ONCE_PER_CALL argument overlapped(footprint const& f, checked_call<Real> const& t) noexcept {
  index_t const pieces = t.batch.shape().responses();
  bool const carried = may_overlap(f, footprint_of(t.carries, pieces)) ||
                       may_overlap(f, footprint_of(t.totals, pieces)) ||
                       may_overlap(f, footprint_of(t.folds.totals, t.fold_totals_lent));
  return carried ? argument::carry : overlapped(f, t.batch);
}

/// Places the outputs and rejects those that share memory with each other or with inputs.
template <class Real>
CPPO_ONCE_PER_CALL status place_outputs(checked_call<Real>& t, loss_outputs const& o) noexcept {
  layout const& l = t.batch.shape();
  std::array<named_output, sinks> const outputs = named_outputs(o);
  footprint memory[sinks];
  footprint const report_memory = footprint_of(o.report, 1);
  argument other = overlapped(report_memory, t);
  if (other != argument::none) return shared_memory(argument::report, other);
  for (std::size_t s = 0; s < outputs.size(); ++s) {
    status const placed = place_output(outputs[s], static_cast<sink>(s), l, t.out[s]);
    if (!placed.ok()) return placed;
    if (!t.out[s].lent()) continue;
    memory[s] = footprint_of(t.out[s], l);
    other = may_overlap(memory[s], report_memory) ? argument::report : overlapped(memory[s], t);
    for (std::size_t r = 0; r < s; ++r) other = may_overlap(memory[s], memory[r]) ? outputs[r].where : other;
    if (other != argument::none) return shared_memory(outputs[s].where, other, outputs[s].member);
  }
  return {};
}

/// Checks that every input that the region reads was lent.
template <class Real, class Region>
CPPO_ONCE_PER_CALL status check_inputs(rollout_batch_view<Real> const& batch, Region const& region) noexcept {
  if (!batch.check().ok()) return batch.check();
  status missing;
  each_input_of(region, [&](argument reads) {
    bool const there = reads == argument::none || (is_input(reads) && batch.has(reads));
    bool const lists = reads != argument::token_id || batch.has(argument::top_k);
    if (missing.ok() && !there) missing = {status_code::missing_input, reads};
    if (missing.ok() && !lists) missing = {status_code::missing_input, argument::top_k};
  });
  if (!missing.ok()) return missing;
  parameter_check const p = parameters_of(region);
  return p ? status{} : out_of_range(argument::region, p);
}

/// No response and no horizon may be longer. This keeps arithmetic on lent counts far from overflow.
inline constexpr index_t longest_response = index_t{1} << 48;

/// True if the sum is so far from overflow that the sums of a piece and of its tokens can be added.
constexpr bool can_add_to(exact_sum const& s) noexcept {
  constexpr index_t most = index_t{1} << 60;  // 2^35 tokens of the largest divergence
  return s.high >= -most && s.high <= most && s.low >= -most && s.low <= most;
}
constexpr bool can_add_to(prefix_sums const& s) noexcept {
  return can_add_to(s.drift) && can_add_to(s.weight) && can_add_to(s.allowance);
}

/// True if totals of a response, and the sums before a piece of it, contradict neither themselves nor each other.
constexpr bool can_be(response_summary const& whole, prefix_sums const& before) noexcept {
  bool const counts = before.count >= 0 && before.count <= whole.length && whole.length <= longest_response;
  bool const divergences = whole.max_divergence >= -divergence_limit && whole.max_divergence <= divergence_limit;
  bool const sums = can_add_to(whole.divergence_sum) && can_add_to(before);
  bool const budget = whole.delta_b >= 0.0 && whole.delta_b <= divergence_limit;
  return counts && divergences && sums && budget && whole.bad_tokens >= 0;
}

/// Takes carries and totals, one each per piece, if they can belong together. `prepare` checks that they cover the
/// tokens.
template <class Real>
CPPO_ONCE_PER_CALL status take_pieces(checked_call<Real>& t, loss_options const& o) noexcept {
  index_t const pieces = t.batch.shape().responses();
  auto const fits = [pieces](auto const& s) { return s.empty() || static_cast<index_t>(s.size()) == pieces; };
  if (!fits(o.carries) || !fits(o.totals) || (!o.carries.empty() && o.totals.empty())) {
    bool const totals = !fits(o.totals) || fits(o.carries);
    auto const n = static_cast<double>(totals ? o.totals.size() : o.carries.size());
    return {.code = status_code::carry_mismatch, .where = argument::carry, .has_value = true, .value = n,
            .wanted = pieces, .name = totals ? "totals" : "carries", .range = "entries"};
  }
  for (std::size_t b = 0; b < o.totals.size(); ++b) {
    if (!can_be(o.totals[b], o.carries.empty() ? prefix_sums{} : o.carries[b])) {
      return {status_code::carry_mismatch, argument::carry, static_cast<index_t>(b), -1, 1};
    }
  }
  t.carries = o.carries.empty() ? nullptr : o.carries.data();
  t.totals = o.totals.empty() ? nullptr : o.totals.data();
  t.folds.totals = o.folds.empty() ? nullptr : o.folds.data();
  t.fold_totals_lent = static_cast<index_t>(o.folds.size());
  return {};
}

/// True if 1/divisor is a normal number of type Real, so that scaling neither overflows nor loses bits.
template <class Real>
constexpr bool can_divide_by(double divisor) noexcept {
  double const scale = 1.0 / divisor;
  return scale >= static_cast<double>(std::numeric_limits<Real>::min()) &&
         scale <= static_cast<double>(std::numeric_limits<Real>::max());
}

/// The largest factor by which the aggregation divides in addition to the normalizer.
constexpr double longest_divisor(loss_options const& o, layout const& l) noexcept {
  double longest = 1.0;
  if (o.aggregate == aggregation::seq_mean_token_sum_norm) longest = static_cast<double>(o.horizon);
  if (o.aggregate == aggregation::seq_mean_token_mean) {
    longest = static_cast<double>(l.covered());
    for (response_summary const& whole : o.totals) longest = std::max(longest, static_cast<double>(whole.length));
  }
  return std::max(longest, 1.0);
}

/// Checks that a given normalizer can be divided by, also times the length or the horizon where the aggregation has
/// one.
template <class Real>
CPPO_ONCE_PER_CALL constexpr parameter_check check_normalizer(loss_options const& o, layout const& l) noexcept {
  double const n = o.normalizer, largest = n * longest_divisor(o, l);
  return first_fault({{n == 0.0 || (n > 0.0 && can_divide_by<Real>(n)), "normalizer", n,
                      "0, or positive with 1/normalizer neither infinite nor subnormal: 0 takes this call's counts"},
                     {n == 0.0 || can_divide_by<Real>(largest), "normalizer times the horizon or the longest response",
                      largest,
                      "a number whose inverse is neither infinite nor subnormal: pass the count to divide by"}});
}

/// Checks that the horizon is given where it is used, and in range.
CPPO_ONCE_PER_CALL constexpr parameter_check check_horizon(loss_options const& o) noexcept {
  auto const h = static_cast<double>(o.horizon);
  bool const counts = o.positions == position_convention::fixed_horizon;
  bool const divides = o.aggregate == aggregation::seq_mean_token_sum_norm;
  return first_fault({{o.horizon >= 0, "horizon", h, "0 or more: 0 where nothing reads it"},
                     {o.horizon > 0 || !divides, "horizon", h,
                      "given under seq_mean_token_sum_norm: pass one for the whole run, such as the most tokens you "
                      "sample; the padded width differs from batch to batch"},
                     {o.horizon > 0 || !counts, "horizon", h,
                      "given under position_convention::fixed_horizon: pass one for the whole run, such as the most "
                      "tokens you sample, or use own_length"},
                     {o.horizon <= longest_response || !counts, "horizon", h,
                      "at most 2^48 under position_convention::fixed_horizon: pass the most tokens you sample"}});
}

/// Whether the columns of a batch are positions: not in a packed layout, nor in pieces.
enum class columns_are : std::uint8_t { no_positions, positions };
/// Checks that positions by column are asked of a padded batch only.
CPPO_ONCE_PER_CALL constexpr parameter_check check_positions(loss_options const& o, columns_are columns) noexcept {
  auto const p = static_cast<double>(o.positions);
  return first_fault({{o.positions <= position_convention::padded_column, "positions", p,
                      "a value of position_convention: own_length is the paper's"},
                     {o.positions != position_convention::padded_column || columns == columns_are::positions,
                      "positions (padded_column)", p,
                      "own_length or fixed_horizon in a packed layout and for pieces: those have no columns"}});
}

/// Checks all options that are numbers, in the order of their declaration.
template <class Real>
CPPO_ONCE_PER_CALL constexpr parameter_check check_options(loss_options const& o, layout const& l) noexcept {
  bool const whole_rows = !l.is_packed() && o.carries.empty() && o.totals.empty();
  columns_are const columns = whole_rows ? columns_are::positions : columns_are::no_positions;
  return first_fault({
      {o.aggregate <= aggregation::seq_mean_token_sum_norm, "aggregate", static_cast<double>(o.aggregate),
       "a value of aggregation: token_sum is the default"},
      check_normalizer<Real>(o, l), check_horizon(o), o.surrogate.check(), check_positions(o, columns),
      {o.bad_input <= on_bad_input::propagate, "bad_input", static_cast<double>(o.bad_input),
       "a value of on_bad_input: reject is the default"},
      {o.log_prob_tolerance >= 0.0 && o.log_prob_tolerance <= 1.0, "log_prob_tolerance", o.log_prob_tolerance,
       "in [0, 1]: 0 accepts no log-prob above 0, 1e-3 accepts those that rounding made positive"},
      {o.log_prob_floor < 0.0, "log_prob_floor", o.log_prob_floor, "below 0: -1000 is the default, -inf is no floor"}});
}

/// Checks that the options describe no other loss than that of a region with a surrogate of its own.
template <class Region>
CPPO_ONCE_PER_CALL status check_surrogate([[maybe_unused]] Region const& region,
                                          [[maybe_unused]] surrogate_options const& o) noexcept {
  if constexpr (has_own_surrogate<Region>) {
    if (!owns_surrogate(region)) return {};
    parameter_check const p = first_fault(
        {{o.form == surrogate_form::ratio, "surrogate.form", static_cast<double>(o.form),
          "ratio for a region with a surrogate of its own: write objective(region, score_form(ratio)) for the "
          "REINFORCE form"},
         {o.ratio_cap == 0.0, "surrogate.ratio_cap", o.ratio_cap,
          "0 for a region with a surrogate of its own: write min(ratio, cap) in place of ratio in the surrogate"}});
    if (!p) return out_of_range(argument::options, p);
  }
  return {};
}

/// Takes the options, if they are in range and the pieces are consistent.
template <class Real>
CPPO_ONCE_PER_CALL status take_options(checked_call<Real>& t, loss_options const& o) noexcept {
  if (parameter_check const p = check_options<Real>(o, t.batch.shape()); !p) return out_of_range(argument::options, p);
  t.objective = surrogate<Real>(o.surrogate);
  t.horizon = o.horizon;
  t.aggregate = o.aggregate;
  t.positions = o.positions;
  t.bad_input = o.bad_input;
  t.normalizer = o.normalizer;
  t.log_probs = log_prob_range<Real>(o);
  return take_pieces(t, o);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
