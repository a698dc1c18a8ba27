// One long response over the ranks of MPI (mpirun -n 4), each of which holds a stretch: the bits of the uncut response.
#include <cppo/cppo.hpp>

#include <mpi.h>

#include <cassert>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>

using namespace cppo;
static_assert(std::is_trivially_copyable_v<response_summary> && sizeof(prefix_sums) == 7 * sizeof(std::int64_t));

void check(status const& s) {  // a rank that fails ends them all: nobody waits for it
  if (!s.ok()) std::puts(describe(s).c_str()), MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  constexpr index_t T = 30011;
  index_t const first = T * rank / ranks, mine = T * (rank + 1) / ranks - first;
  std::vector<float> pi(T), mu(T), advantages(T), all_gradient(T), all_drift(T);
  std::vector<float> gradient(static_cast<std::size_t>(mine)), drift(gradient);
  for (std::size_t i = 0; i < T; ++i) {
    advantages[i] = i % 3 == 0 ? -1.0f : 1.0f;
    mu[i] = -0.5f - 0.004f * static_cast<float>(i * 37 % 211);
    pi[i] = mu[i] + (1e-3f + 8e-7f * static_cast<float>(i % 5003)) * (static_cast<float>(i * 53 % 171) - 80.0f);
  }
  // The budget is a quantile of D, over all ranks.
  auto const region = calibrated_cppo({.delta_b = 0.01}, binary_tv, {.quantile = 0.58, .ceiling_factor = 20.0});
  auto const lend = [&](index_t begin, index_t size) {
    auto const of = [=](std::vector<float> const& v) { return std::span<float const>(v.data() + begin, size); };
    return rollout_batch(padded(1, size), log_prob(of(pi)), rollout_log_prob(of(mu)), advantage(of(advantages)));
  };
  auto const batch = lend(first, mine);  // this rank's piece
  //! [mpi]
  // 1. the totals of every piece, 48 bytes each; 4 bytes a token for the quantile of a calibrated budget
  std::vector<float> divergences, all(T);
  std::vector<response_summary> pieces(static_cast<std::size_t>(ranks));
  response_summary piece;
  check(summarize_piece(batch, region, 0, piece, divergences));
  MPI_Allgather(&piece, sizeof piece, MPI_BYTE, pieces.data(), sizeof piece, MPI_BYTE, MPI_COMM_WORLD);
  std::vector<int> lengths, starts;
  for (response_summary const& p : pieces) lengths.push_back(static_cast<int>(p.length));
  std::exclusive_scan(lengths.begin(), lengths.end(), std::back_inserter(starts), 0);
  MPI_Allgatherv(divergences.data(), lengths[static_cast<std::size_t>(rank)], MPI_FLOAT, all.data(), lengths.data(),
                 starts.data(), MPI_FLOAT, MPI_COMM_WORLD);
  response_summary total = std::accumulate(pieces.begin(), pieces.end(), response_summary{}, combine);
  check(resolve_totals<float>(region, total, all, total));

  // 2. the sums before this piece: 56 bytes, whole numbers that MPI may add as it likes
  prefix_sums own, before;
  check(sum_piece(batch, region, 0, total, starts[static_cast<std::size_t>(rank)], own));
  MPI_Exscan(&own, &before, 7, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0) before = {};

  // 3. this piece alone
  report r, uncut;
  loss_options options{.aggregate = token_mean, .normalizer = T, .carries = {&before, 1}, .totals = {&total, 1}};
  loss_outputs const part{.gradient = gradient, .trace = {.prefix_drift = drift}, .report = &r};
  check(policy_loss(simd, batch, region, part, options));
  //! [mpi]
  options = {.aggregate = token_mean, .normalizer = T};
  loss_outputs const whole{.gradient = all_gradient, .trace = {.prefix_drift = all_drift}, .report = &uncut};
  check(policy_loss(seq, lend(0, T), region, whole, options));
  assert(std::memcmp(gradient.data(), &all_gradient[first], gradient.size() * sizeof(float)) == 0);
  assert(std::memcmp(drift.data(), &all_drift[first], drift.size() * sizeof(float)) == 0);
  std::int64_t const here[] = {r.counts.tokens, r.counts.responses, r.kept, r.masked_budget};
  std::int64_t sum[4];
  MPI_Allreduce(here, sum, 4, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  assert(sum[0] == T && sum[1] == 1 && sum[2] == uncut.kept && sum[3] == uncut.masked_budget && sum[3] > 0);
  if (rank == 0) std::printf("delta_b %.4f; kept %td of %td tokens on %d ranks\n", total.delta_b, uncut.kept, T, ranks);
  return MPI_Finalize();
}
