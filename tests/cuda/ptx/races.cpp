#include "races.hpp"

#include "machine.hpp"

#include <algorithm>

namespace ptx {

void knowledge::note(u64 whom, u32 until) {
  u32& known = known_[whom];
  known = std::max(known, until);
}
void knowledge::learn(knowledge const& other) {
  for (auto const& [whom, until] : other.known_) note(whom, until);
}
u32 knowledge::until(u64 whom) const {
  auto const i = known_.find(whom);
  return i == known_.end() ? 0 : i->second;
}

void race_detector::begin(launch const& now, std::vector<bool> ordered) {
  found_ = now.found;
  first_ += static_cast<u32>(records_.size());
  records_.clear();
  firsts_.push_back(first_);
  names_.push_back(short_name(now.kernel->name));
  after_ = std::move(ordered);
  after_.resize(firsts_.size(), true);
  after_all_ = std::find(after_.begin(), after_.end(), false) == after_.end();
  places_.clear();
  cache_.assign(1 << 12, {});
}

u32 race_detector::record(warp const& w, function const& f, instruction const& i, bool atomic, u32 phase) {
  block const& b = *w.home;
  u64 const h = (u64{b.index} * lanes + static_cast<u64>(w.index)) * 31 + (reinterpret_cast<u64>(&i) >> 5);
  cached& c = cache_[(h ^ h >> 12) & (cache_.size() - 1)];
  bool const same = c.i == &i && c.block == b.index && c.warp == w.index && c.time == w.order.time && c.phase == phase;
  if (same) return c.number;
  records_.push_back({b.index, b.home->index, w.index, atomic, w.order.time, b.order.barrier, phase, &i, &f});
  c = {b.index, w.index, &i, w.order.time, phase, first_ + static_cast<u32>(records_.size()) - 1};
  return c.number;
}

bool race_detector::ordered(u32 record, int lane, warp const& w, int now) const {
  if (record < first_) {  // of an earlier launch
    auto const i = std::upper_bound(firsts_.begin(), firsts_.end(), record);
    return after_all_ || after_[static_cast<std::size_t>(i - firsts_.begin()) - 1];
  }
  access_record const& r = at(record);
  if (r.block == w.home->index) {
    if (r.warp != w.index) return r.barrier < w.home->order.barrier;
    if (lane == now || r.time < w.order.joined) return true;
    auto const pair = w.order.pairs.find({std::min(lane, now), std::max(lane, now)});
    return pair != w.order.pairs.end() && r.time < pair->second;
  }
  if (r.cluster == w.home->home->index) {
    thread_state const& t = w.threads[static_cast<std::size_t>(now)];
    if (r.phase < (t.arrived ? t.phase : w.home->home->phase)) return true;
  }
  if (!w.home->order.talks) return false;
  thread_order const& mine = w.order.threads[static_cast<std::size_t>(now)];
  knowledge const& shared = w.home->order.knows;
  for (knowledge const* k : {&mine.knows, &shared}) {
    if (r.barrier < k->until(knowledge::of_block(r.block))) return true;
    if (r.time < k->until(knowledge::of_thread(r.block, r.warp * lanes + lane))) return true;
  }
  return false;
}

void race_detector::report(char const* space, char const* kind, u32 earlier, u32 now) {
  access_record const& a = at(now);
  std::string who = "an earlier launch";
  if (earlier >= first_) {
    access_record const& e = at(earlier);
    who = "line " + std::to_string(e.at->line);
    who += e.block != a.block ? ", another block" : e.warp != a.warp ? ", same block" : ", same warp";
  } else {
    auto const i = std::upper_bound(firsts_.begin(), firsts_.end(), earlier);
    who = names_[static_cast<std::size_t>(i - firsts_.begin()) - 1] + " in no order with it";
  }
  found_->add(std::string("race in ") + space + " memory, " + kind + ": " + place_of(*a.f, *a.at) + " against " + who);
}

void race_detector::access(warp const& w, mark* m, int n, u32 record, int lane, bool write, char const* space) {
  bool const atomic = at(record).atomic;
  auto const clash = [&](u32 other, int of) {
    if (other == 0 || (other == record && of == lane)) return false;
    if (atomic && other >= first_ && at(other).atomic) return false;
    return !ordered(other, of, w, lane);
  };
  for (mark* const end = m + n; m != end; ++m) {
    char const* const kind = write ? "write after write" : "read after write";
    if (clash(m->write, m->write_lane)) report(space, kind, m->write, record);
    if (write) {
      for (int k = 0; k < 2; ++k) {
        for (lane_mask who = m->read_lanes[k]; who != 0; who &= who - 1) {
          if (!clash(m->read[k], std::countr_zero(who))) continue;
          report(space, "write after read", m->read[k], record);
          break;
        }
      }
      *m = {record, {0, 0}, {0, 0}, static_cast<u8>(lane)};
      continue;
    }
    note_read(w, *m, record, lane);
  }
}

void race_detector::note_read(warp const& w, mark& m, u32 record, int lane) {
  if (m.read[0] == record) {
    m.read_lanes[0] |= lane_mask{1} << lane;
    return;
  }
  // The last reader, and the last one of another warp.
  access_record const* const last = m.read[0] >= first_ ? &at(m.read[0]) : nullptr;
  bool const same_warp = last != nullptr && last->block == w.home->index && last->warp == w.index;
  if (m.read[0] != 0 && !same_warp) {
    m.read[1] = m.read[0];
    m.read_lanes[1] = m.read_lanes[0];
  }
  lane_mask still = lane_mask{1} << lane;
  // Readers of the same warp that nothing has joined since are kept as those of this access.
  if (same_warp && last->time >= w.order.joined) still |= m.read_lanes[0];
  m.read[0] = record;
  m.read_lanes[0] = still;
}

void race_detector::fence(warp& w, lane_mask who) {
  ++w.order.time;
  w.order.unfenced &= ~who;
  block_order& b = w.home->order;
  for (lane_mask m = who; m != 0; m &= m - 1) {
    thread_order& t = w.order.threads[static_cast<std::size_t>(std::countr_zero(m))];
    t.fenced_barrier = b.barrier;
    t.fenced_time = w.order.time;
    if (!b.talks) continue;
    t.knows.learn(t.told);
    t.knows.learn(b.told);
  }
}

void race_detector::meet(warp& w, int lane, u64 address) {
  knowledge& place = places_[address];
  block_order& b = w.home->order;
  thread_order& t = w.order.threads[static_cast<std::size_t>(lane)];
  b.talks = true;
  t.told.learn(place);
  u32 const fenced = std::max(b.published, t.fenced_barrier);
  if (fenced > 0) place.note(knowledge::of_block(w.home->index), fenced);
  if (t.fenced_time > 0) place.note(knowledge::of_thread(w.home->index, w.thread(lane)), t.fenced_time);
  place.learn(t.knows);
  place.learn(b.knows);
}

void race_detector::pass(warp& w, lane_mask who) {
  u32 const now = ++w.order.time;
  if ((who | w.ended) == w.all) {
    w.order.joined = now;
    w.order.pairs.clear();
    return;
  }
  for (lane_mask a = who; a != 0; a &= a - 1) {
    for (lane_mask b = a & (a - 1); b != 0; b &= b - 1) w.order.pairs[{std::countr_zero(a), std::countr_zero(b)}] = now;
  }
}

void race_detector::pass(block& b) {
  ++b.order.barrier;
  bool fenced = true;
  for (auto const& w : b.warps) {
    w->order.joined = ++w->order.time;
    w->order.pairs.clear();
    fenced = fenced && w->order.unfenced == 0;
  }
  if (fenced) b.order.published = b.order.barrier;
  if (!b.order.talks) return;
  for (auto const& w : b.warps) {
    for (thread_order& t : w->order.threads) {
      b.order.told.learn(t.told);
      b.order.knows.learn(t.knows);
    }
  }
}

}  // namespace ptx
