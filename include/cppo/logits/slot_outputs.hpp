/// @file
/// Log-probs and entropies of slots that a call on logits writes beside its decisions.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/outputs.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The two, placed and checked.
class slot_outputs {
 public:
  slot_outputs(output const& log_prob, output const& entropy) noexcept : lent_{log_prob, entropy} {}

  status place_in(layout const& l) noexcept {
    status const s = log_prob_.place_in(lent_[0], l);
    return s.ok() ? entropy_.place_in(lent_[1], l) : s;
  }
  /// Checks that they share no memory with each other, nor with what other(footprint) names.
  template <class Other>
  status check_memory(layout const& l, Other const& other) const noexcept {
    footprint const memory[] = {footprint_of(log_prob_, l), footprint_of(entropy_, l)};
    if (may_overlap(memory[0], memory[1])) return shared_memory(argument::entropy, argument::log_prob);
    for (int k : {0, 1}) {
      argument const shares = other(memory[k]);
      if (shares != argument::none) return shared_memory(k == 0 ? argument::log_prob : argument::entropy, shares);
    }
    return {};
  }
  /// Where they go.
  /// @{
  placed_numbers const& log_prob() const noexcept { return log_prob_; }
  placed_numbers const& entropy() const noexcept { return entropy_; }
  /// @}
  /// Writes the numbers of each row of the layout, which are 0 where there is no token.
  template <class Real>
  void write(layout const& l, Real const* log_prob, double const* entropy) const noexcept {
    for (index_t b = 0; b < l.responses(); ++b) {
      index_t const first = l.is_packed() ? l.begin(b) : b * l.width();
      for (index_t i = 0; i < l.slots(b); ++i) {
        log_prob_.set(log_prob_.offset(l, b, i), static_cast<double>(log_prob[first + i]));
        if (entropy_.lent()) entropy_.set(entropy_.offset(l, b, i), entropy[first + i]);
      }
    }
    for (index_t k = 0; k < l.spare(); ++k) {
      for (placed_numbers const* n : {&log_prob_, &entropy_}) n->set(l.spare_slot(k) * n->token_stride, 0.0);
    }
  }

 private:
  output lent_[2];
  placed_numbers log_prob_{{}, argument::log_prob, nullptr}, entropy_{{}, argument::entropy, nullptr};
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
