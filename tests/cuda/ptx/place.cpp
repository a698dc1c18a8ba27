#include "place.hpp"

namespace ptx {

namespace {

std::string thread_of(step const& s, int lane) {
  return ", thread " + std::to_string(s.w.thread(lane)) + " of block " + std::to_string(s.home().index);
}
std::string hexadecimal(u64 x) {
  std::string r;
  for (int k = 60; k >= 0; k -= 4) {
    if (u64 const digit = x >> k & 15; digit != 0 || !r.empty() || k == 0) r += "0123456789abcdef"[digit];
  }
  return r;
}

found_bytes in_shared(step& s, instruction const& i, int lane, u64 offset, u64 n) {
  cluster& c = s.near();
  u64 const within = offset & (c.stride - 1), rank = offset / c.stride;
  if (rank >= c.blocks.size() || within + n > static_cast<u64>(s.run().kernel->shared_bytes)) {
    throw fault("out of bounds: byte " + std::to_string(within) + " of " + std::to_string(s.run().kernel->shared_bytes) +
                " bytes of shared memory, " + s.place(i) + thread_of(s, lane));
  }
  if (rank != s.home().rank && c.blocks[rank]->alive == 0) s.run().found->add("shared memory of a block that has ended: " + s.place(i));
  return {c.shared + offset, space::shared, nullptr, offset};
}

found_bytes in_global(step& s, instruction const& i, int lane, u64 address, u64 n) {
  launch& run = s.run();
  allocation* a = i.last_launch == run.number ? i.last : nullptr;
  if (a == nullptr || !a->holds(address, n)) {
    a = run.memory->find(address, n);
    if (a == nullptr) {
      throw fault("illegal address " + hexadecimal(address) + ", " + run.memory->describe(address) + ": " + s.place(i) + thread_of(s, lane));
    }
    i.last = a;
    i.last_launch = run.number;
  }
  if (a->kind == memory_kind::freed) throw fault("use after free, " + run.memory->describe(address) + ": " + s.place(i) + thread_of(s, lane));
  return {a->at(address), space::global, a, address - a->begin};
}

}  // namespace

found_bytes search(step& s, instruction const& i, space named, int lane, u64 address, u64 n, bool write) {
  if (named == space::shared) address &= 0xffffffff;
  if ((address & (n - 1)) != 0) throw fault("misaligned address of " + std::to_string(n) + " bytes: " + s.place(i) + thread_of(s, lane));
  if (named == space::shared) return in_shared(s, i, lane, address, n);
  if (named == space::global) return in_global(s, i, lane, address, n);
  auto* const data = reinterpret_cast<u8*>(address);
  u64 const shared = address - reinterpret_cast<u64>(s.near().shared), local = address - reinterpret_cast<u64>(s.w.stack_of(lane));
  u64 const parameter = address - reinterpret_cast<u64>(s.run().parameters);
  if (shared < s.near().bytes() && named == space::generic) return in_shared(s, i, lane, shared, n);
  thread_state const& t = s.w.threads[static_cast<std::size_t>(lane)];
  if (local + n <= static_cast<u64>(t.frame + t.here->frame_bytes) && local < warp::stack_bytes) return {data, space::local, nullptr, local};
  if (parameter + n <= static_cast<u64>(s.run().kernel->parameter_bytes) && parameter + n >= n) {
    if (write) throw fault("a parameter is written: " + s.place(i));
    return {data, space::parameter, nullptr, parameter};
  }
  if (named != space::generic) throw fault("out of bounds: a variable of a thread, " + s.place(i) + thread_of(s, lane));
  return in_global(s, i, lane, address, n);
}

}  // namespace ptx
