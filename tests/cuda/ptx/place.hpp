// Where an address leads: the bytes, and what is known of them.
#pragma once

#include "machine.hpp"

namespace ptx {

// The spaces that an instruction may name; generic: any of them.
enum class space : u8 { generic, global, shared, local, parameter };

struct found_bytes {
  u8* data = nullptr;
  space in = space::generic;
  allocation* of = nullptr;  // in global memory
  u64 offset = 0;            // in the allocation, or in the cluster's shared memory
};

// The same as `locate`, whatever the address.
found_bytes search(step& s, instruction const& i, space named, int lane, u64 address, u64 n, bool write);

// The n bytes, a power of two, that thread `lane` accesses at an address. Throws `fault` at an address that is not
// aligned or that nothing has.
inline found_bytes locate(step& s, instruction const& i, space named, int lane, u64 address, u64 n, bool write) {
  auto* const data = reinterpret_cast<u8*>(address);
  if ((address & (n - 1)) == 0) {
    if (named == space::local || named == space::parameter) {
      thread_state const& t = s.w.threads[static_cast<std::size_t>(lane)];
      u64 const local = address - reinterpret_cast<u64>(s.w.stack_of(lane));
      auto const end = static_cast<u64>(t.frame + t.here->frame_bytes);
      if (local < warp::stack_bytes && local + n <= end) return {data, space::local, nullptr, local};
    } else if (named != space::shared && i.last_launch == s.number && i.last->holds(address, n)) {
      return {data, space::global, i.last, address - i.last->begin};
    }
  }
  return search(s, i, named, lane, address, n, write);
}

}  // namespace ptx
