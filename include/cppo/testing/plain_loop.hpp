/// @file
/// Evaluates any region a second time, by a plain loop in double. The parts give their numbers; what executors form
/// from them (prefix sums, quantile, maximum, mean, surrogate) is formed here in another way.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/task.hpp>
#include <cppo/testing/generated_batch.hpp>
#include <cppo/testing/plain_folds.hpp>

#include <cmath>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// The results of the plain loop, one entry per slot of the batch, and 0 where there is no token.
struct plain_result {
  /// M_t, the gate value, loss and gradient of Eq. 11, D_t, w_t, S_{t-1} and W_{t-1}.
  /// @{
  std::vector<double> kept, gate, loss, gradient, divergence, weight, prefix_drift, prefix_weight;
  /// @}
  std::vector<char> steady;  ///< true if the decision stays the same when sums and means move by a rounding error
};

/// The statistics of a response, by sorting and adding up.
class plain_statistics {
 public:
  /// Takes the divergences of a response.
  explicit plain_statistics(std::vector<double> all) : divergences_(std::move(all)) {
    std::sort(divergences_.begin(), divergences_.end());
    for (double const d : divergences_) sum_ += d;
  }
  /// T.
  index_t length() const { return static_cast<index_t>(divergences_.size()); }
  /// The largest D, 0 for no token.
  double max_divergence() const { return divergences_.empty() ? 0.0 : divergences_.back(); }
  /// The mean of D, 0 for no token.
  double mean_divergence() const {
    return divergences_.empty() ? 0.0 : static_cast<double>(sum_ / static_cast<long double>(divergences_.size()));
  }
  /// T, maximum and sum of D; delta_b is left to be resolved.
  response_summary totals() const {
    auto const units = static_cast<index_t>(std::llround(std::ldexp(sum_, 40)));
    return {.length = length(), .max_divergence = max_divergence(), .divergence_sum = {.high = 0, .low = units}};
  }
  /// The interpolated q-quantile. NaN counts as 0.
  double quantile(double q) const {
    if (divergences_.empty()) return 0.0;
    q = std::isnan(q) ? 0.0 : std::clamp(q, 0.0, 1.0);
    double const place = q * static_cast<double>(divergences_.size() - 1);
    auto const k = static_cast<std::size_t>(place);
    if (k + 1 >= divergences_.size()) return divergences_.back();
    return divergences_[k] + (divergences_[k + 1] - divergences_[k]) * (place - static_cast<double>(k));
  }

 private:
  std::vector<double> divergences_;  // D_1 ... D_T, ascending
  long double sum_ = 0;
};

/// The plain loop over one batch of doubles.
template <class Region>
class plain_walk {
  using V = double_lane;
  struct sums {
    long double drift = 0, weight = 0, allowance = 0;
  };
  struct verdict {
    bool kept;
    double gate, code;
  };

 public:
  /// `options` as for `policy_loss`, except that pieces are not supported.
  plain_walk(generated_batch<double> const& batch, Region const& region, loss_options const& options)
      : batch_(batch), view_(batch.view()), region_(region), o_(options) {}

  /// Runs the loop.
  plain_result run() {
    auto const slots = static_cast<std::size_t>(batch_.slots());
    for (std::vector<double>* v : {&r_.kept, &r_.gate, &r_.loss, &r_.gradient, &r_.divergence, &r_.weight,
                                   &r_.prefix_drift, &r_.prefix_weight}) {
      v->assign(slots, 0.0);
    }
    r_.steady.assign(slots, 1);
    for (index_t b = 0; b < batch_.responses; ++b) {
      auto const n = static_cast<index_t>(batch_.token_row(b).size());
      counts_ = counts_ + batch_counts{n, n > 0 ? 1 : 0};
    }
    if constexpr (cppo::detail::has_folds<Region>) find_folds();
    for (index_t b = 0; b < batch_.responses; ++b) response(b);
    return r_;
  }

 private:
  void find_folds() {
    std::vector<index_t> lengths;
    for (index_t b = 0; b < batch_.responses; ++b) lengths.push_back(static_cast<index_t>(batch_.token_row(b).size()));
    plain_folds all(lengths, cppo::detail::values_of_folds(region_));
    response_summary whole;
    all.find(region_, [&](index_t b, index_t k) {
      std::vector<index_t> const row = batch_.token_row(b);
      token<V> t = load(b, row[static_cast<std::size_t>(k)], lists_);
      whole.length = lengths[static_cast<std::size_t>(b)];
      position<V> const at = place(b, row[static_cast<std::size_t>(k)], k);
      t.set_weight(at, whole, region_.weight().at(at, schedule_length(whole.length)));
      clamp(t);
      return t;
    });
    double const error = 1e-11 * 100;
    folds_ = {all, all.moved(error), all.moved(-error)};
  }
  void clamp(token<V>& t) const {
    if (double const c = o_.surrogate.log_ratio_clamp; c > 0.0) t.clamp_log_ratio(V(c), cppo::detail::exp_core(V(-c)));
  }
  position<V> place(index_t b, index_t slot, index_t k) const {
    bool const by_column = o_.positions == position_convention::padded_column;
    return position<V>(by_column ? slot - batch_.first(b) + 1 : k + 1);
  }
  token<V> load(index_t b, index_t slot, top_k_row<double>& lists) const {
    auto const i = static_cast<std::size_t>(slot);
    token<V> t(V(batch_.log_prob[i]), V(batch_.rollout_log_prob[i]), V(batch_.advantage[i]));
    t.lend_divergence(V(batch_.lends_divergence ? batch_.divergence[i] : 0.5));  // who reads it undeclared is found
    t.lend_more(V(batch_.lends_entropy ? batch_.entropy[i] : 0.5),
                V(batch_.lends_reference ? batch_.reference_log_prob[i] : -0.5));
    if (batch_.k > 0) t.lend_top_k(lists = view_.top_k_at(b, slot - batch_.first(b)));
    t.set_divergence(cppo::detail::divergence_of(region_.divergence(), t));
    return t;
  }

  void response(index_t b) {
    std::vector<index_t> const row = batch_.token_row(b);
    std::vector<double> divergences;
    for (index_t const slot : row) {
      top_k_row<double> lists;
      divergences.push_back(load(b, slot, lists).divergence().raw());
    }
    plain_statistics const s(std::move(divergences));
    response_summary whole = s.totals();
    whole.delta_b = region_.resolve_budget(s);
    sums before;
    for (std::size_t k = 0; k < row.size(); ++k) {
      top_k_row<double> lists;
      token<V> t = load(b, row[k], lists);
      position<V> const at = place(b, row[k], static_cast<index_t>(k));
      now_ = {b, static_cast<index_t>(k)};
      t.set_weight(at, whole, region_.weight().at(at, schedule_length(whole.length)));
      decide(t, at, row[k], whole, before);
      before.drift += t.weighted_divergence().raw();
      before.weight += t.weight().raw();
      before.allowance += static_cast<long double>(t.weight().raw()) * whole.delta_b;
    }
  }

  index_t schedule_length(index_t own) const {
    if (o_.positions == position_convention::own_length) return own;
    return o_.positions == position_convention::padded_column ? batch_.width : o_.horizon;
  }

  /// True if there is a prefix budget, of a region whose type may have one.
  static bool has_budget(Region const& region) {
    if constexpr (requires { region.mask().has_budget(); }) return region.mask().has_budget();
    else return true;
  }
  /// The region's answer if the sums before the token were off by `error`.
  verdict ask(token<V> t, position<V> at, response_summary whole, sums const& before, double error) const {
    whole.divergence_sum.low += static_cast<index_t>(std::ldexp(error * static_cast<double>(whole.length), 40));
    t.set_weight(at, whole, t.weight());
    if (!folds_.empty()) folds_[error > 0.0 ? 1U : error < 0.0 ? 2U : 0U].lend(t, now_.response, now_.rank);
    long double const room = region_.budget_slack() + before.allowance - before.drift - t.weighted_divergence().raw();
    bool const budget = Region::has_prefix_budget && has_budget(region_);
    if (!budget) whole.delta_b = 0.25;  // who asks for what the region has not is found
    t.set_within_prefix_budget(V::mask(!budget || room >= error));
    auto const number = [error](long double x) { return V(static_cast<double>(x + error)); };
    t.set_prefix(number(before.drift), number(before.weight), number(before.allowance));
    auto const kept = region_.keeps(t);
    return {kept.raw(), region_.gate_value(t, kept).raw(), region_.decided_by(t, kept).raw()};
  }

  void decide(token<V> const& t, position<V> at, index_t slot, response_summary const& whole, sums const& before) {
    auto const i = static_cast<std::size_t>(slot);
    verdict const v = ask(t, at, whole, before, 0.0);
    double const error = 1e-11 * static_cast<double>(100 + whole.length);
    for (double const e : {error, -error}) {
      verdict const other = ask(t, at, whole, before, e);
      bool const same = other.kept == v.kept && other.code == v.code && std::fabs(other.gate - v.gate) <= 1e-6;
      if (!same) r_.steady[i] = 0;
    }
    r_.kept[i] = v.kept ? 1.0 : 0.0;
    r_.gate[i] = v.gate;
    r_.divergence[i] = t.divergence().raw();
    r_.weight[i] = t.weight().raw();
    r_.prefix_drift[i] = static_cast<double>(before.drift);
    r_.prefix_weight[i] = static_cast<double>(before.weight);
    if constexpr (cppo::detail::has_own_surrogate<Region>) {
      if (cppo::detail::owns_surrogate(region_)) return own_objective(t, at, i, v.gate, whole, before);
    }
    objective(i, v.gate, whole.length);
  }

  /// The factor of the aggregation.
  double scale(index_t n) const {
    auto divisor = static_cast<double>(o_.aggregate == token_mean ? counts_.tokens : counts_.responses);
    if (o_.aggregate == token_sum) divisor = 1.0;
    if (o_.normalizer > 0.0) divisor = o_.normalizer;
    if (o_.aggregate == seq_mean_token_mean) divisor *= static_cast<double>(n);
    if (o_.aggregate == seq_mean_token_sum_norm) divisor *= static_cast<double>(o_.horizon);
    return 1.0 / divisor;
  }

  /// Computes loss and gradient by the region's own surrogates: gate weight S + weight P.
  void own_objective(token<V> t, position<V> at, std::size_t i, double gate, response_summary const& whole,
                     sums const& before) {
    t.set_weight(at, whole, t.weight());
    t.set_prefix(V(static_cast<double>(before.drift)), V(static_cast<double>(before.weight)),
                 V(static_cast<double>(before.allowance)));
    clamp(t);
    if (!folds_.empty()) folds_[0].lend(t, now_.response, now_.rank);
    auto const s = region_.surrogate()(region_.seen(t)), p = region_.penalty()(region_.seen(t));
    double const factor = (batch_.token_weight.empty() ? 1.0 : batch_.token_weight[i]) * scale(whole.length);
    double const share = gate > 0.0 ? gate * factor : 0.0;
    auto const both = [=](double x, double y) { return (share > 0.0 || share < 0.0 ? share * x : 0.0) + factor * y; };
    r_.loss[i] = both(s.loss.raw(), p.loss.raw());
    r_.gradient[i] = both(s.slope.raw(), p.slope.raw());
  }
  /// Computes loss and gradient by Eq. 11 and its variants.
  void objective(std::size_t i, double gate, index_t n) {
    surrogate_options const& s = o_.surrogate;
    double const d = batch_.log_prob[i] - batch_.rollout_log_prob[i];
    bool const clamped = s.log_ratio_clamp > 0.0 && std::fabs(d) > s.log_ratio_clamp;
    double rho = std::exp(clamped ? std::copysign(s.log_ratio_clamp, d) : d);
    bool const capped = s.ratio_cap > 0.0 && rho > s.ratio_cap;
    if (capped) rho = s.ratio_cap;
    double const extra = batch_.token_weight.empty() ? 1.0 : batch_.token_weight[i];
    double const term = gate > 0.0 ? -gate * rho * batch_.advantage[i] * extra * scale(n) : 0.0;
    bool const is_ratio = s.form == surrogate_form::ratio;
    r_.loss[i] = is_ratio ? term : term * batch_.log_prob[i];
    r_.gradient[i] = is_ratio && (clamped || capped) ? 0.0 : term;
  }

  generated_batch<double> const& batch_;
  rollout_batch_view<double> view_;
  Region const& region_;
  loss_options const& o_;
  batch_counts counts_;
  plain_result r_;
  std::vector<plain_folds> folds_;  // as they are, and moved up and down by a rounding error
  struct {
    index_t response, rank;
  } now_ = {};
  top_k_row<double> lists_;
};

/// Evaluates `region` on a batch of doubles, with long double sums.
template <class Region>
plain_result plain_loop(generated_batch<double> const& batch, Region const& region, loss_options const& options = {}) {
  return plain_walk<Region>(batch, region, options).run();
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
