// Branches, calls, ends.
#include "operations.hpp"

namespace ptx {

namespace {

// The threads go on each for itself: those that run the instruction at `there`, the others of the group after it.
void part(step& s, instruction const* there) {
  for (lane_mask m = s.group; m != 0; m &= m - 1) {
    int const l = std::countr_zero(m);
    s.w.threads[static_cast<std::size_t>(l)].at = (s.active >> l & 1) != 0 ? there : s.next;
  }
  s.parted = true;
}

void branch(step& s, instruction const& i) {
  instruction const* const there = s.here->code.data() + i.target;
  if (s.active != s.group) return part(s, there);
  s.next = there;
}

// The callee's frame lies behind the caller's: its parameters, its result, its variables.
void call(step& s, instruction const& i) {
  function& callee = *i.call->target;
  if (callee.body.empty()) throw fault("call of a function without a body, " + callee.name + ": " + s.place(i));
  if (callee.code.empty()) read_body(callee);
  part(s, s.next);
  s32 const base = s.base + s.here->registers;
  auto const rows = static_cast<std::size_t>(base + callee.registers);
  if (s.w.registers.size() < rows) s.w.registers.resize(rows);
  s.each([&](int l) {
    thread_state& t = s.w.threads[static_cast<std::size_t>(l)];
    s64 const frame = (t.frame + t.here->frame_bytes + 63) / 64 * 64;
    if (frame + callee.frame_bytes > warp::stack_bytes) throw fault("the stack is full: " + s.place(i));
    u8* const stack = s.w.stack_of(l);
    for (std::size_t k = 0; k < i.call->arguments.size(); ++k) {
      variable const& p = callee.parameters.at(k);
      std::memcpy(stack + frame + p.offset, stack + t.frame + i.call->arguments[k], static_cast<std::size_t>(p.size));
    }
    t.callers.push_back({t.here, &i, t.base, t.frame});
    t.here = &callee;
    t.at = callee.code.data();
    t.base = base;
    t.frame = frame;
  });
}

void return_from(step& s, instruction const&) {
  part(s, s.next);
  lane_mask last = 0;
  s.each([&](int l) {
    thread_state& t = s.w.threads[static_cast<std::size_t>(l)];
    if (t.callers.empty()) {
      last |= lane_mask{1} << l;
      return;
    }
    caller const c = t.callers.back();
    t.callers.pop_back();
    u8* const stack = s.w.stack_of(l);
    variable const& result = t.here->result;
    u8 const* const from = stack + t.frame + result.offset;
    s64 const to = c.at->call->result;
    if (to >= 0) std::memcpy(stack + c.frame + to, from, static_cast<std::size_t>(result.size));
    t.here = c.f;
    t.at = c.at + 1;
    t.base = c.base;
    t.frame = c.frame;
  });
  if (last != 0) end_threads(s, last);
}

void leave(step& s, instruction const&) {
  part(s, s.next);
  end_threads(s, s.active);
}

void trap(step& s, instruction const& i) { throw fault("trap: " + s.place(i)); }

}  // namespace

void end_threads(step& s, lane_mask which) {
  s.w.running &= ~which;
  s.w.ended |= which;
  s.home().alive -= std::popcount(which);
  bool const in_use = s.home().alive == 0 && s.home().used > s.near().phase;
  if (in_use) {
    std::string const kernel = short_name(s.run().kernel->name);
    s.run().found->add("a block ends whose shared memory another one may still use: " + kernel);
  }
  settle_warp(s.w);
}

void add_flow(table_builder& t) {
  t.add("bra{,.uni}", work::control, 1, &branch);
  t.add("call{,.uni}", work::control, 0, &call);
  t.add("ret{,.uni}", work::control, 0, &return_from);
  t.add("exit", work::control, 0, &leave);
  t.add("trap", work::control, 0, &trap);
}

}  // namespace ptx
