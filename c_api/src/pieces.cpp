// Responses in pieces: both passes before the call, and what is added up between them.
#include "batch.hpp"
#include "on_compiled.hpp"
#include "options.hpp"
#include "region.hpp"

#include <cppo/algorithm/in_pieces.hpp>

#include <algorithm>

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;

/// What no call accepts, in the place of what failed.
cppo_totals refused_totals() noexcept {
  return c_api::words_of(cppo::detail::only_length(cppo::detail::refused_count));
}
cppo_prefix refused_prefix() noexcept {
  return c_api::words_of(cppo::detail::only_count(cppo::detail::refused_count));
}

/// A call that reads a piece.
struct reading {
  c_api::lent_batch batch;
  c_api::lent_region region;
  cppo::loss_options options;
};
bool take(cppo_batch const* batch, cppo_region const* region, cppo_options const* options, reading& into,
          cppo_status& s) noexcept {
  cppo_options lent;
  return c_api::take_batch(batch, into.batch, s) && c_api::take_region(region, into.region, s) &&
         c_api::take_structure_of_options(options, lent, s) && c_api::take_options(lent, into.options, s);
}

/// The passes of a compiled region.
/// @{
bool summarize_on_compiled(reading const& from, std::int64_t b, cppo_totals& piece, void* divergences,
                           std::int64_t* written, cppo_status& s) noexcept {
  cppo::status ended;
  cppo::response_summary summary = c_api::totals_of(piece);
  c_api::errand e = c_api::errand_of(from.region, from.options, ended);
  e.piece = b;
  e.sums = &summary;
  e.divergences = divergences;
  e.written = written;
  bool const done = c_api::ask(from.region, &c_api::compiled_region::summarize, from.batch, e, s);
  piece = c_api::words_of(summary);
  return done && c_api::take(ended, s);
}
void resolve_on_compiled(c_api::lent_region const& region, cppo_totals& total, void* divergences, std::int32_t dtype,
                         std::int64_t count, cppo_status& s) noexcept {
  cppo::status ended;
  cppo::loss_options const none;
  cppo::response_summary const pieces = c_api::totals_of(total);
  cppo::response_summary whole = c_api::totals_of(refused_totals());
  c_api::errand e = c_api::errand_of(region, none, ended);
  e.in_double = dtype == cppo_f64;
  e.totals = &pieces;
  e.sums = &whole;
  e.divergences = divergences;
  e.count = count;
  if (c_api::ask(region, &c_api::compiled_region::resolve, e, s)) c_api::take(ended, s);
  total = c_api::words_of(whole);
}
void sum_on_compiled(reading const& from, std::int64_t b, cppo::response_summary const& whole,
                     std::int64_t tokens_before, cppo::prefix_sums& sums, cppo_status& s) noexcept {
  cppo::status ended;
  c_api::errand e = c_api::errand_of(from.region, from.options, ended);
  e.piece = b;
  e.tokens_before = tokens_before;
  e.totals = &whole;
  e.sums = &sums;
  if (c_api::ask(from.region, &c_api::compiled_region::sum, from.batch, e, s)) c_api::take(ended, s);
}
/// @}

template <class Real>
bool summarize(reading const& from, std::int64_t b, cppo_totals& piece, void* divergences, std::int64_t* written,
               cppo_status& s) {
  static thread_local std::vector<Real> collected;
  collected.clear();
  cppo::response_summary summary;
  auto const ended =
      summarize_piece(from.batch.as<Real>(), from.region.described, b, summary, collected, from.options);
  piece = c_api::words_of(summary);
  if (!c_api::take(ended, s)) return false;
  std::copy(collected.begin(), collected.end(), static_cast<Real*>(divergences));
  if (written != nullptr) *written = static_cast<std::int64_t>(collected.size());
  return true;
}

template <class Real>
void resolve(cppo::described_region const& region, cppo_totals& total, void* divergences, std::int64_t count,
             cppo_status& s) {
  cppo::response_summary whole;
  std::span<Real> const all(static_cast<Real*>(divergences), static_cast<std::size_t>(count));
  c_api::take(resolve_totals<Real>(region, c_api::totals_of(total), all, whole), s);
  total = c_api::words_of(whole);
}
bool can_resolve(void const* divergences, std::int32_t dtype, std::int64_t count, cppo_status& s) noexcept {
  if (dtype != cppo_f32 && dtype != cppo_f64) {
    return refuse(s, cppo_bad_argument, argument::none, word("dtype is "), cppo::index_t{dtype},
                  word(", but divergences must be cppo_f32 (0) or cppo_f64 (1): pass that of summarize_piece"));
  }
  if (count < 0) {
    return refuse(s, cppo_bad_argument, argument::none, word("count is "), count, word(", but must be 0 or more"));
  }
  return count == 0 || c_api::given(divergences, "divergences", s);
}

/// True if the sums of both can be added.
bool can_add(cppo::prefix_sums const& a) noexcept {
  return a.count >= 0 && a.count <= cppo::detail::longest_response && cppo::detail::can_add_to(a);
}
bool can_add(cppo::response_summary const& a) noexcept {
  return cppo::detail::can_be(a, {}) && a.bad_tokens <= cppo::detail::longest_response;
}

}  // namespace

std::int32_t cppo_summarize_piece(cppo_batch const* batch, cppo_region const* region, std::int64_t b,
                                  cppo_options const* options, cppo_totals* piece, void* divergences,
                                  std::int64_t* written, cppo_status* status) {
  if (piece != nullptr) *piece = refused_totals();
  return c_api::answered(status, [&](cppo_status& s) {
    reading from;
    if (!c_api::given(piece, "piece", s) || !take(batch, region, options, from, s)) return false;
    if (c_api::calibrates(from.region) &&
        !(c_api::given(divergences, "divergences", s) && c_api::given(written, "written", s))) {
      return false;
    }
    if (from.region.is_asked()) return summarize_on_compiled(from, b, *piece, divergences, written, s);
    return from.batch.in_double ? summarize<double>(from, b, *piece, divergences, written, s)
                                : summarize<float>(from, b, *piece, divergences, written, s);
  });
}

std::int32_t cppo_resolve_totals(cppo_region const* region, cppo_totals* total, void* divergences, std::int32_t dtype,
                                 std::int64_t count, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    c_api::lent_region r;
    if (!c_api::given(total, "total", s)) return;
    if (!c_api::take_region(region, r, s) || !can_resolve(divergences, dtype, count, s)) *total = refused_totals();
    else if (r.is_asked()) resolve_on_compiled(r, *total, divergences, dtype, count, s);
    else if (dtype == cppo_f32) resolve<float>(r.described, *total, divergences, count, s);
    else resolve<double>(r.described, *total, divergences, count, s);
  });
}

std::int32_t cppo_sum_piece(cppo_batch const* batch, cppo_region const* region, std::int64_t b,
                            cppo_totals const* total, std::int64_t tokens_before, cppo_options const* options,
                            cppo_prefix* piece, cppo_status* status) {
  if (piece != nullptr) *piece = refused_prefix();
  return c_api::answered(status, [&](cppo_status& s) {
    reading from;
    if (!c_api::given(piece, "piece", s) || !c_api::given(total, "total", s)) return;
    if (!take(batch, region, options, from, s)) return;
    cppo::prefix_sums sums = c_api::sums_of(*piece);
    auto const whole = c_api::totals_of(*total);
    if (from.region.is_asked()) sum_on_compiled(from, b, whole, tokens_before, sums, s);
    else c_api::take(from.batch.visit([&](auto const& view) {
      return sum_piece(view, from.region.described, b, whole, tokens_before, sums, from.options);
    }), s);
    *piece = c_api::words_of(sums);
  });
}

void cppo_totals_add(cppo_totals* into, cppo_totals const* other) {
  if (into == nullptr || other == nullptr) return;
  auto const a = c_api::totals_of(*into), b = c_api::totals_of(*other);
  *into = can_add(a) && can_add(b) ? c_api::words_of(combine(a, b)) : refused_totals();
}

void cppo_prefix_add(cppo_prefix* into, cppo_prefix const* other) {
  if (into == nullptr || other == nullptr) return;
  auto const a = c_api::sums_of(*into), b = c_api::sums_of(*other);
  *into = can_add(a) && can_add(b) ? c_api::words_of(a + b) : refused_prefix();
}
