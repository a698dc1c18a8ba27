// Every instruction that reads or writes memory, or makes addresses of it, against results written by hand.
#include "running.hpp"

namespace {

using namespace ptx_test;

std::string const types[] = {"b8", "b16", "b32", "b64", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64"};
int width_of(std::string const& type) { return std::atoi(type.c_str() + 1) / 8; }

// Byte k of the pattern in memory, the sign bit set in every other one.
u64 pattern(int k) { return static_cast<u64>(k * 7 + 1 + (k % 2) * 0x80) & 0xff; }
u64 word(int first, int bytes) {
  u64 x = 0;
  for (int k = 0; k < bytes; ++k) x |= pattern(first + k) << (8 * k);
  return x;
}
u64 extended(u64 x, std::string const& type) {
  int const unused = 64 - 8 * width_of(type);
  return type[0] == 's' ? static_cast<u64>(static_cast<s64>(x << unused) >> unused) : x;
}

// 32 bytes of a space at [%base], with room before; the pattern in it.
std::string with_pattern(std::string const& space) {
  std::string body = ".reg .b64 %base, %w, %v<8>; .reg .b32 %narrow;\n";
  std::string const named = space.empty() ? ".global" : space;
  if (space.empty() || space == ".global") body += "add.u64 %base, %out, 64;\n";
  else body += (space == ".shared" ? ".shared" : ".local") + std::string(" .align 32 .b8 there[64]; mov.u64 %base, there;\n");
  std::string const filled = space == ".param" ? ".local" : named;
  for (int k = 0; k < 4; ++k) body += "mov.u64 %w, " + std::to_string(word(8 * k, 8)) + "; st" + filled + ".u64 [%base+" + std::to_string(8 * k) + "], %w;\n";
  return body;
}

void check_loads(std::string const& verb, std::string const& space, cases& have) {
  for (int const parts : {1, 2, 4}) {
    for (std::string const& type : types) {
      std::string const name = verb + space + (parts == 1 ? "." : parts == 2 ? ".v2." : ".v4.") + type;
      if (!known().contains(name)) continue;
      INFO(name);
      int const bytes = width_of(type), at = 32 - bytes * parts;
      std::string body = with_pattern(space);
      body += name + (parts == 1 ? " %v0" : parts == 2 ? " {%v0, %v1}" : " {%v0, %v1, %v2, %v3}") + std::string(", [%base+") + std::to_string(at) + "];\n";
      for (int k = 0; k < parts; ++k) body += "st.global.u64 [%out+" + std::to_string(8 * k) + "], %v" + std::to_string(k) + ";\n";
      std::vector<u64> const got = small_program(body).run(16);
      for (int k = 0; k < parts; ++k) CHECK(got[static_cast<std::size_t>(k)] == extended(word(at + k * bytes, bytes), type));
      have.have(name);
    }
  }
}

void check_stores(std::string const& verb, std::string const& space, cases& have) {
  for (int const parts : {1, 2, 4}) {
    for (std::string const& type : types) {
      std::string const name = verb + space + (parts == 1 ? "." : parts == 2 ? ".v2." : ".v4.") + type;
      if (!known().contains(name)) continue;
      INFO(name);
      int const bytes = width_of(type), at = bytes * parts == 32 ? 0 : bytes * parts;
      std::string body = with_pattern(space);
      for (int k = 0; k < parts; ++k) body += "mov.u64 %v" + std::to_string(k) + ", " + std::to_string(0x0123456789abcde0 + static_cast<u64>(k)) + ";\n";
      body += name + " [%base+" + std::to_string(at) + "]," + (parts == 1 ? " %v0" : parts == 2 ? " {%v0, %v1}" : " {%v0, %v1, %v2, %v3}") + std::string(";\n");
      std::string const reads = space == ".param" ? ".local" : space;
      for (int k = 0; k < 4; ++k) body += "ld" + reads + ".u64 %w, [%base+" + std::to_string(8 * k) + "]; st.global.u64 [%out+" + std::to_string(8 * k) + "], %w;\n";
      std::vector<u64> const got = small_program(body).run(16);
      for (int b = 0; b < 32; ++b) {
        bool const written = b >= at && b < at + bytes * parts;
        u64 const value = 0x0123456789abcde0 + static_cast<u64>((b - at) / bytes);
        CHECK((got[static_cast<std::size_t>(b / 8)] >> (b % 8 * 8) & 0xff) == (written ? value >> ((b - at) % bytes * 8) & 0xff : pattern(b)));
      }
      have.have(name);
    }
  }
}

struct atomic_case {
  char const* rest;  // operation and type
  u64 old, b, c, now;
};
u64 f(float x) { return std::bit_cast<u32>(x); }
u64 d(double x) { return std::bit_cast<u64>(x); }
std::vector<atomic_case> const atomics{
    {"add.u32", 0xffffffff, 2, 0, 1},     {"add.s32", 5, 0xfffffff7, 0, 0xfffffffc}, {"add.u64", ~u64{0}, 2, 0, 1}, {"add.f32", f(1), f(2.5F), 0, f(3.5F)},
    {"add.f64", d(1), d(2.5), 0, d(3.5)}, {"exch.b32", 1, 7, 0, 7},                  {"exch.b64", 1, ~u64{0}, 0, ~u64{0}}, {"and.b32", 12, 10, 0, 8},
    {"and.b64", 12, 10, 0, 8},            {"or.b32", 12, 10, 0, 14},                 {"or.b64", 12, 10, 0, 14},     {"xor.b32", 12, 10, 0, 6},
    {"xor.b64", 12, 10, 0, 6},            {"min.u32", 5, 0xffffffff, 0, 5},          {"min.s32", 5, 0xffffffff, 0, 0xffffffff}, {"min.u64", 5, ~u64{0}, 0, 5},
    {"min.s64", 5, ~u64{0}, 0, ~u64{0}},  {"max.u32", 5, 0xffffffff, 0, 0xffffffff}, {"max.s32", 5, 0xffffffff, 0, 5}, {"max.u64", 5, ~u64{0}, 0, ~u64{0}},
    {"max.s64", 5, ~u64{0}, 0, 5},        {"cas.b32", 5, 5, 9, 9},                   {"cas.b64", 5, 6, 9, 5}};

}  // namespace

TEST_CASE("ptx: loads and stores", "[ptx]") {
  cases have;
  for (std::string const space : {"", ".global", ".shared", ".local", ".param"}) {
    check_loads("ld", space, have);
    check_stores("st", space, have);
    check_loads("ld.volatile", space, have);
    check_stores("st.volatile", space, have);
  }
  CHECK(have.missing({"ld", "st"}).empty());
}

TEST_CASE("ptx: atomic operations", "[ptx]") {
  cases have;
  for (std::string const space : {"", ".global", ".shared"}) {
    for (atomic_case const& c : atomics) {
      std::string const type = std::string(c.rest).substr(std::string(c.rest).find('.') + 1), width = type.substr(1);
      for (std::string const verb : {"atom", "red"}) {
        std::string const name = verb + space + "." + c.rest;
        if (!known().contains(name)) continue;
        INFO(name);
        bool const returns = verb == "atom", swaps = std::string(c.rest).starts_with("cas");
        std::string body = ".reg .b64 %base, %v<5>;\n";
        body += space == ".shared" ? ".shared .align 8 .b64 there; mov.u64 %base, there;\n" : "add.u64 %base, %out, 64;\n";
        body += "mov.u64 %v0, " + std::to_string(c.old) + "; mov.u64 %v1, " + std::to_string(c.b) + "; mov.u64 %v2, " + std::to_string(c.c) + "; mov.u64 %v3, 0; mov.u64 %v4, 0;\n";
        body += "st" + space + ".b" + width + " [%base], %v0;\n" + name + (returns ? " %v3, [%base], %v1" : " [%base], %v1") + (swaps ? ", %v2;\n" : ";\n");
        body += "ld" + space + ".b" + width + " %v4, [%base]; st.global.u64 [%out], %v3; st.global.u64 [%out+8], %v4;";
        std::vector<u64> const got = small_program(body).run(16);
        CHECK(got[0] == (returns ? c.old : 0));
        CHECK(got[1] == c.now);
        have.have(name);
      }
    }
  }
  CHECK(have.missing({"atom", "red"}).empty());
}

TEST_CASE("ptx: addresses", "[ptx]") {
  cases have;
  for (char const* const name : {"cvta.global.u64", "cvta.local.u64", "cvta.param.u64", "cvta.const.u64", "cvta.to.global.u64", "cvta.to.local.u64", "cvta.to.param.u64", "cvta.to.const.u64"}) {
    CHECK(small_program(std::string(".reg .b64 %x; ") + name + " %x, 12345; st.global.u64 [%out], %x;").run()[0] == 12345);
    have.have(name);
  }
  // A shared variable by its address in the window, made generic, and back.
  std::vector<u64> const got = small_program(R"(.shared .align 8 .b64 pad; .shared .align 8 .b64 there; .reg .b64 %x<4>; .reg .pred %p<2>;
    st.shared.u64 [there], 77; mov.u64 %x0, there; cvta.shared.u64 %x1, %x0; ld.u64 %x2, [%x1]; cvta.to.shared.u64 %x3, %x1;
    st.global.u64 [%out], %x0; st.global.u64 [%out+8], %x2; st.global.u64 [%out+16], %x3;
    isspacep.shared %p0, %x1; isspacep.shared %p1, %out; selp.u64 %x0, 1, 0, %p0; selp.u64 %x1, 1, 0, %p1;
    st.global.u64 [%out+24], %x0; st.global.u64 [%out+32], %x1;)").run(5);
  CHECK(got == std::vector<u64>{8, 77, 8, 1, 0});
  // What each block of a cluster keeps, read by the next one.
  small_program of_others(R"(.shared .align 8 .b64 mine; .reg .b64 %x<6>; .reg .b32 %r<6>;
    mov.u32 %r0, %cluster_ctarank; cvt.u64.u32 %x0, %r0; add.u64 %x1, %x0, 100; st.shared.u64 [mine], %x1;
    barrier.cluster.arrive; barrier.cluster.wait;
    add.u32 %r1, %r0, 1; rem.u32 %r1, %r1, 3; mov.u64 %x2, mine; cvta.shared.u64 %x3, %x2; mapa.u64 %x4, %x3, %r1; ld.u64 %x5, [%x4];
    mad.lo.u64 %x3, %x0, 16, %out; st.global.u64 [%x3], %x5;
    cvt.u32.u64 %r2, %x2; mapa.shared::cluster.u32 %r3, %r2, %r1; ld.shared.u64 %x5, [%r3]; st.global.u64 [%x3+8], %x5;
    barrier.cluster.arrive; barrier.cluster.wait;)");
  of_others.grid.x = 3;
  of_others.cluster_size = 3;
  CHECK(of_others.run(6) == std::vector<u64>{101, 101, 102, 102, 100, 100});
  for (char const* const name : {"cvta.shared.u64", "cvta.to.shared.u64", "isspacep.shared", "mapa.u64", "mapa.shared::cluster.u32"}) have.have(name);
  CHECK(have.missing({"cvta", "isspacep", "mapa"}).empty());
  small_program beyond(".reg .b64 %x<2>; .shared .b64 mine; mov.u64 %x0, mine; cvta.shared.u64 %x0, %x0; mapa.u64 %x1, %x0, 1;");
  CHECK_THAT(beyond.fault_of(), cppo_test::contains("mapa to block 1 of a cluster of 1"));
  small_program elsewhere(".reg .b64 %x<2>; mapa.u64 %x1, %out, 0;");
  CHECK_THAT(elsewhere.fault_of(), cppo_test::contains("mapa of what is not shared memory"));
}

TEST_CASE("ptx: shared variables that a kernel and its functions name lie where the kernel has them", "[ptx]") {
  std::string const variables = ".shared .align 8 .b8 kE4word[8];\n.shared .align 1 .u8 kE4byte;\n.shared .align 4 .b8 otherE1x[4];\n";
  std::string const store = ".func put(.param .b64 a) {\n.reg .b64 %x;\nld.param.u64 %x, [a];\nst.shared.u64 [kE4word], %x;\nret;\n}\n";
  std::string const call = ".param .b64 p; st.param.b64 [p], 7; call put, (p); ";
  small_program p(".reg .b64 %x<3>; .shared .b64 own; st.shared.u64 [own], 5; st.shared.u8 [kE4byte], 3; " + call +
                  "ld.shared.u64 %x0, [kE4word]; ld.shared.u8 %x1, [kE4byte]; ld.shared.u64 %x2, [own];"
                  "st.global.u64 [%out], %x0; st.global.u64 [%out+8], %x1; st.global.u64 [%out+16], %x2;", variables + store);
  CHECK(p.run(3) == std::vector<u64>{7, 3, 5});
  small_program others(".reg .b64 %x; ld.shared.u32 %x, [otherE1x];", variables);
  CHECK_THAT(others.fault_of(), cppo_test::contains("a shared variable belongs to no kernel that was launched: otherE1x"));
}

TEST_CASE("ptx: variables of a module keep what they begin with", "[ptx]") {
  std::string const variables = ".global .align 4 .b32 words[3] = {1, -2, 0x30};\n.const .align 8 .f64 number = 0d3ff8000000000000;\n.global .align 1 .b8 none[2];\n";
  small_program p(".reg .b64 %x<9>; ld.global.s32 %x0, [words+4]; st.global.u64 [%out], %x0; mov.u64 %x1, words; ld.u32 %x2, [%x1+8]; st.global.u64 [%out+8], %x2;"
                  "ld.global.f64 %x3, [number]; st.global.u64 [%out+16], %x3; ld.global.u8 %x4, [none+1]; st.global.u64 [%out+24], %x4;", variables);
  CHECK(p.run(4) == std::vector<u64>{~u64{1}, 0x30, 0x3ff8000000000000, 0});
}
