#include "memory.hpp"

#include <new>

namespace ptx {

namespace {

constexpr u64 alignment = 256;
constexpr u64 most_kept = u64{64} << 20;  // bytes of freed memory
constexpr u8 fresh = 0xcd, gone = 0xdd;

}  // namespace

void* device_memory::allocate(u64 size, memory_kind kind) {
  if (size > most - std::min(bytes_, most)) return nullptr;
  allocation a;
  a.raw.reset(new (std::nothrow) u8[size + 2 * alignment]);
  if (a.raw == nullptr) return nullptr;
  a.begin = (reinterpret_cast<u64>(a.raw.get()) + alignment) / alignment * alignment;
  a.size = size;
  a.kind = kind;
  std::memset(a.at(a.begin), fresh, size);
  bytes_ += size;
  u64 const begin = a.begin;
  all_[begin] = std::move(a);
  return reinterpret_cast<void*>(begin);
}

bool device_memory::free(void* p) {
  auto const i = all_.find(reinterpret_cast<u64>(p));
  if (i == all_.end() || i->second.kind == memory_kind::freed) return false;
  allocation& a = i->second;
  a.kind = memory_kind::freed;
  std::memset(a.at(a.begin), gone, a.size);
  bytes_ -= a.size;
  freed_bytes_ += a.size;
  freed_.push_back(a.begin);
  while (freed_bytes_ > most_kept) forget_oldest();
  return true;
}

void device_memory::forget_oldest() {
  auto const i = all_.find(freed_.front());
  freed_.pop_front();
  freed_bytes_ -= i->second.size;
  all_.erase(i);
}

allocation* device_memory::find(u64 address, u64 n) noexcept {
  auto i = all_.upper_bound(address);
  if (i == all_.begin()) return nullptr;
  allocation& a = std::prev(i)->second;
  return a.holds(address, n) ? &a : nullptr;
}

std::string device_memory::describe(u64 address) const {
  auto const i = all_.upper_bound(address);
  if (i == all_.begin()) return "before all allocations";
  allocation const& a = std::prev(i)->second;
  u64 const offset = address - a.begin;
  std::string const what = a.kind == memory_kind::freed ? " freed bytes" : " bytes";
  std::string const of = " an allocation of " + std::to_string(a.size) + what;
  if (offset < a.size) return "byte " + std::to_string(offset) + " of" + of;
  return std::to_string(offset - a.size) + " bytes past" + of;
}

}  // namespace ptx
