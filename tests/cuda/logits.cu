// Calls on logits on a device against seq, bit for bit.
//
//     logits [--quick]      --quick: small rows alone
#include "../support/divergence_cases.hpp"
#include "../support/loss_cases.hpp"

#include <cppo/cppo.hpp>
#include <cppo/logits/cuda.cuh>

#include <cstdio>
#include <cstring>
#include <map>

namespace {

using namespace cppo_test;
using cppo::index_t;

// Copies of the vectors of a case on the device, as far from a multiple of 256 bytes as the vectors' own memory is not.
class copies {
 public:
  ~copies() {
    for (auto const& [host, device] : of_) (void)cudaFree(device);
  }
  template <class T>
  void add(std::vector<T> const& v) {
    void* p = nullptr;
    (void)cudaMalloc(&p, v.size() * sizeof(T) + 16);
    (void)cudaMemcpy(p, v.data(), v.size() * sizeof(T), cudaMemcpyHostToDevice);
    of_[v.data()] = p;
  }
  template <class T>
  T* there(std::vector<T> const& v) const {
    return static_cast<T*>(of_.at(v.data()));
  }
  template <class T>
  void bring_back(std::vector<T>& v) const {
    (void)cudaMemcpy(v.data(), there(v), v.size() * sizeof(T), cudaMemcpyDeviceToHost);
  }

 private:
  std::map<void const*, void*> of_;
};

// Runs a case on copies of its vectors: run(gpu, there, done), where done(queued) says how a call ended.
template <class Buffers, class Run>
auto run_there(cppo::cuda_t const& gpu, Buffers& b, Run const& run) {
  copies all;
  b.each_input([&](auto const& v) { all.add(v); });
  b.each_output([&](auto const& v) { all.add(v); });
  auto const s = run(gpu, [&](auto const& v) { return all.there(v); },
                     [&](cppo::status const& queued) { return queued.ok() ? fetch(gpu) : queued; });
  b.each_output([&](auto& v) { all.bring_back(v); });
  if constexpr (requires { b.x; }) all.bring_back(b.x);  // a gradient may be there
  return s;
}
template <class Buffers, class Run>
auto run_there(Buffers& b, Run const& run) {
  cppo::device_workspace memory;
  return run_there(cppo::on(nullptr).with_workspace(memory), b, run);
}
auto const on_device = [](auto& b) {
  return run_there(b, [&](auto const& gpu, auto const& there, auto const& done) {
    return run_case(
        b, there, [&](auto const& batch, auto const& out) { return done(log_probs(gpu, batch, out)); },
        [&](auto const& batch, auto const& of, auto const& g) { return done(logits_gradient(gpu, batch, of, g)); });
  });
};
auto const divergences_on_device = [](auto& b) {
  return run_there(b, [&](auto const& gpu, auto const& there, auto const& done) {
    return run_case(b, there, [&](auto const&... of) { return done(full_divergences(gpu, of...)); });
  });
};

template <class Element, class Gradient = Element>
std::string compare(logit_case const& c) {
  return unlike_seq<Element, Gradient>(c, on_device, [](auto&) {});
}
// Rows of less than a stretch, and of more than a tile; aligned and not.
std::string small_rows() {
  std::string wrong = compare<float>({.rows = 3, .width = 257, .apart = 2, .skip = 1, .entropy_slope = 0.01});
  if (wrong.empty()) wrong = compare<cppo::bfloat16>({.rows = 3, .width = 512, .temperature = 0.7, .seed = 4});
  if (wrong.empty()) wrong = compare<cppo::half, float>({.rows = 2, .width = 1030, .skip = 3, .seed = 7});
  return wrong;
}
std::string some_tiles() { return compare<float>({.rows = 1, .width = 9300, .most = 2, .seed = 6}); }
std::string faults() { return faults_unlike_seq(on_device); }

template <class Pi, class Mu = Pi>
std::string compare_divergences(divergence_case const& c) {
  return divergences_unlike_seq<Pi, Mu>(c, divergences_on_device);
}
std::string small_divergences() {
  std::string wrong = compare_divergences<float>({.rows = 3, .width = 257, .apart = 2, .skip = 1, .seed = 2});
  divergence_case const narrow{.rows = 3, .width = 513, .temperature = 0.7, .only_tv = true, .seed = 4};
  if (wrong.empty()) wrong = compare_divergences<cppo::bfloat16>(narrow);
  divergence_case const of_log_probs{.rows = 2, .width = 1030, .skip = 3, .mu = mu_is::log_probs, .seed = 7};
  if (wrong.empty()) wrong = compare_divergences<cppo::half, float>(of_log_probs);
  if (wrong.empty()) wrong = compare_divergences<float, cppo::bfloat16>({.rows = 1, .width = 4500, .seed = 6});
  return wrong;
}
std::string divergence_faults() { return divergence_faults_unlike_seq(divergences_on_device); }

// Captures what call() queues, and launches it twice.
template <class Call>
cppo::status run_twice_as_graph(cudaStream_t stream, Call const& call) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t run = nullptr;
  (void)cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  cppo::status const s = call();
  cudaError_t e = cudaStreamEndCapture(stream, &graph);
  if (s.ok() && e == cudaSuccess) e = cudaGraphInstantiate(&run, graph, 0);
  for (int k = 0; k < 2 && s.ok() && e == cudaSuccess; ++k) e = cudaGraphLaunch(run, stream);
  if (run != nullptr) (void)cudaGraphExecDestroy(run);
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  return s.ok() && e != cudaSuccess ? cppo::detail::failed(e) : s;
}
enum class loss_is { queued, queued_with_report_lent, captured };

auto const loss_by = [](cppo::cuda_t const& executor, loss_is how) {
  return [executor, how](auto& b, auto const& region) {
    return run_there(executor, b, [&](auto const& gpu, auto const& there, auto const&) {
      int* offsets = nullptr;  // both sides read it
      (void)cudaMallocManaged(&offsets, b.offsets.size() * sizeof *offsets);
      std::copy(b.offsets.begin(), b.offsets.end(), offsets);
      auto const n = static_cast<index_t>(b.c.responses);
      cppo::layout const l = b.c.packed ? cppo::layout(cppo::packed(offsets, n))
                                        : cppo::layout(cppo::padded(n, static_cast<index_t>(b.c.slots)));
      std::vector<cppo::report> report{b.report};
      copies of_report;
      of_report.add(report);
      bool const lent = how == loss_is::queued_with_report_lent;
      auto const call = [&] {
        return run_case(b, there, l, lent ? of_report.there(report) : nullptr,
                        [&](auto const& batch, auto const& out, auto const& o) {
                          return policy_loss_from_logits(lent ? gpu : gpu.with_report(), batch, region, out, o);
                        });
      };
      cppo::status s = how == loss_is::captured ? run_twice_as_graph(gpu.stream(), call) : call();
      if (s.ok()) s = fetch(gpu, lent ? nullptr : &b.report);
      of_report.bring_back(report);
      if (lent) b.report = report[0];
      (void)cudaFree(offsets);
      return s;
    });
  };
};
auto const loss_on_device = [](auto& b, auto const& region) {
  cppo::device_workspace memory;
  return loss_by(cppo::on(nullptr).with_workspace(memory), loss_is::queued)(b, region);
};
template <class Element, class Region>
std::string compare_losses(loss_case const& c, Region const& region) {
  return loss_unlike_seq<Element>(c, region, loss_on_device);
}
auto const calibrated = cppo::presets::dense_base(cppo::top_k_tv);
std::string small_losses() {
  std::string wrong = compare_losses<float>({.responses = 3, .slots = 5, .width = 301}, calibrated);
  loss_case const narrow{.responses = 2, .slots = 4, .width = 130, .aggregate = cppo::token_sum, .packed = true,
                         .in_place = true, .temperature = 0.7, .seed = 3};
  if (wrong.empty()) wrong = compare_losses<cppo::bfloat16>(narrow, calibrated);
  loss_case const sums{.responses = 3, .slots = 3, .width = 90, .aggregate = cppo::token_sum, .seed = 4};
  return wrong.empty() ? compare_losses<float>(sums, calibrated) : wrong;
}
// A refused call, and then good ones, over one workspace; the last of them in a graph.
std::string one_workspace() {
  loss_case const c{.responses = 2, .slots = 4, .width = 33};
  cppo::device_workspace memory;
  cudaStream_t stream = nullptr;
  (void)cudaStreamCreate(&stream);
  auto const gpu = cppo::on(stream).with_workspace(memory);
  auto const no_number = [](auto& b) { b.mask[0] = 1, b.x[5] = std::numeric_limits<float>::quiet_NaN(); };
  std::string wrong = loss_unlike_seq<float>(c, calibrated, loss_by(gpu, loss_is::queued), no_number);
  for (loss_is const how : {loss_is::queued, loss_is::queued_with_report_lent, loss_is::captured}) {
    if (wrong.empty()) wrong = loss_unlike_seq<float>(c, calibrated, loss_by(gpu, how));
  }
  (void)cudaStreamDestroy(stream);
  return wrong;
}
// Memory that the device does not read, a workspace without room, and a bonus are refused before anything is queued.
struct refusal {
  cppo::status is;
  cppo::status_code code;
  cppo::argument where;
};
struct refused_calls {
  std::vector<float> x = std::vector<float>(6, 0.5F);
  std::vector<double> total = {1.6, 1.6};
  std::vector<int> id = {1, 1};
  copies all;
  cppo::device_workspace memory;

  refused_calls() { all.add(x), all.add(total), all.add(id); }
  float* there() const { return all.there(x); }
  std::vector<refusal> divergences() {
    using enum cppo::status_code;
    using cppo::argument;
    double* const sum = all.there(total);
    auto const gpu = cppo::on(nullptr).with_workspace(memory);
    auto const rows = cppo::logits(3, there());
    auto const batch = cppo::logit_batch(cppo::padded(1, 2), rows);
    std::vector<double> here(2);
    cppo::policy_rows const mu{.logits = rows, .log_sum_exp = sum};
    return {{full_divergences(gpu, batch, sum, mu, {.tv = here}), not_device_memory, argument::divergence},
            {full_divergences(gpu, batch, total, mu, {}), not_device_memory, argument::log_prob},
            {full_divergences(gpu, batch, sum, {.logits = rows, .log_sum_exp = total}, {}), not_device_memory,
             argument::rollout_log_prob},
            {full_divergences(gpu, batch, sum, {.log_probs = cppo::logits(3, x)}, {}), not_device_memory,
             argument::logits}};
  }
  std::vector<refusal> losses() {
    using enum cppo::status_code;
    using cppo::argument;
    auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::logits(3, there()),
                                           cppo::token_id(all.there(id)), cppo::rollout_log_prob(there()),
                                           cppo::advantage(there()), cppo::rollout_top_k(1, all.there(id), there()));
    auto const loss = [&](auto const& on, float* gradient, cppo::logit_loss_options const& more,
                          cppo::loss_options const& options = {}) {
      return policy_loss_from_logits(on, batch, calibrated, {.logits_gradient = gradient}, options, more);
    };
    auto const gpu = cppo::on(nullptr).with_workspace(memory), full = cppo::on(nullptr).with_workspace(there(), 0);
    std::size_t const bytes = device_workspace_bytes(batch, calibrated, {});
    auto const bad = cppo::calibrated_cppo({.delta = -1.0}, cppo::top_k_tv);
    return {{loss(gpu, x.data(), {}), not_device_memory, argument::logits},
            {loss(gpu, there(), {.entropy_bonus = 0.1}), bad_parameter, argument::options},
            // Checked before memory is obtained.
            {loss(full, x.data(), {}), not_device_memory, argument::logits},
            {loss(full, there(), {}, {.normalizer = -1.0}), bad_parameter, argument::options},
            {policy_loss_from_logits(full, batch, bad, {}), bad_parameter, argument::region},
            {loss(cppo::on(nullptr).with_workspace(there(), bytes - 1), there(), {}), workspace_too_small,
             argument::none}};
  }
};
std::string refusals() {
  refused_calls calls;
  for (auto const& some : {calls.divergences(), calls.losses()}) {
    for (refusal const& r : some) {
      if (r.is.code != r.code || r.is.where != r.where) return std::string("it says ") + cppo::describe(r.is).c_str();
    }
  }
  return "";
}
std::string loss_faults() { return loss_faults_unlike_seq(calibrated, loss_on_device); }

// Rows as a language model has them.
std::string large_rows() {
  std::string wrong;
  for (std::uint64_t seed = 0; seed < 3 && wrong.empty(); ++seed) {
    for (std::size_t const width : {32000, 50257, 151936}) {
      logit_case const c{.rows = 66, .width = width, .most = 20, .temperature = 0.9, .seed = seed};
      if (wrong.empty()) wrong = compare<float>(c);
      if (wrong.empty()) wrong = compare<cppo::bfloat16>(c);
      if (wrong.empty()) wrong = compare<cppo::half, float>(c);
      divergence_case const d{.rows = 66, .width = width, .temperature = 0.9, .seed = seed};
      if (wrong.empty()) wrong = compare_divergences<float>(d);
      if (wrong.empty()) wrong = compare_divergences<cppo::bfloat16, float>(d);
    }
  }
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  bool const quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("there is no CUDA device: skipped\n");
    return 77;
  }
  struct comparison {
    char const* name;
    std::string (*run)();
  };
  int failed = 0;
  for (auto const& [name, run] : {comparison{"small rows", small_rows}, comparison{"some tiles", some_tiles},
                                  comparison{"what is wrong", faults}, comparison{"divergences", small_divergences},
                                  comparison{"what is wrong with divergences", divergence_faults},
                                  comparison{"losses", small_losses},
                                  comparison{"what is wrong with losses", loss_faults},
                                  comparison{"one workspace", one_workspace}, comparison{"refusals", refusals},
                                  comparison{"large rows", large_rows}}) {
    if (quick && run == large_rows) continue;
    std::string const wrong = run();
    std::printf("%s: %s\n", name, wrong.empty() ? "ok" : wrong.c_str());
    failed += wrong.empty() ? 0 : 1;
  }
  return failed == 0 ? 0 : 1;
}
