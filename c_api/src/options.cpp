#include "options.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

namespace c_api {

namespace {

using cppo::argument;

static_assert(cppo_token_sum == static_cast<int>(cppo::aggregation::token_sum) &&
              cppo_seq_mean_token_sum_norm == static_cast<int>(cppo::aggregation::seq_mean_token_sum_norm));
static_assert(cppo_reject == static_cast<int>(cppo::on_bad_input::reject) &&
              cppo_propagate == static_cast<int>(cppo::on_bad_input::propagate));
static_assert(cppo_own_length == static_cast<int>(cppo::position_convention::own_length) &&
              cppo_padded_column == static_cast<int>(cppo::position_convention::padded_column));
static_assert(cppo_ratio == static_cast<int>(cppo::surrogate_form::ratio) &&
              cppo_reinforce == static_cast<int>(cppo::surrogate_form::reinforce));

bool in_range(std::int32_t value, std::int32_t last, char const* name, char const* first_and_last,
              cppo_status& s) noexcept {
  if (value >= 0 && value <= last) return true;
  return refuse(s, cppo_bad_argument, argument::options, word("option "), word(name), word(" is "),
                cppo::index_t{value}, word(", but must be from "), word(first_and_last));
}

/// As `cppo_options_init`.
cppo_options default_options() noexcept {
  cppo::loss_options const o;
  return {sizeof(cppo_options),
          static_cast<std::int32_t>(o.aggregate),
          static_cast<std::int32_t>(o.bad_input),
          static_cast<std::int32_t>(o.positions),
          static_cast<std::int32_t>(o.surrogate.form),
          o.horizon,
          o.normalizer,
          o.surrogate.log_ratio_clamp,
          o.surrogate.ratio_cap,
          o.log_prob_tolerance,
          o.log_prob_floor,
          cppo_simd,
          1,
          nullptr,
          nullptr,
          nullptr,
          0,
          0.0};
}

}  // namespace

bool take_structure_of_options(cppo_options const* from, cppo_options& into, cppo_status& s) noexcept {
  if (from != nullptr) return take_structure(from, "options", into, s, offsetof(cppo_options, folds));
  into = default_options();
  return true;
}

bool take_options(cppo_options const& from, cppo::loss_options& into, cppo_status& s) noexcept {
  if (!in_range(from.aggregate, cppo_seq_mean_token_sum_norm, "aggregate",
                "cppo_token_sum (0) to cppo_seq_mean_token_sum_norm (4)", s) ||
      !in_range(from.bad_input, cppo_propagate, "bad_input", "cppo_reject (0) to cppo_propagate (2)", s) ||
      !in_range(from.positions, cppo_padded_column, "positions", "cppo_own_length (0) to cppo_padded_column (2)", s) ||
      !in_range(from.surrogate, cppo_reinforce, "surrogate", "cppo_ratio (0) to cppo_reinforce (1)", s) ||
      !in_range(from.executor, cppo_seq, "executor", "cppo_simd (0) to cppo_seq (1)", s) ||
      !in_range(from.threads, 4096, "threads", "0, as many as the machine has, to 4096", s)) {
    return false;
  }
  if (from.entropy_bonus != 0.0) {
    return refuse(s, cppo_bad_argument, argument::options,
                  word("option entropy_bonus is of cppo_policy_loss_from_logits, which has the entropies: leave it 0"));
  }
  into.aggregate = static_cast<cppo::aggregation>(from.aggregate);
  into.bad_input = static_cast<cppo::on_bad_input>(from.bad_input);
  into.positions = static_cast<cppo::position_convention>(from.positions);
  into.surrogate = {static_cast<cppo::surrogate_form>(from.surrogate), from.log_ratio_clamp, from.ratio_cap};
  into.horizon = from.horizon;
  into.normalizer = from.normalizer;
  into.log_prob_tolerance = from.log_prob_tolerance;
  into.log_prob_floor = from.log_prob_floor;
  return true;
}

void take_pieces(cppo_options const& from, std::int64_t pieces, piece_memory& memory, cppo::loss_options& into) {
  auto const n = static_cast<std::size_t>(pieces > 0 ? pieces : 0);
  auto const take = [n](auto const* words, auto& values, auto const& read) {
    values.clear();
    if (words == nullptr) return;
    values.reserve(n);
    for (std::size_t b = 0; b < n; ++b) values.push_back(read(words[b]));
  };
  take(from.carries, memory.carries, sums_of);
  take(from.totals, memory.totals, totals_of);
  into.carries = memory.carries;
  into.totals = memory.totals;
}

cppo_prefix words_of(cppo::prefix_sums const& p) noexcept {
  return {{p.count, p.drift.high, p.drift.low, p.weight.high, p.weight.low, p.allowance.high, p.allowance.low, 0}};
}
cppo::prefix_sums sums_of(cppo_prefix const& p) noexcept {
  auto const& w = p.words;
  return {{w[1], w[2]}, {w[3], w[4]}, {w[5], w[6]}, w[0]};
}
cppo_totals words_of(cppo::response_summary const& r) noexcept {
  return {{r.length, std::bit_cast<std::int64_t>(r.max_divergence), r.divergence_sum.high, r.divergence_sum.low,
           std::bit_cast<std::int64_t>(r.delta_b), r.bad_tokens, 0, 0}};
}
cppo::response_summary totals_of(cppo_totals const& t) noexcept {
  auto const& w = t.words;
  return {w[0], std::bit_cast<double>(w[1]), {w[2], w[3]}, std::bit_cast<double>(w[4]), w[5]};
}

}  // namespace c_api

void cppo_options_init_sized(cppo_options* options, std::uint64_t size) {
  if (options == nullptr) return;
  cppo_options defaults;
  cppo_status s;
  c_api::take_structure_of_options(nullptr, defaults, s);
  defaults.size = size;
  std::memcpy(options, &defaults, std::min<std::uint64_t>(size, sizeof defaults));
  if (size > sizeof defaults) std::memset(options + 1, 0, size - sizeof defaults);
}
