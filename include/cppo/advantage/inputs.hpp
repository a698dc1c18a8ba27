/// @file
/// The inputs of a call on responses, placed and checked, and its output.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/response_batch.hpp>
#include <cppo/core/narrowing.hpp>
#include <cppo/core/overlap.hpp>
#include <cppo/execution/call/threads.hpp>
#include <cppo/execution/simd/executor.hpp>
#include <cppo/objective/outputs.hpp>

#include <concepts>
#include <span>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// Where advantages are written: as an `output`, one a slot, or `per_response(x)`, one a response.
class advantage_output {
 public:
  constexpr advantage_output() noexcept = default;
  /// Lends a buffer with an element for each slot.
  template <class T>
    requires std::constructible_from<output, T>
  constexpr advantage_output(T&& x) noexcept : source_(output(static_cast<T&&>(x)).source()) {}
  /// Lends a buffer with an element for each response.
  template <class Element>
    requires(!std::is_const_v<Element>)
  constexpr advantage_output(per_response_buffer<Element> x) noexcept : source_(x.source) {}
  /// Chosen for what cannot be written. Compilers show the line, and with it the sentence.
  template <class Element>
    requires(std::is_const_v<Element>)
  advantage_output(per_response_buffer<Element>) = delete;  // an output must be writable: lend what is not const
  /// The lent buffer.
  constexpr detail::buffer const& source() const noexcept { return source_; }

 private:
  detail::buffer source_;
};

namespace detail {

/// Calls f(b) for every response, on the executor's threads, and returns the first status in order that is not ok.
template <class E, class F>
status each_response(E const& e, layout const& l, F const& f) {
  status first;
  if constexpr (std::derived_from<E, simd_t>) {
    auto const body = [&f](index_t b, std::vector<double>&, response_outcome& into) {
      status const s = f(b);
      if (tells_more(into.first_bad, s)) into.first_bad = s;
    };
    first = e.template over_responses<double>(l, 0, response_body<double>(body)).run.first_bad;
  } else {
    for (index_t b = 0; b < l.responses() && first.ok(); ++b) first = f(b);
  }
  return first;
}

/// The status for a wrong number at a response, or at a slot of it.
constexpr status wrong_number(status_code code, argument where, index_t b, index_t i, double x) noexcept {
  return {.code = code, .where = where, .response = b, .token = i, .count = 1, .has_value = true, .value = x};
}

/// The elements of one response in a column.
struct lent_row {
  void const* data;
  element_type type;
  index_t base, step;
  constexpr double operator()(index_t i) const noexcept { return load<double>(data, type, base + i * step); }
  /// Writes it, never as -0. Pre: the column is an output.
  constexpr void set(index_t i, double x) const noexcept {
    store(const_cast<void*>(data), type, base + i * step, x + 0.0);
  }
};
/// A column of numbers, one a response or one a slot.
struct lent_column : column {
  bool per_response = false;
  constexpr lent_row row(layout const& l, index_t b) const noexcept {
    if (per_response) return {data, type, b * response_stride, 0};
    return {data, type, offset(l, b, 0), token_stride};
  }
};
/// Places a buffer. One that holds a value for each response says so, or `one` says it for all of its name.
enum class one_each : std::uint8_t { slot, response };
constexpr status place_lent(buffer lent, layout const& l, argument where, one_each one, lent_column& out) noexcept {
  bool const column_of_one = lent.rank == 2 && lent.extents[1] == 1 && !l.is_packed() && l.width() != 1;
  bool const repeats = where == argument::response_mask;  // read by its strides
  out.per_response = lent.per_response || one == one_each::response || (column_of_one && !repeats);
  lent.per_response = out.per_response;
  if (lent.data == nullptr && l.responses() > 0 && (out.per_response || l.elements() > 0)) {
    return {status_code::null_buffer, where};
  }
  return place(lent, l, where, out);
}

/// Tokens of one response that lie side by side: slots first ... end - 1.
struct token_run {
  index_t first, end;
};

/// What a call reads of a batch of responses.
class placed_inputs {
 public:
  layout shape{};
  lent_column mask, reward, group, value, bootstrap, advantage;

  /// Finds the tokens of every response. The masks of most hold one run.
  status find_tokens() {
    index_t const responses = shape.responses();
    first_run_.assign(static_cast<std::size_t>(responses) + 1, 0);
    for (index_t b = 0; b < responses; ++b) {
      status const s = find_tokens(b);
      if (!s.ok()) return s;
      first_run_[static_cast<std::size_t>(b) + 1] = runs_.size();
    }
    return {};
  }
  /// The runs of response b, and its number of tokens.
  std::span<token_run const> runs(index_t b) const noexcept {
    std::size_t const first = first_run_[static_cast<std::size_t>(b)];
    return std::span(runs_).subspan(first, first_run_[static_cast<std::size_t>(b) + 1] - first);
  }
  index_t tokens(index_t b) const noexcept {
    index_t n = 0;
    for (token_run const& r : runs(b)) n += r.end - r.first;
    return n;
  }
  /// Calls f(i) for each valid token of response b, in order, while it returns true.
  template <class F>
  constexpr void each_token(index_t b, F const& f) const {
    bool more = true;
    for (token_run const& r : runs(b)) {
      for (index_t i = r.first; i < r.end && more; ++i) more = f(i);
    }
  }

 private:
  status find_tokens(index_t b) {
    index_t const n = shape.slots(b);
    lent_row const row = mask.row(shape, b);
    auto const active = [&](index_t i) {
      return mask.lent() ? load_mask(row.data, row.type, row.base + i * row.step) : std::uint8_t{1};
    };
    for (index_t i = 0; i < n; ++i) {
      index_t const first = i;
      std::uint8_t in = active(i);
      while (in == 1 && ++i < n) in = active(i);
      if (in > 1) return wrong_number(status_code::response_mask_invalid, argument::response_mask, b, i, row(i));
      if (i > first) runs_.push_back({first, i});
    }
    return {};
  }

  std::vector<token_run> runs_;
  std::vector<std::size_t> first_run_;
};

/// Which inputs a rule reads.
struct wanted_inputs {
  bool mask, reward, group, value, advantage;
  one_each reward_for;
};

/// Places the inputs that are wanted. `bootstrap_value` and `response_mask` need not be lent.
inline status place_inputs(response_batch_view const& batch, wanted_inputs const& wanted, placed_inputs& in) noexcept {
  layout const& l = in.shape = batch.shape();
  status s = l.check();
  if (!s.ok()) return s;
  if (l.on_device()) return {status_code::executor_unavailable, argument::offsets};
  auto const take = [&](argument a, bool asked, one_each one, lent_column& c) {
    bool const there = batch[a].rank != 0, optional = a == argument::response_mask || a == argument::bootstrap_value;
    if (s.ok() && asked && !there && !optional) s = {status_code::not_in_response_batch, a};
    if (s.ok() && asked && there) s = place_lent(batch[a], l, a, one, c);
  };
  take(argument::response_mask, wanted.mask, one_each::slot, in.mask);
  take(argument::reward, wanted.reward, wanted.reward_for, in.reward);
  take(argument::group_id, wanted.group, one_each::response, in.group);
  take(argument::value, wanted.value, one_each::slot, in.value);
  take(argument::bootstrap_value, wanted.value, one_each::response, in.bootstrap);
  take(argument::advantage, wanted.advantage, one_each::slot, in.advantage);
  return s;
}

/// The memory of a placed column.
inline footprint footprint_of_column(lent_column const& c, layout const& l) noexcept {
  if (!c.lent()) return {};
  if (c.per_response) return footprint_of(c.data, c.type, l.responses(), 1, c.response_stride, 0);
  return footprint_of(static_cast<column const&>(c), l);
}

/// What an output may hold: results are numbers, those of a mask 1 and 0.
enum class results_are : std::uint8_t { numbers, flags };
/// A placed output.
struct placed_output : lent_column {
  argument where = argument::none;

  /// Places it; its memory must be its own.
  status place_in(buffer const& lent, placed_inputs const& in, results_are what) noexcept {
    if (lent.rank == 0) return {};
    status const s = place_lent(lent, in.shape, where, one_each::slot, *this);
    if (!s.ok() || !this->lent()) return s;
    if (what == results_are::numbers && type > element_type::bf16) return {status_code::element_type_mismatch, where};
    bool const twice = per_response ? response_stride == 0 && in.shape.responses() > 1 : repeats(*this, in.shape);
    if (twice) return wrong_shape(where, "an element of its own for each number, since each is written");
    return shared_with(in);
  }
  /// True if x is finite, and will be once it is stored.
  constexpr bool fits(double x) const noexcept {
    return is_finite(x) && !(lent() && narrows<double>(type) && narrowing(type).overflows(x));
  }
  /// Writes x at slots first ... end - 1 of response b.
  constexpr void fill(layout const& l, index_t b, index_t first, index_t end, double x) const noexcept {
    lent_row const to = row(l, b);
    for (index_t i = first; i < end; ++i) to.set(i, x);
  }
  /// Writes +0 at the slots of response b that are no tokens.
  void clear_rest(placed_inputs const& in, index_t b) const noexcept {
    index_t next = 0;
    for (token_run const& r : in.runs(b)) fill(in.shape, b, next, r.first, 0.0), next = r.end;
    fill(in.shape, b, next, in.shape.slots(b), 0.0);
  }
  /// Sets slots that belong to no response to +0, where the layout asks for it.
  constexpr void clear_spare(layout const& l) const noexcept {
    for (index_t k = 0; lent() && !per_response && k < l.spare(); ++k) {
      store(const_cast<void*>(data), type, l.spare_slot(k) * token_stride, 0.0);
    }
  }

 private:
  status shared_with(placed_inputs const& in) const noexcept {
    footprint const own = footprint_of_column(*this, in.shape);
    argument other = argument::none;
    auto const look = [&](argument a, footprint const& f) { other = may_overlap(own, f) ? a : other; };
    look(argument::response_mask, footprint_of_column(in.mask, in.shape));
    look(argument::reward, footprint_of_column(in.reward, in.shape));
    look(argument::group_id, footprint_of_column(in.group, in.shape));
    look(argument::value, footprint_of_column(in.value, in.shape));
    look(argument::bootstrap_value, footprint_of_column(in.bootstrap, in.shape));
    look(argument::advantage, footprint_of_column(in.advantage, in.shape));
    layout const& l = in.shape;
    look(argument::offsets, footprint_of(l.offsets(), l.offset_type(), 1, l.responses() + 1, 0, 1));
    return other == argument::none ? status{} : shared_memory(where, other);
  }
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
