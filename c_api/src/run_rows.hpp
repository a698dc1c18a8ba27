// What is run on rows of logits, in the library's own types.
#pragma once

#include "found_words.hpp"
#include "region_call.hpp"

#include <cppo/logits.hpp>

namespace c_api {

/// A row's kind each, as bytes that another side keeps.
struct lent_kinds {
  cppo::detail::row_is const* first = nullptr;
  cppo::detail::row_is operator[](cppo::index_t row) const noexcept { return first[row]; }
};

/// What the calls take beside a batch of logits; each reads its own.
struct row_arguments {
  cppo::log_prob_outputs log_probs;
  cppo::logit_slopes slopes;
  cppo::output gradient;
  lent_kinds kinds;  ///< gradient: lent where all has been checked; then the call allocates nothing that it cannot miss
  cppo::slot_input log_sum_exp;
  cppo::policy_rows rollout;
  cppo::full_divergence_outputs divergences;
  cppo::index_t largest_count = 0;  ///< find
  found_room found;
};

/// As `layout_tag`, for what crosses here.
constexpr std::uint64_t row_tag() noexcept {
  return layout_tag() * 0x100000001b3U + sizeof(cppo::logit_batch_view) * 0x10000U + sizeof(row_arguments);
}

/// The gradient of rows whose numbers were checked.
template <class Executor>
cppo::status run_gradient(Executor const& executor, cppo::logit_batch_view const& batch, row_arguments const& a) {
  cppo::detail::gradient_call call(batch);
  cppo::status const s = call.take(a.slopes, a.gradient);
  if (s.ok()) call.run(executor, a.kinds);
  return s;
}
/// Writes what is found where there is room.
template <class Executor>
cppo::status run_find(Executor const& executor, cppo::logit_batch_view const& batch, row_arguments const& a) {
  cppo::found_logits made;
  cppo::status const s = find_logits(executor, batch, made, a.largest_count);
  if (s.ok()) a.found.write(made);
  return s;
}
/// Runs one of the calls.
template <class Executor>
cppo::status run_rows(Executor const& executor, row_call what, cppo::logit_batch_view const& batch,
                      row_arguments const& a) {
  switch (what) {
    case row_call::none: break;
    case row_call::log_probs: return log_probs(executor, batch, a.log_probs);
    case row_call::find: return run_find(executor, batch, a);
    case row_call::gradient:
      return a.kinds.first != nullptr ? run_gradient(executor, batch, a)
                                      : logits_gradient(executor, batch, a.slopes, a.gradient);
    case row_call::divergences: return full_divergences(executor, batch, a.log_sum_exp, a.rollout, a.divergences);
  }
  return {};
}

}  // namespace c_api
