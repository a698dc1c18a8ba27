// Measures calls on logits on a device beside the least that they must do: reading the logits once, and copying them. A
// plain program.
//
//     bench_logits [--json]      times are medians of graph replays; the twin is timed in turn with each call
#include "in_turn.hpp"

#include <cppo/cppo.hpp>
#include <cppo/logits/cuda.cuh>

#include <cstdio>
#include <cstring>

namespace {

using cppo::index_t;
using cppo_bench::check, cppo_bench::graph_of, cppo_bench::in_turn;

// Logits like those of a language model: a sum of uniform numbers, and now and then a large one.
template <class Element>
__global__ void fill(Element* x, index_t n) {
  for (index_t i = blockIdx.x * index_t{blockDim.x} + threadIdx.x; i < n; i += index_t{gridDim.x} * blockDim.x) {
    auto u = static_cast<std::uint32_t>(i) * 2654435761U;
    u ^= u >> 15;
    std::uint32_t const v = u * 747796405U;
    float y = static_cast<float>(u >> 8) * 0x1p-22F + static_cast<float>(v >> 8) * 0x1p-22F - 4.0F;
    if (v % 20000U == 0) y += 8.0F;
    x[i] = Element(y);
  }
}
// Reads all of it, 16 bytes at a time.
__global__ void read(uint4 const* x, index_t n, unsigned* sink) {
  unsigned all = 0;
  for (index_t i = blockIdx.x * index_t{blockDim.x} + threadIdx.x; i < n; i += index_t{gridDim.x} * blockDim.x) {
    uint4 const v = x[i];
    all ^= v.x ^ v.y ^ v.z ^ v.w;
  }
  if (all == 0x12345678U) *sink = all;
}

// Memory of a run, freed at its end.
class device_memory {
 public:
  device_memory() = default;
  device_memory(device_memory const&) = delete;
  device_memory& operator=(device_memory const&) = delete;
  ~device_memory() {
    for (void* p : all_) (void)cudaFree(p);
  }
  template <class T>
  T* make(index_t n) {
    void* p = nullptr;
    good = check(cudaMalloc(&p, static_cast<std::size_t>(n) * sizeof(T)), "cudaMalloc") && good;
    all_.push_back(p);
    return static_cast<T*>(p);
  }
  bool good = true;

 private:
  std::vector<void*> all_;
};

struct row_of_table {
  char const* name;
  char const* type;
  char const* twin;
  index_t rows, ids;
};
void print_row(row_of_table const& r, double bytes, std::pair<double, double> const& us, bool json) {
  char const* const form =
      json ? "{\"row\": \"%s\", \"type\": \"%s\", \"rows\": %lld, \"ids\": %lld, \"us\": %.2f, \"twin\": \"%s\", "
             "\"twin_us\": %.2f, \"gb_per_s\": %.1f, \"share\": %.3f}\n"
           : "%-20s %-5s %6lld x %-7lld %10.2f us   %s %10.2f us   %7.1f GB/s   %5.1f %% of it\n";
  std::printf(form, r.name, r.type, static_cast<long long>(r.rows), static_cast<long long>(r.ids), us.first, r.twin,
              us.second, bytes / us.first * 1e-3, (json ? 1.0 : 100.0) * us.second / us.first);
  std::fflush(stdout);
}

// The logits of a run, and what goes with them.
template <class Element>
struct inputs {
  index_t n, v;
  device_memory memory;
  Element *x, *gradient;
  float *log_prob, *entropy, *largest, *slope;
  double* total;
  std::int32_t *id, *largest_id;
  unsigned* sink;

  inputs(index_t rows, index_t ids)
      : n(rows), v(ids), x(memory.make<Element>(n * v)), gradient(memory.make<Element>(n * v)),
        log_prob(memory.make<float>(n)), entropy(memory.make<float>(n)), largest(memory.make<float>(n * 20)),
        slope(memory.make<float>(n)), total(memory.make<double>(n)), id(memory.make<std::int32_t>(n)),
        largest_id(memory.make<std::int32_t>(n * 20)), sink(memory.make<unsigned>(1)) {
    if (!memory.good) return;
    fill<<<1024, 256>>>(x, n * v);
    fill<<<64, 256>>>(slope, n);
    (void)cudaMemset(id, 0, static_cast<std::size_t>(n) * sizeof *id);
  }
  double bytes() const { return static_cast<double>(n * v) * sizeof(Element); }
  cppo::logit_batch_view batch() const {
    return cppo::logit_batch(cppo::padded(1, n), cppo::logits(v, x), cppo::token_id(id));
  }
};

// Times a call beside its twin.
template <class Element, class Call, class Twin>
bool time_row(inputs<Element> const& in, row_of_table const& r, double bytes, bool json, Call const& call,
              Twin const& twin) {
  cudaStream_t stream;
  if (!check(cudaStreamCreate(&stream), "cudaStreamCreate")) return false;
  cppo::device_workspace memory;
  auto const gpu = cppo::on(stream).with_workspace(memory);
  cppo::status const queued = call(gpu), done = queued.ok() ? fetch(gpu) : queued;
  if (!done.ok()) std::fprintf(stderr, "%s: %s\n", r.name, cppo::describe(done).c_str());
  cudaGraphExec_t const run = done.ok() ? graph_of(stream, [&] { return call(gpu).ok(); }) : nullptr;
  if (run == nullptr) return false;
  print_row(r, bytes, in_turn(stream, [&] { (void)cudaGraphLaunch(run, stream); }, [&] { twin(stream); }), json);
  (void)cudaGraphExecDestroy(run), (void)cudaStreamDestroy(stream);
  return in.memory.good;
}

// From logits to their gradient, over log-probs that a row before this one has written as those of mu.
template <class Element, class Twin>
bool row_of_losses(inputs<Element> const& in, char const* type, bool json, Twin const& copying) {
  auto const batch = cppo::rollout_batch(cppo::padded(1, in.n), cppo::logits(in.v, in.x), cppo::token_id(in.id),
                                         cppo::rollout_log_prob(in.log_prob), cppo::advantage(in.slope));
  auto const region = cppo::presets::dense_base();
  return time_row(in, {"policy_loss_from_logits", type, "copy", in.n, in.v}, 2.0 * in.bytes(), json,
                  [&](auto const& gpu) {
                    return policy_loss_from_logits(gpu, batch, region, {.logits_gradient = in.gradient});
                  },
                  copying);
}
// Both rows are read: those of mu are logits that a twin has copied, or their gradient.
template <class Element, class Twin>
bool rows_of_divergences(inputs<Element> const& in, char const* type, bool json, Twin const& reading) {
  cppo::policy_rows const mu{.logits = cppo::logits(in.v, in.gradient), .log_sum_exp = in.total};
  auto const divergences = [&](char const* name, cppo::full_divergence_outputs const& out) {
    return time_row(in, {name, type, "read both", in.n, in.v}, 2.0 * in.bytes(), json,
                    [&](auto const& gpu) { return full_divergences(gpu, in.batch(), in.total, mu, out); },
                    [&](cudaStream_t s) { reading(s), reading(s); });
  };
  bool const good = divergences("full TV", {.tv = in.log_prob});
  return divergences("full TV and KL", {.tv = in.log_prob, .kl = in.entropy}) && good;
}
template <class Element>
bool rows_of_type(char const* type, index_t n, index_t v, bool json) {
  inputs<Element> const in(n, v);
  if (!in.memory.good) return false;
  auto const reading = [&](cudaStream_t s) {
    read<<<2048, 256, 0, s>>>(reinterpret_cast<uint4 const*>(in.x), static_cast<index_t>(in.bytes() / 16), in.sink);
  };
  auto const copying = [&](cudaStream_t s) {
    (void)cudaMemcpyAsync(in.gradient, in.x, static_cast<std::size_t>(in.bytes()), cudaMemcpyDeviceToDevice, s);
  };
  auto const passes = [&](char const* name, cppo::log_prob_outputs const& out) {
    return time_row(in, {name, type, "read", n, v}, in.bytes(), json,
                    [&](auto const& gpu) { return log_probs(gpu, in.batch(), out); }, reading);
  };
  auto const gradients = [&](char const* name, double entropy_slope) {
    cppo::logit_slopes const of{.slope = in.slope, .log_sum_exp = in.total, .entropy = in.entropy,
                                .entropy_slope = entropy_slope};
    return time_row(in, {name, type, "copy", n, v}, 2.0 * in.bytes(), json,
                    [&](auto const& gpu) { return logits_gradient(gpu, in.batch(), of, in.gradient); }, copying);
  };
  bool good = passes("log_probs", {.log_prob = in.log_prob, .log_sum_exp = in.total});
  good = passes("with entropy", {.log_prob = in.log_prob, .log_sum_exp = in.total, .entropy = in.entropy}) && good;
  good = passes("with the 20 largest", {.log_prob = in.log_prob, .largest_count = 20, .largest_id = in.largest_id,
                                        .largest_log_prob = in.largest}) && good;
  good = gradients("logits_gradient", 0.0) && good;
  good = gradients("with entropy bonus", -0.001) && good;
  good = row_of_losses(in, type, json, copying) && good;
  return rows_of_divergences(in, type, json, reading) && good;
}

}  // namespace

int main(int argc, char** argv) {
  bool const json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
  int devices = 0;
  if (cudaError_t const e = cudaGetDeviceCount(&devices); e != cudaSuccess || devices == 0) {
    std::printf("no device (%s): nothing to measure\n", cudaGetErrorString(e));
    return 77;
  }
  cudaDeviceProp device{};
  (void)cudaGetDeviceProperties(&device, 0);
  if (!json) std::printf("%s, from logits\n", device.name);
  bool good = true;
  for (auto const& [n, v] : {std::pair<index_t, index_t>{2048, 151936}, {4096, 32000}, {2048, 50257}}) {
    good = rows_of_type<float>("float", n, v, json) && good;
    good = rows_of_type<cppo::bfloat16>("bf16", n, v, json) && good;
  }
  return good ? 0 : 1;
}
