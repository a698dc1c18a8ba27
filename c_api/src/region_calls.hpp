// All that the library does with a region of one type, on the side of the file that knows the type.
#pragma once

#include "compiled.hpp"
#include "region_call.hpp"

#include <cppo/theory/certificate.hpp>

#include <algorithm>
#include <vector>

namespace c_api {

/// What is asked of regions of a type.
template <class Region>
struct region_calls {
  using region = Region;

  static int call(errand const& c) noexcept {
    return ended(c, [&c] {
      if (c.on_seq) in_arithmetic(c, [&c]<class Real>(Real) { call_on<Real, region>(cppo::seq, c); });
      else in_arithmetic(c, [&c]<class Real>(Real) { call_on_registers<Real, region>(c); });
    });
  }
  static int diagnose(errand const& c) noexcept {
    return with_batch(c, [&c](auto const& batch, region const& r, cppo::loss_options const& options) {
      to_bytes(c.found, cppo::diagnose(batch, r, options));
      return cppo::status{};
    });
  }
  static int summarize(errand const& c) noexcept {
    return with_batch(c, [&c]<class Real>(cppo::rollout_batch_view<Real> const& batch, region const& r,
                                          cppo::loss_options const& options) {
      std::vector<Real> collected;
      cppo::response_summary piece;
      cppo::status const s = summarize_piece(batch, r, c.piece, piece, collected, options);
      to_bytes(c.sums, piece);
      if (!s.ok()) return s;
      std::copy(collected.begin(), collected.end(), static_cast<Real*>(c.divergences));
      if (c.written != nullptr) *c.written = static_cast<std::int64_t>(collected.size());
      return s;
    });
  }
  static int resolve(errand const& c) noexcept {
    return ended(c, [&c] {
      in_arithmetic(c, [&c]<class Real>(Real) {
        cppo::response_summary whole;
        std::span<Real> const d(static_cast<Real*>(c.divergences), static_cast<std::size_t>(c.count));
        auto const combined = from_bytes<cppo::response_summary>(c.totals);
        to_bytes(c.status, resolve_totals<Real>(from_bytes<region>(c.region), combined, d, whole));
        to_bytes(c.sums, whole);
      });
    });
  }
  static int sum(errand const& c) noexcept {
    return with_batch(c, [&c](auto const& batch, region const& r, cppo::loss_options const& options) {
      cppo::prefix_sums sums;
      auto const whole = from_bytes<cppo::response_summary>(c.totals);
      cppo::status const s = sum_piece(batch, r, c.piece, whole, c.tokens_before, sums, options);
      to_bytes(c.sums, sums);
      return s;
    });
  }
  static int certify(errand const& c) noexcept {
    return with_batch(c, [&c](auto const& batch, region const& r, cppo::loss_options const&) {
      auto const how = from_bytes<cppo::theory::certificate_options>(c.how);
      cppo::theory::certificate_result const found = cppo::theory::certificate(batch, r, how);
      to_bytes(c.found, found);
      return found.outcome;
    });
  }
  static int weigh(errand const& c) noexcept {
    return ended(c, [&c] {
      auto const w = cppo::theory::weights_of(from_bytes<region>(c.region).weight(), c.count);
      std::copy(w.begin(), w.end(), static_cast<double*>(c.found));
    });
  }

 private:
  template <class F>
  static void in_arithmetic(errand const& c, F const& f) {
    if (c.in_double) f(double{});
    else f(float{});
  }
  /// Runs f(batch, region, options), which returns a status.
  template <class F>
  static int with_batch(errand const& c, F const& f) noexcept {
    return ended(c, [&] {
      in_arithmetic(c, [&]<class Real>(Real) {
        auto const batch = from_bytes<cppo::rollout_batch_view<Real>>(c.batch);
        to_bytes(c.status, f(batch, from_bytes<region>(c.region), from_bytes<cppo::loss_options>(c.options)));
      });
    });
  }
};

}  // namespace c_api
