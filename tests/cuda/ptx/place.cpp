#include "place.hpp"

#include <algorithm>

namespace ptx {

namespace {

// A thread cannot go on.
[[noreturn]] void stop(step const& s, instruction const& i, int lane, std::string const& why) {
  std::string const thread = std::to_string(s.w.thread(lane)), block = std::to_string(s.home().index);
  throw fault(why + ": " + s.place(i) + ", thread " + thread + " of block " + block);
}
std::string hexadecimal(u64 x) {
  std::string r;
  for (int k = 60; k >= 0; k -= 4) {
    if (u64 const digit = x >> k & 15; digit != 0 || !r.empty() || k == 0) r += "0123456789abcdef"[digit];
  }
  return r;
}

// A cluster's barrier must lie between an access to the shared memory of another block and its begin, and its end.
void see_other(step& s, instruction const& i, int lane, block& other) {
  findings& found = *s.run().found;
  thread_state const& t = s.w.threads[static_cast<std::size_t>(lane)];
  if (s.near().phase == 0) found.add("shared memory of a block that may not have begun: " + s.place(i));
  if (other.alive == 0) found.add("shared memory of a block that has ended: " + s.place(i));
  other.used = std::max(other.used, (t.arrived ? t.phase + 1 : s.near().phase) + 1);
}

found_bytes in_shared(step& s, instruction const& i, int lane, u64 offset, u64 n) {
  cluster& c = s.near();
  u64 const within = offset & (c.stride - 1), rank = offset / c.stride;
  auto const bytes = static_cast<u64>(s.run().kernel->shared_bytes);
  if (rank >= c.blocks.size() || within + n > bytes) {
    std::string const where = "byte " + std::to_string(within) + " of " + std::to_string(bytes);
    stop(s, i, lane, "out of bounds, " + where + " bytes of shared memory");
  }
  if (rank != s.home().rank) see_other(s, i, lane, *c.blocks[rank]);
  return {c.shared + offset, space::shared, nullptr, offset};
}

found_bytes in_global(step& s, instruction const& i, int lane, u64 address, u64 n) {
  launch& run = s.run();
  allocation* a = i.last_launch == run.number ? i.last : nullptr;
  if (a == nullptr || !a->holds(address, n)) {
    a = run.memory->find(address, n);
    if (a == nullptr) {
      stop(s, i, lane, "illegal address " + hexadecimal(address) + ", " + run.memory->describe(address));
    }
    i.last = a;
    i.last_launch = run.number;
  }
  if (a->kind == memory_kind::freed) stop(s, i, lane, "use after free, " + run.memory->describe(address));
  return {a->at(address), space::global, a, address - a->begin};
}

}  // namespace

found_bytes search(step& s, instruction const& i, space named, int lane, u64 address, u64 n, bool write) {
  if (named == space::shared) address &= 0xffffffff;
  if ((address & (n - 1)) != 0) stop(s, i, lane, "misaligned address of " + std::to_string(n) + " bytes");
  if (named == space::shared) return in_shared(s, i, lane, address, n);
  if (named == space::global) return in_global(s, i, lane, address, n);
  auto* const data = reinterpret_cast<u8*>(address);
  u64 const shared = address - reinterpret_cast<u64>(s.near().shared);
  u64 const local = address - reinterpret_cast<u64>(s.w.stack_of(lane));
  u64 const parameter = address - reinterpret_cast<u64>(s.run().parameters);
  if (shared < s.near().bytes() && named == space::generic) return in_shared(s, i, lane, shared, n);
  thread_state const& t = s.w.threads[static_cast<std::size_t>(lane)];
  bool const is_local = local < warp::stack_bytes && local + n <= static_cast<u64>(t.frame + t.here->frame_bytes);
  if (is_local) return {data, space::local, nullptr, local};
  if (parameter + n <= static_cast<u64>(s.run().kernel->parameter_bytes) && parameter + n >= n) {
    if (write) throw fault("a parameter is written: " + s.place(i));
    return {data, space::parameter, nullptr, parameter};
  }
  if (named != space::generic) stop(s, i, lane, "out of bounds of a thread's variables");
  return in_global(s, i, lane, address, n);
}

}  // namespace ptx
