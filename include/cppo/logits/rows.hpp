/// @file
/// Logits as they are lent, and what one pass over a row of them finds.
///
/// Promised: row i of [N, V] belongs to slot i of a buffer of the batch (padded: B*T rows in row-major order, as in
/// `top_k`). A row that belongs to no token, because its response mask is 0 or its slot is of no response, is never
/// read. Nothing of size [N, V] is allocated, and logits are written only where a gradient is lent their own memory.
/// The softmax is that of x / T, T the temperature.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/column.hpp>
#include <cppo/core/exponential.hpp>
#include <cppo/core/named_inputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
struct slab_access;
}  // namespace detail

/// The logits of N slots over V ids, [N, V], as they are lent; `logits(V, x)` makes it. Trivially copyable.
class logit_rows {
 public:
  constexpr logit_rows() noexcept = default;
  /// Takes what was lent for V ids.
  CPPO_HOST_DEVICE constexpr logit_rows(index_t vocabulary, detail::buffer const& lent) noexcept
      : lent_(lent),
        vocabulary_(vocabulary),
        ids_(vocabulary),
        stride_(lent.rank == 2 ? lent.strides[0] : vocabulary) {}
  /// The same logits at a temperature T > 0: log-probs are those of softmax(x / T).
  CPPO_HOST_DEVICE constexpr logit_rows at_temperature(double t) const noexcept {
    logit_rows r = *this;
    r.temperature_ = t;
    return r;
  }
  /// Says that these are the logits of ids first ... first + V - 1 of a vocabulary of `all` ids: the shard of it that
  /// one rank holds. Ids are those of the whole vocabulary everywhere.
  CPPO_HOST_DEVICE constexpr logit_rows from_id(index_t first, index_t all) const noexcept {
    logit_rows r = *this;
    r.first_id_ = first;
    r.ids_ = all;
    return r;
  }
  /// How many rows are in memory, where there are `all`.
  CPPO_HOST_DEVICE constexpr index_t in_memory(index_t all) const noexcept { return room_ < 0 ? all : room_; }
  /// True if logits were lent.
  CPPO_HOST_DEVICE constexpr bool lent() const noexcept { return lent_.rank != 0; }
  /// V, the number of ids whose logits are lent.
  CPPO_HOST_DEVICE constexpr index_t vocabulary() const noexcept { return vocabulary_; }
  /// The first of them, and the number of ids of the whole vocabulary.
  /// @{
  CPPO_HOST_DEVICE constexpr index_t first_id() const noexcept { return first_id_; }
  CPPO_HOST_DEVICE constexpr index_t ids() const noexcept { return ids_; }
  /// @}
  /// True if the logits of an id are lent.
  CPPO_HOST_DEVICE constexpr bool holds(index_t id) const noexcept {
    return id >= first_id_ && id - first_id_ < vocabulary_;
  }
  /// T.
  CPPO_HOST_DEVICE constexpr double temperature() const noexcept { return temperature_; }
  /// float, half or bfloat16.
  CPPO_HOST_DEVICE constexpr element_type type() const noexcept { return lent_.type; }
  /// Distance of rows, in elements. The ids of a row lie side by side.
  CPPO_HOST_DEVICE constexpr index_t row_stride() const noexcept { return stride_; }
  /// The first element of row i. Pre: `check(rows)` is ok for more than i rows.
  CPPO_HOST_DEVICE constexpr void const* row(index_t i) const noexcept {
    return static_cast<char const*>(lent_.data) + i * stride_ * detail::size_of(lent_.type);
  }
  /// The logit of an id in row i, exactly. Pre: `holds(id)`.
  CPPO_HOST_DEVICE constexpr float operator()(index_t i, index_t id) const noexcept {
    return detail::load<float>(row(i), lent_.type, id - first_id_);
  }
  /// Checks that there are `all` rows of V ids, or as many as are in memory, one row clear of the other, and that T and
  /// the ids are in range.
  CPPO_HOST_DEVICE constexpr status check(index_t all) const noexcept {
    index_t const rows = in_memory(all);
    bool const inside = first_id_ >= 0 && first_id_ <= ids_ - vocabulary_;
    parameter_check const p = detail::first_fault(
        {{vocabulary_ > 0, "logits(V, ...)", static_cast<double>(vocabulary_), "1 or more: pass the number of columns"},
         {inside, "from_id(first, ...)", static_cast<double>(first_id_),
          "0 or more, and V below the number of all ids at most: pass the first id of the columns"},
         {temperature_ >= 0x1p-20 && temperature_ <= 0x1p20, "at_temperature(t)", temperature_,
          "in [2^-20, 2^20]: 1 takes logits as they are; for sampling at 0 there is no softmax"}});
    if (!p) return detail::out_of_range(argument::logits, p);
    if (rows > (index_t{1} << 62) / vocabulary_) return {status_code::size_overflow, argument::logits};
    if (lent_.data == nullptr) return rows == 0 ? status{} : status{status_code::null_buffer, argument::logits};
    if (detail::walks_off(lent_)) return detail::walked_off(argument::logits);
    return lent_.rank == 2 ? check_rows(rows) : check_dense(rows);
  }
  /// What was lent.
  CPPO_HOST_DEVICE constexpr detail::buffer const& source() const noexcept { return lent_; }

 private:
  friend struct detail::slab_access;
  CPPO_HOST_DEVICE constexpr status check_rows(index_t rows) const noexcept {
    using detail::wrong_extent, detail::wrong_shape;
    constexpr argument where = argument::logits;
    if (lent_.extents[0] != rows) return wrong_extent(where, "rows", lent_.extents[0], rows);
    if (lent_.extents[1] != vocabulary_) return wrong_extent(where, "columns", lent_.extents[1], vocabulary_);
    if (lent_.strides[1] != 1 && vocabulary_ > 1) return wrong_shape(where, "the ids of a row side by side (stride 1)");
    index_t const apart = stride_ < 0 ? -stride_ : stride_;
    return apart >= vocabulary_ || rows <= 1 ? status{} : wrong_shape(where, "rows that are V elements apart, or more");
  }
  CPPO_HOST_DEVICE constexpr status check_dense(index_t rows) const noexcept {
    index_t const n = rows * vocabulary_;
    if (lent_.rank == -1) return {};
    if (lent_.extents[0] != n) return detail::wrong_extent(argument::logits, "elements", lent_.extents[0], n);
    bool const dense = lent_.strides[0] == 1 || n <= 1;
    return dense ? status{} : detail::wrong_shape(argument::logits, "stride 1, or two dimensions");
  }

  detail::buffer lent_;
  index_t vocabulary_ = 0;
  index_t first_id_ = 0;
  index_t ids_ = 0;
  index_t stride_ = 0;
  index_t room_ = -1;  // below 0: the rows of all slots
  double temperature_ = 1.0;
};

/// Lends the logits of a batch over V ids: a pointer, container or view of float, half or bfloat16, [N, V] with any
/// distance of rows, or dense.
template <detail::lendable T>
constexpr logit_rows logits(index_t vocabulary, T&& x) noexcept {
  using element = std::remove_cv_t<detail::pointee<T>>;
  static_assert(detail::holds_reals<element> && sizeof(element) < sizeof(double),
                "logits(V, x) takes float, cppo::half or cppo::bfloat16: convert doubles, and lend raw 16-bit words as "
                "reinterpret_cast<cppo::bfloat16 const*>(p), or cppo::half");
  return {vocabulary, detail::make_buffer(static_cast<T&&>(x))};
}

/// What one pass over a row of logits x finds, with m the largest of them. Sums are over all ids but `at`, so that they
/// keep their accuracy where one id has nearly all probability. Logits of -inf add exactly 0, and so does whatever is
/// less than m by 88 T or more.
struct logit_sums {
  float maximum = -detail::special<float>::infinity;  ///< m
  index_t at = -1;                                    ///< the id of m; the lowest, where several have it
  double rest = 0.0;                                  ///< sum of e^((x - m) / T)
  double moment = 0.0;  ///< sum of e^((x - m) / T) (x - m) / T, at most 0; where the entropy was asked for

  /// log(1 + rest): the log of the sum of e^((x - m) / T) over all ids.
  CPPO_HOST_DEVICE constexpr double log_total() const noexcept {
    return detail::log1p_parts<double, double_lane>(double_lane(rest)).value.raw();
  }
  /// The log of the sum of e^(x / T).
  CPPO_HOST_DEVICE constexpr double log_sum_exp(double temperature) const noexcept {
    return static_cast<double>(maximum) / temperature + log_total();
  }
  /// log pi of an id with logit x: -inf if x is.
  CPPO_HOST_DEVICE constexpr double log_prob(float x, double temperature) const noexcept {
    return (static_cast<double>(x) - static_cast<double>(maximum)) / temperature - log_total();
  }
  /// The entropy of the row, nats.
  CPPO_HOST_DEVICE constexpr double entropy() const noexcept { return log_total() - moment / (1.0 + rest); }
};

/// The sums of a row whose vocabulary lies in two shards, at the same temperature. In any order of two; of more, the
/// last bits of `rest` and `moment` depend on the order in which they are combined.
CPPO_HOST_DEVICE constexpr logit_sums combine(logit_sums a, logit_sums b, double temperature) noexcept {
  bool const second = b.maximum > a.maximum || (b.maximum == a.maximum && b.at < a.at);
  if (second) {
    logit_sums const first = a;
    a = b, b = first;
  }
  if (b.at < 0) return a;
  double const apart = (static_cast<double>(b.maximum) - static_cast<double>(a.maximum)) / temperature;
  double const scale = detail::exp_nonpositive(apart), terms = 1.0 + b.rest;
  a.rest += detail::rounded_product(terms, scale);
  a.moment += detail::rounded_product(b.moment + detail::rounded_product(apart, terms), scale);
  return a;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
