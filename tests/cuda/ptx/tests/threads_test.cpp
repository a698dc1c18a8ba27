// What threads do together, and where they go: shuffles, votes, barriers, branches, calls.
#include "running.hpp"

namespace {

using namespace ptx_test;

// Thread t of one warp writes %r0 to word t; %t is its number.
std::vector<u64> over_a_warp(std::string const& body, std::size_t threads = 32) {
  small_program p(".reg .b32 %r<20>, %t; .reg .b64 %x<8>; .reg .pred %p<8>; mov.u32 %t, %tid.x; mov.u32 %r0, 0;\n" + body +
                  "\ncvt.u64.u32 %x6, %r0; mad.wide.u32 %x7, %t, 8, %out; st.global.u64 [%x7], %x6;");
  p.threads.x = static_cast<u32>(threads);
  return p.run(threads);
}
template <class F>
std::vector<u64> each_lane(F const& f) {
  std::vector<u64> v;
  for (u64 l = 0; l < 32; ++l) v.push_back(f(l));
  return v;
}

}  // namespace

TEST_CASE("ptx: shuffles, votes, matches, reductions", "[ptx]") {
  cases have;
  auto const check = [&have](std::string const& opcode, std::string const& body, std::vector<u64> const& want) {
    INFO(opcode);
    CHECK(over_a_warp(body) == want);
    have.have(opcode);
  };
  // Lane l offers 100 + l. Whole warps have 31 (0 for up) as their third operand, segments of 8 lanes 24 << 8 more.
  std::string const offer = "add.u32 %r1, %t, 100; ";
  check("shfl.sync.up.b32", offer + "shfl.sync.up.b32 %r0|%p0, %r1, 3, 0, -1; @!%p0 add.u32 %r0, %r0, 1000;", each_lane([](u64 l) { return l < 3 ? 1100 + l : 97 + l; }));
  check("shfl.sync.down.b32", offer + "shfl.sync.down.b32 %r0|%p0, %r1, 3, 31, -1; @!%p0 add.u32 %r0, %r0, 1000;", each_lane([](u64 l) { return l > 28 ? 1100 + l : 103 + l; }));
  check("shfl.sync.bfly.b32", offer + "shfl.sync.bfly.b32 %r0, %r1, 5, 31, -1;", each_lane([](u64 l) { return 100 + (l ^ 5); }));
  check("shfl.sync.idx.b32", offer + "shfl.sync.idx.b32 %r0, %r1, 2, 6175, -1;", each_lane([](u64 l) { return 102 + l / 8 * 8; }));
  check("shfl.sync.up.b32", offer + "shfl.sync.up.b32 %r0, %r1, 1, 6144, -1;", each_lane([](u64 l) { return l % 8 == 0 ? 100 + l : 99 + l; }));
  check("shfl.sync.down.b32", offer + "shfl.sync.down.b32 %r0, %r1, 1, 6175, -1;", each_lane([](u64 l) { return l % 8 == 7 ? 100 + l : 101 + l; }));
  std::string const even = "and.b32 %r2, %t, 1; setp.eq.u32 %p0, %r2, 0; ";
  check("vote.sync.ballot.b32", even + "vote.sync.ballot.b32 %r0, %p0, -1;", each_lane([](u64) { return 0x55555555; }));
  check("vote.sync.all.pred", even + "vote.sync.all.pred %p1, %p0, -1; vote.sync.all.pred %p2, %p1, -1; @!%p1 mov.u32 %r0, 3; @%p2 mov.u32 %r0, 4;", each_lane([](u64) { return 3; }));
  check("vote.sync.any.pred", even + "vote.sync.any.pred %p1, %p0, -1; @%p1 mov.u32 %r0, 3;", each_lane([](u64) { return 3; }));
  // Odd lanes alone: the mask names those that run it.
  check("vote.sync.ballot.b32", even + "@%p0 bra $on; setp.gt.u32 %p1, %t, 16; vote.sync.ballot.b32 %r0, %p1, 0xaaaaaaaa;\n$on: add.u32 %r0, %r0, 0;",
        each_lane([](u64 l) { return l % 2 == 0 ? 0 : 0xaaaa0000; }));
  std::string const values = "sub.u32 %r1, %t, 4; ";
  for (auto const& [name, want] : {std::pair<char const*, u64>{"add.u32", 368}, {"add.s32", 368}, {"min.u32", 0}, {"min.s32", 0xfffffffc}, {"max.u32", 0xffffffff},
                                   {"max.s32", 27}, {"and.b32", 0}, {"or.b32", 0xffffffff}, {"xor.b32", 0}}) {
    u64 const result = want;
    std::string const opcode = std::string("redux.sync.") + name;
    check(opcode, values + opcode + " %r0, %r1, -1;", each_lane([result](u64) { return result; }));
  }
  check("match.any.sync.b32", "and.b32 %r1, %t, 3; match.any.sync.b32 %r0, %r1, -1;", each_lane([](u64 l) { return u64{0x11111111} << (l % 4) & 0xffffffff; }));
  check("match.any.sync.b64", "and.b32 %r1, %t, 1; cvt.u64.u32 %x0, %r1; shl.b64 %x0, %x0, 40; match.any.sync.b64 %r0, %x0, -1;", each_lane([](u64 l) { return l % 2 == 0 ? 0x55555555 : 0xaaaaaaaa; }));
  check("activemask.b32", even + "@%p0 activemask.b32 %r0;", each_lane([](u64 l) { return l % 2 == 0 ? 0x55555555 : 0; }));
  CHECK(have.missing({"shfl", "vote", "redux", "match", "activemask"}).empty());
}

TEST_CASE("ptx: branches, calls, ends", "[ptx]") {
  cases have;
  // As many rounds as the thread's number: threads part and come together again.
  std::string const rounds = "$again: setp.ge.u32 %p0, %r0, %t; @%p0 bra $done; add.u32 %r0, %r0, 1; bra.uni $again;\n$done: mul.lo.u32 %r0, %r0, 3;";
  CHECK(over_a_warp(rounds) == each_lane([](u64 l) { return 3 * l; }));
  CHECK(over_a_warp("setp.lt.u32 %p0, %t, 5; @%p0 exit; @!%p0 add.u32 %r0, %t, 7;") == each_lane([](u64 l) { return l < 5 ? 0 : l + 7; }));
  CHECK(over_a_warp("setp.lt.u32 %p0, %t, 5; @%p0 ret; mov.u32 %r0, 9;") == each_lane([](u64 l) { return l < 5 ? 0 : 9; }));
  CHECK(over_a_warp("setp.lt.u32 %p0, %t, 5; @%p0 ret.uni; mov.u32 %r0, 9;") == each_lane([](u64 l) { return l < 5 ? 0 : 9; }));
  CHECK_THAT(small_program("trap;").fault_of(), cppo_test::contains("trap: k line"));
  // Factorials by recursion, with a variable in each frame, and a call without a result.
  std::string const functions = R"(
    .func (.param .b32 result) factorial(.param .b32 n, .param .align 8 .b8 unused[16]);
    .func nothing() { ret; }
    .func (.param .b32 result) factorial(.param .b32 n, .param .align 8 .b8 unused[16]) {
      .reg .b32 %a<4>; .reg .pred %q<2>; .local .align 4 .b32 kept;
      ld.param.u32 %a1, [n]; st.local.u32 [kept], %a1; setp.gt.u32 %q1, %a1, 1; mov.u32 %a2, 1;
      @!%q1 bra $end;
      { .param .b32 p0; .param .align 8 .b8 p1[16]; .param .b32 r0; sub.u32 %a2, %a1, 1; st.param.b32 [p0+0], %a2;
        call.uni (r0), factorial, (p0, p1); ld.param.b32 %a2, [r0+0]; }
      ld.local.u32 %a1, [kept]; mul.lo.u32 %a2, %a2, %a1;
    $end: st.param.b32 [result+0], %a2; ret; })";
  small_program p(".reg .b32 %r<4>; .reg .b64 %x<4>; mov.u32 %r0, %tid.x;\n"
                  "{ .param .b32 p0; .param .align 8 .b8 p1[16]; .param .b32 r0; st.param.b32 [p0+0], %r0; call (r0), factorial, (p0, p1); call.uni nothing, (); ld.param.b32 %r1, [r0+0]; }\n"
                  "cvt.u64.u32 %x0, %r1; mad.wide.u32 %x1, %r0, 8, %out; st.global.u64 [%x1], %x0;", functions);
  p.threads.x = 6;
  CHECK(p.run(6) == std::vector<u64>{1, 1, 2, 6, 24, 120});
  for (char const* const name : {"bra", "bra.uni", "call", "call.uni", "ret", "ret.uni", "exit", "trap"}) have.have(name);
  CHECK(have.missing({"bra", "call", "ret", "exit", "trap"}).empty());
}

TEST_CASE("ptx: barriers and fences let threads go on when all are there", "[ptx]") {
  cases have;
  // Each of 64 threads leaves its number for the one 33 further.
  std::string const hand_over = R"(.shared .align 4 .b32 there[64]; .reg .b32 %r<8>; .reg .b64 %x<8>; mov.u32 %r0, %tid.x; mov.u64 %x0, there;
    mad.wide.u32 %x1, %r0, 4, %x0; st.shared.u32 [%x1], %r0; BARRIER add.u32 %r1, %r0, 33; and.b32 %r1, %r1, 63; mad.wide.u32 %x2, %r1, 4, %x0; ld.shared.u32 %r2, [%x2];
    cvt.u64.u32 %x3, %r2; mad.wide.u32 %x4, %r0, 8, %out; st.global.u64 [%x4], %x3;)";
  for (std::string const barrier : {"bar.sync 0;", "barrier.sync 0;"}) {
    for (u64 seed = 0; seed < 4; ++seed) {
      std::string body = hand_over;
      body.replace(body.find("BARRIER"), 7, barrier);
      small_program p(body);
      p.threads.x = 64;
      p.gpu.how.races = true;
      p.gpu.how.seed = seed;
      std::vector<u64> const got = p.run(64);
      for (u64 t = 0; t < 64; ++t) CHECK(got[t] == (t + 33) % 64);
      CHECK(p.gpu.found.empty());
    }
    have.have(barrier.substr(0, barrier.find(' ')));
  }
  CHECK(over_a_warp("bar.warp.sync -1; mov.u32 %r0, 5;") == each_lane([](u64) { return 5; }));
  have.have("bar.warp.sync");
  for (std::string const way : {"", ".aligned"}) {
    for (std::string const order : {"", "r"}) {
      std::string const arrive = "barrier.cluster.arrive" + std::string(order.empty() ? "" : ".release") + way, wait = "barrier.cluster.wait" + std::string(order.empty() ? "" : ".acquire") + way;
      small_program p(arrive + "; " + wait + "; st.global.u64 [%out], 5;");
      CHECK(p.run()[0] == 5);
      have.have(arrive);
      have.have(wait);
    }
  }
  for (std::string const& pattern : {std::string("membar.{gl,sys,cta}"), std::string("fence.{sc,acq_rel}.{gpu,sys,cta,cluster}")}) {
    for (std::string const& name : expanded(pattern)) {
      CHECK(small_program(name + "; st.global.u64 [%out], 6;").run()[0] == 6);
      have.have(name);
    }
  }
  CHECK(have.missing({"bar", "barrier", "membar", "fence"}).empty());
}

TEST_CASE("ptx: special registers", "[ptx]") {
  small_program p(R"(.reg .b32 %r<30>; .reg .b64 %x<4>; .reg .pred %p<2>;
    mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z; mov.u32 %r3, %ntid.x; mov.u32 %r4, %ntid.y; mov.u32 %r5, %ntid.z;
    mov.u32 %r6, %ctaid.x; mov.u32 %r7, %ctaid.y; mov.u32 %r8, %ctaid.z; mov.u32 %r9, %nctaid.x; mov.u32 %r10, %nctaid.y; mov.u32 %r11, %nctaid.z;
    mov.u32 %r12, %laneid; mov.u32 %r13, %cluster_ctarank; mov.u32 %r14, %cluster_nctarank; mov.u32 %r15, %clusterid.x; mov.u32 %r16, %nclusterid.x;
    mov.u32 %r17, %lanemask_lt; mov.u32 %r18, %lanemask_le; mov.u32 %r19, %lanemask_eq; mov.u32 %r20, %lanemask_ge; mov.u32 %r21, %lanemask_gt;
    setp.ne.u32 %p0, %r0, 1; @%p0 exit; setp.ne.u32 %p0, %r1, 2; @%p0 exit; setp.ne.u32 %p0, %r2, 1; @%p0 exit; setp.ne.u32 %p0, %r15, 1; @%p0 exit; setp.ne.u32 %p0, %r13, 1; @%p0 exit;
    )" + [] {
      std::string stores;
      for (int k = 0; k < 22; ++k) stores += "st.global.u32 [%out+" + std::to_string(8 * k) + "], %r" + std::to_string(k) + ";\n";
      return stores;
    }());
  p.threads = {3, 4, 2};
  p.grid = {2, 2, 1};
  p.cluster_size = 2;
  // Thread 1 + 3 * (2 + 4 * 1) = 19 of block 3.
  CHECK(p.run(22) == std::vector<u64>{1, 2, 1, 3, 4, 2, 1, 1, 0, 2, 2, 1, 19, 1, 2, 1, 2, 0x7ffff, 0xfffff, 0x80000, 0xfff80000, 0xfff00000});
}
