// Log-probs from logits, in one pass over them: of the sampled tokens, of the ids that the rollout policy ranks
// highest, and the largest of a row; whole, row by row, and in two shards of the vocabulary.
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

#include <cassert>
#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  using namespace cppo;
  constexpr index_t ids = 1000, k = 3;
  // Two responses of two slots; the last slot is padding, whose row may hold anything.
  std::vector<bfloat16> x(4 * ids);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bfloat16(static_cast<float>((i * 7919) % 512) / 64.0F);
  x[2 * ids + 17] = bfloat16(20.0F);  // the third token is nearly certain
  x[4 * ids - 1] = bfloat16(NAN);
  std::vector<int> const y{5, 800, 17, -1};
  std::vector<int> const listed{5, 6, 7, 8, 9, 10, 17, 3, -1, 0, 0, 0};  // -1: the list is shorter
  bool const tokens[] = {true, true, true, false};

  auto const batch = logit_batch(padded(2, 2), logits(ids, x).at_temperature(0.7), token_id(y), top_k_ids(k, listed),
                                 response_mask(tokens));
  std::vector<float> of_sampled(4), entropies(4), of_listed(4 * k), of_largest(4 * k);
  std::vector<int> largest(4 * k);
  status s = log_probs(seq, batch, {.log_prob = of_sampled, .listed_log_prob = of_listed, .entropy = entropies,
                                    .largest_count = k, .largest_id = largest, .largest_log_prob = of_largest});
  if (!s) { std::puts(describe(s).c_str()); return 1; }
  assert(of_listed[0] == of_sampled[0] && std::isinf(of_listed[8]) && of_sampled[3] == 0.0F);
  assert(largest[6] == 17 && of_largest[6] == of_sampled[2] && entropies[2] < 0.001F);
  for (std::size_t i = 0; i < 4; ++i)
    std::printf("log pi %+.6f   entropy %.6f   most probable %d\n", static_cast<double>(of_sampled[i]),
                static_cast<double>(entropies[i]), largest[i * k]);

  // Rows may come a few at a time, as a forward pass makes them: the bits are the same.
  std::vector<float> one_by_one(4);
  for (std::size_t i = 0; i < 4; ++i) {
    auto const row = logits(ids, x.data() + i * ids).at_temperature(0.7);
    s = log_probs(seq, logit_batch(padded(1, 1), row, token_id(&y[i]), response_mask(&tokens[i])),
                  {.log_prob = &one_by_one[i]});
    assert(s.ok());
  }
  assert(one_by_one == of_sampled);

  // Ranks that hold shards of the vocabulary find what they can, and send it to each other.
  auto const shard = [&](index_t first, index_t count) {
    matrix_view<bfloat16 const> const columns(x.data() + first, 4, count, ids, 1);
    return logit_batch(padded(2, 2), logits(count, columns).from_id(first, ids).at_temperature(0.7), token_id(y),
                       response_mask(tokens));
  };
  found_logits low, high;
  assert(find_logits(seq, shard(0, 400), low).ok() && find_logits(seq, shard(400, 600), high).ok());
  std::vector<float> combined(4);
  s = log_probs(shard(0, 400), combine(low, high), {.log_prob = combined});
  assert(s.ok());
  for (std::size_t i = 0; i < 4; ++i) assert(std::abs(combined[i] - of_sampled[i]) < 2e-6F);

  // What has no log-prob is refused, with its place, and nothing is written.
  x[ids + 3] = bfloat16(NAN);
  s = log_probs(seq, batch, {.log_prob = of_sampled});
  assert(s.code == status_code::logit_invalid && s.response == 0 && s.token == 1 && s.wanted == 3);
  assert(one_by_one == of_sampled);
  std::puts(describe(s).c_str());
}
