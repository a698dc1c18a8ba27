#include "fat_binary.hpp"

namespace ptx {

namespace {

struct wrapper_header {
  u32 magic, version;
  u8 const* data;
  void* unused;
};
struct container_header {
  u32 magic;
  u16 version, header_bytes;
  u64 bytes;
};
struct entry_header {
  u16 kind, version;
  u32 header_bytes;
  u64 bytes;
  u32 compressed_bytes, unused;
  u16 minor, major;
  u32 architecture;
};
constexpr u32 wrapper_magic = 0x466243b1, container_magic = 0xba55ed50;
constexpr u16 kind_ptx = 1;

template <class T>
T read(u8 const* p) {
  T x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

}  // namespace

std::vector<embedded> embedded_in(void const* wrapper) {
  auto const w = read<wrapper_header>(static_cast<u8 const*>(wrapper));
  if (w.magic != wrapper_magic) throw fault("a fat binary is not known");
  auto const c = read<container_header>(w.data);
  if (c.magic != container_magic) throw fault("the content of a fat binary is not known");
  std::vector<embedded> all;
  for (u8 const *p = w.data + c.header_bytes, *const end = p + c.bytes; p < end;) {
    auto const e = read<entry_header>(p);
    if (e.kind == kind_ptx) {
      auto const* const text = reinterpret_cast<char const*>(p + e.header_bytes);
      std::string s(text, e.bytes);
      if (s.find(".version") == std::string::npos) throw fault("PTX is compressed: compile with -no-compress");
      all.push_back({static_cast<int>(e.architecture), s.substr(0, s.find_last_not_of('\0') + 1)});
    }
    p += e.header_bytes + e.bytes;
  }
  return all;
}

}  // namespace ptx
