// Prints a hash of 128 bits over all that passes over rows of logits give: log-probs, what shards of the vocabulary
// find and make together, gradients, divergences, and the way from logits to their gradient; for every element type, on
// seq and on registers with 1 to 4 threads. Whoever compiles it, for whatever target, it must print the line of
// logits_expected.txt.
#include "corpus.hpp"

#include <cppo/logits.hpp>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace {

using namespace cppo;
using digest::generator;
using digest::hash128;

constexpr index_t rows = 5, listed = 3, largest = 4;
constexpr auto slots = static_cast<std::size_t>(rows);

template <class T>
T element_of(float x) {
  if constexpr (std::is_same_v<T, half>) return to_half(x);
  else if constexpr (std::is_same_v<T, bfloat16>) return to_bfloat16(x);
  else return x;
}

/// Quotients of whole numbers, some far above or below, some -inf.
float drawn_logit(generator& g) {
  float const usual = static_cast<float>(static_cast<int>(g.below(2001)) - 1000) / 128.0F;
  switch (g.below(48)) {
    case 0: case 1: return -std::numeric_limits<float>::infinity();
    case 2: return usual + 11.0F;
    case 3: return usual - 80.0F;
    case 4: return -0.0F;
    default: return usual;
  }
}

/// Logits of both policies over `width` ids, and what is lent beside them. The third slot is no token.
template <class T>
struct logit_corpus {
  index_t width;
  std::vector<T> pi, mu;
  std::vector<std::int32_t> id, lists;
  std::vector<std::uint8_t> mask{1, 1, 0, 1, 1};
  std::vector<float> rollout{-0.5F, -1.0F, 0.0F, -2.5F, -7.0F}, advantage{1.0F, -1.0F, 0.0F, 0.5F, -0.25F};

  logit_corpus(index_t ids, std::uint64_t seed) : width(ids) {
    generator g(seed);
    for (std::size_t i = 0; i < slots; ++i) {
      auto const sampled = g.below(static_cast<std::uint64_t>(width));
      for (std::uint64_t v = 0; v < static_cast<std::uint64_t>(width); ++v) {
        for (std::vector<T>* x : {&pi, &mu}) {
          float const y = mask[i] == 0 ? digest::poison(g) : v == sampled ? 2.5F : drawn_logit(g);
          x->push_back(element_of<T>(y));
        }
      }
      id.push_back(static_cast<std::int32_t>(sampled));
      for (index_t j = 0; j < listed; ++j) {
        lists.push_back(j == 1 ? -1 : static_cast<std::int32_t>(g.below(static_cast<std::uint64_t>(width))));
      }
    }
  }
  logit_batch_view lend(std::vector<T> const& x, double t) const {
    return logit_batch(padded(1, rows), logits(width, x).at_temperature(t), token_id(id), top_k_ids(listed, lists),
                       response_mask(mask));
  }
  logit_batch_view shard(index_t first, index_t count, double t) const {
    matrix_view<T const> const columns(pi.data() + first, rows, count, width, 1);
    return logit_batch(padded(1, rows), logits(count, columns).from_id(first, width).at_temperature(t), token_id(id),
                       top_k_ids(listed, lists), response_mask(mask));
  }
};

void note(hash128& h, status const& s) {
  auto const code = static_cast<std::int32_t>(s.code);
  h.bytes(&code, sizeof code);
}

/// What `log_probs` writes.
struct written_log_probs {
  std::vector<float> log_prob = std::vector<float>(slots), of_listed = std::vector<float>(slots * listed),
                     of_largest = std::vector<float>(slots * largest);
  std::vector<double> total = std::vector<double>(slots), entropy = std::vector<double>(slots);
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(slots * largest);

  log_prob_outputs lend() {
    return {.log_prob = log_prob, .listed_log_prob = of_listed, .log_sum_exp = total, .entropy = entropy,
            .largest_count = largest, .largest_id = ids, .largest_log_prob = of_largest};
  }
  void add_to(hash128& h) const {
    h.values(log_prob), h.values(of_listed), h.values(of_largest), h.values(total), h.values(entropy), h.values(ids);
  }
};

/// Log-probs of the whole vocabulary, and of two shards of it.
template <class T, class Executor>
written_log_probs add_log_probs(hash128& h, Executor const& e, logit_corpus<T> const& c, double t) {
  written_log_probs whole, shards;
  note(h, log_probs(e, c.lend(c.pi, t), whole.lend()));
  whole.add_to(h);
  index_t const first = c.width / 3;
  if (first == 0) return whole;
  found_logits low, high;
  note(h, find_logits(e, c.shard(0, first, t), low, largest));
  note(h, find_logits(e, c.shard(first, c.width - first, t), high, largest));
  note(h, log_probs(c.shard(0, first, t), combine(low, high), shards.lend()));
  shards.add_to(h);
  return whole;
}

/// Gradients in the type Out, without and with the entropy's slope.
template <class Out, class T, class Executor>
void add_gradients(hash128& h, Executor const& e, logit_corpus<T> const& c, double t, written_log_probs const& found) {
  std::vector<double> const slope{0.75, -1.25, 1e-5, 0.0, 0x1p-20};
  for (double const entropy_slope : {0.0, -0.015625}) {
    std::vector<Out> gradient(c.pi.size());
    logit_slopes const of{.slope = slope, .log_sum_exp = found.total, .entropy = found.entropy,
                          .entropy_slope = entropy_slope};
    note(h, logits_gradient(e, c.lend(c.pi, t), of, gradient));
    h.values(gradient);
  }
}

template <class T, class Executor>
void add_divergences(hash128& h, Executor const& e, logit_corpus<T> const& c, double t, written_log_probs const& pi) {
  written_log_probs mu;
  note(h, log_probs(e, c.lend(c.mu, 1.5), mu.lend()));
  std::vector<double> tv(slots), kl(slots), tv_alone(slots);
  logit_rows const mu_rows = c.lend(c.mu, 1.5).logits();
  policy_rows const other{.logits = mu_rows, .log_sum_exp = mu.total};
  note(h, full_divergences(e, c.lend(c.pi, t), pi.total, other, {.tv = tv, .kl = kl}));
  note(h, full_divergences(e, c.lend(c.pi, t), pi.total, other, {.tv = tv_alone}));
  h.values(tv), h.values(kl), h.values(tv_alone);
}

/// From logits to their gradient under CPPO.
template <class T, class Executor>
void add_policy_loss(hash128& h, Executor const& e, logit_corpus<T> const& c, double t) {
  std::vector<T> gradient(c.pi.size());
  std::vector<float> divergence(slots);
  std::vector<std::uint8_t> mask(slots);
  auto const batch = rollout_batch(padded(1, rows), logits(c.width, c.pi).at_temperature(t), token_id(c.id),
                                   rollout_log_prob(c.rollout), advantage(c.advantage), response_mask(c.mask));
  note(h, policy_loss_from_logits(e, batch, fixed_cppo({.delta = 0.15, .delta_b = 0.015}),
                                  {.logits_gradient = gradient, .mask = mask, .trace = {.divergence = divergence}}));
  h.values(gradient), h.values(mask), h.values(divergence);
}

template <class T, class Executor>
void add_type(hash128& h, Executor const& e, index_t width) {
  logit_corpus<T> const c(width, static_cast<std::uint64_t>(width));
  for (double const t : {1.0, 0.7}) {
    written_log_probs const found = add_log_probs(h, e, c, t);
    add_gradients<T>(h, e, c, t, found);
    add_gradients<float>(h, e, c, t, found);
    add_divergences(h, e, c, t, found);
    add_policy_loss(h, e, c, t);
  }
}

template <class Executor>
hash128 logits_digest(Executor const& e) {
  hash128 h;
  for (index_t const width : {1, 2, 15, 16, 17, 33, 64, 100, 257, 1000, 1023, 1024, 1025, 2500, 5000}) {
    add_type<float>(h, e, width);
    add_type<half>(h, e, width);
    add_type<bfloat16>(h, e, width);
  }
  return h;
}

int complain(char const* who, std::string const& want, std::string const& got) {
  if (want == got) return 0;
  std::printf("%s: %s, wanted %s\n", who, got.c_str(), want.c_str());
  return 1;
}

std::string text(hash128 const& h) {
  char line[33];
  std::snprintf(line, sizeof line, "%016" PRIx64 "%016" PRIx64, h.high(), h.low());
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  std::string const line = text(logits_digest(seq));
  int wrong = 0;
#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD
  for (int threads = 1; threads <= 4; ++threads) {
    wrong += complain("simd", line, text(logits_digest(simd.with_threads(threads, 1))));
  }
#endif
  if (argc > 1) {
    std::string expected;
    std::ifstream(argv[1]) >> expected;
    wrong += complain("seq", expected, line);
  }
  std::puts(line.c_str());
  return wrong == 0 ? 0 : 1;
}
