// A batch, a trust region and options drawn from bytes.
#pragma once

#include "byte_source.hpp"
#include "../support/chosen_region.hpp"

#include <cppo/cppo.hpp>

#include <vector>

namespace fuzz {

/// Dense buffers of a batch; padded, or the same memory packed.
struct drawn_batch {
  bool packed = false;
  bool valid = true;  ///< every value is in its range
  cppo::index_t responses = 0, width = 0;
  std::vector<std::int64_t> offsets;  ///< of the responses on the packed axis, for either layout
  std::vector<float> log_prob, rollout_log_prob, advantage, divergence, weight;
  std::vector<std::uint8_t> mask;
  static constexpr cppo::index_t k = 3;
  std::vector<std::int32_t> token_id, listed;
  std::vector<float> listed_log_prob, listed_rollout_log_prob;

  explicit drawn_batch(byte_source& bytes);

  std::size_t slots() const { return log_prob.size(); }
  /// Packed at any offsets over the same memory.
  cppo::rollout_batch_view<float> cut_at(std::vector<std::int64_t> const& cu_seqlens) const {
    return lend(cppo::packed(cu_seqlens));
  }
  /// As it is.
  cppo::rollout_batch_view<float> view() const {
    return packed ? cut_at(offsets) : lend(cppo::padded(responses, width));
  }

 private:
  cppo::rollout_batch_view<float> lend(cppo::layout const& shape) const {
    return cppo::rollout_batch(shape, cppo::log_prob(log_prob), cppo::rollout_log_prob(rollout_log_prob),
                               cppo::advantage(advantage), cppo::response_mask(mask),
                               cppo::divergence_values(divergence), cppo::token_weight(weight),
                               cppo::token_id(token_id),
                               cppo::top_k(k, listed, listed_log_prob, listed_rollout_log_prob));
  }
};

inline drawn_batch::drawn_batch(byte_source& bytes) {
  packed = bytes.coin();
  bool const wild = bytes.below(4) == 0;
  responses = bytes.below(5);
  width = bytes.below(8) == 0 ? bytes.below(256) * 3 : bytes.below(40);
  offsets = {0};
  for (cppo::index_t b = 0; b < responses; ++b) {
    offsets.push_back(offsets.back() + (packed ? bytes.below(static_cast<int>(width % 200) + 1) : width));
  }
  auto const n = static_cast<std::size_t>(offsets.back());
  auto const value = [&](float good) { return wild && bytes.below(16) == 0 ? bytes.any_float() : good; };
  for (std::size_t i = 0; i < n; ++i) {
    mask.push_back(wild && bytes.below(64) == 0 ? std::uint8_t{2} : static_cast<std::uint8_t>(bytes.below(8) != 0));
    bool const hole = mask.back() == 0;  // whatever stands there
    auto const slot = [&](float good) { return hole ? bytes.any_float() : value(good); };
    float const mu = bytes.log_prob();
    rollout_log_prob.push_back(slot(mu));
    log_prob.push_back(slot(bytes.coin() ? mu : bytes.log_prob()));
    advantage.push_back(slot(static_cast<float>(bytes.below(17) - 8) / 4.0F));
    divergence.push_back(slot(static_cast<float>(bytes.byte()) / 512.0F));
    weight.push_back(slot(static_cast<float>(bytes.below(9)) / 4.0F));
    token_id.push_back(bytes.below(5));
    for (cppo::index_t j = 0; j < k; ++j) {
      listed.push_back(bytes.below(6) - 1);
      listed_log_prob.push_back(slot(bytes.log_prob()));
      listed_rollout_log_prob.push_back(slot(bytes.log_prob()));
    }
  }
  valid = !wild;
}

/// A trust region, its parameters valid, extreme or out of range.
inline cppo_test::chosen_region drawn_region(byte_source& bytes) {
  constexpr double parameters[] = {0.15, 0.015, 0.02, 0.05, 0.3, 0.8, 1.0, 1e-9, 1e-3, 2.0, 999.0, 1000.0};
  constexpr double odd[] = {0.0, -1.0, 1001.0, 1e300, std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity()};
  auto const parameter = [&] { return bytes.below(32) == 0 ? bytes.one_of(odd) : bytes.one_of(parameters); };
  cppo_test::chosen_region c;
  constexpr auto& names = cppo_test::region_names;
  c.region = names[static_cast<std::size_t>(bytes.below(static_cast<int>(std::size(names))))];
  c.divergence = cppo::divergence_names()[static_cast<std::size_t>(
      bytes.below(static_cast<int>(std::size(cppo::divergence_names()))))];
  c.delta = parameter();
  c.delta_b = parameter();
  c.w_min = bytes.coin() ? 0.8 : parameter();
  c.epsilon_low = bytes.coin() ? 0.2 : parameter();
  c.epsilon_high = bytes.coin() ? 0.28 : parameter();
  if (bytes.coin()) c.calibrate = {parameter(), parameter(), parameter()};
  c.seed = bytes.word();
  return c;
}

/// Options, most of them valid.
inline cppo::loss_options drawn_options(byte_source& bytes) {
  cppo::loss_options o;
  o.aggregate = static_cast<cppo::aggregation>(bytes.below(5));
  constexpr double normalizers[] = {0.0, 0.0, 1.0, 64.0, 1e-300, -1.0, 1e301};
  o.normalizer = bytes.one_of(normalizers);
  o.horizon = bytes.below(4) == 0 ? 0 : bytes.below(256);
  o.surrogate.form = static_cast<cppo::surrogate_form>(bytes.below(2));
  constexpr double clamps[] = {20.0, 0.0, 1.0, 86.0, 87.0};
  constexpr double caps[] = {0.0, 0.0, 2.0, 1.0, 1e30};
  o.surrogate.log_ratio_clamp = bytes.one_of(clamps);
  o.surrogate.ratio_cap = bytes.one_of(caps);
  o.positions = static_cast<cppo::position_convention>(bytes.below(8) < 6 ? 0 : bytes.below(3));
  o.bad_input = static_cast<cppo::on_bad_input>(bytes.below(3));
  constexpr double tolerances[] = {0.0, 0.0, -0.0, 1e-3, 2.0};
  o.log_prob_tolerance = bytes.one_of(tolerances);
  constexpr double floors[] = {-1000.0, -1000.0, -1e30, -std::numeric_limits<double>::infinity(), -800.0, 1.0};
  o.log_prob_floor = bytes.one_of(floors);
  return o;
}

}  // namespace fuzz
