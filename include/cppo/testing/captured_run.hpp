/// @file
/// One call with every output captured, to be compared bit for bit.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/testing/generated_batch.hpp>

#include <cstring>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// The outputs of a call.
using captured = cppo::detail::sink;
/// How many there are.
inline constexpr std::size_t captured_outputs = cppo::detail::sinks;
/// How many a call without trace and gate has: loss, gradient and mask.
inline constexpr std::size_t captured_without_trace = static_cast<std::size_t>(captured::gate);
/// Their names.
inline constexpr auto const& output_names = cppo::detail::sink_names;

/// Everything a call wrote.
template <class Real>
struct captured_run {
  std::vector<Real> column[captured_outputs];  ///< per slot; what was not asked for is empty
  cppo::report report;                          ///< if asked for
  status outcome;                              ///< what the call returned

  /// One output.
  std::vector<Real> const& operator[](captured c) const noexcept { return column[static_cast<std::size_t>(c)]; }
  /// The same, to be written.
  std::vector<Real>& operator[](captured c) noexcept { return column[static_cast<std::size_t>(c)]; }
};

/// The value in output buffers before a call, by which a slot that is not written is found.
inline constexpr double unwritten = 77.0;

/// What a run asks for.
enum class asks_for : std::uint8_t {
  no_trace,  ///< loss, gradient and mask, as a trainer does
  trace,     ///< every output
};

namespace kernels {

/// Runs one call on a view of `slots` slots. It asks for the first `columns` outputs, and for a report if there are
/// more than three.
template <class Executor, class Real, class Region>
void capture_columns(captured_run<Real>& r, std::size_t columns, Executor const& executor,
                     rollout_batch_view<Real> const& batch, std::size_t slots, Region const& region,
                     loss_options const& options) {
  for (std::size_t c = 0; c < columns; ++c) r.column[c].assign(slots, static_cast<Real>(unwritten));
  std::vector<std::uint8_t> mask(slots, static_cast<std::uint8_t>(unwritten));
  loss_outputs o;
  cppo::detail::each_output(o, [&](captured which, output& out) {
    if (static_cast<std::size_t>(which) < columns) out = which == captured::mask ? output(mask) : output(r[which]);
  });
  if (columns > captured_without_trace) o.report = &r.report;
  r.outcome = policy_loss(executor, batch, region, o, options);
  r[captured::mask].assign(mask.begin(), mask.end());
}

}  // namespace kernels

/// Runs a call on a view of `slots` slots. Without trace it asks for loss, gradient and mask alone, as a trainer does,
/// for which executors have their fastest path. With trace it is run twice, because some executors have another path
/// for calls that also make a report. The second call's outputs are kept, except the trace, which is the first one's;
/// slots in which the two differ hold `unwritten`.
template <class Executor, class Real, class Region>
captured_run<Real> capture_view(Executor const& executor, rollout_batch_view<Real> const& batch, std::size_t slots,
                                Region const& region, loss_options const& options,
                                asks_for asked = asks_for::trace) {
  captured_run<Real> r;
  auto const call = [&](std::size_t columns) {
    kernels::capture_columns(r, columns, executor, batch, slots, region, options);
  };
  call(asked == asks_for::trace ? captured_outputs : captured_without_trace);
  if (asked == asks_for::no_trace) return r;
  constexpr std::size_t both = captured_without_trace + 1;
  std::vector<Real> traced[both];
  for (std::size_t c = 0; c < both; ++c) traced[c] = r.column[c];
  call(both);
  for (std::size_t c = 0; c < both; ++c) {
    for (std::size_t i = 0; i < slots; ++i) {
      bool const same = std::memcmp(&traced[c][i], &r.column[c][i], sizeof(Real)) == 0;
      if (!same) r.column[c][i] = static_cast<Real>(unwritten);
    }
  }
  return r;
}

/// Runs a call on a generated batch.
template <class Executor, element T, class Region>
captured_run<typename generated_batch<T>::real> capture(Executor const& executor, generated_batch<T> const& batch,
                                                        Region const& region, loss_options const& options,
                                                        asks_for asked = asks_for::trace) {
  return capture_view(executor, batch.view(), static_cast<std::size_t>(batch.slots()), region, options, asked);
}

/// True if both have the same bits.
template <class T>
bool same_bits(T const& a, T const& b) noexcept {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// A place where two runs differ.
struct difference {
  bool found = false;        ///< true if there is one
  std::string_view output;   ///< which output
  index_t slot = -1;         ///< slot of the first run
  double got = 0.0;          ///< its value
  double expected = 0.0;     ///< what the second run has there
};

/// The first difference of `got` from `expected` over the slots `rows` of `got`, in the mask if that differs. Slot s of
/// `got` is slot `source[s]` of `expected`, or s itself if `source` is empty. A slot without source must hold +0.
template <class Real>
difference compare(captured_run<Real> const& got, captured_run<Real> const& expected, slot_rows const& rows,
                   std::vector<index_t> const& source = {}) {
  constexpr auto mask = static_cast<std::size_t>(captured::mask);
  for (std::size_t k = 0; k < captured_outputs; ++k) {
    std::size_t const c = k == 0 ? mask : k <= mask ? k - 1 : k;  // the mask first: the others follow from it
    if (got.column[c].empty() || expected.column[c].empty()) continue;
    for (std::vector<index_t> const& row : rows) {
      for (index_t const s : row) {
        index_t const from = source.empty() ? s : source[static_cast<std::size_t>(s)];
        Real const want = from < 0 ? Real(0) : expected.column[c][static_cast<std::size_t>(from)];
        Real const have = got.column[c][static_cast<std::size_t>(s)];
        if (!same_bits(have, want)) {
          return {true, output_names[c], s, static_cast<double>(have), static_cast<double>(want)};
        }
      }
    }
  }
  return {};
}

/// The first slot without a token that does not hold +0, or that belongs to another call and was written.
template <element T, class Real>
difference nonzero_excluded(generated_batch<T> const& batch, captured_run<Real> const& run) {
  slot_rows excluded = batch.part ? batch.rows() : batch.rows_and_spare();
  captured_run<Real> untouched;
  if (batch.part) {
    for (std::vector<Real>& column : untouched.column) column.assign(batch.valid.size(), static_cast<Real>(unwritten));
    difference const touched = compare(run, untouched, {batch.spare()});
    if (touched.found) return touched;
  }
  for (std::vector<index_t>& row : excluded) {
    std::erase_if(row, [&batch](index_t s) { return batch.valid[static_cast<std::size_t>(s)] != 0; });
  }
  return compare(run, run, excluded, std::vector<index_t>(batch.valid.size(), -1));
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
