/// @file
/// Finds out if an output shares memory with a batch of logits.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/overlap.hpp>
#include <cppo/logits/batch.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The memory of a batch's logits, or of what has their shape.
inline footprint footprint_of(logit_rows const& r, layout const& l) noexcept {
  return footprint_of(r.source().data, r.type(), r.in_memory(l.elements()), r.vocabulary(), r.row_stride(), 1);
}
/// What of a batch, beside its logits, `f` may share a byte with; `none` if nothing.
inline argument overlapped_beside(footprint const& f, logit_batch_view const& batch) noexcept {
  layout const& l = batch.shape();
  lent_ids const& ids = batch.listed();
  if (may_overlap(f, footprint_of(batch.token_ids(), l))) return argument::token_id;
  if (may_overlap(f, footprint_of(batch.mask(), l))) return argument::response_mask;
  if (ids.k > 0 && may_overlap(f, footprint_of(ids.source, l.elements(), ids.k))) return argument::top_k;
  bool const cut = may_overlap(f, footprint_of(l.offsets(), l.offset_type(), 1, l.responses() + 1, 0, 1));
  return cut ? argument::offsets : argument::none;
}
/// The same with its logits.
inline argument overlapped(footprint const& f, logit_batch_view const& batch) noexcept {
  bool const logits = may_overlap(f, footprint_of(batch.logits(), batch.shape()));
  return logits ? argument::logits : overlapped_beside(f, batch);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
