/// @file
/// An entropy bonus in the loss: what it adds to losses and report, and the slope of each token's entropy.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>
#include <cppo/objective/options.hpp>
#include <cppo/objective/outputs.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Checks the coefficient of a bonus.
constexpr status check_entropy_bonus(double coefficient) noexcept {
  constexpr auto most = static_cast<double>(special<float>::largest);
  parameter_check const finite{coefficient >= -most && coefficient <= most, "entropy_bonus", coefficient,
                               "finite: 0 adds no entropy to the loss"};
  return finite ? status{} : out_of_range(argument::options, finite);
}

/// The status for a bonus on a device, where its sums, which have the order of a host, are not made.
constexpr status bonus_on_device(double coefficient) noexcept {
  return out_of_range(argument::options, {false, "entropy_bonus", coefficient,
                                          "0 on a device: call log_probs there and fetch, then policy_loss and "
                                          "logits_gradient with .entropy_slopes, -c times each token's scale, 0 for "
                                          "tokens left out; or call on the host"});
}

/// Takes c H from the loss of each token that a call has decided. Every token that the call did not leave out has its
/// share, kept or masked.
class entropy_bonus {
 public:
  /// `decisions` are those of the call; `entropy` and `slope` are the numbers of each row of the layout.
  entropy_bonus(double coefficient, layout const& l, column const& decisions, double const* entropy, double* slope,
                loss_options const& options) noexcept
      : coefficient_(coefficient), layout_(l), decisions_(decisions), entropy_(entropy), slope_(slope),
        options_(options) {}

  /// Writes the slopes of entropies, and adds to the losses and the report that were lent.
  void add(column const& loss, report* to) const noexcept {
    double const given = options_.normalizer;
    double const divisor = given > 0.0 ? given : cppo::divisor(options_.aggregate, counts());
    double total = 0.0;
    for (index_t b = 0; b < layout_.responses(); ++b) {
      double const scale = scale_of(options_.aggregate, divisor, length(b), static_cast<double>(options_.horizon));
      double const sum = add_response(b, scale, loss);
      bool const by_length = options_.aggregate == aggregation::seq_mean_token_mean && length(b) > 0;
      total += by_length ? sum / static_cast<double>(length(b)) : sum;
    }
    if (to != nullptr) to->sum_loss += total;
  }

 private:
  bool is_token(index_t b, index_t i) const noexcept {
    return load<double>(decisions_.data, decisions_.type, decisions_.offset(layout_, b, i)) != 0.0;
  }
  index_t tokens(index_t b) const noexcept {
    index_t n = 0;
    for (index_t i = 0; i < layout_.slots(b); ++i) n += is_token(b, i) ? 1 : 0;
    return n;
  }
  /// Valid tokens of the response, of which this may be a piece.
  index_t length(index_t b) const noexcept {
    return options_.totals.empty() ? tokens(b) : options_.totals[static_cast<std::size_t>(b)].length;
  }
  batch_counts counts() const noexcept {
    batch_counts n;
    for (index_t b = 0; b < layout_.responses(); ++b) {
      index_t const here = tokens(b);
      index_t const before = options_.carries.empty() ? 0 : options_.carries[static_cast<std::size_t>(b)].count;
      n = n + batch_counts{here, here > 0 && before == 0 ? 1 : 0};
    }
    return n;
  }
  /// The sum of the terms of a response, not scaled.
  double add_response(index_t b, double scale, column const& loss) const noexcept {
    double sum = 0.0;
    index_t const first = layout_.is_packed() ? layout_.begin(b) : b * layout_.width();
    for (index_t i = 0; i < layout_.slots(b); ++i) {
      index_t const row = first + i;
      slope_[row] = is_token(b, i) ? -coefficient_ * scale : 0.0;
      if (!is_token(b, i)) continue;
      double const term = -coefficient_ * entropy_[row];
      sum += term;
      if (!loss.lent()) continue;
      index_t const at = loss.offset(layout_, b, i);
      store(const_cast<void*>(loss.data), loss.type, at, load<double>(loss.data, loss.type, at) + term * scale);
    }
    return sum;
  }

  double coefficient_;
  layout const& layout_;
  column const& decisions_;
  double const* entropy_;
  double* slope_;
  loss_options const& options_;
};

/// Adds a bonus to what a call has written to `out`, its decisions among it, and to its report if there is one.
/// `entropy` and `slope` are the numbers of each row of the layout; the slopes are written.
inline void add_entropy_bonus(double coefficient, layout const& l, loss_outputs const& out, loss_options const& options,
                              report* to, double const* entropy, double* slope) noexcept {
  column decisions, loss;
  bool const placed = place(out.trace.decision.source(), l, argument::trace, decisions).ok() &&
                      place(out.loss.source(), l, argument::loss, loss).ok();
  if (!placed) return;  // uncovered: the call has placed both
  entropy_bonus(coefficient, l, decisions, entropy, slope, options).add(loss, to);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
