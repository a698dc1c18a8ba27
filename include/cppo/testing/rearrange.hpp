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

/// How the responses of a rearranged batch lie.
enum class arrangement : std::uint8_t {
  padded,  ///< in rows, as wide as the longest
  packed,  ///< one after the other
};
/// The one or the other.
constexpr arrangement packed_if(bool packed) noexcept { return packed ? arrangement::packed : arrangement::padded; }

namespace kernels {

/// Makes `v`, k values a slot, hold those of the slots `source` instead; `fill` where there was none.
template <class E>
void gather(std::vector<E>& v, std::vector<index_t> const& source, E fill, std::size_t k = 1) {
  std::vector<E> const old = std::exchange(v, {});
  for (index_t const s : source) {
    auto const at = static_cast<std::size_t>(s);
    for (std::size_t j = 0; j < k; ++j) v.push_back(s < 0 ? fill : old[at * k + j]);
  }
}

/// All that the batch lends.
template <element T>
void gather_inputs(generated_batch<T>& to, std::vector<index_t> const& source) {
  T const junk = poison<T>(1);
  gather(to.valid, source, std::uint8_t{0});
  for (std::vector<T>* v : {&to.log_prob, &to.rollout_log_prob, &to.advantage}) gather(*v, source, junk);
  if (to.lends_divergence) gather(to.divergence, source, junk);
  if (!to.token_weight.empty()) gather(to.token_weight, source, junk);
  if (to.lends_entropy) gather(to.entropy, source, junk);
  if (to.lends_reference) gather(to.reference_log_prob, source, junk);
  if (to.k == 0) return;
  auto const k = static_cast<std::size_t>(to.k);
  gather(to.token_id, source, std::int32_t{-7});
  gather(to.listed_id, source, std::int32_t{1}, k);
  for (std::vector<T>* v : {&to.listed_log_prob, &to.listed_rollout_log_prob}) gather(*v, source, junk, k);
}

}  // namespace kernels

/// Builds a batch whose response r consists of the slots `rows[r]` of `from`, in that order. Excluded slots that it
/// adds hold signalling NaN. Padded rows are as wide as the longest.
template <element T>
rearranged_batch<T> rearranged(generated_batch<T> const& from, slot_rows rows, arrangement how) {
  rearranged_batch<T> r{.batch = from, .source = {}};
  generated_batch<T>& to = r.batch;
  to.packed = how == arrangement::packed;
  to.responses = static_cast<index_t>(rows.size());
  to.width = 0;
  to.offsets.assign(1, 0);
  for (std::vector<index_t> const& row : rows) to.width = std::max(to.width, static_cast<index_t>(row.size()));
  for (std::vector<index_t>& row : rows) {
    if (!to.packed) row.resize(static_cast<std::size_t>(to.width), -1);
    r.source.insert(r.source.end(), row.begin(), row.end());
    to.offsets.push_back(static_cast<std::int64_t>(r.source.size()));
  }
  to.lends_mask = to.lends_mask || std::find(r.source.begin(), r.source.end(), -1) != r.source.end();
  kernels::gather_inputs(to, r.source);
  to.seal();
  return r;
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
