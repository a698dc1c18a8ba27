/// @file
/// The functions that texts of the other kind may call, by name alone: so that an error can say where they stand, and
/// no unit compiles the other table for it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/rows.hpp>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Those of described_rule/table.hpp.
inline constexpr std::string_view functions_of_regions[] = {
    "kl_k1", "kl_k2", "kl_abs", "kl_k3", "kl_k3_plus", "among", "held", "token_ratio", "sequence_ratio",
    "geometric_ratio", "only_within", "normalized_over_tokens", "normalized_over_responses", "rs_token_k1",
    "rs_seq_mean_k1", "rs_seq_sum_k1", "rs_seq_max_k1", "rs_token_k2", "rs_seq_mean_k2", "rs_seq_sum_k2",
    "rs_seq_max_k2", "rs_token_k3", "rs_seq_mean_k3", "rs_seq_sum_k3", "rs_seq_max_k3", "ppo_clip", "ppo_rb",
    "tr_ppo", "tr_ppo_rb", "truly_ppo", "trgppo", "cispo", "cispo_by_epsilon", "gpg_loss", "dro", "sapo", "drpo",
    "spo", "dppo_quadratic", "dppo_quadratic_symmetric", "gspo", "gmpo", "vespo", "opsm", "minpro", "ctpo",
    "ctpo_geometric", "ctpo_in_band", "ctpo_geometric_in_band", "fipo", "clip_cov", "kl_cov", "entropy_top",
    "entropy_top_quantile", "m2po", "m2po_mask", "vmpo", "tis", "sequence_tis", "icepop", "geometric_band",
    "correction"};
/// Those of described_advantage/table.hpp.
inline constexpr std::string_view functions_of_advantages[] = {
    "grpo", "dr_grpo", "rloo", "opo", "gpg", "gpg_nonzero", "reinforce_pp", "reinforce_pp_baseline", "whitened",
    "overlong", "dynamic_sampling", "population_floor", "unbiased_plus", "gae"};
/// True if a name is a function of texts of the other kind alone.
constexpr bool is_function_elsewhere(known_in here, std::string_view name) noexcept {
  auto const in = [name](auto const& all) { return std::find(std::begin(all), std::end(all), name) != std::end(all); };
  return here == known_in::advantages ? in(functions_of_regions) : in(functions_of_advantages);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
