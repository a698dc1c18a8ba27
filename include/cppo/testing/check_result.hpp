/// @file
/// The options and the result of `check_region`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <cstdio>
#include <string>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// The options of `check_region`.
struct check_options {
  int batches = 60;                  ///< random batches
  std::uint64_t seed = 1;            ///< seed of the first batch
  bool threads = true;               ///< true: also one batch long enough to be worth threads (60 000 slots)
  generator_options generate = {};   ///< lists and divergences are added where the region reads them
};

/// The result of `check_region`.
struct check_result {
  bool ok = true;            ///< true if there is no fault
  std::string message;       ///< the first fault: which check, which batch, where, what was found and what was expected
  std::string check;         ///< the name of the check that failed first
  std::uint64_t seed = 0;    ///< seed of the batch that failed: `generate<T>(seed, options.generate)`
  index_t response = -1;     ///< the response that failed, in the batch that was run (pieces count as responses)
  index_t token = -1;        ///< the slot of it that failed
  index_t batches = 0;       ///< batches drawn
  index_t compared = 0;      ///< values compared
  index_t too_close = 0;     ///< tokens not compared, because the plain loop found their decision too close to call
  /// Same as `ok`.
  explicit operator bool() const noexcept { return ok; }
};

/// Collects the first fault and the counts.
class check_log {
 public:
  /// What was found so far.
  check_result const& result() const noexcept { return result_; }
  /// True if there is no fault so far.
  bool ok() const noexcept { return result_.ok; }
  /// Counts a batch that is now checked. A fault names the seed that the batch was made from.
  void begin(std::uint64_t seed) noexcept {
    seed_ = seed;
    ++result_.batches;
  }
  /// Counts values that were compared.
  void count(std::size_t values) noexcept { result_.compared += static_cast<index_t>(values); }
  /// Counts a token that was not compared.
  void skip() noexcept { ++result_.too_close; }

  /// Records a fault without a place.
  void fail(std::string_view check, std::string_view detail) {
    if (!result_.ok) return;
    result_.ok = false;
    result_.check = check;
    result_.seed = seed_;
    result_.message = result_.check + ", batch " + std::to_string(seed_) + ": " + std::string(detail);
  }
  /// Records a fault at slot `token` of `response`.
  void fail(std::string_view check, std::string_view output, index_t response, index_t token, double got,
            double expected) {
    if (!result_.ok) return;
    char words[160];
    std::snprintf(words, sizeof words, " at response %lld, token %lld: got %.9g (%a), expected %.9g (%a)",
                  static_cast<long long>(response), static_cast<long long>(token), got, got, expected, expected);
    fail(check, std::string(output) + words);
    result_.response = response;
    result_.token = token;
  }
  /// Records a difference between two runs. `rows` are those of the run that was compared.
  void fail(std::string_view check, difference const& d, slot_rows const& rows) {
    for (std::size_t b = 0; b < rows.size(); ++b) {
      for (std::size_t i = 0; i < rows[b].size(); ++i) {
        if (rows[b][i] == d.slot) {
          return fail(check, d.output, static_cast<index_t>(b), static_cast<index_t>(i), d.got, d.expected);
        }
      }
    }
  }

 private:
  check_result result_;
  std::uint64_t seed_ = 0;
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
