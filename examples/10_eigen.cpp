// Eigen matrices, arrays, blocks and maps lent as they are: nothing is copied, column-major storage included.
#include <cppo/cppo.hpp>
#include <cppo/interop/eigen.hpp>

#include <Eigen/Core>

#include <cassert>
#include <cstdio>

using namespace cppo;

int main() {
  constexpr index_t B = 4, T = 100;
  //! [eigen]
  Eigen::ArrayXXf const mu = -0.1f - Eigen::ArrayXf::LinSpaced(B * T, 0.0f, 2.0f).reshaped(B, T);
  Eigen::ArrayXXf const pi = mu + 0.06f * (40.0f * mu).sin();
  Eigen::ArrayXf const adv = Eigen::ArrayXf::LinSpaced(B, -1.0f, 1.0f);
  Eigen::ArrayXXf gradient(B, T);
  Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> mask(B, T);

  auto const batch = rollout_batch(padded(B, T), log_prob(as_view(pi)), rollout_log_prob(as_view(mu)),
                                   advantage(per_response(as_view(adv))));
  status const s = policy_loss(simd, batch, presets::dense_post_trained(),
                               {.gradient = as_view(gradient), .mask = as_view(mask)});
  //! [eigen]
  assert(s.ok());

  // The gradient is -M rho A, here in Eigen's words.
  Eigen::ArrayXXf const expected =
      mask.select(-((pi - mu).exp().colwise() * adv), Eigen::ArrayXXf::Zero(B, T));
  assert((gradient - expected).abs().maxCoeff() < 1e-5f);

  // A block has strides of its own; the last 40 columns of both, as responses of their own.
  auto const late = rollout_batch(padded(B, 40), log_prob(as_view(pi.rightCols(40))),
                                  rollout_log_prob(as_view(mu.rightCols(40))), advantage(per_response(as_view(adv))));
  report r;
  status const again = policy_loss(seq, late, presets::dense_post_trained(), {.report = &r});
  assert(again.ok() && r.counts.tokens == B * 40);
  std::printf("kept %td of %td tokens; of the last 40 columns %td of %td\n", mask.cast<index_t>().sum(), B * T, r.kept,
              r.counts.tokens);
}
