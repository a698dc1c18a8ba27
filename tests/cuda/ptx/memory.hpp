// Memory of a device: allocations of exactly their size, known by their addresses and for as long as they live. Freed
// ones are kept for a while, so that who uses them still is told so.
#pragma once

#include "shadow.hpp"

#include <list>

namespace ptx {

enum class memory_kind : u8 { device, managed, pinned, module_variable, freed };

struct allocation {
  u64 begin = 0;
  u64 size = 0;
  memory_kind kind = memory_kind::device;
  std::unique_ptr<u8[]> raw;
  shadow marks;

  bool holds(u64 address, u64 n) const noexcept { return address - begin <= size && n <= size - (address - begin); }
  u8* at(u64 address) const noexcept { return reinterpret_cast<u8*>(address); }
};

class device_memory {
 public:
  // What can be allocated at a time; the interpreter's own limit.
  static constexpr u64 most = u64{3} << 30;

  // Null where there is none left.
  void* allocate(u64 size, memory_kind kind);
  // False where nothing that lives begins there.
  bool free(void* p);
  // The allocation that has n bytes from an address on, freed ones too; null if none has.
  allocation* find(u64 address, u64 n) noexcept;
  // What the address is next to, in words.
  std::string describe(u64 address) const;
  template <class F>
  void each(F const& f) {
    for (auto& [begin, a] : all_) f(a);
  }

 private:
  void forget_oldest();
  std::map<u64, allocation> all_;
  std::list<u64> freed_;
  u64 bytes_ = 0, freed_bytes_ = 0;
};

}  // namespace ptx
