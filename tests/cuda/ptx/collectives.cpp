// What threads of a warp tell each other: shuffles, votes, matches, reductions.
#include "together.hpp"

namespace ptx {

namespace {

// From which lane lane l reads, and whether that lane is within its segment.
enum class way : u8 { up, down, butterfly, index };
struct source {
  int lane;
  bool within;
};
template <way Way>
source source_of(int l, u32 b, u32 c) {
  int const by = static_cast<int>(b & 31), clamp = static_cast<int>(c & 31), segment = static_cast<int>(c >> 8 & 31);
  int const last = (l & segment) | (clamp & ~segment), first = l & segment;
  int j = 0;
  if constexpr (Way == way::up) j = l - by;
  else if constexpr (Way == way::down) j = l + by;
  else if constexpr (Way == way::butterfly) j = l ^ by;
  else j = first | (by & ~segment);
  bool const within = Way == way::up ? j >= last : j <= last;
  return {within ? j : l, within};
}

// d|p, a, b, c, mask
template <way Way>
void shuffle(step& s, instruction const& i) {
  if (!gathered(s, i, 4)) return;
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const c = s.in(i, 3);
  row got{}, valid{};
  s.each([&](int l) {
    source const from = source_of<Way>(l, as<u32>(b[l]), as<u32>(c[l]));
    bool const there = (s.active >> from.lane & 1) != 0;
    if (!there) s.run().found->add("a shuffle reads from a thread that is not there: " + s.place(i));
    got[static_cast<std::size_t>(l)] = as<u32>(a[from.lane]);
    valid[static_cast<std::size_t>(l)] = from.within;
  });
  operand const& to = i.ops[0];
  s.each([&](int lane) {
    auto const l = static_cast<std::size_t>(lane);
    if (to.kind == operand_kind::reg) s.registers[to.index][l] = got[l];
    if (to.second >= 0) s.registers[to.second][l] = valid[l];
  });
}

// f(values, mask) is the result of all.
template <class F>
void agreed(step& s, instruction const& i, F const& f) {
  if (!gathered(s, i, 2)) return;
  u64 const result = f(s.in(i, 1), s.active);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = result; });
}
lane_mask ballot_of(u64 const* p, lane_mask who) {
  lane_mask yes = 0;
  for (lane_mask m = who; m != 0; m &= m - 1) yes |= p[std::countr_zero(m)] != 0 ? m & (~m + 1) : 0;
  return yes;
}
void ballot(step& s, instruction const& i) { agreed(s, i, &ballot_of); }
void all_hold(step& s, instruction const& i) {
  agreed(s, i, [](u64 const* p, lane_mask who) { return ballot_of(p, who) == who; });
}
void any_holds(step& s, instruction const& i) {
  agreed(s, i, [](u64 const* p, lane_mask who) { return ballot_of(p, who) != 0; });
}

template <class T, auto F>
void reduce(step& s, instruction const& i) {
  agreed(s, i, [](u64 const* a, lane_mask who) {
    T r = as<T>(a[std::countr_zero(who)]);
    for (lane_mask m = who & (who - 1); m != 0; m &= m - 1) r = F(r, as<T>(a[std::countr_zero(m)]));
    return bits(r);
  });
}
template <class T> T sum(T a, T b) { return static_cast<T>(static_cast<u32>(a) + static_cast<u32>(b)); }
template <class T> T smaller(T a, T b) { return b < a ? b : a; }
template <class T> T larger(T a, T b) { return a < b ? b : a; }
u32 conjunction(u32 a, u32 b) { return a & b; }
u32 disjunction(u32 a, u32 b) { return a | b; }
u32 exclusive(u32 a, u32 b) { return a ^ b; }

// The threads with the same value.
template <class T>
void match(step& s, instruction const& i) {
  if (!gathered(s, i, 2)) return;
  u64 const* const a = s.in(i, 1);
  row same{};
  s.each([&](int l) {
    s.each([&](int k) { same[static_cast<std::size_t>(l)] |= as<T>(a[k]) == as<T>(a[l]) ? u64{1} << k : 0; });
  });
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = same[static_cast<std::size_t>(l)]; });
}

void active_mask(step& s, instruction const& i) {
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = s.active; });
}

}  // namespace

void add_collectives(table_builder& t) {
  work const w = work::synchronization;
  t.add("shfl.sync.up.b32", w, 5, &shuffle<way::up>);
  t.add("shfl.sync.down.b32", w, 5, &shuffle<way::down>);
  t.add("shfl.sync.bfly.b32", w, 5, &shuffle<way::butterfly>);
  t.add("shfl.sync.idx.b32", w, 5, &shuffle<way::index>);
  t.add("vote.sync.ballot.b32", w, 3, &ballot);
  t.add("vote.sync.all.pred", w, 3, &all_hold);
  t.add("vote.sync.any.pred", w, 3, &any_holds);
  t.add("redux.sync.add.u32", w, 3, &reduce<u32, sum<u32>>);
  t.add("redux.sync.add.s32", w, 3, &reduce<s32, sum<s32>>);
  t.add("redux.sync.min.u32", w, 3, &reduce<u32, smaller<u32>>);
  t.add("redux.sync.min.s32", w, 3, &reduce<s32, smaller<s32>>);
  t.add("redux.sync.max.u32", w, 3, &reduce<u32, larger<u32>>);
  t.add("redux.sync.max.s32", w, 3, &reduce<s32, larger<s32>>);
  t.add("redux.sync.and.b32", w, 3, &reduce<u32, conjunction>);
  t.add("redux.sync.or.b32", w, 3, &reduce<u32, disjunction>);
  t.add("redux.sync.xor.b32", w, 3, &reduce<u32, exclusive>);
  t.add("match.any.sync.b32", w, 3, &match<u32>);
  t.add("match.any.sync.b64", w, 3, &match<u64>);
  t.add("activemask.b32", w, 1, &active_mask);
}

}  // namespace ptx
