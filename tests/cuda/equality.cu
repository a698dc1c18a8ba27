// The device against seq, bit for bit: random and adversarial batches, pieces, ten million tokens, more than 2^31
// elements, graphs, streams, and what is refused. A plain program: needs a device, CUDA and the library alone.
//
//     equality [--quick] [WORDS]      --quick: a few batches, nothing large; WORDS: comparisons whose name holds them
#include "equality.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <limits>

namespace {

using namespace cppo_test;
using cppo::index_t;

// What needs the runtime's own objects: freed at the end.
template <class T>
class device_array {
 public:
  explicit device_array(std::size_t n, bool managed = false) {
    ok_ = (managed ? cudaMallocManaged(&data_, n * sizeof(T)) : cudaMalloc(&data_, n * sizeof(T))) == cudaSuccess;
  }
  explicit device_array(std::vector<T> const& from) : device_array(from.size()) {
    ok_ = ok_ && cudaMemcpy(data_, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess;
  }
  device_array(device_array const&) = delete;
  device_array& operator=(device_array const&) = delete;
  ~device_array() { (void)cudaFree(data_); }
  T* data() const { return data_; }
  bool ok() const { return ok_; }
  std::vector<T> host(std::size_t n) const {
    std::vector<T> v(n);
    (void)cudaMemcpy(v.data(), data_, n * sizeof(T), cudaMemcpyDeviceToHost);
    return v;
  }

 private:
  T* data_ = nullptr;
  bool ok_ = false;
};

// Inputs of one size, on both sides.
struct both_sides {
  std::vector<float> pi, mu, a;
  device_array<float> d_pi, d_mu, d_a;
  static std::vector<float> fill(std::size_t n, int what) {
    std::vector<float> v(n);
    for (std::size_t i = 0; i < n; ++i) {
      float const x = -static_cast<float>(i * 7919 % 1000) / 1000.0F - 0.1F;
      v[i] = what == 2   ? (i % 3 == 0 ? -1.0F : 1.0F)
             : what == 0 ? x - 0.2F * (static_cast<float>(i % 13) - 6.0F) / 13.0F
                         : x;
      if (what == 0 && v[i] > 0.0F) v[i] = 0.0F;
    }
    return v;
  }
  explicit both_sides(std::size_t n) : pi(fill(n, 0)), mu(fill(n, 1)), a(fill(n, 2)), d_pi(pi), d_mu(mu), d_a(a) {}
  auto host(index_t b, index_t t) const {
    return cppo::rollout_batch(cppo::padded(b, t), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
  }
  auto device(index_t b, index_t t) const {
    return cppo::rollout_batch(cppo::padded(b, t), cppo::log_prob(d_pi.data()), cppo::rollout_log_prob(d_mu.data()),
                               cppo::advantage(d_a.data()));
  }
};

std::string calls_queued_on_two_streams() {
  index_t const b = quick ? 3 : 96, t = quick ? 4200 : 4096;
  auto const n = static_cast<std::size_t>(b * t);
  both_sides const data(n);
  std::vector<float> want(n);
  cppo::report r, got[2];
  auto const region = cppo::calibrated_cppo();
  if (!policy_loss(cppo::seq, data.host(b, t), region, {.gradient = want, .report = &r}).ok()) return "seq fails";
  cudaStream_t streams[2];
  cppo::device_workspace memory[2];
  device_array<float> g0(n), g1(n);
  for (cudaStream_t& s : streams) {
    if (cudaStreamCreate(&s) != cudaSuccess) return "no stream";
  }
  for (int round = 0; round < (quick ? 2 : 20); ++round) {
    for (int k = 0; k < 2; ++k) {
      auto const gpu = cppo::on(streams[k]).with_workspace(memory[k]).with_report();
      auto const s = policy_loss(gpu, data.device(b, t), region, {.gradient = (k == 0 ? g0 : g1).data()});
      if (!s.ok()) return s.message();
    }
  }
  for (int k = 0; k < 2; ++k) {
    auto const s = fetch(cppo::on(streams[k]).with_workspace(memory[k]), &got[k]);
    if (!s.ok()) return s.message();
    if ((k == 0 ? g0 : g1).host(n) != want) return "a gradient differs";
    if (auto const wrong = unlike(got[k], r); !wrong.empty()) return wrong;
    (void)cudaStreamDestroy(streams[k]);
  }
  return "";
}

template <class Executor>
std::string graph_differs(both_sides& data, index_t b, index_t t, device_array<float> const& gradient,
                          Executor const& gpu, cudaGraphExec_t run, cudaStream_t stream) {
  auto const n = static_cast<std::size_t>(b * t);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < n; ++i) data.a[i] = static_cast<float>(i * 31 % 7) - 3.0F + static_cast<float>(round);
    (void)cudaMemcpy(data.d_a.data(), data.a.data(), n * sizeof(float), cudaMemcpyHostToDevice);
    if (cudaGraphLaunch(run, stream) != cudaSuccess) return "not launched";
    cppo::report r, want_r;
    std::vector<float> want(n);
    if (!fetch(gpu, &r).ok()) return "the call failed";
    (void)policy_loss(cppo::seq, data.host(b, t), cppo::fixed_cppo(), {.gradient = want, .report = &want_r},
                      {.aggregate = cppo::token_mean});
    if (gradient.host(n) != want) return "a gradient differs";
    if (auto const wrong = unlike(r, want_r); !wrong.empty()) return wrong;
  }
  return "";
}
std::string a_graph_replayed_on_new_data() {
  index_t const b = quick ? 5 : 64, t = quick ? 600 : 2048;
  auto const n = static_cast<std::size_t>(b * t);
  both_sides data(n);
  auto const region = cppo::fixed_cppo();
  cudaStream_t stream;
  if (cudaStreamCreate(&stream) != cudaSuccess) return "no stream";
  device_array<float> gradient(n);
  cppo::device_workspace memory;
  auto const gpu = cppo::on(stream).with_workspace(memory).with_report();
  cudaGraph_t graph;
  cudaGraphExec_t run;
  (void)cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  bool const early = policy_loss(gpu, data.device(b, t), region, {.gradient = gradient.data()}).code ==
                     cppo::status_code::workspace_too_small;
  (void)cudaStreamEndCapture(stream, &graph);
  if (!early) return "a workspace grew inside a graph";
  if (memory.reserve(device_workspace_bytes(data.device(b, t), region), stream) != cudaSuccess) return "no memory";
  (void)cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  auto const s =
      policy_loss(gpu, data.device(b, t), region, {.gradient = gradient.data()}, {.aggregate = cppo::token_mean});
  if (cudaStreamEndCapture(stream, &graph) != cudaSuccess || !s.ok()) return "not captured";
  if (cudaGraphInstantiate(&run, graph, 0) != cudaSuccess) return "not instantiated";
  auto const wrong = graph_differs(data, b, t, gradient, gpu, run, stream);
  (void)cudaGraphExecDestroy(run);
  (void)cudaGraphDestroy(graph);
  (void)cudaStreamDestroy(stream);
  return wrong;
}

std::string ten_million_tokens() {
  index_t const b = 1221, t = 8192;
  auto const n = static_cast<std::size_t>(b * t);
  both_sides const data(n);
  for (int k = 0; k < 2; ++k) {
    std::vector<float> want(n), got(n);
    cppo::report r, g;
    auto const both = [&](auto const& region) {
      (void)policy_loss(cppo::seq, data.host(b, t), region, {.gradient = want, .report = &r});
      return policy_loss(on_copies{}, data.host(b, t), region, {.gradient = got, .report = &g});
    };
    auto const s = k == 0 ? both(cppo::fixed_cppo()) : both(cppo::calibrated_cppo());
    if (!s.ok()) return s.message();
    if (std::memcmp(want.data(), got.data(), n * sizeof(float)) != 0) return "a gradient differs";
    if (auto const wrong = unlike(g, r); !wrong.empty()) return wrong;
  }
  return "";
}

std::vector<float> gradient_of_row(both_sides const& row, index_t t) {
  std::vector<float> want(static_cast<std::size_t>(t)), one{1.0F};
  auto const batch = cppo::rollout_batch(cppo::padded(1, t), cppo::log_prob(row.pi), cppo::rollout_log_prob(row.mu),
                                         cppo::advantage(cppo::per_response(one)));
  (void)policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.gradient = want});
  return want;
}
// 2^31 and some elements, all of a call alike but the last row: its outputs must be those of a batch of one row.
std::string more_than_two_to_the_31_elements() {
  index_t const t = 8192, b = (index_t{1} << 31) / t + 3;
  auto const n = static_cast<std::size_t>(b * t);
  device_array<float> pi(n), mu(n), gradient(n), a(static_cast<std::size_t>(b));
  if (!pi.ok() || !mu.ok() || !gradient.ok() || !a.ok()) return "skipped: not enough memory on the device";
  (void)cudaMemset(pi.data(), 0, n * sizeof(float));
  (void)cudaMemset(mu.data(), 0, n * sizeof(float));
  both_sides const row(static_cast<std::size_t>(t));
  std::vector<float> const ones(static_cast<std::size_t>(b), 1.0F);
  (void)cudaMemcpy(a.data(), ones.data(), ones.size() * sizeof(float), cudaMemcpyHostToDevice);
  (void)cudaMemcpy(pi.data() + n - static_cast<std::size_t>(t), row.pi.data(),
                   static_cast<std::size_t>(t) * sizeof(float), cudaMemcpyHostToDevice);
  (void)cudaMemcpy(mu.data() + n - static_cast<std::size_t>(t), row.mu.data(),
                   static_cast<std::size_t>(t) * sizeof(float), cudaMemcpyHostToDevice);
  auto const shared =
      cppo::rollout_batch(cppo::padded(b, t), cppo::log_prob(pi.data()), cppo::rollout_log_prob(mu.data()),
                          cppo::advantage(cppo::per_response(a.data())));
  cppo::device_workspace memory;
  auto const gpu = cppo::on(nullptr).with_workspace(memory).with_report();
  auto s = policy_loss(gpu, shared, cppo::fixed_cppo(), {.gradient = gradient.data()});
  cppo::report r;
  if (s.ok()) s = fetch(gpu, &r);
  if (!s.ok()) return s.message();
  if (r.counts.tokens != b * t) return "tokens are missing";
  std::vector<float> last(static_cast<std::size_t>(t));
  (void)cudaMemcpy(last.data(), gradient.data() + n - static_cast<std::size_t>(t), last.size() * sizeof(float),
                   cudaMemcpyDeviceToHost);
  return last == gradient_of_row(row, t) ? "" : "the last row differs";
}

// Inputs on the device for calls that are refused, or that hold almost nothing.
struct refusals {
  both_sides const data{64};
  device_array<float> g{64};
  cppo::device_workspace memory;

  auto gpu() { return cppo::on(nullptr).with_workspace(memory); }
  auto lend(cppo::layout const& l) const {
    return cppo::rollout_batch(l, cppo::log_prob(data.d_pi.data()), cppo::rollout_log_prob(data.d_mu.data()),
                               cppo::advantage(data.d_a.data()));
  }
  template <class Batch>
  cppo::status call(Batch const& batch) {
    auto const s = policy_loss(gpu(), batch, cppo::fixed_cppo(), {.gradient = g.data()});
    return s.ok() ? fetch(gpu()) : cppo::status{cppo::status_code::device_error};  // it was not queued
  }
};

std::string memory_that_will_not_do() {
  using cppo::status_code;
  refusals r;
  std::vector<float> host(64);
  auto const region = cppo::fixed_cppo();
  auto const s = policy_loss(cppo::on(nullptr), r.data.host(2, 32), region, {.gradient = r.g.data()});
  if (s.code != status_code::not_device_memory || s.where != cppo::argument::log_prob) return "a host input is taken";
  if (policy_loss(cppo::on(nullptr), r.data.device(2, 32), region, {.gradient = host}).code !=
      status_code::not_device_memory)
    return "a host output is taken";
  device_array<unsigned char> small(256);
  auto const lent = cppo::on(nullptr).with_workspace(small.data(), 256);
  if (policy_loss(lent, r.data.device(2, 32), region, {.gradient = r.g.data()}).code !=
      status_code::workspace_too_small)
    return "a small workspace is taken";
  if (fetch(cppo::on(nullptr)).code != status_code::workspace_too_small) return "nothing is fetched from nowhere";
  return "";
}

std::string input_that_is_not_valid() {
  using cppo::status_code;
  refusals r;
  device_array<float> nan(std::vector<float>(64, std::numeric_limits<float>::quiet_NaN()));
  auto const done = r.call(cppo::rollout_batch(cppo::padded(2, 32), cppo::log_prob(nan.data()),
                                               cppo::rollout_log_prob(r.data.d_mu.data()),
                                               cppo::advantage(r.data.d_a.data())));
  if (done.code == status_code::device_error) return "a call is not queued";
  if (done.code != status_code::log_prob_invalid || done.response != 0 || done.token != 0 || done.count != 64)
    return "NaN goes unseen";
  if (r.g.host(64) != std::vector<float>(64, 0.0F)) return "a rejected response has a gradient";
  std::vector<std::int64_t> const offsets{0, 40, 30};
  device_array<std::int64_t> const there(offsets);
  auto const order = r.call(r.lend(cppo::packed_on_device(there.data(), 2, 64)));
  if (order.code == status_code::device_error) return "a packed call is not queued";
  if (order.code != status_code::bad_offsets || order.response != 1) return "offsets that decrease go unseen";
  return "";
}

std::string slots_of_no_response() {
  using cppo::status_code;
  refusals r;
  std::vector<std::int32_t> const between{3, 10, 40};
  device_array<std::int32_t> const cuts(between);
  auto const inside = cppo::packed_on_device(cuts.data(), 2, 64);
  auto const tell = [&](cppo::layout const& l) {
    (void)cudaMemset(r.g.data(), 0xff, 64 * sizeof(float));
    return r.call(r.lend(l)).code;
  };
  auto const written = [&](std::size_t first, std::size_t last) {
    auto const x = r.g.host(64);
    return std::count_if(x.begin() + static_cast<std::ptrdiff_t>(first), x.begin() + static_cast<std::ptrdiff_t>(last),
                         [](float v) { return v == v; });
  };
  if (tell(inside) != status_code::bad_offsets || written(0, 64) != 0) return "slots that nothing covers go unseen";
  if (tell(inside.part_of(64)) != status_code::ok || written(0, 3) + written(40, 64) != 0)
    return "a part writes what is not its own";
  if (tell(inside.with_capacity(64)) != status_code::ok || written(0, 64) != 64) return "a capacity is not cleared";
  for (std::size_t i = 0; i < 64; ++i) {
    if ((i < 3 || i >= 40) && r.g.host(64)[i] != 0.0F) return "a capacity is not +0";
  }
  return "";
}

std::string no_response_at_all() {
  refusals r;
  float const* const none = nullptr;
  for (auto const& aggregate : {cppo::token_sum, cppo::token_mean}) {
    auto const nothing = cppo::rollout_batch(cppo::padded(0, 32), cppo::log_prob(none), cppo::rollout_log_prob(none),
                                             cppo::advantage(none));
    if (!policy_loss(r.gpu(), nothing, cppo::fixed_cppo(), {}, {.aggregate = aggregate}).ok())
      return "an empty call is not queued";
    if (fetch(r.gpu()).code != cppo::status_code::no_active_tokens) return "no response is taken for some";
  }
  return "";
}

std::string what_is_refused() {
  for (auto const part : {memory_that_will_not_do, input_that_is_not_valid, slots_of_no_response, no_response_at_all}) {
    if (std::string wrong = part(); !wrong.empty()) return wrong;
  }
  return "";
}

// Without a device a call must say so, and not crash.
int without_device(cudaError_t e) {
  std::vector<float> x(8, -1.0F), g(8);
  auto const batch =
      cppo::rollout_batch(cppo::padded(1, 8), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
  auto const s = policy_loss(cppo::on(nullptr), batch, cppo::fixed_cppo(), {.gradient = g});
  std::printf("no device (%s): skipped; a call says: %s\n", cudaGetErrorString(e), s.message());
  return s.code == cppo::status_code::device_error && s.nothing_written() ? 77 : 1;
}

// True unless the comparison finds a difference.
bool passes(char const* name, std::string (*compare)()) {
  auto const begin = std::chrono::steady_clock::now();
  std::string const wrong = compare();
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  bool const good = wrong.empty() || wrong.starts_with("skipped");
  std::printf("%-6s %s, %.1f s%s%s\n", good ? "ok" : "FAILED", name, seconds, wrong.empty() ? "" : ": ",
              wrong.c_str());
  std::fflush(stdout);
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  std::string const words = argc > (quick ? 2 : 1) ? argv[argc - 1] : "";
  int devices = 0;
  if (cudaError_t const e = cudaGetDeviceCount(&devices); e != cudaSuccess || devices == 0) return without_device(e);
  cudaDeviceProp device{};
  (void)cudaGetDeviceProperties(&device, 0);
  std::printf("on %s, compute capability %d.%d\n", device.name, device.major, device.minor);
  int failed = 0, passed = 0;
  auto const check = [&](char const* name, std::string (*compare)()) {
    if (std::strstr(name, words.c_str()) != nullptr) (passes(name, compare) ? passed : failed) += 1;
  };
  check("what is refused", what_is_refused);
  check("random batches, float", random_batches_float);
  check("random batches, half and bfloat16", random_batches_narrow);
  check("random batches, double", random_batches_double);
  check("random batches, every divergence", every_divergence);
  check("bad input, three ways", bad_input);
  check("responses in pieces, every cut", every_cut);
  check("what random batches do not come to", what_is_rare);
  if (!quick) check("ten million tokens", ten_million_tokens);
  check("a graph replayed on new data", a_graph_replayed_on_new_data);
  check("two streams at once", calls_queued_on_two_streams);
  if (!quick) check("more than 2^31 elements", more_than_two_to_the_31_elements);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
