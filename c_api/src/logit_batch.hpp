// Lent logits, and what calls on their rows read and write beside them, as the C++ library's.
#pragma once

#include "batch.hpp"
#include "run_rows.hpp"

#include <initializer_list>

namespace c_api {

/// Tensors by their ids: inputs, or outputs.
struct lent_tensors {
  static constexpr int places = 32;
  cppo_lent of[places] = {};
  std::uint64_t lent = 0;

  static constexpr int place_of(std::int32_t id) noexcept { return id < cppo_out_loss ? id : id - cppo_out_loss; }
  bool has(std::int32_t id) const noexcept { return (lent >> place_of(id) & 1U) != 0; }
  cppo_tensor const& operator[](std::int32_t id) const noexcept { return of[place_of(id)].tensor; }
  /// An input or an output of a call; none where it is not lent.
  /// @{
  cppo::slot_input numbers(std::int32_t id) const noexcept;
  cppo::output output(std::int32_t id) const noexcept { return has(id) ? output_of((*this)[id]) : cppo::output(); }
  cppo::id_output ids(std::int32_t id) const noexcept;
  /// @}
};
/// The ids that a call takes.
using id_set = std::uint64_t;
constexpr id_set set_of(std::initializer_list<std::int32_t> ids) noexcept {
  id_set all = 0;
  for (std::int32_t const id : ids) all |= id_set{1} << lent_tensors::place_of(id);
  return all;
}

/// The logits at `from`, which the caller calls `name`. `s` says why there are none.
bool take_logits(cppo_logits const* from, char const* name, cppo::logit_rows& into, cppo_status& s) noexcept;

/// A batch of logits, and numbers of its slots.
struct lent_rows {
  cppo::layout shape;
  cppo::index_t top_k = 0;
  lent_tensors inputs;

  cppo::logit_batch_view batch(cppo::logit_rows const& logits) const noexcept;
};
/// The batch at `from`, of which the call reads the inputs `read`.
bool take_rows(cppo_batch const* from, id_set read, lent_rows& into, cppo_status& s) noexcept;

/// True if what is written shares memory with nothing that the batch lends. Pre: it was taken.
bool is_apart_from_rows(lent_memory const& mine, cppo_batch const& batch, cppo_status& s) noexcept;

/// An output of a call that writes those in `written`, beside others that were taken.
bool take_row_output(cppo_lent const& l, id_set written, lent_tensors& into, cppo_status& s) noexcept;
/// All outputs at `from`.
bool take_row_outputs(cppo_outputs const* from, id_set written, lent_tensors& into, cppo_status& s) noexcept;

/// How rows are read.
struct row_executor {
  bool on_seq = false;
  int threads = 1;
};
/// Runs a call on rows on the build for this machine, or by the plain definition here. False if it did not come to a
/// status; then `s` says why.
bool run_on_rows(row_executor const& how, row_call what, cppo::logit_batch_view const& batch, row_arguments const& a,
                 cppo::status& ended, cppo_status& s);

}  // namespace c_api
