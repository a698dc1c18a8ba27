#include "runtime.hpp"

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace ptx {

namespace {

u64 from_environment(char const* name, u64 otherwise) {
  char const* const value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}
// PTX_WITHOUT=MODULE:LINE,LINE,...
std::vector<u32> left_out(int number) {
  std::vector<u32> lines;
  char const* at = std::getenv("PTX_WITHOUT");
  if (at == nullptr || std::atoi(at) != number || (at = std::strchr(at, ':')) == nullptr) return lines;
  for (; at != nullptr; at = std::strchr(at + 1, ',')) lines.push_back(static_cast<u32>(std::atoi(at + 1)));
  return lines;
}
void write_file(char const* variable, std::string (*text)(device const&)) {
  if (char const* const path = std::getenv(variable)) std::ofstream(path) << text(runtime::get().gpu);
}
void at_end() {
  if (!runtime::get().report()) return;
  std::fflush(nullptr);
  std::_Exit(98);
}

}  // namespace

runtime& runtime::get() {
  static runtime& only = *new runtime;
  return only;
}

runtime::runtime()
    : architecture(static_cast<int>(from_environment("PTX_ARCH", 90))),
      processors(static_cast<int>(from_environment("PTX_PROCESSORS", 2))),
      resident(static_cast<int>(from_environment("PTX_RESIDENT", 2))) {
  gpu.how.races = from_environment("PTX_RACES", 0) != 0;
  gpu.how.undefined = from_environment("PTX_UNDEFINED", 1) != 0;
  gpu.how.seed = from_environment("PTX_SEED", 0);
  gpu.how.blocks = static_cast<int>(from_environment("PTX_BLOCKS", 4));
  std::atexit(at_end);
  // Each warp has a stack of 2 MiB: the heap keeps them, so that the system need not clear their pages each time.
  (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
  (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

void runtime::stop(fault const& f) {
  std::fflush(nullptr);
  std::fprintf(stderr, "ptx: FAULT: %s\n", f.what());
  (void)get().report();
  std::_Exit(99);
}

bool runtime::report() {
  u64 instructions = 0, launches = 0;
  for (auto const& [name, c] : gpu.counts) {
    instructions += c.all();
    launches += c.launches;
  }
  auto const& found = gpu.found.all();
  std::ostringstream text;
  text << "ptx: " << gpu.counts.size() << " kernels, " << launches << " launches, " << instructions
       << " instructions of threads, " << found.size() << " findings\n";
  for (auto const& [what, times] : found) text << "ptx: FINDING: " << what << " (" << times << " times)\n";
  std::fputs(text.str().c_str(), stderr);
  write_file("PTX_COUNTS", counts_text);
  write_file("PTX_COVERAGE", coverage_text);
  return !gpu.found.empty();
}

int runtime::add_binary(void const* wrapper) {
  binaries_.push_back(std::make_unique<binary>(binary{embedded_in(wrapper), nullptr}));
  return static_cast<int>(binaries_.size()) - 1;
}

// The newest architecture that the device can run.
module& runtime::module_of(int number) {
  binary& b = *binaries_.at(static_cast<std::size_t>(number));
  if (b.read != nullptr) return *b.read;
  embedded* best = nullptr;
  for (embedded& e : b.texts) {
    if (e.architecture <= architecture && (best == nullptr || e.architecture > best->architecture)) best = &e;
  }
  std::string const name = "module " + std::to_string(number);
  if (best == nullptr) throw fault("no PTX for sm_" + std::to_string(architecture) + " in " + name);
  b.read = &gpu.add(name, std::move(best->text));
  b.read->architecture = best->architecture;
  b.read->without = left_out(number);
  if (char const* const path = std::getenv("PTX_TEXT")) {
    std::ofstream(path + ("." + std::to_string(number))) << b.read->text;
  }
  b.texts.clear();
  return *b.read;
}

function const& runtime::kernel(void const* host) {
  auto const k = kernels_.find(host);
  if (k == kernels_.end()) throw fault("a kernel was never registered");
  return gpu.kernel(module_of(k->second.from), k->second.name);
}

cudaError_t runtime::launch(void const* host, dim3 grid, dim3 threads, void** arguments, u32 cluster_size,
                            cudaStream_t in) {
  function const& f = kernel(host);
  u64 const blocks = u64{grid.x} * grid.y * grid.z, per_block = u64{threads.x} * threads.y * threads.z;
  bool const threads_fit = per_block > 0 && per_block <= 1024;
  bool const clusters_fit = cluster_size > 0 && blocks % cluster_size == 0;
  if (blocks == 0 || !threads_fit || !clusters_fit) return cudaErrorInvalidConfiguration;
  if (cluster_size > 8 || (cluster_size > 1 && f.owner->architecture < 90)) return cudaErrorInvalidClusterSize;
  std::vector<u8> bytes(static_cast<std::size_t>(f.parameter_bytes));
  for (std::size_t k = 0; k < f.parameters.size(); ++k) {
    std::memcpy(bytes.data() + f.parameters[k].offset, arguments[k], static_cast<std::size_t>(f.parameters[k].size));
  }
  submit(in, [this, &f, grid, threads, cluster_size, bytes](stream_id where) {
    gpu.run(f, {grid.x, grid.y, grid.z}, {threads.x, threads.y, threads.z}, cluster_size, bytes, where);
    if (!f.owner->without.empty() && !gpu.found.empty()) {  // what was left out is found: no more is to be known
      (void)report();
      std::_Exit(98);
    }
  });
  return cudaSuccess;
}

cudaStream_t runtime::create_stream() {
  auto const s = reinterpret_cast<cudaStream_t>(new char);
  streams_[s] = gpu.streams.create();
  return s;
}
stream_id runtime::number_of(cudaStream_t s) const {
  if (s == nullptr) return 0;
  auto const known = streams_.find(s);
  if (known == streams_.end()) throw fault("a stream is not known");
  return known->second;
}
void runtime::submit(cudaStream_t in, operation what) {
  if (auto const c = captures_.find(in); c != captures_.end()) c->second.push_back(std::move(what));
  else what(number_of(in));
}
std::vector<operation> runtime::end_capture(cudaStream_t s) {
  std::vector<operation> all = std::move(captures_.at(s));
  captures_.erase(s);
  return all;
}

void runtime::note_copy(void const* p, std::size_t n, bool written) {
  auto const address = reinterpret_cast<u64>(p);
  if (n == 0) return;
  allocation* const a = gpu.memory.find(address, 1);
  if (a == nullptr) return;  // of the host
  if (!a->holds(address, n)) {
    gpu.found.add("a copy out of bounds: " + std::to_string(n) + " bytes from " + gpu.memory.describe(address));
    return;
  }
  if (a->kind == memory_kind::freed) throw fault("a copy after free: " + gpu.memory.describe(address));
  if (written) a->marks.define(a->size, address - a->begin, n);
}

}  // namespace ptx
