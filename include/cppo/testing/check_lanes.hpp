/// @file
/// Checks that a region's parts give the same on one lane and on four, and when asked again. Needs no SIMD.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/fold_pass.hpp>
#include <cppo/region/trust_region.hpp>
#include <cppo/testing/check_result.hpp>
#include <cppo/testing/emulated_lanes.hpp>

#include <array>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// Evaluates the parts and surrogates of a region on one float lane and on four emulated ones, side by side; then
/// once more on one lane, the last token first.
template <class Region>
class lane_check {
  using one = token<float_lane>;
  using four = token<emulated_lane>;

 public:
  /// `run` is a run of `region` on `batch` with a trace, which supplies the sums that tokens may ask for.
  lane_check(Region const& region, generated_batch<float> const& batch, captured_run<float> const& run, check_log& log)
      : region_(region), untouched_(region), batch_(batch), view_(batch.view()), run_(run), log_(log) {}

  /// Checks all responses.
  void check() {
    for (index_t b = 0; b < batch_.responses && log_.ok(); ++b) {
      row_ = batch_.token_row(b);
      response_ = b;
      whole_.length = static_cast<index_t>(row_.size());
      fold_stride_ = whole_.length + 4;
      folds_.resize(static_cast<std::size_t>(fold_stride_ * detail::folds_of<Region>));
      for (std::size_t i = 0; i < folds_.size(); ++i) {  // the first four of a slot are equal: they may be one number
        std::size_t const in_slot = i % static_cast<std::size_t>(fold_stride_);
        folds_[i] = 0.25F * static_cast<float>((in_slot < 4 ? i - in_slot : i) % 7) - 0.5F;
      }
      for (first_ = 0; first_ < row_.size(); first_ += 4) group();
    }
  }

 private:
  /// The slot of lane k of the group. Lanes past the end repeat the last token.
  std::size_t slot(std::size_t k) const {
    return static_cast<std::size_t>(row_[std::min(first_ + k, row_.size() - 1)]);
  }
  float value(captured c, std::size_t k) const { return run_[c][slot(k)]; }
  template <class F>
  static emulated_lane gather(F const& f) {
    return emulated_lane::from_raw({{f(std::size_t{0}), f(std::size_t{1}), f(std::size_t{2}), f(std::size_t{3})}});
  }

  void group() {
    std::array<top_k_row<float>, 4> lists;
    std::array<one, 4> const single = {alone(0, lists), alone(1, lists), alone(2, lists), alone(3, lists)};
    four const wide = together(single);
    auto const kept = region_.keeps(wide);
    emulated_lane const gate = region_.gate_value(wide, kept);
    emulated_lane const excess = region_.excess(wide);
    for (std::size_t k = 0; k < 4 && first_ + k < row_.size(); ++k) {
      auto const kept_alone = region_.keeps(single[k]);
      same("divergence", k, wide.divergence().raw().at[k], single[k].divergence().raw());
      same("weight", k, wide.weight().raw().at[k], single[k].weight().raw());
      same("mask", k, kept.raw().at[k] ? 1.0F : 0.0F, kept_alone.raw() ? 1.0F : 0.0F);
      same("gate", k, gate.raw().at[k], region_.gate_value(single[k], kept_alone).raw());
      same("excess", k, excess.raw().at[k], region_.excess(single[k]).raw());
    }
    if constexpr (detail::has_own_surrogate<Region>) {
      surrogates("surrogate", region_.surrogate(), wide, single);
      surrogates("penalty", region_.penalty(), wide, single);
    }
    again(single);
  }

  template <class S>
  void surrogates(std::string_view what, S const& s, four const& wide, std::array<one, 4> const& single) {
    auto const all = s(wide);
    for (std::size_t k = 0; k < 4 && first_ + k < row_.size(); ++k) {
      auto const alone = s(single[k]);
      same(what, k, all.loss.raw().at[k], alone.loss.raw());
      same(what, k, all.slope.raw().at[k], alone.slope.raw());
    }
  }

  /// Asks for the tokens of the group from the last to the first, each a different number of times, by a copy of the
  /// region that has not been asked before.
  void again(std::array<one, 4> const& single) {
    Region const fresh = untouched_;
    position<float_lane> const first(1);
    for (std::size_t k = std::min<std::size_t>(row_.size() - first_, 4); k-- > 0;) {
      one const& t = single[k];
      auto const kept = region_.keeps(t);
      float const gate = region_.gate_value(t, kept).raw();
      for (std::size_t n = 0; n <= k; ++n) {
        (void)fresh.gate_value(t, fresh.keeps(t));
        (void)detail::divergence_of(fresh.divergence(), t);
        (void)fresh.weight().at(first, whole_.length);
      }
      auto const kept_again = fresh.keeps(t);
      same("mask", k, kept_again.raw() ? 1.0F : 0.0F, kept.raw() ? 1.0F : 0.0F, asked_again);
      same("gate", k, fresh.gate_value(t, kept_again).raw(), gate, asked_again);
      one known = t;
      known.set_divergence(detail::divergence_of(fresh.divergence(), t));
      same("divergence", k, known.divergence().raw(), t.divergence().raw(), asked_again);
      same("weight", k, fresh.weight().at(t.at(), whole_.length).raw(), t.weight().raw(), asked_again);
    }
  }

  static constexpr std::string_view asked_again = "a part asked again, in another order";

  void same(std::string_view what, std::size_t k, float got, float expected,
            std::string_view check = "four lanes against one") {
    log_.count(1);
    if (same_bits(got, expected)) return;
    log_.fail(check, what, response_, static_cast<index_t>(slot(k)) - batch_.first(response_),
              static_cast<double>(got), static_cast<double>(expected));
  }

  one alone(std::size_t k, std::array<top_k_row<float>, 4>& lists) const {
    using V = float_lane;
    auto const at = [this, k](argument a) { return V(view_.value(a, response_, local(k))); };
    one t(at(argument::log_prob), at(argument::rollout_log_prob), at(argument::advantage));
    t.lend_divergence(at(argument::divergence));
    t.lend_more(at(argument::entropy), at(argument::reference_log_prob));
    if (batch_.k > 0) t.lend_top_k(lists[k] = view_.top_k_at(response_, local(k)));
    t.set_divergence(detail::divergence_of(region_.divergence(), t));
    position<V> const p(static_cast<index_t>(first_ + k) + 1);
    t.set_weight(p, whole_, region_.weight().at(p, whole_.length));
    t.set_folds({folds_.data(), fold_stride_}, p[0] - 1);
    t.set_within_prefix_budget(V(value(captured::threshold, k)) >= t.weighted_divergence());
    t.set_prefix(V(value(captured::prefix_drift, k)), V(value(captured::prefix_weight, k)),
                 V(0.02F * value(captured::prefix_weight, k)));
    return t;
  }
  index_t local(std::size_t k) const { return static_cast<index_t>(slot(k)) - batch_.first(response_); }

  four together(std::array<one, 4> const& single) const {
    using V = emulated_lane;
    auto const at = [this](argument a) {
      return gather([this, a](std::size_t k) { return view_.value(a, response_, local(k)); });
    };
    four t(at(argument::log_prob), at(argument::rollout_log_prob), at(argument::advantage));
    t.lend_divergence(at(argument::divergence));
    t.lend_more(at(argument::entropy), at(argument::reference_log_prob));
    measure(t, single);
    position<V> const p(static_cast<index_t>(first_) + 1);
    t.set_weight(p, whole_, region_.weight().at(p, whole_.length));
    t.set_folds({folds_.data(), fold_stride_}, p[0] - 1);
    t.set_within_prefix_budget(gather([this](std::size_t k) { return value(captured::threshold, k); }) >=
                               t.weighted_divergence());
    t.set_prefix(gather([this](std::size_t k) { return value(captured::prefix_drift, k); }),
                 gather([this](std::size_t k) { return value(captured::prefix_weight, k); }),
                 gather([this](std::size_t k) { return 0.02F * value(captured::prefix_weight, k); }));
    return t;
  }

  /// D on four lanes, or lane by lane if the divergence exists for one token only.
  void measure(four& t, std::array<one, 4> const& single) const {
    using D = typename Region::divergence_type;
    if constexpr (detail::measures_on<D, emulated_lane> && !detail::reads_lists<D>) {
      return t.set_divergence(detail::divergence_of(region_.divergence(), t));
    }
    t.set_divergence(gather([&single](std::size_t k) { return single[k].divergence().raw(); }));
  }

  Region const region_, untouched_;
  generated_batch<float> const& batch_;
  rollout_batch_view<float> view_;
  captured_run<float> const& run_;
  check_log& log_;
  std::vector<index_t> row_;
  std::vector<float> folds_;  // any values
  index_t fold_stride_ = 0;
  index_t response_ = 0;
  std::size_t first_ = 0;
  response_summary whole_{.max_divergence = 0.25, .divergence_sum = {.high = 1000, .low = 0}, .delta_b = 0.02};
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
