// One step of a trainer in libtorch: its tensors lend their buffers, and the gradient is written into one of them.
// Given the name of a file, it writes there what the step had and made. How it is built: tests/consumers/libtorch/.
#include <cppo/cppo.hpp>

#include <torch/torch.h>

#include <cassert>
#include <cstdio>
#include <fstream>

using torch::Tensor;

//! [lend]
template <class T>
cppo::matrix_view<T> as_view(Tensor const& x) {  // [B, T] on the host, any strides, no copy
  return {x.data_ptr<std::remove_const_t<T>>(), x.size(0), x.size(1), x.stride(0), x.stride(1)};
}

struct policy_loss : torch::autograd::Function<policy_loss> {
  static Tensor forward(torch::autograd::AutogradContext* context, Tensor const& pi, Tensor const& mu,
                        Tensor const& advantage, Tensor const& mask) {
    cppo::vector_view<float const> const per_response(advantage.data_ptr<float>(), advantage.size(0),
                                                      advantage.stride(0));
    auto const batch = cppo::rollout_batch(
        cppo::padded(pi.size(0), pi.size(1)), cppo::log_prob(as_view<float const>(pi)),
        cppo::rollout_log_prob(as_view<float const>(mu)), cppo::advantage(cppo::per_response(per_response)),
        cppo::response_mask(as_view<bool const>(mask)));
    Tensor const gradient = torch::empty_like(pi);
    cppo::report report;
    cppo::status const s = cppo::policy_loss(cppo::simd, batch, cppo::fixed_cppo({.delta = 0.02, .delta_b = 0.002}),
                                             {.gradient = as_view<float>(gradient), .report = &report},
                                             {.aggregate = cppo::token_mean});
    TORCH_CHECK(s.ok(), describe(s).c_str());
    std::printf("loss %.6f, kept %td of %td tokens\n", report.loss(), report.kept, report.counts.tokens);
    context->save_for_backward({gradient});
    return torch::scalar_tensor(report.loss(), pi.options());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list const& grad_loss) {
    return {context->get_saved_variables()[0] * grad_loss[0], Tensor(), Tensor(), Tensor()};
  }
};
//! [lend]

int main(int count, char** arguments) {
  constexpr int B = 16, T = 64, V = 32;
  torch::manual_seed(0);
  // A policy whose next token depends on the last one. mu samples; pi has moved since.
  Tensor const mu_logits = torch::randn({V, V});
  Tensor const pi_logits = (mu_logits + 0.15 * torch::randn({V, V})).requires_grad_();
  std::vector<Tensor> tokens = {torch::randint(V, {B})};
  for (int t = 0; t < T; ++t) {
    tokens.push_back(torch::multinomial(torch::softmax(mu_logits, 1).index({tokens.back()}), 1).squeeze(1));
  }
  Tensor const all = torch::stack(tokens, 1), last = all.slice(1, 0, T), next = all.slice(1, 1);
  auto const log_prob = [&](Tensor const& logits) { return torch::log_softmax(logits, 1).index({last, next}); };
  Tensor const mu = log_prob(mu_logits), advantage = torch::randn({B});
  Tensor const mask = torch::arange(T).unsqueeze(0) < torch::randint(1, T + 1, {B, 1});

  torch::optim::SGD optimizer({pi_logits}, torch::optim::SGDOptions(1.0));
  Tensor const pi = log_prob(pi_logits);
  pi.retain_grad();
  Tensor const loss = policy_loss::apply(pi, mu, advantage, mask);
  loss.backward();
  optimizer.step();

  assert(pi.grad().abs().sum().item<float>() > 0 && pi.grad().masked_select(~mask).abs().sum().item<float>() == 0);
  assert(policy_loss::apply(log_prob(pi_logits), mu, advantage, mask).item<float>() < loss.item<float>());
  if (count > 1) {
    std::vector<Tensor> const step = {pi.detach(), mu, advantage, mask, loss.detach(), pi.grad()};
    auto const bytes = torch::pickle_save(step);
    std::ofstream(arguments[1], std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
}
