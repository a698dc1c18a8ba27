// expect: diagnose, and what plans and sums pieces, begin with a batch, as cppo::rollout_batch(...) makes it
// expect: what plans and sums pieces takes a region, diagnose a region or options: make one by
// expect: the divergences of pieces are collected in a std::vector of the batch's value_type
// expect errors: 7
// expect lines: 90
#include <cppo/cppo.hpp>

float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const region = cppo::ppo();
cppo::response_summary total;
cppo::prefix_sums sums;
std::vector<float> divergences;
std::vector<double> wide;
auto const a = cppo::plan_pieces(batch, 4, {}, {}, 1);
auto const b = cppo::summarize_piece(4, region, 0, total, divergences);
auto const c = cppo::summarize_piece(batch, region, 0, total, wide);
auto const d = cppo::sum_piece(cppo::seq, batch, 0, total, 0, sums);
auto const e = cppo::diagnose(4);
auto const f = cppo::diagnose(batch, 4L);
auto const g = cppo::diagnose(cppo::seq, batch);
