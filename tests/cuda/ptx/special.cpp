#include "special.hpp"

namespace ptx {

namespace {

struct special {
  char const* name;
  u64 (*value)(warp const& w, int lane);
};

launch const& run_of(warp const& w) { return *w.home->home->home; }
u32 tid(warp const& w, int lane, int axis) {
  dimension const& d = run_of(w).threads;
  auto const t = static_cast<u32>(w.thread(lane));
  return axis == 0 ? t % d.x : axis == 1 ? t / d.x % d.y : t / d.x / d.y;
}
u32 ctaid(warp const& w, int axis) {
  dimension const& g = run_of(w).grid;
  u32 const b = w.home->index;
  return axis == 0 ? b % g.x : axis == 1 ? b / g.x % g.y : b / g.x / g.y;
}

constexpr special specials[] = {
    {"%tid.x", [](warp const& w, int l) -> u64 { return tid(w, l, 0); }},
    {"%tid.y", [](warp const& w, int l) -> u64 { return tid(w, l, 1); }},
    {"%tid.z", [](warp const& w, int l) -> u64 { return tid(w, l, 2); }},
    {"%ntid.x", [](warp const& w, int) -> u64 { return run_of(w).threads.x; }},
    {"%ntid.y", [](warp const& w, int) -> u64 { return run_of(w).threads.y; }},
    {"%ntid.z", [](warp const& w, int) -> u64 { return run_of(w).threads.z; }},
    {"%ctaid.x", [](warp const& w, int) -> u64 { return ctaid(w, 0); }},
    {"%ctaid.y", [](warp const& w, int) -> u64 { return ctaid(w, 1); }},
    {"%ctaid.z", [](warp const& w, int) -> u64 { return ctaid(w, 2); }},
    {"%nctaid.x", [](warp const& w, int) -> u64 { return run_of(w).grid.x; }},
    {"%nctaid.y", [](warp const& w, int) -> u64 { return run_of(w).grid.y; }},
    {"%nctaid.z", [](warp const& w, int) -> u64 { return run_of(w).grid.z; }},
    {"%laneid", [](warp const&, int l) -> u64 { return static_cast<u64>(l); }},
    {"%cluster_ctarank", [](warp const& w, int) -> u64 { return w.home->rank; }},
    {"%cluster_nctarank", [](warp const& w, int) -> u64 { return run_of(w).cluster_size; }},
    {"%clusterid.x", [](warp const& w, int) -> u64 { return w.home->home->index; }},
    {"%nclusterid.x", [](warp const& w, int) -> u64 { return run_of(w).blocks() / run_of(w).cluster_size; }},
    {"%lanemask_lt", [](warp const&, int l) -> u64 { return (u64{1} << l) - 1; }},
    {"%lanemask_le", [](warp const&, int l) -> u64 { return (u64{2} << l) - 1; }},
    {"%lanemask_eq", [](warp const&, int l) -> u64 { return u64{1} << l; }},
    {"%lanemask_ge", [](warp const&, int l) -> u64 { return (~u64{0} << l) & 0xffffffff; }},
    {"%lanemask_gt", [](warp const&, int l) -> u64 { return (~u64{1} << l) & 0xffffffff; }},
};

}  // namespace

s32 special_named(std::string_view name) {
  for (std::size_t k = 0; k < std::size(specials); ++k) {
    if (name == specials[k].name) return static_cast<s32>(k);
  }
  return -1;
}

void fill_special(warp& w) {
  w.special.resize(std::size(specials));
  for (std::size_t k = 0; k < std::size(specials); ++k) {
    for (int l = 0; l < lanes; ++l) w.special[k][static_cast<std::size_t>(l)] = specials[k].value(w, l);
  }
}

}  // namespace ptx
