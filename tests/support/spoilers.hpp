// Every way to make the input of a slot bad, and strange input that is valid.
#pragma once

#include <cppo/execution/call/task.hpp>
#include <cppo/testing/generated_batch.hpp>

#include <cstring>
#include <functional>
#include <limits>

namespace cppo_test {

// A value in one input, and the status that the library must return for it.
struct spoiler {
  using batch_t = cppo::testing::generated_batch<float>;
  cppo::status_code code;
  cppo::argument where;
  float value;
  std::function<void(batch_t&, std::size_t, float)> spoil;
  cppo::loss_options options = {};  // log_prob_tolerance and log_prob_floor of the call
  void at(batch_t& batch, cppo::index_t slot) const { spoil(batch, static_cast<std::size_t>(slot), value); }
};

// A table of spoilers.
class spoiler_list {
 public:
  using batch_t = spoiler::batch_t;
  using buffer = std::vector<float> batch_t::*;
  using values = std::initializer_list<float>;

  void input(cppo::status_code code, cppo::argument where, buffer b, values xs, cppo::loss_options const& o = {}) {
    auto const spoil = [b](batch_t& batch, std::size_t slot, float v) { (batch.*b)[slot] = v; };
    for (float const x : xs) all_.push_back({code, where, x, spoil, o});
  }
  // Adds values for entry j of the Top-K lists, which gets a token if it has none.
  void list(cppo::status_code code, buffer b, std::size_t j, values xs, cppo::loss_options const& o = {}) {
    auto const spoil = [b, j](batch_t& batch, std::size_t slot, float v) {
      std::size_t const at = static_cast<std::size_t>(batch.k) * slot + j;
      if (batch.listed_id[at] < 0) batch.listed_id[at] = 7;
      (batch.*b)[at] = v;
    };
    for (float const x : xs) all_.push_back({code, cppo::argument::top_k, x, spoil, o});
  }
  // Adds values for the response mask, lent in this type.
  void mask(cppo::status_code code, cppo::element_type type, values xs) {
    auto const spoil = [type](batch_t& batch, std::size_t slot, float v) {
      batch.mask_type = type;
      batch.seal();
      auto* const bytes = batch.mask_bytes.data();
      if (type == cppo::element_type::f32) std::memcpy(bytes + slot * sizeof v, &v, sizeof v);
      else cppo::detail::store(bytes, type, static_cast<cppo::index_t>(slot), static_cast<double>(v));
    };
    for (float const x : xs) all_.push_back({code, cppo::argument::response_mask, x, spoil, {}});
  }
  std::vector<spoiler> take() { return std::move(all_); }

 private:
  std::vector<spoiler> all_;
};

namespace spoiling {
inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float tiny = std::numeric_limits<float>::denorm_min();
inline constexpr float subnormal = std::numeric_limits<float>::min() - tiny;
inline constexpr float largest = std::numeric_limits<float>::max();
inline constexpr float below_floor = -0x1.f40002p+9F;  // the first float below -1000
}  // namespace spoiling

inline void add_bad_masks(spoiler_list& l) {
  using namespace spoiling;
  using type = cppo::element_type;
  constexpr auto invalid = cppo::status_code::response_mask_invalid;
  float const quiet = cppo::testing::poison<float>(0), signaling = cppo::testing::poison<float>(1);
  l.mask(invalid, type::u8, {2.0F, 255.0F});
  l.mask(invalid, type::boolean, {2.0F});
  l.mask(invalid, type::i32, {2.0F, -1.0F, 65536.0F});
  l.mask(invalid, type::i64, {2.0F, 4294967296.0F});
  l.mask(invalid, type::f16, {2.0F, quiet});
  l.mask(invalid, type::bf16, {0.5F, infinity});
  l.mask(invalid, type::f32, {2.0F, 0.5F, -1.0F, quiet, signaling, infinity, tiny});
  l.mask(invalid, type::f64, {2.0F, 0.1F, -infinity});
}

inline void add_bad_entropies_and_references(spoiler_list& l) {
  using namespace spoiling;
  using batch_t = spoiler::batch_t;
  using code = cppo::status_code;
  using where = cppo::argument;
  float const quiet = cppo::testing::poison<float>(0), signaling = cppo::testing::poison<float>(1);
  l.input(code::entropy_invalid, where::entropy, &batch_t::entropy,
          {quiet, signaling, infinity, -infinity, -0.125F, -tiny});
  l.input(code::reference_log_prob_invalid, where::reference_log_prob, &batch_t::reference_log_prob,
          {quiet, signaling, infinity, -infinity, 0.1F, tiny, largest});
  l.input(code::reference_log_prob_too_low, where::reference_log_prob, &batch_t::reference_log_prob,
          {below_floor, -9999.0F, -largest});
}

// Input that makes an active slot bad. The batch has Top-K lists of two or more, and lends every other input used here.
inline std::vector<spoiler> all_spoilers() {
  using namespace spoiling;
  using batch_t = spoiler::batch_t;
  using code = cppo::status_code;
  using where = cppo::argument;
  float const quiet = cppo::testing::poison<float>(0), signaling = cppo::testing::poison<float>(1);
  spoiler_list l;
  l.input(code::log_prob_invalid, where::log_prob, &batch_t::log_prob,
          {quiet, signaling, infinity, -infinity, 0.1F, 0.25F, tiny, largest});
  l.input(code::rollout_log_prob_invalid, where::rollout_log_prob, &batch_t::rollout_log_prob,
          {quiet, signaling, infinity, -infinity, 0.1F, 1e-7F, subnormal, largest});
  // Numbers that engines write for -inf; the lowest numbers of half, bfloat16 and float are among them.
  l.input(code::log_prob_too_low, where::log_prob, &batch_t::log_prob, {below_floor, -9999.0F, -65504.0F, -largest});
  l.input(code::rollout_log_prob_too_low, where::rollout_log_prob, &batch_t::rollout_log_prob,
          {below_floor, -9999.0F, -1e30F, -0x1.fep127F});
  l.input(code::advantage_invalid, where::advantage, &batch_t::advantage, {quiet, signaling, infinity, -infinity});
  add_bad_masks(l);
  l.input(code::divergence_invalid, where::divergence, &batch_t::divergence,
          {quiet, signaling, infinity, -infinity, -0.125F, -tiny});
  l.input(code::token_weight_invalid, where::token_weight, &batch_t::token_weight,
          {quiet, signaling, infinity, -infinity});
  add_bad_entropies_and_references(l);
  for (std::size_t const j : {0U, 1U}) {
    for (auto const list : {&batch_t::listed_log_prob, &batch_t::listed_rollout_log_prob}) {
      l.list(code::top_k_invalid, list, j, {quiet, signaling, infinity, 0.1F, 0.5F, tiny});
      l.list(code::top_k_too_low, list, j, {below_floor, -9999.0F, -largest});
    }
  }
  return l.take();
}

// Input that is strange but valid: nothing is reported.
inline std::vector<spoiler> all_harmless() {
  using namespace spoiling;
  using batch_t = spoiler::batch_t;
  using where = cppo::argument;
  auto const ok = cppo::status_code::ok;
  cppo::loss_options const admitting{.log_prob_tolerance = static_cast<double>(0.1F)};
  cppo::loss_options const without_floor{.log_prob_floor = -std::numeric_limits<double>::infinity()};
  spoiler_list l;
  for (auto const input : {&batch_t::log_prob, &batch_t::rollout_log_prob}) {
    where const name = input == &batch_t::log_prob ? where::log_prob : where::rollout_log_prob;
    l.input(ok, name, input, {-tiny, -subnormal, 0.0F, -0.0F, -1000.0F});  // inclusive
    l.input(ok, name, input, {0.1F, tiny}, admitting);                     // too
    l.input(ok, name, input, {-9999.0F, -largest}, without_floor);
  }
  l.input(ok, where::advantage, &batch_t::advantage, {tiny, -tiny, subnormal, -subnormal, -0.0F});
  l.input(ok, where::divergence, &batch_t::divergence, {tiny, subnormal, -0.0F, largest});
  l.input(ok, where::token_weight, &batch_t::token_weight, {tiny, -tiny, -subnormal, -0.0F, -1.0F});
  for (std::size_t const j : {0U, 1U}) {
    for (auto const list : {&batch_t::listed_log_prob, &batch_t::listed_rollout_log_prob}) {
      l.list(ok, list, j, {-tiny, -subnormal, 0.0F, -0.0F, -1000.0F, -infinity});
      l.list(ok, list, j, {0.1F, tiny}, admitting);
      l.list(ok, list, j, {-9999.0F, -largest, -infinity}, without_floor);
    }
  }
  return l.take();
}

}  // namespace cppo_test
