// One long response cut over ranks (context parallelism, zig-zag): the mask of the uncut response, bit for bit.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

using namespace cppo;

int failed(status const& s) {
  std::puts(describe(s).c_str());
  return 1;
}

int main() {
  constexpr index_t T = 3000, cuts[] = {0, 700, 1500, 2100, T};  // four pieces
  std::vector<float> pi(T), mu(T), adv(T, 1.0f), whole(T), pieces(T);
  for (std::size_t i = 0; i < T; ++i) {
    mu[i] = -0.3f - 0.004f * static_cast<float>(i * 37 % 211);
    pi[i] = mu[i] + 0.0016f * (static_cast<float>(i * 53 % 171) - 50.0f);
  }
  auto const region = presets::dense_base();  // a calibrated budget: even its quantile survives the cut
  auto const uncut = rollout_batch(padded(1, T), log_prob(pi), rollout_log_prob(mu), advantage(adv));
  report full;
  status const one = policy_loss(seq, uncut, region, {.gradient = whole, .report = &full});

  // Zig-zag: rank 0 holds pieces 0 and 3, rank 1 holds pieces 1 and 2. Here both ranks' memory in one buffer.
  index_t const order[] = {0, 3, 1, 2};
  std::vector<float> p, q;
  std::vector<std::int64_t> offsets = {0};
  for (index_t const k : order) {
    p.insert(p.end(), pi.begin() + cuts[k], pi.begin() + cuts[k + 1]);
    q.insert(q.end(), mu.begin() + cuts[k], mu.begin() + cuts[k + 1]);
    offsets.push_back(static_cast<std::int64_t>(p.size()));
  }
  auto const batch = rollout_batch(packed(offsets), log_prob(p), rollout_log_prob(q), advantage(adv));

  //! [pieces]
  // 1. each piece alone; what leaves a rank is a response_summary (and, for a calibrated budget, its divergences)
  response_summary piece, total;
  std::vector<float> divergences;
  for (index_t k = 0; k < 4; ++k) {
    if (status const s = summarize_piece(batch, region, k, piece, divergences); !s) return failed(s);
    total = combine(total, piece);
  }
  if (status const s = resolve_totals<float>(region, total, divergences, total); !s) return failed(s);

  // 2. in the order of the response: the sums of each piece; a piece's carry is the sum of those before it
  std::vector<prefix_sums> carries(4);
  std::vector<response_summary> const totals(4, total);
  prefix_sums before, own;
  for (index_t const k : {0, 2, 3, 1}) {  // the slots that hold pieces 0, 1, 2, 3
    carries[static_cast<std::size_t>(k)] = before;
    if (status const s = sum_piece(batch, region, k, total, before.count, own); !s) return failed(s);
    before = before + own;
  }

  // 3. each piece alone again, with its carry
  report r;
  status const two = policy_loss(simd, batch, region, {.gradient = pieces, .report = &r},
                                 {.carries = carries, .totals = totals});
  //! [pieces]
  assert(one.ok() && two.ok());
  for (std::size_t slot = 0; slot < 4; ++slot) {
    auto const k = static_cast<std::size_t>(order[slot]);
    std::size_t const size = static_cast<std::size_t>(cuts[k + 1] - cuts[k]) * sizeof(float);
    assert(std::memcmp(pieces.data() + offsets[slot], whole.data() + cuts[k], size) == 0);
  }
  assert(r.kept == full.kept && r.masked_budget == full.masked_budget && total.delta_b == full.max_delta_b);

  // In one process, plan_pieces does steps 1 and 2.
  index_t const response_of[] = {0, 0, 0, 0};
  piece_plan const plan = plan_pieces(batch, region, response_of, order, 1);
  for (std::size_t k = 0; k < 4; ++k) assert(plan.carries[k] == carries[k]);
  std::printf("delta_b %.4f; kept %td of %td tokens, uncut and in four pieces\n", total.delta_b, r.kept, T);
}
