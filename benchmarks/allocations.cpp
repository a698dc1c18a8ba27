#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

std::atomic<std::int64_t> calls{0}, held{0}, peak{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  void* const p = alignment == 0 ? std::malloc(bytes == 0 ? 1 : bytes)
                                 : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  ++calls;
  std::int64_t const now = held += static_cast<std::int64_t>(malloc_usable_size(p));
  std::int64_t before = peak;
  while (now > before && !peak.compare_exchange_weak(before, now)) {}
  return p;
}

void drop(void* p) noexcept {
  if (p != nullptr) held -= static_cast<std::int64_t>(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

void* operator new(std::size_t n) { return counted(n, 0); }
void* operator new[](std::size_t n) { return counted(n, 0); }
void* operator new(std::size_t n, std::align_val_t a) { return counted(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return counted(n, static_cast<std::size_t>(a)); }
void operator delete(void* p) noexcept { drop(p); }
void operator delete[](void* p) noexcept { drop(p); }
void operator delete(void* p, std::size_t) noexcept { drop(p); }
void operator delete[](void* p, std::size_t) noexcept { drop(p); }
void operator delete(void* p, std::align_val_t) noexcept { drop(p); }
void operator delete[](void* p, std::align_val_t) noexcept { drop(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { drop(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { drop(p); }

namespace bench {

void reset_allocations() {
  calls = held = 0;
  peak = 0;
}

allocations count_allocations() { return {calls, peak}; }

}  // namespace bench
