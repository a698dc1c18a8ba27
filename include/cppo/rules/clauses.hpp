/// @file
/// Which clause of a mask refuses how many tokens: a report counts by kind, this counts each clause that was written.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/mask/combinators.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/region/trust_region.hpp>

#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// What one clause of a mask does to a batch.
struct clause_count {
  clause kind = clause::other;  ///< under which kind a report counts it
  index_t refused = 0;          ///< valid tokens that it speaks against: where it is false, or under a negation true
  index_t decided = 0;          ///< masked tokens that would be kept if it alone were of another mind
};

namespace detail {

/// How a mask is made of others.
enum class mask_join : std::uint8_t { leaf, both, either, negated };
template <class M>
inline constexpr mask_join join_of = mask_join::leaf;
template <class A, class B>
inline constexpr mask_join join_of<both_masks<A, B>> = mask_join::both;
template <class A, class B>
inline constexpr mask_join join_of<quantities::interval<A, B>> = mask_join::both;
template <class Words, class M>
inline constexpr mask_join join_of<quantities::called<Words, M>> = join_of<M>;
template <class A, class B>
inline constexpr mask_join join_of<either_mask<A, B>> = mask_join::either;
template <class A>
inline constexpr mask_join join_of<not_mask<A>> = mask_join::negated;

/// Calls f(clause, negations) for each clause of a mask, from left to right.
template <class M, class F>
constexpr void each_clause(M const& m, F const& f, int negations = 0) {
  constexpr mask_join join = join_of<M>;
  if constexpr (join == mask_join::leaf) f(m, negations);
  else if constexpr (join == mask_join::negated) each_clause(m.inner, f, negations + 1);
  else each_clause(m.first, f, negations), each_clause(m.second, f, negations);
}
/// What a mask says where clause k is holds(k); `next`: the number of its first clause.
template <class M, class Holds>
constexpr bool says(M const& m, Holds const& holds, std::size_t& next) {
  constexpr mask_join join = join_of<M>;
  if constexpr (join == mask_join::leaf) return holds(next++);
  else if constexpr (join == mask_join::negated) return !says(m.inner, holds, next);
  else {
    bool const first = says(m.first, holds, next), second = says(m.second, holds, next);
    return join == mask_join::both ? first && second : first || second;
  }
}

/// What each clause of a region's mask says of each slot: D_t, w_t and the sums before a token do not depend on the
/// mask, so that a clause alone says what it says beside the others.
template <class Executor, class Real, class Region>
class clause_votes {
 public:
  clause_votes(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& region,
               loss_options const& options)
      : executor_(executor), batch_(batch), region_(region), options_(options) {}

  /// Asks the region and all clauses, until a call writes nothing. The status of that one, or else of the region.
  status ask() {
    decided_.resize(slots());
    status s = policy_loss(executor_, batch_, region_, {.trace = {.decision = decided_}}, options_);
    each_clause(region_.mask(), [&]<class M>(M const& m, int negations) {
      votes_.emplace_back(slots());
      negated_.push_back(negations % 2 != 0);
      counts_.push_back({.kind = negations == 0 ? clause_of<M> : clause::other});
      if (s.nothing_written()) return;
      status const of_clause = ask(m, votes_.back());
      if (of_clause.nothing_written()) s = of_clause;
    });
    return s;
  }
  /// The counts of all clauses.
  std::vector<clause_count> count() {
    for (std::size_t i = 0; i < decided_.size(); ++i) {
      if (decided_[i] != 0) count(i, keeps(i, votes_.size()));
    }
    return counts_;
  }

 private:
  std::size_t slots() const { return static_cast<std::size_t>(batch_.shape().elements()); }
  template <class M>
  status ask(M const& m, std::vector<std::uint8_t>& says) const {
    auto const alone = trust_region(region_.divergence(), region_.weight(), m);
    return policy_loss(executor_, batch_, alone, {.mask = says}, options_);
  }
  /// What the mask says of slot i if clause `turned` spoke for it.
  bool keeps(std::size_t i, std::size_t turned) const {
    std::size_t next = 0;
    auto const holds = [&](std::size_t k) { return k == turned ? !negated_[k] : votes_[k][i] != 0; };
    return says(region_.mask(), holds, next);
  }
  void count(std::size_t i, bool kept) {
    for (std::size_t k = 0; k < votes_.size(); ++k) {
      if ((votes_[k][i] != 0) != negated_[k]) continue;
      ++counts_[k].refused;
      if (!kept && keeps(i, k)) ++counts_[k].decided;
    }
  }

  Executor const& executor_;
  rollout_batch_view<Real> const& batch_;
  Region const& region_;
  loss_options const& options_;
  std::vector<std::uint8_t> decided_;
  std::vector<std::vector<std::uint8_t>> votes_;
  std::vector<bool> negated_;
  std::vector<clause_count> counts_;
};

}  // namespace detail

/// `counts` becomes what each clause of the region's mask does to a batch of whole responses, in the order in which
/// they are written. `all_of`, `any_of`, `none_of` and the operators join clauses; what else joins masks is one clause.
///
/// The status is that of `policy_loss`: there are no counts where nothing is written; where responses with bad input
/// are left out, the counts are those of the others. Cost: a call for each clause, and one. Memory: a byte per slot and
/// clause.
template <executor Executor, class Real, trust_region_like Region>
status count_clauses(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& region,
                     std::vector<clause_count>& counts, loss_options const& options = {}) {
  counts.clear();
  detail::clause_votes<Executor, Real, Region> votes(executor, batch, region, options);
  status const s = votes.ask();
  if (!s.nothing_written()) counts = votes.count();
  return s;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
