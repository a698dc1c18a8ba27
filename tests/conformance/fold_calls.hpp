/// @file
/// Calls of a rule with folds on one case: its outputs, and the value at each token of quantities that it reads.
#pragma once

#include "calls.hpp"
#include "fold_cases.hpp"

#include "../support/chosen_quantity.hpp"
#include "../support/chosen_surrogate.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/rules/clipped.hpp>
#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>
#include <cppo/testing/host_block.hpp>

#include <initializer_list>

namespace conformance {

/// A case of one rule on one executor.
template <class Executor, class Real>
class fold_case {
 public:
  fold_case(Executor const& executor, object_reader const& c)
      : executor_(executor),
        params(c.object("params")),
        lent(lent_case<Real>::read(c, false, false)),
        options(options_of(params)) {}

  caller<Executor, Real> calls() const { return calls_on(lent); }
  /// Calls on other inputs, which must outlive them.
  caller<Executor, Real> calls_on(lent_case<Real> const& other) const { return {executor_, other, options}; }

  /// The first valid token's value of each response; `empty` where there is none.
  std::vector<double> by_response(std::vector<Real> const& values, double empty) const {
    std::vector<double> r;
    case_shape const& s = lent.shape;
    for (index_t b = 0; b < s.responses; ++b) {
      auto const row = static_cast<std::size_t>(b);
      index_t const first = s.packed ? s.offsets[row] : b * s.width;
      index_t const end = s.packed ? s.offsets[row + 1] : first + s.width;
      double found = empty;
      for (index_t k = end; k-- > first;) {
        auto const i = static_cast<std::size_t>(k);
        if (!lent.response_mask || (*lent.response_mask)[i] != 0) found = static_cast<double>(values[i]);
      }
      r.push_back(found);
    }
    return r;
  }
  /// Bounds and dual clip as the case has them; no dual clip where it names none.
  cppo::ppo_clip_options clip() const {
    bool const dual = params.has("dual_clip");
    double const none = std::numeric_limits<double>::infinity();
    return {.epsilon_low = params.number("eps_low"),
            .epsilon_high = params.number("eps_high"),
            .dual_clip = dual ? params.number_or_null("dual_clip").value_or(none) : none};
  }

 private:
  Executor executor_;

 public:
  object_reader params;
  lent_case<Real> lent;
  cppo::loss_options options;

 private:
  static cppo::loss_options options_of(object_reader const& p) {
    bool const clamps = p.has("log_ratio_clamp");
    bool const columns = p.has("distance") && p.text("distance") == "columns";
    return {.surrogate = {.log_ratio_clamp = clamps ? limit_or_off(p.number_or_null("log_ratio_clamp")) : 0.0},
            .positions = columns ? cppo::position_convention::padded_column : cppo::position_convention::own_length};
  }
};

/// The region, or one whose losses are the values of a quantity at each token: that of this number, from 1. One region
/// type serves for all.
template <class Region, class... Q>
auto with_values(int which, Region const& region, Q... read) {
  auto const loss = pick_surrogate(which == 0 ? 0 : 1, region.surrogate(), cppo::nothing);
  return cppo::objective(region, loss) + pick_surrogate(which, cppo::nothing, cppo::value_form(read)...);
}

/// What most rules answer, and as `names` say the values of quantities. `at(0)` is the region, `at(k)` has the k-th.
template <class Case, class At>
json fields_of(Case const& c, At const& at, std::initializer_list<char const*> names) {
  auto const calls = c.calls();
  auto const o = calls.everything(at(0));
  json r = {{"mask", to_json(o.mask)}, {"loss_per_token", to_json(o.loss)}, {"grad_logp", to_json(o.gradient)},
            {"scalars", calls.scalars(at(0))}};
  int which = 0;
  for (char const* name : names) r[name] = to_json(calls.everything(at(++which)).loss);
  return r;
}

/// Calls f(fold_case) for the executor.
template <class F>
json run_fold_case(fold_executor where, object_reader const& c, F const& f) {
  if (where == fold_executor::simd) return f(fold_case<cppo::simd_t, float>(cppo::simd, c));
  if (where == fold_executor::bodies)
    return f(fold_case<cppo::testing::kernel_bodies<32>, float>(cppo::testing::kernel_bodies<32>{}, c));
  if (where == fold_executor::seq_double) return f(fold_case<cppo::seq_t, double>(cppo::seq, c));
  return f(fold_case<cppo::seq_t, float>(cppo::seq, c));
}

}  // namespace conformance
