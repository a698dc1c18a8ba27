// Barriers and fences.
#include "together.hpp"

namespace ptx {

namespace {

void part_to(step& s, instruction const* active, instruction const* others) {
  for (lane_mask m = s.group; m != 0; m &= m - 1) {
    int const l = std::countr_zero(m);
    s.w.threads[static_cast<std::size_t>(l)].at = (s.active >> l & 1) != 0 ? active : others;
  }
  s.parted = true;
}

void warp_barrier(step& s, instruction const& i) {
  if (gathered(s, i, 0)) race_detector::pass(s.w, s.active);
}

void block_barrier(step& s, instruction const& i) {
  u64 const* const id = s.in(i, 0);
  s.each([&](int l) {
    if (id[l] != 0) throw fault("a barrier other than 0 is not known: " + s.place(i));
  });
  wait_in(s, &warp::at_block);
}

void cluster_arrive(step& s, instruction const& i) {
  cluster& c = s.near();
  s.each([&](int l) {
    thread_state& t = s.w.threads[static_cast<std::size_t>(l)];
    if (t.arrived) throw fault("a thread arrives twice at a cluster's barrier: " + s.place(i));
    t.arrived = true;
    t.phase = c.phase;
  });
  c.arrived += std::popcount(s.active);
}
void cluster_wait(step& s, instruction const& i) {
  s.each([&](int l) {
    if (s.w.threads[static_cast<std::size_t>(l)].arrived) return;
    throw fault("a thread waits at a cluster's barrier and has not arrived: " + s.place(i));
  });
  wait_in(s, &warp::at_cluster);
}

void fence(step& s, instruction const&) {
  if (s.run().how.races) s.run().races->fence(s.w, s.active);
}
// Of the block: its barriers say what it would.
void block_fence(step&, instruction const&) {}

// Nobody waits for the others: some run the instruction now, and those left another time.
void come_apart(step& s, instruction const& i) {
  constexpr lane_mask all[] = {0x0000ffff, 0x55555555, 0x33333333, 0x0f0f0f0f};
  lane_mask const some = s.active & all[i.hits % 4];
  if (some == 0) return;
  s.active = some;
  part_to(s, s.next, &i);
}

// The threads of a warp that wait at one barrier wait at one place.
void check_place(warp const& w, lane_mask waiting, instruction const*& at, findings& found) {
  for (lane_mask m = waiting; m != 0; m &= m - 1) {
    thread_state const& t = w.threads[static_cast<std::size_t>(std::countr_zero(m))];
    if (at == nullptr) at = t.at - 1;
    if (t.at - 1 == at) continue;
    std::string const other = " and line " + std::to_string(t.at[-1].line);
    found.add("a block's barrier is met at different places: " + place_of(*t.here, *at) + other);
    return;
  }
}

// The threads of a warp that wait for each other do so at one place, with one mask.
void check_meeting(warp const& w, lane_mask wanted) {
  thread_state const& first = w.threads[static_cast<std::size_t>(std::countr_zero(wanted))];
  for (lane_mask m = wanted; m != 0; m &= m - 1) {
    thread_state const& t = w.threads[static_cast<std::size_t>(std::countr_zero(m))];
    bool const same_mask = (t.wanted & ~w.ended) == wanted;
    if (same_mask && t.at == first.at && t.base == first.base) continue;
    std::string const here = place_of(*first.here, *first.at);
    if (!same_mask) throw fault("threads of a warp wait with unequal masks: " + here);
    throw fault("threads of a warp meet at different places: " + here + " and line " + std::to_string(t.at->line));
  }
}

}  // namespace

bool gathered(step& s, instruction const& i, int mask) {
  if (i.alone) {
    come_apart(s, i);
    return true;
  }
  u64 const* const masks = s.in(i, mask);
  lane_mask const there = s.w.all & ~s.w.ended;
  bool all = true;
  s.each([&](int l) {
    thread_state& t = s.w.threads[static_cast<std::size_t>(l)];
    t.wanted = as<u32>(masks[l]) & there;
    if ((t.wanted >> l & 1) == 0) throw fault("a thread is not in its own mask: " + s.place(i));
    all = all && t.wanted == s.active;
  });
  if (all) return true;
  part_to(s, &i, s.next);
  s.w.running &= ~s.active;
  s.w.at_warp |= s.active;
  settle_warp(s.w);
  return false;
}

void wait_in(step& s, lane_mask warp::* state) {
  part_to(s, s.next, s.next);
  s.w.running &= ~s.active;
  s.w.*state |= s.active;
}

void settle_warp(warp& w) {
  for (lane_mask waiting = w.at_warp; waiting != 0;) {
    thread_state const& first = w.threads[static_cast<std::size_t>(std::countr_zero(waiting))];
    lane_mask const wanted = first.wanted & ~w.ended;
    waiting &= ~wanted;
    if ((wanted & w.at_warp) != wanted) continue;
    instruction const& i = *first.at;
    check_meeting(w, wanted);
    w.at_warp &= ~wanted;
    w.running |= wanted;
    step s(w, wanted);
    s.next = &i + 1;
    i.run(s, i);
    for (lane_mask m = wanted; m != 0; m &= m - 1) w.threads[static_cast<std::size_t>(std::countr_zero(m))].at = s.next;
  }
}

bool settle_block(block& b) {
  int waiting = 0;
  for (auto const& w : b.warps) waiting += std::popcount(w->at_block);
  if (waiting == 0 || waiting < b.alive) return false;
  instruction const* at = nullptr;
  for (auto const& w : b.warps) {
    check_place(*w, w->at_block, at, *b.home->home->found);
    w->running |= w->at_block;
    w->at_block = 0;
  }
  race_detector::pass(b);
  return true;
}

bool settle_cluster(cluster& c) {
  int alive = 0;
  for (auto const& b : c.blocks) alive += b->alive;
  bool moved = false;
  if (c.arrived > 0 && c.arrived >= alive) {
    c.arrived = 0;
    ++c.phase;
    for (auto const& b : c.blocks) race_detector::pass(*b);
    moved = true;
  }
  for (auto const& b : c.blocks) {
    for (auto const& w : b->warps) {
      for (lane_mask m = w->at_cluster; m != 0; m &= m - 1) {
        thread_state& t = w->threads[static_cast<std::size_t>(std::countr_zero(m))];
        if (t.phase == c.phase) continue;
        t.arrived = false;
        w->at_cluster &= ~(m & (~m + 1));
        w->running |= m & (~m + 1);
        moved = true;
      }
    }
  }
  return moved;
}

void add_synchronization(table_builder& t) {
  t.add("bar.warp.sync", work::synchronization, 1, &warp_barrier);
  t.add("bar.sync", work::synchronization, 1, &block_barrier);
  t.add("barrier.sync", work::synchronization, 1, &block_barrier);
  t.add("barrier.cluster.arrive{,.release}{,.aligned}", work::synchronization, 0, &cluster_arrive);
  t.add("barrier.cluster.wait{,.acquire}{,.aligned}", work::synchronization, 0, &cluster_wait);
  t.add("membar.{gl,sys}", work::synchronization, 0, &fence);
  t.add("fence.{sc,acq_rel}.{gpu,sys}", work::synchronization, 0, &fence);
  t.add("membar.cta", work::synchronization, 0, &block_fence);
  t.add("fence.{sc,acq_rel}.{cta,cluster}", work::synchronization, 0, &block_fence);
}

}  // namespace ptx
