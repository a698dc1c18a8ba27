#include "schedule.hpp"

#include <functional>

namespace ptx {

lane_mask schedule::together(warp const& w, int leader) const noexcept {
  thread_state const& first = w.threads[static_cast<std::size_t>(leader)];
  lane_mask group = 0;
  for (lane_mask m = w.running; m != 0; m &= m - 1) {
    thread_state const& t = w.threads[static_cast<std::size_t>(std::countr_zero(m))];
    if (t.at == first.at && t.base == first.base && t.frame == first.frame) group |= m & (~m + 1);
  }
  return group;
}

lane_mask schedule::pick(warp const& w) noexcept {
  int leader = std::countr_zero(w.running);
  if (random_ && below(4) == 0) {
    for (u64 k = below(lanes); k > 0; --k) {
      lane_mask const after = leader == lanes - 1 ? 0 : w.running & (~lane_mask{0} << (leader + 1));
      leader = std::countr_zero(after != 0 ? after : w.running);
    }
    lane_mask const group = together(w, leader);
    lane_mask const some = group & static_cast<lane_mask>(below(u64{1} << 32));
    return below(2) == 0 && some != 0 ? some : group;
  }
  auto const behind = [&w](int a, int b) {
    thread_state const &x = w.threads[static_cast<std::size_t>(a)], &y = w.threads[static_cast<std::size_t>(b)];
    if (x.callers.size() != y.callers.size()) return x.callers.size() > y.callers.size();
    return std::less<>()(x.at, y.at);
  };
  for (lane_mask m = w.running; m != 0; m &= m - 1) {
    if (behind(std::countr_zero(m), leader)) leader = std::countr_zero(m);
  }
  return together(w, leader);
}

u64 run_warp(warp& w, u64 turn, schedule& order) {
  u64 done = 0;
  counters& counts = *w.home->home->home->counts;
  while (w.running != 0 && done < turn) {
    step s(w, order.pick(w));
    instruction const* i = w.threads[static_cast<std::size_t>(std::countr_zero(s.group))].at;
    u64 const stop = order.at_random() ? std::min(turn, done + 1 + order.below(200)) : turn;
    do {
      s.next = i + 1;
      s.active = s.group;
      if (i->guard >= 0) {
        row const& p = s.registers[i->guard];
        for (lane_mask m = s.group; m != 0; m &= m - 1) {
          int const l = std::countr_zero(m);
          if ((p[static_cast<std::size_t>(l)] != 0) == i->guard_negated) s.active &= ~(lane_mask{1} << l);
        }
      }
      ++i->hits;
      ++done;
      if (s.active != 0) {
        counts.instructions[static_cast<std::size_t>(i->what->kind)] += static_cast<u64>(std::popcount(s.active));
        i->run(s, *i);
      }
      i = s.next;
    } while (!s.parted && done < stop && !(i->join && w.running != s.group));
    if (s.parted) continue;
    for (lane_mask m = s.group; m != 0; m &= m - 1) w.threads[static_cast<std::size_t>(std::countr_zero(m))].at = i;
  }
  return done;
}

}  // namespace ptx
