// A rule of the field as a row: one expression of cppo/rules.hpp. BENCH_FEW_RULES: for the smoke test, those that a row
// is another way for, because each compiles for a second.
#pragma once

#include "rule.hpp"

#include <cppo/rules.hpp>

#include <type_traits>

namespace rules {

/// The rule that `Make{}()` makes, averaged over tokens, or over the means of responses.
template <class Make>
rule of_field(char const* name, Make, cppo::aggregation aggregate = cppo::token_mean,
              bench_reads reads = bench_reads_nothing) {
  using region = decltype(Make{}());
  constexpr int levels = region::fold_levels;
  constexpr bool measures = std::is_same_v<typename region::divergence_type, cppo::binary_kl_t>;
  bool const by_response = aggregate == cppo::seq_mean_token_mean;
  return {{name, measures ? "binary_kl" : "no_divergence", reads, 0.0, 0.0, 1.0, bench_field, levels, by_response},
          [](bench_rule_info const& i, batch_view const& batch, double normalizer, bench_outputs const& o,
             bench_outcome& out) {
            cppo::loss_options options{.normalizer = normalizer};
            options.aggregate = i.averages_response_means != 0 ? cppo::seq_mean_token_mean : cppo::token_mean;
            return call(Make{}(), batch, options, o, out);
          }};
}

}  // namespace rules
