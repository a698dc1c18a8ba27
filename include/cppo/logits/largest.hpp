/// @file
/// The largest logits of a row.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The k largest of the logits that it is given in the order of ids, largest first; of equals, those with lower ids. A
/// logit of -inf is none. An entry without a logit has id -1. A new entry costs O(k).
class largest_list {
 public:
  constexpr largest_list() noexcept = default;
  /// Lends room for k logits and ids.
  CPPO_HOST_DEVICE constexpr largest_list(float* logits, index_t* ids, index_t k) noexcept
      : largest_list(kept(logits, ids, k)) {
    for (index_t j = 0; j < k; ++j) logits_[j] = -special<float>::infinity, ids_[j] = -1;
  }
  /// The list that lies in such room.
  CPPO_HOST_DEVICE static constexpr largest_list kept(float* logits, index_t* ids, index_t k) noexcept {
    largest_list l;
    l.logits_ = logits, l.ids_ = ids, l.room_ = k;
    return l;
  }
  /// A logit that is above it has its place in the list.
  CPPO_HOST_DEVICE constexpr float bound() const noexcept {
    return room_ > 0 ? logits_[room_ - 1] : special<float>::infinity;
  }
  /// Takes a logit above the bound.
  CPPO_HOST_DEVICE constexpr void take(float logit, index_t id) noexcept {
    index_t j = room_ - 1;
    for (; j > 0 && logits_[j - 1] < logit; --j) logits_[j] = logits_[j - 1], ids_[j] = ids_[j - 1];
    logits_[j] = logit;
    ids_[j] = id;
  }

 private:
  float* logits_ = nullptr;
  index_t* ids_ = nullptr;
  index_t room_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
