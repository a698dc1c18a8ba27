// Options as the C++ library's. Enum values from outside are checked: in C++ a wrong one has no meaning.
#pragma once

#include "answer.hpp"

#include <cppo/objective/options.hpp>

#include <vector>

namespace c_api {

/// Carries and totals of a call as the C++ library's, kept by a thread from call to call.
struct piece_memory {
  std::vector<cppo::prefix_sums> carries;
  std::vector<cppo::response_summary> totals;
};

/// The options of a call, the defaults where `from` is null.
bool take_structure_of_options(cppo_options const* from, cppo_options& into, cppo_status& s) noexcept;
/// The same as the C++ library's, without carries and totals.
bool take_options(cppo_options const& from, cppo::loss_options& into, cppo_status& s) noexcept;
/// Carries and totals of `pieces` pieces.
void take_pieces(cppo_options const& from, std::int64_t pieces, piece_memory& memory, cppo::loss_options& into);

/// Sums and totals of pieces in both forms.
/// @{
cppo_prefix words_of(cppo::prefix_sums const& p) noexcept;
cppo_totals words_of(cppo::response_summary const& r) noexcept;
cppo::prefix_sums sums_of(cppo_prefix const& p) noexcept;
cppo::response_summary totals_of(cppo_totals const& t) noexcept;
/// @}

}  // namespace c_api
