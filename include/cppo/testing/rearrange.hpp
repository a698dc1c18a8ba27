/// @file
/// The same tokens in another batch: with rows permuted, widened, packed or cut, or one response alone.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/generated_batch.hpp>

#include <utility>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// A batch made of the slots of another.
template <element T>
struct rearranged_batch {
  generated_batch<T> batch;      ///< the new batch
  std::vector<index_t> source;   ///< for each of its slots the slot it comes from; -1: an excluded slot
};

/// Builds a batch whose response r consists of the slots `rows[r]` of `from`, in that order. Excluded slots that it
/// adds hold signalling NaN. Padded rows are as wide as the longest.
template <element T>
rearranged_batch<T> rearranged(generated_batch<T> const& from, slot_rows rows, bool packed) {
  rearranged_batch<T> r{.batch = from, .source = {}};
  generated_batch<T>& to = r.batch;
  to.packed = packed;
  to.responses = static_cast<index_t>(rows.size());
  to.width = 0;
  to.offsets.assign(1, 0);
  for (std::vector<index_t> const& row : rows) to.width = std::max(to.width, static_cast<index_t>(row.size()));
  for (std::vector<index_t>& row : rows) {
    if (!packed) row.resize(static_cast<std::size_t>(to.width), -1);
    r.source.insert(r.source.end(), row.begin(), row.end());
    to.offsets.push_back(static_cast<std::int64_t>(r.source.size()));
  }
  auto const gather = [&r]<class E>(std::vector<E>& v, E fill, bool lent, std::size_t k = 1) {
    if (!lent) return;
    std::vector<E> const old = std::exchange(v, {});
    for (index_t const s : r.source) {
      auto const at = static_cast<std::size_t>(s);
      for (std::size_t j = 0; j < k; ++j) v.push_back(s < 0 ? fill : old[at * k + j]);
    }
  };
  T const junk = poison<T>(1);
  bool const weighted = !to.token_weight.empty();
  to.lends_mask = to.lends_mask || std::find(r.source.begin(), r.source.end(), -1) != r.source.end();
  gather(to.valid, std::uint8_t{0}, true);
  for (std::vector<T>* v : {&to.log_prob, &to.rollout_log_prob, &to.advantage}) gather(*v, junk, true);
  gather(to.divergence, junk, to.lends_divergence);
  gather(to.token_weight, junk, weighted);
  auto const k = static_cast<std::size_t>(to.k);
  gather(to.token_id, std::int32_t{-7}, k > 0);
  gather(to.listed_id, std::int32_t{1}, k > 0, k);
  gather(to.listed_log_prob, junk, k > 0, k);
  gather(to.listed_rollout_log_prob, junk, k > 0, k);
  to.seal();
  return r;
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
