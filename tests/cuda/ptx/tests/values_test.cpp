// Every instruction that computes, against results written by hand: a row of the table without a case fails.
#include "running.hpp"

#include <limits>

namespace {

using namespace ptx_test;

std::string hex(u64 x) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(x));
  return text;
}

// d = opcode(in...), all as 64 bits; a predicate is 0 or 1. `types` has a "p" for each predicate operand, else an "x".
u64 computed(std::string const& opcode, std::vector<u64> const& in, std::string const& types) {
  std::string body = ".reg .b64 %x<8>;\n.reg .pred %p<8>;\n", operands;
  for (std::size_t k = 0; k < in.size(); ++k) {
    std::string const n = std::to_string(k + 1);
    body += "mov.u64 %x" + n + ", " + hex(in[k]) + ";\n";
    if (types[k + 1] == 'p') body += "setp.ne.u64 %p" + n + ", %x" + n + ", 0;\n";
    operands += std::string(", %") + types[k + 1] + n;
  }
  body += opcode + " %" + types[0] + "0" + operands + ";\n";
  if (types[0] == 'p') body += "selp.u64 %x0, 1, 0, %p0;\n";
  return small_program(body + "st.global.u64 [%out], %x0;").run()[0];
}

u64 f(float x) { return std::bit_cast<u32>(x); }
u64 d(double x) { return std::bit_cast<u64>(x); }
u64 low(s64 x, int bits) { return bits == 64 ? static_cast<u64>(x) : static_cast<u64>(x) & ((u64{1} << bits) - 1); }
constexpr float no_number = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity(), tiny = 1.0e-40F;
constexpr u64 nan_bits = 0x7fffffff;

struct one_case {
  char const* opcode;
  std::vector<u64> in;
  u64 out;
};
constexpr u64 m1_16 = 0xffff, m1_32 = 0xffffffff, m1_64 = ~u64{0};

std::vector<one_case> const integers{
    {"add.s16", {0x7fff, 1}, 0x8000},        {"add.u16", {0xffff, 2}, 1},              {"add.s32", {5, low(-9, 32)}, low(-4, 32)},
    {"add.u32", {m1_32, 1}, 0},              {"add.s64", {5, low(-9, 64)}, low(-4, 64)}, {"add.u64", {m1_64, 3}, 2},
    {"sub.s16", {3, 5}, low(-2, 16)},        {"sub.u16", {0, 1}, 0xffff},              {"sub.s32", {3, 5}, low(-2, 32)},
    {"sub.u32", {0, 1}, m1_32},              {"sub.s64", {3, 5}, low(-2, 64)},         {"sub.u64", {0, 1}, m1_64},
    {"mul.lo.s16", {300, low(-300, 16)}, low(-90000, 16)}, {"mul.lo.u16", {0x1234, 0x100}, 0x3400}, {"mul.lo.s32", {7, low(-3, 32)}, low(-21, 32)},
    {"mul.lo.u32", {0x10001, 0x10001}, 0x20001}, {"mul.lo.s64", {low(-7, 64), 3}, low(-21, 64)}, {"mul.lo.u64", {u64{1} << 40, u64{1} << 30}, 0},
    {"mul.hi.s32", {low(-1, 32), 2}, m1_32}, {"mul.hi.u32", {m1_32, 2}, 1},            {"mul.hi.s64", {low(-1, 64), 2}, m1_64},
    {"mul.hi.u64", {m1_64, 4}, 3},           {"mul.wide.s16", {low(-2, 16), 3}, low(-6, 32)}, {"mul.wide.u16", {0xffff, 0xffff}, 0xfffe0001},
    {"mul.wide.s32", {low(-2, 32), 3}, low(-6, 64)}, {"mul.wide.u32", {m1_32, m1_32}, 0xfffffffe00000001}, {"mad.lo.s16", {2, low(-3, 16), 1}, low(-5, 16)},
    {"mad.lo.u16", {256, 256, 7}, 7},        {"mad.lo.s32", {2, low(-3, 32), 1}, low(-5, 32)}, {"mad.lo.u32", {m1_32, 2, 3}, 1},
    {"mad.lo.s64", {2, low(-3, 64), 1}, low(-5, 64)}, {"mad.lo.u64", {m1_64, 2, 3}, 1}, {"mad.wide.s16", {low(-2, 16), 3, 10}, 4},
    {"mad.wide.u16", {0xffff, 2, 1}, 0x1ffff}, {"mad.wide.s32", {low(-2, 32), 3, 10}, 4}, {"mad.wide.u32", {m1_32, 2, 1}, 0x1ffffffff},
    {"div.s16", {low(-7, 16), 2}, low(-3, 16)}, {"div.u16", {0xfff9, 2}, 0x7ffc},      {"div.s32", {low(-7, 32), 2}, low(-3, 32)},
    {"div.u32", {m1_32, 16}, 0x0fffffff},    {"div.s64", {u64{1} << 63, low(-1, 64)}, u64{1} << 63}, {"div.u64", {m1_64, 16}, 0x0fffffffffffffff},
    {"rem.s16", {low(-7, 16), 2}, m1_16},    {"rem.u16", {7, 4}, 3},                   {"rem.s32", {low(-7, 32), 2}, m1_32},
    {"rem.u32", {m1_32, 16}, 15},            {"rem.s64", {u64{1} << 63, low(-1, 64)}, 0}, {"rem.u64", {m1_64, 16}, 15},
    {"min.s16", {low(-1, 16), 1}, m1_16},    {"min.u16", {0xffff, 1}, 1},              {"min.s32", {low(-1, 32), 1}, m1_32},
    {"min.u32", {m1_32, 1}, 1},              {"min.s64", {low(-1, 64), 1}, m1_64},     {"min.u64", {m1_64, 1}, 1},
    {"max.s16", {low(-1, 16), 1}, 1},        {"max.u16", {0xffff, 1}, 0xffff},         {"max.s32", {low(-1, 32), 1}, 1},
    {"max.u32", {m1_32, 1}, m1_32},          {"max.s64", {low(-1, 64), 1}, 1},         {"max.u64", {m1_64, 1}, m1_64},
    {"neg.s16", {1}, m1_16},                 {"neg.s32", {0x80000000}, 0x80000000},    {"neg.s64", {1}, m1_64},
    {"abs.s16", {m1_16}, 1},                 {"abs.s32", {low(-5, 32)}, 5},            {"abs.s64", {low(-5, 64)}, 5},
};

std::vector<one_case> const floats{
    {"add.f32", {f(1.5F), f(2.25F)}, f(3.75F)}, {"add.f64", {d(0.1), d(0.2)}, d(0.30000000000000004)}, {"add.rn.f32", {f(inf), f(-inf)}, nan_bits},
    {"add.rn.f64", {d(1), d(-3)}, d(-2)},    {"sub.f32", {f(1), f(1e-9F)}, f(1)},      {"sub.f64", {d(1), d(0.75)}, d(0.25)},
    {"sub.rn.f32", {f(2), f(3)}, f(-1)},     {"sub.rn.f64", {d(2), d(3)}, d(-1)},      {"mul.f32", {f(-1.5F), f(3)}, f(-4.5F)},
    {"mul.f64", {d(-1.5), d(3)}, d(-4.5)},   {"mul.rn.f32", {f(1e-30F), f(1e-10F)}, f(1e-40F)}, {"mul.rn.f64", {d(0), d(-2)}, d(-0.0)},
    {"div.rn.f32", {f(1), f(3)}, 0x3eaaaaab}, {"div.rn.f64", {d(1), d(-0.0)}, d(-std::numeric_limits<double>::infinity())},
    {"fma.rn.f32", {0x3f800001, 0x3f800001, f(-1)}, 0x34800000 + 0x0}, {"fma.rn.f64", {d(3), d(4), d(-12)}, d(0)},
    {"rcp.rn.f32", {f(-4)}, f(-0.25F)},      {"rcp.rn.f64", {d(8)}, d(0.125)},         {"sqrt.rn.f32", {f(2)}, 0x3fb504f3},
    {"sqrt.rn.f64", {d(2)}, 0x3ff6a09e667f3bcd}, {"min.f32", {f(no_number), f(2)}, f(2)},    {"min.f64", {d(0.0), d(-0.0)}, d(-0.0)},
    {"max.f32", {f(-0.0F), f(0.0F)}, 0},     {"max.f64", {d(-3), d(2)}, d(2)},         {"neg.f32", {f(0)}, 0x80000000},
    {"neg.f64", {d(1)}, d(-1)},              {"abs.f32", {f(-2)}, f(2)},               {"abs.f64", {d(-2)}, d(2)},
    {"copysign.f32", {f(-1), f(3)}, f(-3)},  {"copysign.f64", {d(1), d(-3)}, d(3)},    {"add.ftz.f32", {f(tiny), f(1)}, f(1)},
    {"add.rn.ftz.f32", {f(tiny), f(tiny)}, 0}, {"sub.ftz.f32", {f(0), f(tiny)}, 0},    {"sub.rn.ftz.f32", {f(3), f(1)}, f(2)},
    {"mul.ftz.f32", {f(1e-30F), f(-1e-10F)}, 0x80000000}, {"mul.rn.ftz.f32", {f(2), f(3)}, f(6)}, {"div.approx.ftz.f32", {f(6), f(3)}, f(2)},
    {"div.rn.ftz.f32", {f(tiny), f(1)}, 0},  {"fma.rn.ftz.f32", {f(2), f(3), f(tiny)}, f(6)}, {"rcp.approx.ftz.f32", {f(tiny)}, f(inf)},
    {"rcp.rn.ftz.f32", {f(4)}, f(0.25F)},    {"sqrt.approx.ftz.f32", {f(tiny)}, 0},    {"sqrt.rn.ftz.f32", {f(9)}, f(3)},
    {"min.ftz.f32", {f(tiny), f(1)}, 0},     {"max.ftz.f32", {f(-tiny), f(-1)}, 0x80000000}, {"neg.ftz.f32", {f(tiny)}, 0x80000000},
    {"abs.ftz.f32", {f(-tiny)}, 0},
    {"div.approx.ftz.f32", {f(1), f(3)}, 0x3eaaaaaa},  {"div.approx.ftz.f32", {f(-1), f(3)}, 0xbeaaaaaa},
    {"div.approx.ftz.f32", {f(1), f(-3)}, 0xbeaaaaaa}, {"div.approx.ftz.f32", {f(1), f(0)}, f(inf)},
    {"rcp.approx.ftz.f32", {f(3)}, 0x3eaaaaaa},        {"sqrt.approx.ftz.f32", {f(2)}, 0x3fb504f4},
};

std::vector<one_case> const bit_cases{
    {"and.b16", {0xff0f, 0x0ff0}, 0x0f00},   {"and.b32", {0xff00ff00, 0x0ff00ff0}, 0x0f000f00}, {"and.b64", {m1_64, 0x123456789a}, 0x123456789a},
    {"or.b16", {0xf000, 0x000f}, 0xf00f},    {"or.b32", {0xf0000000, 1}, 0xf0000001},  {"or.b64", {u64{1} << 63, 1}, (u64{1} << 63) + 1},
    {"xor.b16", {0xffff, 0x00ff}, 0xff00},   {"xor.b32", {m1_32, 1}, 0xfffffffe},      {"xor.b64", {m1_64, 1}, m1_64 - 1},
    {"not.b16", {0x00ff}, 0xff00},           {"not.b32", {0}, m1_32},                  {"not.b64", {0}, m1_64},
    {"shl.b16", {0x8001, 1}, 2},             {"shl.b32", {0x80000001, 1}, 2},          {"shl.b64", {1, 64}, 0},
    {"shr.b16", {0x8000, 15}, 1},            {"shr.b32", {0x80000000, 32}, 0},         {"shr.b64", {u64{1} << 63, 63}, 1},
    {"shr.u16", {0x8000, 1}, 0x4000},        {"shr.u32", {0x80000000, 31}, 1},         {"shr.u64", {m1_64, 70}, 0},
    {"shr.s16", {0x8000, 15}, m1_16},        {"shr.s32", {0x80000000, 40}, m1_32},     {"shr.s64", {u64{1} << 63, 62}, low(-2, 64)},
    {"bfi.b32", {0xff, 0, 8, 4}, 0xf00},     {"bfi.b64", {0xab, m1_64, 56, 8}, 0xabffffffffffffff}, {"bfe.u32", {0xabcd, 4, 8}, 0xbc},
    {"bfe.u64", {u64{0xab} << 56, 56, 8}, 0xab}, {"bfe.s32", {0xf00, 8, 4}, m1_32},    {"bfe.s64", {0x700, 8, 4}, 7},
    {"popc.b32", {0xf00f}, 8},               {"popc.b64", {m1_64}, 64},                {"clz.b32", {1}, 31},
    {"clz.b64", {0}, 64},                    {"brev.b32", {1}, 0x80000000},            {"brev.b64", {2}, u64{1} << 62},
    {"prmt.b32", {0x33221100, 0x77665544, 0x7410}, 0x77441100}, {"lop3.b32", {0xf0, 0xcc, 0xaa, 0x80}, 0x80}, {"shf.l.wrap.b32", {0x80000000, 1, 33}, 3},
    {"shf.r.wrap.b32", {0x80000000, 1, 31}, 3}, {"shf.l.clamp.b32", {0x80000000, 1, 40}, 0x80000000}, {"shf.r.clamp.b32", {5, 6, 40}, 6},
};

std::vector<one_case> const conversions{
    {"cvt.rn.f32.u8", {0x1ff}, f(255)},      {"cvt.rn.f32.s8", {0xff}, f(-1)},         {"cvt.rn.f32.u16", {0xffff}, f(65535)},
    {"cvt.rn.f32.s16", {0xffff}, f(-1)},     {"cvt.rn.f32.u32", {m1_32}, f(4294967296.0F)}, {"cvt.rn.f32.s32", {m1_32}, f(-1)},
    {"cvt.rn.f32.u64", {m1_64}, f(18446744073709551616.0F)}, {"cvt.rn.f32.s64", {m1_64}, f(-1)}, {"cvt.rn.f64.u8", {200}, d(200)},
    {"cvt.rn.f64.s8", {200}, d(-56)},        {"cvt.rn.f64.u16", {0xffff}, d(65535)},   {"cvt.rn.f64.s16", {0xffff}, d(-1)},
    {"cvt.rn.f64.u32", {m1_32}, d(4294967295.0)}, {"cvt.rn.f64.s32", {m1_32}, d(-1)},  {"cvt.rn.f64.u64", {u64{1} << 63}, d(9223372036854775808.0)},
    {"cvt.rn.f64.s64", {u64{1} << 63}, d(-9223372036854775808.0)}, {"cvt.f64.f32", {f(1.5F)}, d(1.5)}, {"cvt.ftz.f64.f32", {f(tiny)}, d(0)},
    {"cvt.rn.f32.f64", {d(0.1)}, f(0.1F)},   {"cvt.rn.ftz.f32.f64", {d(1e-40)}, 0},    {"cvt.f32.f16", {0x3c01}, f(1.0009765625F)},
    {"cvt.f32.bf16", {0x3f81}, f(1.0078125F)}, {"cvt.rn.f16.f32", {f(1.00048828125F)}, 0x3c00}, {"cvt.rn.bf16.f32", {f(1.00390625F)}, 0x3f80},
    {"cvt.rn.f16.f32", {f(1.00146484375F)}, 0x3c02}, {"cvt.rn.f16.f32", {f(1e6F)}, 0x7c00}, {"cvt.rn.f16.f32", {f(-5.9604645e-8F)}, 0x8001},
    {"cvt.rn.f16.f32", {f(6.1035156e-5F)}, 0x0400}, {"cvt.rn.f16.f32", {f(no_number)}, 0x7fff}, {"cvt.rn.bf16.f32", {f(1.01171875F)}, 0x3f82},
    {"cvt.f32.f16", {0x0001}, f(5.9604645e-8F)}, {"cvt.f32.f16", {0xfc00}, f(-inf)},
};

void check(std::vector<one_case> const& all, cases& have) {
  for (one_case const& c : all) {
    INFO(c.opcode);
    CHECK(computed(c.opcode, c.in, "xxxxxx") == c.out);
    have.have(c.opcode);
  }
}

}  // namespace

TEST_CASE("ptx: arithmetic", "[ptx]") {
  cases have;
  check(integers, have);
  check(floats, have);
  CHECK(have.missing({"add", "sub", "mul", "mad", "div", "rem", "min", "max", "neg", "abs", "fma", "rcp", "sqrt", "copysign"}).empty());
  CHECK(computed("fma.rn.f32", {f(3), f(5), f(-15)}, "xxxx") == 0);
}

TEST_CASE("ptx: bits", "[ptx]") {
  cases have;
  check(bit_cases, have);
  for (u64 a = 0; a < 2; ++a) {
    for (u64 b = 0; b < 2; ++b) {
      CHECK(computed("and.pred", {a, b}, "ppp") == (a & b));
      CHECK(computed("or.pred", {a, b}, "ppp") == (a | b));
      CHECK(computed("xor.pred", {a, b}, "ppp") == (a ^ b));
    }
    CHECK(computed("not.pred", {a}, "pp") == 1 - a);
  }
  for (char const* const name : {"and.pred", "or.pred", "xor.pred", "not.pred"}) have.have(name);
  CHECK(have.missing({"and", "or", "xor", "not", "shl", "shr", "bfi", "bfe", "popc", "clz", "brev", "prmt", "lop3", "shf"}).empty());
}

TEST_CASE("ptx: conversions of floats", "[ptx]") {
  cases have;
  check(conversions, have);
  // 2.5, -2.5, 3.7, -3.2 by nearest, zero, down, up; too large, too small, NaN.
  struct way { char const* name; s64 of[4]; };
  for (way const& w : {way{"rni", {2, -2, 4, -3}}, way{"rzi", {2, -2, 3, -3}}, way{"rmi", {2, -3, 3, -4}}, way{"rpi", {3, -2, 4, -3}}}) {
    double const from[] = {2.5, -2.5, 3.7, -3.2};
    for (char const* const to : {"u16", "s16", "u32", "s32", "u64", "s64"}) {
      int const width = std::atoi(to + 1);
      bool const is_signed = to[0] == 's';
      u64 const most = low(-1, width) >> (is_signed ? 1 : 0), least = is_signed ? u64{1} << (width - 1) : 0;
      for (std::string const& type : {std::string("f32"), std::string("f64")}) {
        auto const bits_of = [&type](double x) { return type == "f32" ? f(static_cast<float>(x)) : d(x); };
        std::string const name = std::string("cvt.") + w.name + "." + to + "." + type;
        INFO(name);
        for (int k = 0; k < 4; ++k) CHECK(computed(name, {bits_of(from[k])}, "xx") == (is_signed || w.of[k] > 0 ? low(w.of[k], width) : 0));
        CHECK(computed(name, {bits_of(1e30)}, "xx") == most);
        CHECK(computed(name, {bits_of(-1e30)}, "xx") == least);
        CHECK(computed(name, {bits_of(std::nan(""))}, "xx") == (width == 64 ? u64{1} << 63 : 0));
        have.have(name);
      }
      std::string const flushing = std::string("cvt.") + w.name + ".ftz." + to + ".f32";
      CHECK(computed(flushing, {f(tiny)}, "xx") == 0);
      have.have(flushing);
    }
    std::string const name = std::string("cvt.") + w.name;
    CHECK(computed(name + ".f32.f32", {f(2.5F)}, "xx") == f(static_cast<float>(w.of[0])));
    CHECK(computed(name + ".ftz.f32.f32", {f(tiny)}, "xx") == 0);
    CHECK(computed(name + ".f64.f64", {d(-2.5)}, "xx") == d(static_cast<double>(w.of[1])));
    for (char const* const end : {".f32.f32", ".ftz.f32.f32", ".f64.f64"}) have.have(name + end);
  }
  for (char const* const from : {"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"}) {
    CHECK(computed(std::string("cvt.rn.ftz.f32.") + from, {77}, "xx") == f(77));
    have.have(std::string("cvt.rn.ftz.f32.") + from);
    // Of integers: cut, then extended as the source is signed.
    for (char const* const to : {"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"}) {
      u64 const x = 0x88c1d2e3f4a5b6c7;
      int const width = std::atoi(from + 1);
      u64 const cut = low(static_cast<s64>(x), width);
      bool const fills = from[0] == 's' && (cut >> (width - 1) & 1) != 0;
      std::string const name = std::string("cvt.") + to + "." + from;
      INFO(name);
      CHECK(computed(name, {x}, "xx") == low(static_cast<s64>(fills ? cut | ~low(-1, width) : cut), std::atoi(to + 1)));
      have.have(name);
    }
  }
  CHECK(have.missing({"cvt"}).empty());
}

TEST_CASE("ptx: comparisons", "[ptx]") {
  cases have;
  // What holds of less, equal, greater, and where one is NaN.
  struct word { char const* name; bool holds[4]; };
  struct pair { char const* type; u64 small, large; };
  pair const pairs[] = {{"b16", 1, 2}, {"b32", 1, 2}, {"b64", 1, 2}, {"u16", 1, 0xffff}, {"u32", 1, m1_32}, {"u64", 1, m1_64}, {"s16", 0xffff, 1},
                        {"s32", m1_32, 1}, {"s64", m1_64, 1}, {"f32", f(-1), f(0.5F)}, {"f64", d(-1), d(0.5)}, {"ftz.f32", f(0), f(1)}};
  for (word const& w : {word{"eq", {false, true, false, false}}, word{"ne", {true, false, true, false}}, word{"lt", {true, false, false, false}},
                        word{"le", {true, true, false, false}}, word{"gt", {false, false, true, false}}, word{"ge", {false, true, true, false}},
                        word{"lo", {true, false, false, false}}, word{"ls", {true, true, false, false}}, word{"hi", {false, false, true, false}},
                        word{"hs", {false, true, true, false}}, word{"equ", {false, true, false, true}}, word{"neu", {true, false, true, true}},
                        word{"ltu", {true, false, false, true}}, word{"leu", {true, true, false, true}}, word{"gtu", {false, false, true, true}},
                        word{"geu", {false, true, true, true}}, word{"num", {true, true, true, false}}, word{"nan", {false, false, false, true}}}) {
    for (pair const& p : pairs) {
      std::string const name = std::string("setp.") + w.name, type = p.type;
      if (!known().contains(name + "." + type)) continue;
      INFO(name + "." + type);
      bool const is_float = type.find('f') != std::string::npos;
      auto const holds = [&](std::string const& join, u64 a, u64 b, u64 c) {
        return join.empty() ? computed(name + "." + type, {a, b}, "pxx") : computed(name + "." + join + "." + type, {a, b, c}, "pxxp");
      };
      u64 const not_a_number = type == "f64" ? d(std::nan("")) : f(no_number);
      for (int k = 0; k < (is_float ? 4 : 3); ++k) {
        u64 const a = k == 2 ? p.large : p.small, b = k == 0 ? p.large : k == 3 ? not_a_number : p.small;
        bool const want = w.holds[k];
        CHECK(holds("", a, b, 0) == (want ? 1 : 0));
        for (u64 c = 0; c < 2; ++c) {
          CHECK(holds("and", a, b, c) == ((want && c != 0) ? 1 : 0));
          CHECK(holds("or", a, b, c) == ((want || c != 0) ? 1 : 0));
          CHECK(holds("xor", a, b, c) == ((want != (c != 0)) ? 1 : 0));
        }
      }
      for (char const* const join : {".", ".and.", ".or.", ".xor."}) have.have(name + join + type);
    }
  }
  CHECK(computed("setp.eq.ftz.f32", {f(tiny), f(0)}, "pxx") == 1);
  CHECK(computed("setp.eq.f32", {f(tiny), f(0)}, "pxx") == 0);
  CHECK(have.missing({"setp"}).empty());
  CHECK(small_program(".reg .pred %p<3>; .reg .b64 %x<2>; setp.lt.s32 %p0|%p1, 1, 2; selp.u64 %x0, 1, 0, %p1; st.global.u64 [%out], %x0;").run()[0] == 0);
  CHECK(small_program(".reg .pred %p<3>; .reg .b64 %x<2>; setp.lt.s32 %p0, 1, 2; @!%p0 ret; setp.ne.and.s32 %p1|%p2, 1, 2, !%p0; selp.u64 %x0, 1, 3, %p1; st.global.u64 [%out], %x0;").run()[0] == 3);
}

TEST_CASE("ptx: choices and moves", "[ptx]") {
  cases have;
  for (char const* const type : {"b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64", "f32", "f64"}) {
    int const width = std::atoi(type + 1);
    u64 const a = low(static_cast<s64>(0x1122334455667788), width), b = low(0x0102030405060708, width);
    CHECK(computed(std::string("selp.") + type, {a, b, 1}, "xxxp") == a);
    CHECK(computed(std::string("selp.") + type, {a, b, 0}, "xxxp") == b);
    CHECK(computed(std::string("mov.") + type, {0x1122334455667788}, "xx") == a);
    have.have(std::string("selp.") + type);
    have.have(std::string("mov.") + type);
  }
  for (u64 const nan : {0x7fc00000U, 0xffc00001U, 0x7fa00000U}) {  // kept as it is; addition would make 0x7fffffff
    CHECK(computed("mov.f32", {nan}, "xx") == nan);
    CHECK(computed("selp.f32", {nan, 0, 1}, "xxxp") == nan);
    CHECK(computed("add.f32", {nan, 0}, "xxx") == 0x7fffffff);
  }
  CHECK(computed("mov.pred", {1}, "pp") == 1);
  have.have("mov.pred");
  CHECK(have.missing({"selp", "mov"}).empty());
  auto const words = small_program(R"(.reg .b64 %x<9>;
    mov.b64 {%x1, %x2}, 0x1122334455667788; mov.b64 %x3, {%x2, %x1}; mov.b32 %x4, {%x1, %x2}; mov.b64 {_, %x5}, %x3;
    st.global.u64 [%out], %x1; st.global.u64 [%out+8], %x2; st.global.u64 [%out+16], %x3; st.global.u64 [%out+24], %x4; st.global.u64 [%out+32], %x5;)").run(5);
  CHECK(words == std::vector<u64>{0x55667788, 0x11223344, 0x5566778811223344, 0x33447788, 0x55667788});
}
