// A report as the numbers that the interface hands out.
#pragma once

#include <cppo.h>

#include <cppo/objective/report.hpp>

namespace c_api {

/// The numbers that say how the loss is scaled, after the fields of `report::each_field`.
enum class scaling_field { aggregate, known, horizon, normalizer, count };

inline constexpr int report_numbers = cppo::detail::report_words + static_cast<int>(scaling_field::count);
static_assert(report_numbers <= CPPO_REPORT_ROOM);

void write(cppo::report const& r, double* into) noexcept;
/// Any numbers may stand there: those that no report holds become the nearest that one does.
cppo::report report_of(double const* from) noexcept;

}  // namespace c_api
