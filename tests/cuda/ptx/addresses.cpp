// Addresses: between spaces, and into other blocks of a cluster. Only those of shared memory differ between spaces.
#include "operations.hpp"

namespace ptx {

namespace {

void keep(step& s, instruction const& i) {
  u64 const* const a = s.in(i, 1);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = a[l]; });
}
void from_shared(step& s, instruction const& i) {
  u64 const* const a = s.in(i, 1);
  u64* const d = s.out(i);
  u64 const begin = reinterpret_cast<u64>(s.near().shared);
  s.each([&](int l) { d[l] = begin + (a[l] & 0xffffffff); });
}
void to_shared(step& s, instruction const& i) {
  u64 const* const a = s.in(i, 1);
  u64* const d = s.out(i);
  u64 const begin = reinterpret_cast<u64>(s.near().shared);
  s.each([&](int l) { d[l] = a[l] - begin; });
}

// The same variable in the memory of block `rank` of the cluster.
template <bool Generic>
void map(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const rank = s.in(i, 2);
  u64* const d = s.out(i);
  cluster const& c = s.near();
  u64 const begin = Generic ? reinterpret_cast<u64>(c.shared) : 0;
  s.each([&](int l) {
    u64 const offset = a[l] - begin;
    u32 const to = as<u32>(rank[l]);
    if (to >= c.blocks.size()) {
      throw fault("mapa to block " + std::to_string(to) + " of a cluster of " + std::to_string(c.blocks.size()) + ": " +
                  s.place(i));
    }
    if (offset >= c.bytes()) throw fault("mapa of what is not shared memory: " + s.place(i));
    d[l] = begin + (offset & (c.stride - 1)) + to * c.stride;
  });
}

void is_shared(step& s, instruction const& i) {
  u64 const* const a = s.in(i, 1);
  u64* const d = s.out(i);
  u64 const begin = reinterpret_cast<u64>(s.near().shared);
  s.each([&](int l) { d[l] = a[l] - begin < s.near().bytes(); });
}

}  // namespace

void add_addresses(table_builder& t) {
  t.add("cvta{,.to}.{global,local,param,const}.u64", work::integer, 2, &keep);
  t.add("cvta.shared.u64", work::integer, 2, &from_shared);
  t.add("cvta.to.shared.u64", work::integer, 2, &to_shared);
  t.add("mapa.u64", work::integer, 3, &map<true>);
  t.add("mapa.shared::cluster.u32", work::integer, 3, &map<false>);
  t.add("isspacep.shared", work::integer, 2, &is_shared);
}

}  // namespace ptx
