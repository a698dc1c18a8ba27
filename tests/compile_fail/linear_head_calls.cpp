// expect: the second argument of policy_loss_from_head is a head
// expect: the third argument of policy_loss_from_head is a batch with a slab
// expect: the fourth argument of policy_loss_from_head is a region
// expect: a batch whose logits are made in slabs goes to policy_loss_from_head
// expect: logits_in_slabs(rows, V, x) takes memory that is written
// expect: logits_in_slabs(rows, V, x) takes float, cppo::half or cppo::bfloat16
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

struct half_a_head {
  void logits(cppo::head_rows, cppo::matrix_view<float>) const {}
};
struct whole_head : half_a_head {
  void hidden_gradient(cppo::head_rows, cppo::matrix_view<float const>) const {}
  void head_gradient(cppo::head_rows, cppo::matrix_view<float const>) const {}
};

float x[4], mu[1], a[1];
double wide[4];
int y[1];
auto const region = cppo::presets::dense_post_trained();
auto const batch = cppo::rollout_batch(cppo::padded(1, 1), cppo::logits_in_slabs(1, 4, x), cppo::token_id(y),
                                       cppo::rollout_log_prob(mu), cppo::advantage(a));
auto const of_logits = cppo::rollout_batch(cppo::padded(1, 1), cppo::logits(4, x), cppo::token_id(y),
                                           cppo::rollout_log_prob(mu), cppo::advantage(a));
auto const b = cppo::policy_loss_from_head(cppo::seq, half_a_head{}, batch, region, {});
auto const c = cppo::policy_loss_from_head(cppo::seq, whole_head{}, of_logits, region, {});
auto const d = cppo::policy_loss_from_head(cppo::seq, whole_head{}, batch, cppo::top_k_tv, {});
auto const e = cppo::policy_loss_from_logits(cppo::seq, batch, region, {});
float const* const fixed = x;
auto const f = cppo::logits_in_slabs(1, 4, fixed);
auto const g = cppo::logits_in_slabs(1, 4, wide);
