// The data of the rules, and the loop that moves the same bytes.
#include "rules_api.hpp"

#include "../random_bits.hpp"

#include <cmath>
#include <cstring>
#include <initializer_list>

namespace {

constexpr std::int64_t tokens_at_once = 512;

/// The sum of the bytes' words. Bytes behind the last word are left out.
std::uint32_t sum_of_words(void const* from, std::int64_t bytes) {
  auto const* words = static_cast<unsigned char const*>(from);
  std::uint32_t sum = 0;
  for (std::int64_t i = 0; i + 4 <= bytes; i += 4) {
    std::uint32_t word;
    std::memcpy(&word, words + i, sizeof word);
    sum += word;
  }
  return sum;
}

/// Tokens i to i + m of a stream of `bytes` for each token.
std::uint32_t read_tokens(void const* stream, std::int64_t bytes, std::int64_t i, std::int64_t m) {
  return stream == nullptr ? 0 : sum_of_words(static_cast<unsigned char const*>(stream) + i * bytes, m * bytes);
}

/// log of what a sampled token of this log-prob leaves to others.
double log_of_rest(double log_prob) { return std::log(-std::expm1(std::fmin(log_prob, -1e-6))); }

/// The list of one token: `listed` is the place of the sampled one, or k. Entry j has 0.85 times 1/3, 2/9, 4/27, ... of
/// what the sampled token leaves.
void fill_list(bench::random_bits& r, double spread, double log_mu, double log_pi, std::int64_t listed, std::int64_t at,
               bench_lists const& lists) {
  double const rest_mu = log_of_rest(log_mu), rest_pi = log_of_rest(log_pi);
  auto const first = static_cast<std::int64_t>(r.next() % 100000);
  double share = 0.85 / 3.0;
  for (std::int64_t j = 0; j < lists.k; ++j, share *= 2.0 / 3.0) {
    bool const own = j == listed;
    lists.ids[at + j] = own ? lists.sampled[at / lists.k] : first + j;
    lists.rollout_log_prob[at + j] = static_cast<float>(own ? log_mu : rest_mu + std::log(share));
    lists.log_prob[at + j] = static_cast<float>(own ? log_pi : rest_pi + std::log(share) + spread * r.normal());
  }
}

}  // namespace

void bench_rule_twin(std::int64_t n, bench_inputs const* in, bench_outputs const* o) {
  std::int64_t const number = in->element == bench_bfloat16 ? 2 : 4, k = in->k;
  for (std::int64_t i = 0; i < n; i += tokens_at_once) {
    std::int64_t const m = n - i < tokens_at_once ? n - i : tokens_at_once;
    std::uint32_t sum = read_tokens(in->response_mask, 1, i, m);
    for (void const* x : {in->log_prob, in->rollout_log_prob, in->advantage, in->divergence, in->entropy,
                          in->reference_log_prob})
      sum += read_tokens(x, number, i, m);
    if (k > 0) {
      sum += read_tokens(in->sampled, 8, i, m) + read_tokens(in->ids, 8 * k, i, m);
      for (void const* x : {in->list_log_prob, in->list_rollout_log_prob}) sum += read_tokens(x, number * k, i, m);
    }
    for (std::int64_t j = i; j < i + m; ++j) o->gradient[j] = static_cast<float>(sum);
    std::memset(o->mask + i, static_cast<int>(sum & 1), static_cast<std::size_t>(m));
  }
}

void bench_fill_lists(std::int64_t n, std::uint64_t seed, double spread, bench_data const* data,
                      bench_lists const* lists) {
  bench::random_bits r{seed};
  for (std::int64_t i = 0; i < n; ++i) {
    lists->sampled[i] = 200000 + static_cast<std::int64_t>(r.next() % 50000);
    bool const listed = r.uniform() < 0.9;
    auto const place = static_cast<std::int64_t>(r.uniform() * r.uniform() * static_cast<double>(lists->k - 1));
    fill_list(r, spread, static_cast<double>(data->rollout_log_prob[i]), static_cast<double>(data->log_prob[i]),
              listed ? place : lists->k, i * lists->k, *lists);
  }
}

void bench_fill_divergence(std::int64_t n, bench_data const* data, float* divergence) {
  for (std::int64_t i = 0; i < n; ++i)
    divergence[i] = std::fabs(std::exp(data->log_prob[i]) - std::exp(data->rollout_log_prob[i]));
}

void bench_fill_more(std::int64_t n, std::uint64_t seed, double spread, bench_data const* data, float* entropy,
                     float* reference_log_prob) {
  bench::random_bits r{seed};
  for (std::int64_t i = 0; i < n; ++i) {
    entropy[i] = static_cast<float>(-std::log(r.uniform()));
    double const log_mu = static_cast<double>(data->rollout_log_prob[i]);
    reference_log_prob[i] = static_cast<float>(-std::fabs(log_mu + spread * r.normal()));
  }
}

void bench_to_bfloat16(std::int64_t n, float const* from, std::uint16_t* to) {
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, from + i, sizeof bits);
    to[i] = static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
  }
}
