#include "problem.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

#include <dlfcn.h>
#include <sys/mman.h>

namespace bench {

namespace {

template <class F>
void find(void* handle, char const* name, F& function) {
  function = reinterpret_cast<F>(dlsym(handle, name));
  if (function == nullptr) throw std::runtime_error(std::string("no function ") + name + " in the library");
}

constexpr std::size_t huge_page = std::size_t{1} << 21;

}  // namespace

library load(std::string const& path) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(std::string("cannot load: ") + dlerror());
  library lib{};
  lib.path = path;
  find(handle, "bench_policy_loss", lib.policy_loss);
  find(handle, "bench_quantiles", lib.quantiles);
  find(handle, "bench_twin", lib.twin);
  find(handle, "bench_exp", lib.exp);
  find(handle, "bench_fill", lib.fill);
  find(handle, "bench_fill_mask", lib.fill_mask);
  decltype(&bench_compiler) text = nullptr;
  find(handle, "bench_instruction_set", text);
  lib.isa = text();
  find(handle, "bench_compiler", text);
  lib.compiler = text();
  find(handle, "bench_flags", text);
  lib.flags = text();
  decltype(&bench_lanes) lanes = nullptr;
  find(handle, "bench_lanes", lanes);
  lib.lanes = lanes();
  return lib;
}

template <class T>
pages<T>::pages(std::size_t n) {
  std::size_t const bytes = (n * sizeof(T) + huge_page - 1) / huge_page * huge_page;
  void* const p = std::aligned_alloc(huge_page, bytes);
  if (p == nullptr) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  madvise(p, bytes, MADV_HUGEPAGE);
#endif
  std::memset(p, 0, bytes);
  data_.reset(static_cast<T*>(p));
}
template <class T>
void pages<T>::release::operator()(T* p) const {
  std::free(p);
}
template class pages<float>;
template class pages<std::uint8_t>;

layout make_layout(std::int64_t tokens, std::int64_t length, bool is_packed) {
  layout l{length, is_packed, {0}};
  std::uint32_t state = 12345;
  for (std::int64_t at = 0; at < tokens;) {
    state = state * 1664525U + 1013904223U;
    std::int64_t const spread =
        is_packed ? length / 8 * static_cast<std::int64_t>(state >> 16) / 65536 - length / 16 : 0;
    at = at + length + spread > tokens ? tokens : at + length + spread;
    l.offsets.push_back(static_cast<std::int32_t>(at));
  }
  return l;
}

problem::problem(library const& lib, std::int64_t tokens, int copies)
    : lib_(&lib),
      tokens_(tokens),
      copies_(copies),
      log_prob_(static_cast<std::size_t>(tokens * copies)),
      rollout_(static_cast<std::size_t>(tokens * copies)),
      advantage_(static_cast<std::size_t>(tokens * copies)),
      gradient_(static_cast<std::size_t>(tokens * copies)),
      response_mask_(static_cast<std::size_t>(tokens * copies)),
      mask_(static_cast<std::size_t>(tokens * copies)) {
  bench_data const data{log_prob_.data(), rollout_.data(), advantage_.data()};
  lib.fill(tokens * copies, 1, usual_spread, &data);
  draw_holes(0.0);
}

void problem::draw_holes(double share) { lib_->fill_mask(tokens_ * copies_, 2, share, response_mask_.data()); }

bench_batch problem::batch(layout const& l, int c, bool with_mask) const {
  std::int64_t const at = c * tokens_;
  auto const responses = l.is_packed ? static_cast<std::int64_t>(l.offsets.size()) - 1 : tokens_ / l.length;
  return {responses,
          l.length,
          l.is_packed ? l.offsets.data() : nullptr,
          log_prob_.data() + at,
          rollout_.data() + at,
          advantage_.data() + at,
          with_mask ? response_mask_.data() + at : nullptr};
}

bench_outputs problem::outputs(int c) const { return {gradient_.data() + c * tokens_, mask_.data() + c * tokens_}; }

void problem::before_call(int c, bool in_cache) const {
  auto const n = static_cast<std::size_t>(tokens_);
  std::memset(outputs(c).gradient, 0xA5, n * sizeof(float));
  std::memset(outputs(c).mask, 0xA5, n);
  if (!in_cache) return;
  float sum = 0.0F;
  for (float const* x : {log_prob_.data(), rollout_.data(), advantage_.data()}) {
    for (std::size_t i = 0; i < n; i += 16) sum += x[static_cast<std::size_t>(c) * n + i];
  }
  for (std::size_t i = 0; i < n; i += 64) sum += response_mask_.data()[static_cast<std::size_t>(c) * n + i];
  asm volatile("" : : "g"(sum));
}

std::int64_t available_memory() {
  std::ifstream info("/proc/meminfo");
  std::string word;
  std::int64_t kilobytes = 0;
  while (info >> word) {
    if (word == "MemAvailable:" && info >> kilobytes) return kilobytes * 1024;
  }
  return std::int64_t{1} << 40;
}

bench_parameters post_trained(std::int64_t tokens) { return {0.15, 0.015, 0.8, static_cast<double>(tokens)}; }
bench_parameters base(std::int64_t tokens) { return {0.15, 0.020, 0.8, static_cast<double>(tokens)}; }

}  // namespace bench
