// Batches that rapidcheck can shrink: a slot is one number, simplest at 0, so that a counterexample loses slots,
// responses and then everything about them that does not matter.
#pragma once

#include "support/property.hpp"

#include <cppo/testing/generated_batch.hpp>

#include <cmath>
#include <limits>
#include <ostream>

namespace cppo_test {

using cppo::index_t;

// What a number says of its slot. 0 is a token with pi = mu = 1, A = 1, D = 0, weight 1, and a list of itself and
// another.
struct slot_content {
  bool token;
  float log_pi, log_mu, advantage, divergence, weight;
  bool listed, full;  // is the token in its Top-K list, and has that two entries?
};
inline slot_content slot_of(std::uint32_t code) {
  auto const take = [&code](unsigned bits) {
    std::uint32_t const low = code & ((1U << bits) - 1U);
    code >>= bits;
    return low;
  };
  constexpr float advantages[] = {1.0F, -1.0F, 0.5F, -2.0F, 0.0F, 1.75F, -0.3F, -0.0F};
  constexpr double drifts[] = {0x1p-12, 0.02, 0.2, 6.0};
  bool const token = take(3) != 7;
  constexpr float weights[] = {1.0F, 0.5F, 0.0F, 0.75F};
  std::uint32_t const a = take(3), low = take(8), scale = take(2), step = take(4), sign = take(1), d = take(8),
                      w = take(3);
  double const log_mu = low % 8 == 7 ? -1e-6 * low : -0.015625 * low;
  double const log_pi = std::fmin(log_mu + (sign != 0 ? -1.0 : 1.0) * drifts[scale] * step / 4.0, 0.0);
  return {token, static_cast<float>(log_pi), static_cast<float>(log_mu), advantages[a], static_cast<float>(d) / 512.0F,
          weights[w % 4], w % 4 != 3, w < 4};
}

// Responses of slots, and how they lie in memory.
struct code_batch {
  std::vector<std::vector<std::uint32_t>> responses;
  bool packed = false;
  bool weighted = false;

  cppo::testing::generated_batch<float> make() const {
    cppo::testing::generated_batch<float> batch;
    batch.packed = packed;
    batch.lends_divergence = true;
    batch.k = 2;
    batch.responses = static_cast<index_t>(responses.size());
    for (auto const& r : responses) batch.width = std::max(batch.width, static_cast<index_t>(r.size()));
    batch.offsets.assign(1, 0);
    for (auto const& r : responses) {
      for (std::uint32_t const code : r) add(batch, slot_of(code));
      for (auto i = static_cast<index_t>(r.size()); !packed && i < batch.width; ++i) add(batch, slot_of(7));
      batch.offsets.push_back(batch.slots());
    }
    batch.refill_excluded(0);
    batch.seal();
    return batch;
  }

 private:
  // Half of what a token leaves of a policy, as a log-prob.
  static float half_the_rest(float log_prob) {
    double const rest = -std::expm1(static_cast<double>(log_prob));
    return rest > 0.0 ? static_cast<float>(std::log(0.5 * rest)) : -std::numeric_limits<float>::infinity();
  }
  void add(cppo::testing::generated_batch<float>& batch, slot_content const& s) const {
    batch.valid.push_back(s.token ? 1 : 0);
    batch.log_prob.push_back(s.log_pi);
    batch.rollout_log_prob.push_back(s.log_mu);
    batch.advantage.push_back(s.advantage);
    batch.divergence.push_back(s.divergence);
    if (weighted) batch.token_weight.push_back(s.weight);
    float const log_pi = half_the_rest(s.log_pi), log_mu = half_the_rest(s.log_mu);
    batch.token_id.push_back(1);
    batch.listed_id.insert(batch.listed_id.end(), {s.listed ? 1 : 2, s.full ? 3 : -1});
    batch.listed_log_prob.insert(batch.listed_log_prob.end(), {s.listed ? s.log_pi : log_pi, log_pi});
    batch.listed_rollout_log_prob.insert(batch.listed_rollout_log_prob.end(), {s.listed ? s.log_mu : log_mu, log_mu});
  }
};

// What a token's loss is a multiple of.
inline float weighted_advantage(cppo::testing::generated_batch<float> const& batch, std::size_t i) {
  return batch.advantage[i] * (batch.token_weight.empty() ? 1.0F : batch.token_weight[i]);
}

inline std::ostream& operator<<(std::ostream& out, code_batch const& batch) {
  out << (batch.packed ? "packed" : "padded");
  for (auto const& response : batch.responses) {
    out << "\n  response:";
    for (std::uint32_t const code : response) {
      slot_content const s = slot_of(code);
      if (!s.token) {
        out << " (hole)";
        continue;
      }
      out << " (log pi " << s.log_pi << ", log mu " << s.log_mu;
      out << ", A " << s.advantage << ", D " << s.divergence;
      if (batch.weighted) out << ", weight " << s.weight;
      out << (s.listed ? "" : ", not listed") << (s.full ? "" : ", a list of one") << ')';
    }
  }
  return out;
}

}  // namespace cppo_test

namespace rc {

// Up to four responses of up to 24 slots, and one in forty of up to 600: many words of a response mask, and chunks of
// tokens.
template <>
struct Arbitrary<cppo_test::code_batch> {
  static Gen<cppo_test::code_batch> arbitrary() {
    using slots = std::vector<std::uint32_t>;
    auto const slot = gen::resize(kNominalSize, gen::arbitrary<std::uint32_t>());
    auto const of_slots = gen::container<slots>(slot);
    auto const response = gen::weightedOneOf<slots>({{39, gen::resize(24, of_slots)}, {1, gen::resize(600, of_slots)}});
    auto const responses = gen::resize(4, gen::container<std::vector<slots>>(response));
    return gen::build<cppo_test::code_batch>(gen::set(&cppo_test::code_batch::responses, responses),
                                             gen::set(&cppo_test::code_batch::packed),
                                             gen::set(&cppo_test::code_batch::weighted));
  }
};

}  // namespace rc
