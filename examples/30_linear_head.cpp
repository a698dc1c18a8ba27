// From hidden states and a linear head to the gradient of both, with the logits of eight rows in memory at a time. The
// products of matrices are Eigen's. Then the same with all logits at once.
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

#include <Eigen/Core>

#include <cassert>
#include <cstdio>

using namespace cppo;
using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

//! [head]
struct eigen_head {
  matrix const &hidden, &weight;    // [N, H] and [H, V]
  matrix &hidden_sum, &weight_sum;  // their gradients, 0 before the call

  template <class T>
  static auto lent(matrix_view<T> x) { return matrix::Map(x.data_handle(), x.extent(0), x.extent(1)); }
  void logits(head_rows rows, matrix_view<float> x) const {
    lent(x).noalias() = hidden(rows, Eigen::all) * weight;
  }
  void hidden_gradient(head_rows rows, matrix_view<float const> d) const {
    hidden_sum(rows, Eigen::all) = lent(d) * weight.transpose();
  }
  void head_gradient(head_rows rows, matrix_view<float const> d) const {
    weight_sum.noalias() += hidden(rows, Eigen::all).transpose() * lent(d);
  }
};
//! [head]

int main() {
  constexpr int B = 3, T = 10, N = B * T, H = 16, V = 2000, C = 8;
  matrix const hidden = 2 * matrix::Random(N, H), weight = matrix::Random(H, V);
  matrix hidden_sum = matrix::Zero(N, H), weight_sum = matrix::Zero(H, V), slab(C, V), x = hidden * weight;
  float mu[N], adv[] = {1, -1, 0.5f};
  int y[N];
  bool tokens[N];
  for (int i = 0; i < N; ++i) mu[i] = -3.0f, y[i] = i, tokens[i] = i % 10 < 4 + i / 10;  // 15 of 30 slots
  auto const region = calibrated_cppo({.delta = 0.02});
  eigen_head const head{hidden, weight, hidden_sum, weight_sum};
  report r;
  head_work work;
  //! [from_head]
  auto const batch = rollout_batch(padded(B, T), logits_in_slabs(C, V, slab.data()), token_id(y), rollout_log_prob(mu),
                                   advantage(per_response(adv)), response_mask(tokens));
  status s = policy_loss_from_head(simd, head, batch, region, {.report = &r, .work = &work},
                                   {.aggregate = token_mean});
  //! [from_head]
  assert(s.ok());
  std::printf("kept %td of %td tokens: %td rows of logits, %td with a gradient\n", r.kept, r.counts.tokens,
              work.logits_rows, work.gradient_rows);
  auto const whole = rollout_batch(padded(B, T), logits(V, x.data()), token_id(y), rollout_log_prob(mu),
                                   advantage(per_response(adv)), response_mask(tokens));
  s = policy_loss_from_logits(simd, whole, region, {.logits_gradient = x.data()}, {.aggregate = token_mean});
  assert(s.ok() && (hidden_sum - x * weight.transpose()).cwiseAbs().maxCoeff() < 1e-5f);
  assert((weight_sum - hidden.transpose() * x).cwiseAbs().maxCoeff() < 1e-5f);
}
