/// @file
/// Top-K lists as they are lent, and as a divergence reads those of one token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/column.hpp>
#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Checks a list of k > 0 entries at each of `rows` slots. An extent that is known must be equal.
CPPO_HOST_DEVICE constexpr status check_list(buffer const& b, index_t k, index_t rows, char const* list) noexcept {
  if (b.data == nullptr) {
    return rows == 0 ? status{} : status{.code = status_code::null_buffer, .where = argument::top_k, .name = list};
  }
  if (walks_off(b)) return walked_off(argument::top_k, list);
  if (b.rank == 2) {
    if (b.extents[0] != rows) return wrong_extent(argument::top_k, "rows", b.extents[0], rows, list);
    if (b.extents[1] != k) return wrong_extent(argument::top_k, "columns", b.extents[1], k, list);
    return share_elements(rows, k, b.strides[0], b.strides[1]) ? repeated(argument::top_k, list) : status{};
  }
  if (b.rank == 1 && b.extents[0] != rows * k)
    return wrong_extent(argument::top_k, "elements", b.extents[0], rows * k, list);
  bool const dense = b.rank == -1 || b.strides[0] == 1 || rows * k <= 1;
  return dense ? status{} : wrong_shape(argument::top_k, "stride 1, or two dimensions", list);
}
/// Which element is entry j of the list at a row.
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr index_t place_in_list(buffer const& b, index_t k, index_t row,
                                                                    index_t j) noexcept {
  return b.rank == 2 ? row * b.strides[0] + j * b.strides[1] : row * k + j;
}

/// The lists of all slots.
struct top_k_buffers {
  index_t k = 0;
  buffer ids, log_prob, rollout_log_prob;

  /// Checks that the lists have k entries at each of `rows` slots. An extent that is known must be equal.
  CPPO_HOST_DEVICE constexpr status check(index_t rows) const noexcept {
    parameter_check const length{k > 0, "top_k(k, ...)", static_cast<double>(k), "1 or more: pass the lists' length"};
    if (!length) return out_of_range(argument::top_k, length);
    if (rows > (index_t{1} << 62) / k) return {status_code::size_overflow, argument::top_k};
    status const s = check_list(ids, k, rows, "top_k(..., ids, ...)");
    if (!s.ok()) return s;
    status const p = check_list(log_prob, k, rows, "top_k(..., log_probs, ...)");
    return p.ok() ? check_list(rollout_log_prob, k, rows, "top_k(..., rollout_log_probs)") : p;
  }
};

}  // namespace detail

/// The Top-K lists of one token, as a divergence sees them.
template <class Real>
class top_k_row {
 public:
  constexpr top_k_row() noexcept = default;
  /// Row `row` of the lent lists, and the id of the token sampled there.
  CPPO_HOST_DEVICE constexpr top_k_row(detail::top_k_buffers const* lists, index_t row, index_t sampled) noexcept
      : lists_(lists), row_(row), sampled_(sampled) {}
  /// Which row of the lent lists it is.
  CPPO_HOST_DEVICE constexpr index_t row() const noexcept { return row_; }
  /// Length of the list.
  CPPO_HOST_DEVICE constexpr index_t k() const noexcept { return lists_->k; }
  /// Id of the sampled token.
  CPPO_HOST_DEVICE constexpr index_t sampled() const noexcept { return sampled_; }
  /// Id of entry j; negative if the entry is empty.
  CPPO_HOST_DEVICE constexpr index_t id(index_t j) const noexcept {
    return detail::load_index(lists_->ids.data, lists_->ids.type, at(lists_->ids, j));
  }
  /// log pi of entry j.
  CPPO_HOST_DEVICE constexpr Real log_prob(index_t j) const noexcept {
    return detail::load<Real>(lists_->log_prob.data, lists_->log_prob.type, at(lists_->log_prob, j));
  }
  /// log mu of entry j.
  CPPO_HOST_DEVICE constexpr Real rollout_log_prob(index_t j) const noexcept {
    return detail::load<Real>(lists_->rollout_log_prob.data, lists_->rollout_log_prob.type,
                              at(lists_->rollout_log_prob, j));
  }

 private:
  CPPO_HOST_DEVICE constexpr index_t at(detail::buffer const& b, index_t j) const noexcept {
    return detail::place_in_list(b, lists_->k, row_, j);
  }
  detail::top_k_buffers const* lists_ = nullptr;
  index_t row_ = 0;
  index_t sampled_ = -1;
};

/// The Top-K lists of as many tokens as V has lanes, as a divergence sees them on any number of lanes: entry j of each.
/// This one is for lanes of one token.
template <class V>
class top_k_lists {
  using mask = typename V::mask;

 public:
  using source_type = top_k_row<typename V::value_type>;  ///< what it is made of
  /// The lists of a row.
  CPPO_HOST_DEVICE explicit constexpr top_k_lists(source_type const& row) noexcept : row_(&row) {}
  /// Length of the lists.
  CPPO_HOST_DEVICE constexpr index_t k() const noexcept { return row_->k(); }
  /// log pi of entry j.
  CPPO_HOST_DEVICE constexpr V log_prob(index_t j) const noexcept { return V(row_->log_prob(j)); }
  /// log mu of entry j.
  CPPO_HOST_DEVICE constexpr V rollout_log_prob(index_t j) const noexcept { return V(row_->rollout_log_prob(j)); }
  /// True if entry j is not empty.
  CPPO_HOST_DEVICE constexpr mask is_listed(index_t j) const noexcept { return all_or_none(row_->id(j) >= 0); }
  /// True if entry j is another token than the sampled one, and not empty.
  CPPO_HOST_DEVICE constexpr mask is_other(index_t j) const noexcept {
    index_t const id = row_->id(j);
    return all_or_none(id >= 0 && id != row_->sampled());
  }
  /// True if the sampled token is in the list.
  CPPO_HOST_DEVICE constexpr mask has_sampled() const noexcept {
    bool listed = false;
    for (index_t j = 0; j < k(); ++j) listed = listed || row_->id(j) == row_->sampled();
    return all_or_none(listed);
  }

 private:
  CPPO_HOST_DEVICE static constexpr mask all_or_none(bool all) noexcept { return V(all ? 1 : 0) > V(0); }
  source_type const* row_;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
