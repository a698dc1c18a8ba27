// One call from logits on a device, for the interpreter to count, as cost.cu does for other calls.
//
//     cost_logits                              prints the cases
//     cost_logits log_probs|entropy|gradient|tv|tv_kl|loss float|bf16 ROWS IDS
#include <cppo/cppo.hpp>
#include <cppo/logits/cuda.cuh>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using cppo::index_t;

template <class T>
T* there(std::vector<T> const& from) {
  void* p = nullptr;
  if (cudaMalloc(&p, from.size() * sizeof(T)) != cudaSuccess) return nullptr;
  auto const copied = cudaMemcpy(p, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice);
  return copied == cudaSuccess ? static_cast<T*>(p) : nullptr;
}

// Rows of sums of two uniform numbers, whose maximum is raised now and then, as in rows of a language model.
template <class Element>
std::vector<Element> logits_of(index_t n) {
  std::vector<Element> x;
  for (index_t i = 0; i < n; ++i) {
    auto u = static_cast<std::uint32_t>(i) * 2654435761U;
    u ^= u >> 15;
    x.push_back(Element(static_cast<float>(u >> 8) * 0x1p-22F + static_cast<float>((u * 747796405U) >> 8) * 0x1p-22F));
  }
  return x;
}

template <class Element>
int run(std::string_view row, index_t n, index_t v) {
  auto const rows = static_cast<std::size_t>(n);
  auto* const x = there(logits_of<Element>(n * v));
  int const* const id = there(std::vector<int>(rows));
  auto const batch = cppo::logit_batch(cppo::padded(1, n), cppo::logits(v, x), cppo::token_id(id));
  double* const total = there(std::vector<double>(rows, 4.0));
  float* const entropy = there(std::vector<float>(rows));
  cppo::device_workspace memory;
  auto const gpu = cppo::on(nullptr).with_workspace(memory);
  cppo::status s;
  if (row == "gradient") {
    s = logits_gradient(gpu, batch, {.slope = there(std::vector<float>(rows, 1.0F)), .log_sum_exp = total}, x);
  } else if (row == "tv" || row == "tv_kl") {
    auto* const other = there(logits_of<Element>(n * v + 7)) + 7;
    cppo::full_divergence_outputs out{.tv = entropy};
    if (row == "tv_kl") out.kl = there(std::vector<float>(rows));
    s = full_divergences(gpu, batch, total, {.logits = cppo::logits(v, other), .log_sum_exp = total}, out);
  } else if (row == "loss") {
    auto const of = [&](float x) { return there(std::vector<float>(rows, x)); };
    auto const rollouts = cppo::rollout_batch(cppo::padded(1, n), cppo::logits(v, x), cppo::token_id(id),
                                              cppo::rollout_log_prob(of(-11.0F)), cppo::advantage(of(1.0F)));
    s = policy_loss_from_logits(gpu, rollouts, cppo::fixed_cppo(), {.logits_gradient = x, .log_prob = total});
  } else if (row == "entropy") {
    s = log_probs(gpu, batch, {.log_sum_exp = total, .entropy = entropy});
  } else {
    s = log_probs(gpu, batch, {.log_sum_exp = total});
  }
  if (s.ok()) s = fetch(gpu);
  if (!s.ok()) std::printf("%s\n", s.message());
  return s.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5) {
    index_t const n = std::atoll(argv[3]), v = std::atoll(argv[4]);
    bool const floats = argv[2] == std::string_view("float");
    return floats ? run<float>(argv[1], n, v) : run<cppo::bfloat16>(argv[1], n, v);
  }
  for (char const* const row : {"log_probs", "entropy", "gradient", "tv", "tv_kl", "loss"}) {
    for (char const* const type : {"float", "bf16"}) std::printf("%s %s 2 65536\n", row, type);
  }
  return 0;
}
