// A lent batch and lent outputs as the C++ library's. What the C++ library cannot be handed is found here: unknown ids
// and dtypes, wrong ranks, misaligned data. All else it finds itself.
#pragma once

#include "answer.hpp"

#include <cppo/core/batch.hpp>
#include <cppo/core/overlap.hpp>
#include <cppo/objective/outputs.hpp>

#include <span>

namespace c_api {

/// A batch before the arithmetic of its call is chosen.
struct lent_batch {
  static constexpr int inputs = cppo::detail::input_places;
  cppo::layout shape;
  cppo::detail::buffer of[inputs];
  bool lent[inputs] = {};
  cppo::detail::top_k_buffers lists;
  bool in_double = false;

  /// Calls f(batch) with the batch in its arithmetic.
  template <class F>
  auto visit(F const& f) const {
    return in_double ? f(as<double>()) : f(as<float>());
  }
  template <class Real>
  cppo::rollout_batch_view<Real> as() const noexcept {
    using cppo::argument;
    cppo::rollout_batch_view<Real> batch(shape);
    if (!batch.check().ok()) return batch;
    add<argument::log_prob, argument::rollout_log_prob, argument::advantage, argument::response_mask,
        argument::divergence, argument::token_weight, argument::token_id, argument::entropy,
        argument::reference_log_prob>(batch);
    if (lent[cppo::detail::place_of(argument::top_k)]) batch.add(cppo::detail::named_top_k<float>{lists});
    return batch;
  }

 private:
  template <cppo::argument... Which, class Real>
  void add(cppo::rollout_batch_view<Real>& batch) const noexcept {
    auto const one = [&]<cppo::argument A>(std::integral_constant<cppo::argument, A>) {
      constexpr int i = cppo::detail::place_of(A);
      if (lent[i]) batch.add(cppo::detail::named_buffer<A, float>{of[i]});
    };
    (one(std::integral_constant<cppo::argument, Which>{}), ...);
  }
};

/// What an input may consist of.
enum class holds : std::uint8_t { reals, integers, numbers };
/// What a tensor may be lent as.
struct input_row {
  std::int32_t id;
  cppo::argument where;
  char const* name;
  holds elements;
};
/// The row of an id; null if it is none.
template <class Row, std::size_t N>
Row const* find_id(Row const (&rows)[N], std::int32_t id) noexcept {
  for (Row const& r : rows) {
    if (r.id == id) return &r;
  }
  return nullptr;
}
/// True if a tensor may be lent as a row says, and was not before. `seen`: bits, 1 << id.
bool check_input(cppo_lent const& l, input_row const& row, std::uint64_t& seen, cppo_status& s) noexcept;
/// True if `count` tensors may lie at `first`.
bool check_count(void const* first, std::int64_t count, char const* name, cppo_status& s) noexcept;
/// The elements of a tensor. Pre: `check_input`, or the same of an output.
cppo::detail::buffer buffer_of(cppo_lent const& l) noexcept;
/// Checks what must hold before a tensor can be walked at all.
bool check_tensor(cppo_tensor const& t, char const* name, cppo::argument where, cppo_status& s) noexcept;
/// An output in the batch's layout. Pre: `check_tensor`.
cppo::output output_of(cppo_tensor const& t) noexcept;
/// The elements of a tensor, which are of type T, as what takes views of them. Pre: the same.
template <class Into, class T>
Into lent_as(cppo_tensor const& t) noexcept {
  T* const data = static_cast<T*>(t.data);
  if (t.rank == 1) return Into(cppo::vector_view<T>(data, t.shape[0], t.stride[0]));
  return Into(cppo::matrix_view<T>(data, t.shape[0], t.shape[1], t.stride[0], t.stride[1]));
}
/// The layout of a batch.
bool take_layout(cppo_batch const& from, cppo::layout& into, cppo_status& s) noexcept;

/// Where log pi comes from: it is lent, or computed from logits.
enum class log_prob_is : std::uint8_t { lent, computed };
/// The batch at `from`. `s` says why there is none.
bool take_batch(cppo_batch const* from, lent_batch& into, cppo_status& s,
                log_prob_is log_prob = log_prob_is::lent) noexcept;

/// The outputs at `from`, but the report. `from` is a copy of its caller's structure.
bool take_outputs(cppo_outputs const& from, cppo::loss_outputs& into, cppo_status& s) noexcept;

/// Memory that was lent, under its name.
struct lent_memory {
  char const* name;
  cppo::detail::footprint at;
};
inline constexpr std::int64_t most_rows = std::int64_t{1} << 52;
/// Where a tensor lies, or n objects in a row; nowhere if it is null.
/// @{
cppo::detail::footprint memory_of(cppo_tensor const& t) noexcept;
template <class T>
cppo::detail::footprint memory_of(T const* row, std::int64_t n) noexcept {
  return n > 0 ? cppo::detail::footprint_of(row, std::min(n, most_rows)) : cppo::detail::footprint{};
}
/// @}
/// True if `mine`, which is written, shares memory with none of the others.
bool is_apart(lent_memory const& mine, cppo::argument where, std::span<lent_memory const> others,
              cppo_status& s) noexcept;

/// True if report, carries, totals and folds share no memory with an output, and the report none with anything that is
/// read. The C++ library sees copies of them, and cannot find it. To be called with a batch, outputs and folds
/// that were taken.
bool check_memory(cppo_batch const& batch, cppo_outputs const& outputs, cppo_options const& options,
                  cppo_status& s) noexcept;
/// What a call does with memory that is lent beside its batch and outputs.
enum class lent_to_be : std::uint8_t { read, written };
/// True if that memory shares nothing with what the call writes, nor, if it is written, with what the call reads. To be
/// called as `check_memory`.
bool is_apart_from_call(lent_memory const& mine, cppo::argument where, lent_to_be how, cppo_batch const& batch,
                        cppo_outputs const& outputs, cppo_options const& options, cppo_status& s) noexcept;

}  // namespace c_api
