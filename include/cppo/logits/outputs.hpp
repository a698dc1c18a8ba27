/// @file
/// What `log_probs` may write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/memory.hpp>
#include <cppo/objective/outputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// What ids can be written to.
template <class T>
concept takes_ids =
    lendable<T> && !std::is_const_v<pointee<T>> && std::is_signed_v<pointee<T>> && holds_ids<pointee<T>>;
}  // namespace detail

/// A buffer of ids that a call writes: a pointer, container or view of signed integers. An empty entry is -1.
class id_output {
 public:
  constexpr id_output() noexcept = default;
  /// Lends a buffer.
  template <detail::takes_ids T>
  constexpr id_output(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {}
  /// Chosen for what cannot be lent. Compilers show the line, and with it the sentence.
  template <class T>
    requires(!detail::takes_ids<T> && !std::is_same_v<std::remove_cvref_t<T>, id_output>)
  id_output(T&&) = delete;  // lend writable signed integers, since an empty entry is -1
  /// The lent buffer.
  constexpr detail::buffer const& source() const noexcept { return source_; }

 private:
  detail::buffer source_;
};

/// What `log_probs` may write. Every member is optional. Excluded slots get +0, and id -1. Numbers are in nats, rounded
/// once to the type of the buffer.
struct log_prob_outputs {
  output log_prob = {};         ///< log pi of the sampled id, one a slot
  output listed_log_prob = {};  ///< log pi of the ids in `top_k_ids`, [N, k]; -inf where an entry is empty or masked
  output log_sum_exp = {};      ///< log of the sum of e^(x / T), one a slot
  output entropy = {};          ///< one a slot
  index_t largest_count = 0;    ///< m, how many of the largest logits are listed
  id_output largest_id = {};    ///< their ids, [N, m]: largest first, of equals lower ids first, -1 past the last
  output largest_log_prob = {};  ///< their log pi, [N, m]; -inf past the last
};

namespace detail {

/// A number for each slot, where it is written.
struct placed_numbers : column {
  argument where = argument::none;
  char const* name = nullptr;

  constexpr status place_in(output const& lent, layout const& l) noexcept {
    status s = place(lent.source(), l, where, *this);
    if (s.ok() && this->lent() && type > element_type::bf16) s = {status_code::element_type_mismatch, where};
    if (!s.ok()) s.name = name;
    return s;
  }
  CPPO_HOST_DEVICE constexpr void set(index_t place, double x) const noexcept {
    if (this->lent()) store(const_cast<void*>(data), type, place, x);
  }
};

/// A list for each slot, where it is written.
struct placed_list {
  buffer to;
  index_t k = 0;
  char const* name = nullptr;

  CPPO_HOST_DEVICE constexpr bool lent() const noexcept { return to.rank != 0; }
  constexpr status place_in(buffer const& lent, index_t length, index_t rows) noexcept {
    to = lent, k = length;
    if (!this->lent()) return {};
    if (k < 1) return wrong_extent(argument::top_k, "entries at each slot", k, 1, name);
    if (rows > (index_t{1} << 62) / k) return {status_code::size_overflow, argument::top_k};
    return check_list(to, k, rows, name);
  }
  constexpr status is_number() const noexcept {
    if (!lent() || to.type <= element_type::bf16) return {};
    return {.code = status_code::element_type_mismatch, .where = argument::top_k, .name = name};
  }
  CPPO_HOST_DEVICE constexpr void set(index_t row, index_t j, double x) const noexcept {
    if (lent()) store(const_cast<void*>(to.data), to.type, place_in_list(to, k, row, j), x);
  }
};

/// Ids below this one fit in integers of a type.
constexpr index_t ids_of(element_type type) noexcept {
  index_t const bits = size_of(type) * 8 - 1;
  return bits > 61 ? index_t{1} << 62 : index_t{1} << bits;
}

/// The outputs of a call, placed and checked.
class placed_log_probs {
 public:
  placed_numbers log_prob{{}, argument::log_prob, nullptr}, log_sum_exp{{}, argument::log_prob, "log_sum_exp"},
      entropy{{}, argument::entropy, nullptr};
  placed_list listed{{}, 0, "listed_log_prob"}, largest{{}, 0, "largest_log_prob"}, largest_id{{}, 0, "largest_id"};
  index_t most = 0;  ///< how many of the largest logits are asked for

  status place_in(log_prob_outputs const& out, logit_batch_view const& batch) noexcept {
    layout const& l = batch.shape();
    index_t const rows = l.elements(), all = batch.logits().ids();
    status s = log_prob.place_in(out.log_prob, l);
    if (s.ok()) s = log_sum_exp.place_in(out.log_sum_exp, l);
    if (s.ok()) s = entropy.place_in(out.entropy, l);
    if (s.ok()) s = listed.place_in(out.listed_log_prob.source(), batch.listed().k, rows);
    if (s.ok()) s = largest.place_in(out.largest_log_prob.source(), out.largest_count, rows);
    if (s.ok()) s = largest_id.place_in(out.largest_id.source(), out.largest_count, rows);
    if (s.ok()) s = listed.is_number();
    if (s.ok()) s = largest.is_number();
    parameter_check const fit{!largest_id.lent() || all <= ids_of(largest_id.to.type), "largest_id",
                              static_cast<double>(all), "a type that holds V ids: lend std::int32_t or std::int64_t"};
    if (s.ok() && !fit) s = out_of_range(argument::top_k, fit);
    if (s.ok() && log_prob.lent() && !batch.has_token_id())
      s = {status_code::not_in_logit_batch, argument::token_id};
    most = largest.lent() || largest_id.lent() ? out.largest_count : 0;
    return s.ok() ? check_memory(batch) : s;
  }
  /// True if a pass sums the moment.
  bool want_moment() const noexcept { return entropy.lent(); }

 private:
  /// An output's memory, and its name.
  struct written {
    footprint memory;
    argument where;
    char const* name;
  };

  status check_memory(logit_batch_view const& batch) const noexcept {
    layout const& l = batch.shape();
    auto const slots = [&](placed_numbers const& n) { return written{footprint_of(n, l), n.where, n.name}; };
    auto const lists = [&](placed_list const& n) {
      return written{n.lent() ? footprint_of(n.to, l.elements(), n.k) : footprint{}, argument::top_k, n.name};
    };
    written const all[] = {slots(log_prob), slots(log_sum_exp), slots(entropy),
                           lists(listed),   lists(largest),     lists(largest_id)};
    for (written const& w : all) {
      argument const other = overlapped(w.memory, batch);
      if (other != argument::none) return shared_memory(w.where, other, w.name);
      for (written const& v : all) {
        if (&v < &w && may_overlap(v.memory, w.memory)) return shared_memory(w.where, v.where, w.name);
      }
    }
    return {};
  }
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
