// Regions of odd composition, each as a type and as its canonical text.
#pragma once

#include <cppo/region.hpp>

#include <string_view>

namespace cppo_test {

// A mask of 31 clauses and operators, nested to the right.
inline constexpr auto deep_mask = [] {
  using namespace cppo;
  auto const a = divergence_within(0.3), b = divergence_within(0.1, 0.2);
  auto const r = ratio_within(0.5, 2.0);
  auto const inner = a & (toward_rollout | (r & (b | (keep_all & (toward_rollout | (r & prefix_budget(0.2, 0.01)))))));
  return r & (toward_rollout | (a & (b | (r & (keep_none | (b & (toward_rollout | inner)))))));
}();

// Calls f(text, region) for some of them.
// @{
inline constexpr auto each_odd_mask = [](auto const& f) {
  using namespace cppo;
  f("trust_region(binary_tv, linear_weight(0.5), toward_rollout & (divergence_within(0.1) | !ratio_within(0.9, 1.1)))",
    trust_region(binary_tv, linear_weight(0.5), toward_rollout & (divergence_within(0.1) | !ratio_within(0.9, 1.1))));
  f("trust_region(binary_kl, uniform_weight, divergence_within(0.05) | (divergence_within(0.2) & "
    "prefix_budget(0.3, 0.01)))",
    trust_region(binary_kl, uniform_weight, divergence_within(0.05) | (divergence_within(0.2) &
                                                                       prefix_budget(0.3, 0.01))));
  f("trust_region(binary_tv, permuted(linear_weight(0.25), 18446744073709551615), toward_rollout | "
    "!prefix_budget(0.15, 0.015))",
    trust_region(binary_tv, permuted(linear_weight(0.25), ~std::uint64_t{0}),
                 toward_rollout | !prefix_budget(0.15, 0.015)));
  f("trust_region(binary_kl_reverse, permuted(uniform_weight, 3), toward_rollout | (divergence_within(0.1, 0.2) & "
    "response_max_within(0.5) & response_mean_within(0.05)))",
    trust_region(binary_kl_reverse, permuted(uniform_weight, 3),
                 toward_rollout | (divergence_within(0.1, 0.2) & response_max_within(0.5) &
                                   response_mean_within(0.05))));
};
inline constexpr auto each_odd_order = [](auto const& f) {
  using namespace cppo;
  auto const drift = toward_rollout | (divergence_within(0.15) & prefix_budget(0.15, 0.015));
  f("trust_region(binary_tv, reversed(linear_weight(0.25)), toward_rollout | (divergence_within(0.15) & "
    "prefix_budget(0.15, 0.015)))",
    trust_region(binary_tv, reversed(linear_weight(0.25)), drift));
  f("trust_region(binary_kl, reversed(permuted(linear_weight(0.25), 3)), toward_rollout | (divergence_within(0.15) & "
    "prefix_budget(0.15, 0.015)))",
    trust_region(binary_kl, reversed(permuted(linear_weight(0.25), 3)), drift));
  f("trust_region(k3, permuted(reversed(linear_weight(0.25)), 3), toward_rollout | (divergence_within(0.15) & "
    "prefix_budget(0.15, 0.015)))",
    trust_region(k3, permuted(reversed(linear_weight(0.25)), 3), drift));
  f("softened(trust_region(binary_tv, reversed(permuted(reversed(uniform_weight), 0)), prefix_budget(0.1, "
    "calibrated_budget(0.02))), reciprocal_gate)",
    softened(trust_region(binary_tv, reversed(permuted(reversed(uniform_weight), 0)),
                          prefix_budget(0.1, calibrated_budget(0.02))),
             reciprocal_gate));
};
inline constexpr auto each_odd_divergence = [](auto const& f) {
  using namespace cppo;
  f("trust_region(precomputed, linear_weight(1), keep_all & !(keep_none | ratio_within(0.5, 0.9)))",
    trust_region(precomputed, linear_weight(1.0), keep_all & none_of(keep_none, ratio_within(0.5, 0.9))));
  f("trust_region(top_k_tv, linear_weight(0.8), !(toward_rollout & !(prefix_budget(0.1, calibrated_budget(0.01, "
    "{0.5, 2, 3})) & response_mean_within(0.1))))",
    trust_region(top_k_tv, linear_weight(0.8),
                 !(toward_rollout & !(prefix_budget(0.1, calibrated_budget(0.01, {.quantile = 0.5, .scale = 2.0,
                                                                                 .ceiling_factor = 3.0})) &
                                      response_mean_within(0.1)))));
  f("trust_region(k2, uniform_weight, keep_none)", trust_region(k2, uniform_weight, keep_none));
  f("trust_region(binary_tv, linear_weight(0.8), ratio_within(0.5, 2) & (toward_rollout | (divergence_within(0.3) & "
    "(divergence_within(0.1, 0.2) | (ratio_within(0.5, 2) & (keep_none | (divergence_within(0.1, 0.2) & "
    "(toward_rollout | (divergence_within(0.3) & (toward_rollout | (ratio_within(0.5, 2) & "
    "(divergence_within(0.1, 0.2) | (keep_all & (toward_rollout | (ratio_within(0.5, 2) & "
    "prefix_budget(0.2, 0.01))))))))))))))))",
    trust_region(binary_tv, linear_weight(0.8), deep_mask));
};
inline constexpr auto each_odd_soft_region = [](auto const& f) {
  using namespace cppo;
  auto const drift = divergence_within(0.15) & prefix_budget(0.15, 0.015);
  f("softened(trust_region(binary_tv, linear_weight(0.8), ratio_within(0.5, 2) & (toward_rollout | "
    "(divergence_within(0.3) & (divergence_within(0.1, 0.2) | (ratio_within(0.5, 2) & (keep_none | "
    "(divergence_within(0.1, 0.2) & (toward_rollout | (divergence_within(0.3) & (toward_rollout | (ratio_within(0.5, "
    "2) & (divergence_within(0.1, 0.2) | (keep_all & (toward_rollout | (ratio_within(0.5, 2) & prefix_budget(0.2, "
    "0.01)))))))))))))))), reciprocal_gate)",
    softened(trust_region(binary_tv, linear_weight(0.8), deep_mask), reciprocal_gate));
  f("softened(trust_region(k3, permuted(linear_weight(0.5), 9), (toward_rollout & ratio_within(0.5, 2)) | "
    "!(ratio_within(0.9, 1.1) & !divergence_within(0.15) & prefix_budget(0.15, 0.015))), reciprocal_gate)",
    softened(trust_region(k3, permuted(linear_weight(0.5), 9),
                          (toward_rollout & ratio_within(0.5, 2.0)) |
                              !(ratio_within(0.9, 1.1) & !divergence_within(0.15) & prefix_budget(0.15, 0.015))),
             reciprocal_gate));
  f("softened(trust_region(binary_tv, uniform_weight, keep_none | toward_rollout | (divergence_within(0.15) & "
    "prefix_budget(0.15, 0.015))), reciprocal_gate)",
    softened(trust_region(binary_tv, uniform_weight, keep_none | toward_rollout | drift), reciprocal_gate));
};
inline constexpr auto each_odd_report = [](auto const& f) {
  using namespace cppo;
  f("reporting(trust_region(no_divergence, linear_weight(0.6), toward_rollout | (ratio_within(0.8, 1.28) & "
    "divergence_within(0.1))), binary_kl)",
    reporting(trust_region(no_divergence, linear_weight(0.6), toward_rollout | (ratio_within(0.8, 1.28) &
                                                                                divergence_within(0.1))),
              binary_kl));
  f("softened(reporting(trust_region(no_divergence, permuted(linear_weight(0.6), 1), !divergence_within(0.1) | "
    "ratio_within(0.8, 1.28)), top_k_kl_list), reciprocal_gate)",
    softened(reporting(trust_region(no_divergence, permuted(linear_weight(0.6), 1),
                                    !divergence_within(0.1) | ratio_within(0.8, 1.28)),
                       top_k_kl_list),
             reciprocal_gate));
  f("reporting(trust_region(no_divergence, uniform_weight, toward_rollout | ratio_within(0.8, 1.2)), k1)",
    reporting(ppo(), k1));
  f("softened(trust_region(k1, linear_weight(0.9), divergence_within(0.3) & response_max_within(0.5) & "
    "prefix_budget(0.15, calibrated_budget(0.02))), reciprocal_gate)",
    softened(trust_region(k1, linear_weight(0.9), divergence_within(0.3) & response_max_within(0.5) &
                                                      prefix_budget(0.15, calibrated_budget(0.02))),
             reciprocal_gate));
};
// @}
// Calls f(text, region) for each.
inline constexpr auto each_odd_region = [](auto const& f) {
  each_odd_mask(f);
  each_odd_order(f);
  each_odd_divergence(f);
  each_odd_soft_region(f);
  each_odd_report(f);
};

}  // namespace cppo_test
