// Each detector against a program with the fault, and one without.
#include "running.hpp"

namespace {

using namespace ptx_test;
using cppo_test::contains;

// Runs with all detectors under several schedules; what was found, the first word of each.
struct outcome {
  bool race = false, undefined = false, other = false;
  std::string stopped;
};
outcome over_schedules(std::string const& body, u32 threads, u32 blocks = 1, u32 cluster_size = 1, std::size_t words = 256,
                       std::vector<u32> const& left_out = {}) {
  outcome all;
  for (u64 seed = 0; seed < 6; ++seed) {
    small_program p(body);
    p.threads.x = threads;
    p.grid.x = blocks;
    p.cluster_size = cluster_size;
    p.without = left_out;
    p.gpu.how.races = true;
    p.gpu.how.seed = seed;
    std::string const stopped = p.fault_of(words);
    if (!stopped.empty()) all.stopped = stopped;
    all.race = all.race || p.gpu.found.has("race");
    all.undefined = all.undefined || p.gpu.found.has("read of");
    for (auto const& [what, times] : p.gpu.found.all()) all.other = all.other || !(what.starts_with("race") || what.starts_with("read of"));
  }
  return all;
}
bool clean(outcome const& o) { return !o.race && !o.undefined && !o.other && o.stopped.empty(); }

std::string without(std::string body, std::string const& what) {
  std::size_t const at = body.find(what);
  REQUIRE(at != std::string::npos);
  return body.erase(at, what.size());
}
std::string with(std::string body, std::string const& what, std::string const& instead) {
  std::size_t const at = body.find(what);
  REQUIRE(at != std::string::npos);
  return body.replace(at, what.size(), instead);
}

std::string const names = ".reg .b32 %r<20>, %t; .reg .b64 %x<20>; .reg .pred %p<8>; mov.u32 %t, %tid.x;\n";

}  // namespace

TEST_CASE("ptx: an address that nothing has", "[ptx]") {
  std::string const at = names + "ld.global.u32 %r0, [%out+OFFSET];";
  CHECK(small_program(with(at, "OFFSET", "508")).fault_of() == "");
  CHECK_THAT(small_program(with(at, "OFFSET", "512")).fault_of(), contains("illegal address") && contains("0 bytes past an allocation of 512 bytes") && contains("k line"));
  CHECK_THAT(small_program(with(at, "OFFSET", "-4")).fault_of(), contains("illegal address"));
  CHECK_THAT(small_program(names + "st.u32 [%out+1000000], 1;").fault_of(), contains("illegal address"));
  CHECK_THAT(small_program(names + "mov.u64 %x0, 0; ld.u64 %x1, [%x0];").fault_of(), contains("illegal address 0"));
  // Half in, half out.
  CHECK_THAT(small_program(names + "ld.global.v2.u64 {%x0, %x1}, [%out];").fault_of(1), contains("illegal address"));
}

TEST_CASE("ptx: an address that is not aligned", "[ptx]") {
  CHECK(small_program(names + "ld.global.u32 %r0, [%out+4];").fault_of() == "");
  CHECK_THAT(small_program(names + "ld.global.u32 %r0, [%out+2];").fault_of(), contains("misaligned address of 4 bytes"));
  CHECK_THAT(small_program(names + "ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%out+8];").fault_of(), contains("misaligned address of 16 bytes"));
  CHECK_THAT(small_program(names + ".shared .align 8 .b8 s[16]; st.shared.u32 [s+1], %t;").fault_of(), contains("misaligned"));
}

TEST_CASE("ptx: out of bounds of shared memory and of a thread's variables", "[ptx]") {
  std::string const shared = names + ".shared .align 4 .b8 s[16]; mov.u64 %x0, s; st.shared.u32 [%x0+OFFSET], %t;";
  CHECK(small_program(with(shared, "OFFSET", "12")).fault_of() == "");
  CHECK_THAT(small_program(with(shared, "OFFSET", "16")).fault_of(), contains("out of bounds") && contains("shared memory"));
  std::string const generic = names + ".shared .align 4 .b8 s[16]; mov.u64 %x0, s; cvta.shared.u64 %x0, %x0; st.u32 [%x0+OFFSET], %t;";
  CHECK(small_program(with(generic, "OFFSET", "12")).fault_of() == "");
  CHECK_THAT(small_program(with(generic, "OFFSET", "16")).fault_of(), contains("out of bounds"));
  std::string const local = names + ".local .align 4 .b8 v[16]; st.local.u32 [v+OFFSET], %t;";
  CHECK(small_program(with(local, "OFFSET", "12")).fault_of() == "");
  CHECK_THAT(small_program(with(local, "OFFSET", "16")).fault_of(), contains("out of bounds"));
  CHECK_THAT(small_program(names + "mov.u64 %x0, out; st.param.u32 [%x0], %t;").fault_of(), contains("a parameter is written"));
}

TEST_CASE("ptx: memory that was freed", "[ptx]") {
  device d;
  auto* const p = static_cast<u8*>(d.memory.allocate(64, memory_kind::device));
  function const& f = d.kernel(d.add("test", header + ".visible .entry k(.param .u64 p) { .reg .b64 %p; .reg .b32 %r; ld.param.u64 %p, [p]; st.global.u32 [%p], 1; ret; }"), "k");
  std::vector<u8> parameters(8);
  std::memcpy(parameters.data(), &p, 8);
  d.run(f, {}, {}, 1, parameters);
  REQUIRE(d.memory.free(p));
  CHECK_FALSE(d.memory.free(p));
  CHECK_THROWS_WITH(d.run(f, {}, {}, 1, parameters), contains("use after free, byte 0 of an allocation of 64 freed bytes"));
}

TEST_CASE("ptx: memory that was never written", "[ptx]") {
  std::string const shared = names + ".shared .align 8 .b8 s[16]; st.shared.u32 [s], %t; ld.shared.u32 %r0, [s+OFFSET];";
  CHECK(clean(over_schedules(with(shared, "OFFSET", "0"), 1)));
  CHECK(over_schedules(with(shared, "OFFSET", "4"), 1).undefined);
  // A byte of a word is enough, unless nvcc says that it is not used.
  std::string const bytes = names + ".shared .align 8 .b8 s[16]; st.shared.u16 [s], %t; MASK ld.shared.u32 %r0, [s];";
  CHECK(over_schedules(with(bytes, "MASK", ""), 1).undefined);
  CHECK(clean(over_schedules(with(bytes, "MASK", ".pragma \"used_bytes_mask 3\";"), 1)));
  CHECK(over_schedules(with(bytes, "MASK", ".pragma \"used_bytes_mask 7\";"), 1).undefined);
  // Global: copies define it, and what kernels write.
  for (bool const written : {false, true}) {
    device d;
    auto* const p = static_cast<u8*>(d.memory.allocate(64, memory_kind::device));
    if (written) d.memory.find(reinterpret_cast<u64>(p), 1)->marks.define(64, 8, 8);
    function const& f = d.kernel(d.add("test", header + ".visible .entry k(.param .u64 p) { .reg .b64 %p; .reg .b32 %r; ld.param.u64 %p, [p]; ld.global.u32 %r, [%p+12]; ret; }"), "k");
    std::vector<u8> parameters(8);
    std::memcpy(parameters.data(), &p, 8);
    d.run(f, {}, {}, 1, parameters);
    CHECK(d.found.has("read of global memory that was never written") == !written);
  }
}

TEST_CASE("ptx: races within a warp", "[ptx]") {
  // Each thread reads what its neighbour wrote.
  std::string const body = names + R"(.shared .align 4 .b32 s[32]; mov.u64 %x0, s; mad.wide.u32 %x1, %t, 4, %x0; st.shared.u32 [%x1], %t;
    bar.warp.sync -1; xor.b32 %r0, %t, 1; mad.wide.u32 %x2, %r0, 4, %x0; ld.shared.u32 %r1, [%x2];)";
  CHECK(clean(over_schedules(body, 32)));
  CHECK(over_schedules(without(body, "bar.warp.sync -1;"), 32).race);
  CHECK(over_schedules(with(body, "bar.warp.sync -1;", "membar.gl;"), 32).race);
  // Pairs alone join.
  std::string const pairs = names + R"(.shared .align 4 .b32 s[32]; mov.u64 %x0, s; mad.wide.u32 %x1, %t, 4, %x0; st.shared.u32 [%x1], %t;
    and.b32 %r2, %t, 30; shl.b32 %r3, 3, %r2; bar.warp.sync %r3; xor.b32 %r0, %t, 1; mad.wide.u32 %x2, %r0, 4, %x0; ld.shared.u32 %r1, [%x2];)";
  CHECK(clean(over_schedules(pairs, 32)));
  CHECK(over_schedules(with(pairs, "xor.b32 %r0, %t, 1", "xor.b32 %r0, %t, 2"), 32).race);
  // All write one word; with atomic operations they may.
  CHECK(over_schedules(names + ".shared .b32 s; st.shared.u32 [s], %t;", 2).race);
  CHECK(clean(over_schedules(names + ".shared .b32 s; setp.eq.u32 %p0, %t, 0; @%p0 st.shared.u32 [s], 0; bar.warp.sync -1; atom.shared.add.u32 %r0, [s], 1;", 32)));
  CHECK(over_schedules(names + ".shared .b32 s; setp.eq.u32 %p0, %t, 0; @%p0 st.shared.u32 [s], 0; atom.shared.add.u32 %r0, [s], 1;", 32).race);
}

TEST_CASE("ptx: races within a block", "[ptx]") {
  // Thread t writes a word that a thread of another warp reads, and later writes: three barriers' work in two.
  std::string const body = names + R"(.shared .align 4 .b32 s[64]; mov.u64 %x0, s; mad.wide.u32 %x1, %t, 4, %x0; add.u32 %r0, %t, 33; and.b32 %r0, %r0, 63; mad.wide.u32 %x2, %r0, 4, %x0;
    st.shared.u32 [%x1], %t; bar.sync 0; ld.shared.u32 %r1, [%x2]; barrier.sync 0; st.shared.u32 [%x1], %r1;)";
  CHECK(clean(over_schedules(body, 64)));
  outcome const read = over_schedules(without(body, "bar.sync 0;"), 64), written = over_schedules(without(body, "barrier.sync 0;"), 64);
  CHECK(read.race);
  CHECK(written.race);
  CHECK(over_schedules(with(body, "bar.sync 0;", "bar.warp.sync -1;"), 64).race);
  // The same in global memory.
  std::string const global = names + R"(mad.wide.u32 %x1, %t, 4, %out; add.u32 %r0, %t, 33; and.b32 %r0, %r0, 63; mad.wide.u32 %x2, %r0, 4, %out;
    st.global.u32 [%x1], %t; bar.sync 0; ld.global.u32 %r1, [%x2];)";
  CHECK(clean(over_schedules(global, 64)));
  CHECK(over_schedules(without(global, "bar.sync 0;"), 64).race);
  // Many readers: whichever warp writes next, it races with one.
  std::string const readers = names + R"(.shared .b32 s; setp.eq.u32 %p0, %t, 0; @%p0 st.shared.u32 [s], 1; bar.sync 0; ld.shared.u32 %r0, [s]; barrier.sync 0;
    setp.eq.u32 %p1, %t, LAST; @%p1 st.shared.u32 [s], 2;)";
  for (char const* const last : {"0", "40", "95"}) {
    CHECK(clean(over_schedules(with(readers, "LAST", last), 96)));
    CHECK(over_schedules(without(with(readers, "LAST", last), "barrier.sync 0;"), 96).race);
  }
}

TEST_CASE("ptx: races in blocks that take the place of others", "[ptx]") {
  // More blocks than run at a time. Each thread reads what one of another warp wrote, and writes again.
  std::string const body = names + R"(.shared .align 4 .b32 s[64]; mov.u64 %x0, s; mad.wide.u32 %x1, %t, 4, %x0;
    xor.b32 %r0, %t, 32; mad.wide.u32 %x2, %r0, 4, %x0;
    st.shared.u32 [%x1], %t; bar.sync 0; ld.shared.u32 %r2, [%x2]; barrier.sync 0; st.shared.u32 [%x1], %r2;)";
  for (u32 const blocks : {3, 5, 40}) {
    CHECK(clean(over_schedules(body, 64, blocks)));
    CHECK(over_schedules(without(body, "bar.sync 0;"), 64, blocks).race);
    CHECK(over_schedules(without(body, "barrier.sync 0;"), 64, blocks).race);
  }
  // The same within a warp, and of clusters.
  std::string const warps = with(with(body, "bar.sync 0", "bar.warp.sync -1"), "barrier.sync 0", "bar.warp.sync 0xffffffff");
  std::string const of_a_warp = with(warps, "xor.b32 %r0, %t, 32", "xor.b32 %r0, %t, 1");
  CHECK(clean(over_schedules(of_a_warp, 64, 40)));
  CHECK(over_schedules(without(of_a_warp, "bar.warp.sync -1;"), 64, 40).race);
  CHECK(clean(over_schedules(body, 64, 40, 2)));
  CHECK(over_schedules(without(body, "bar.sync 0;"), 64, 40, 2).race);
}

TEST_CASE("ptx: races between blocks of a cluster", "[ptx]") {
  std::string const body = names + R"(.shared .align 4 .b32 s; mov.u64 %x0, s; cvta.shared.u64 %x0, %x0; mov.u32 %r0, %cluster_ctarank; xor.b32 %r1, %r0, 1;
    st.shared.u32 [s], %r0; barrier.cluster.arrive; barrier.cluster.wait; mapa.u64 %x1, %x0, %r1; ld.u32 %r2, [%x1]; barrier.cluster.arrive.release; barrier.cluster.wait.acquire;)";
  CHECK(clean(over_schedules(body, 1, 2, 2)));
  CHECK(over_schedules(without(body, "barrier.cluster.arrive; barrier.cluster.wait;"), 1, 2, 2).race);
  CHECK(over_schedules(with(body, "barrier.cluster.arrive; barrier.cluster.wait;", "bar.sync 0;"), 1, 2, 2).race);
  // A write between arrival and wait comes before nothing.
  std::string const late = with(body, "st.shared.u32 [s], %r0; barrier.cluster.arrive;", "barrier.cluster.arrive; st.shared.u32 [s], %r0;");
  CHECK(over_schedules(late, 1, 2, 2).race);
  // Without the last barrier a block may have ended whose memory is read.
  outcome const ended = over_schedules(without(body, "barrier.cluster.arrive.release; barrier.cluster.wait.acquire;"), 1, 2, 2);
  CHECK(ended.other);
  // Without the first one a block may not have begun whose memory is read; found under every schedule, as the end is.
  CHECK(over_schedules(without(body, "barrier.cluster.arrive; barrier.cluster.wait;"), 1, 2, 2).other);
}

TEST_CASE("ptx: races between blocks", "[ptx]") {
  // The last block to be done reads what the others wrote: a fence, an atomic operation, a fence.
  std::string const body = names + R"(.shared .b32 last; mov.u32 %r0, %ctaid.x; mad.lo.u32 %r1, %r0, 32, %t; mad.wide.u32 %x0, %r1, 4, %out; st.global.u32 [%x0+64], %r1;
    membar.gl; bar.sync 0; setp.ne.u32 %p0, %t, 0; @%p0 bra $on; atom.global.add.u32 %r2, [%out], 1; st.shared.u32 [last], %r2;
    $on: barrier.sync 0; ld.shared.u32 %r3, [last]; mov.u32 %r4, %nctaid.x; sub.u32 %r4, %r4, 1; setp.ne.u32 %p1, %r3, %r4; @%p1 ret; fence.sc.gpu;
    xor.b32 %r5, %r1, 32; mad.wide.u32 %x1, %r5, 4, %out; ld.global.u32 %r6, [%x1+64];)";
  CHECK(clean(over_schedules(body, 32, 4)));
  CHECK(over_schedules(without(body, "membar.gl;"), 32, 4).race);
  CHECK(over_schedules(without(body, "fence.sc.gpu;"), 32, 4).race);
  CHECK(over_schedules(without(body, "bar.sync 0;"), 64, 4).race);
  CHECK(over_schedules(with(body, "membar.gl;", "membar.cta;"), 32, 4).race);
  // The other idiom: the thread that counts fences for all, after the barrier.
  std::string const one = with(without(body, "membar.gl;"), "atom.global", "membar.gl; atom.global");
  CHECK(clean(over_schedules(one, 32, 4)));
  // Nothing between them.
  CHECK(over_schedules(names + "st.global.u32 [%out], %t;", 1, 2).race);
  CHECK(clean(over_schedules(names + "mov.u32 %r0, %ctaid.x; mad.wide.u32 %x0, %r0, 4, %out; st.global.u32 [%x0], %r0;", 1, 2)));
}

TEST_CASE("ptx: races between launches", "[ptx]") {
  auto const found = [](auto const& order) {
    device d;
    d.how.races = true;
    auto* const p = static_cast<u8*>(d.memory.allocate(64, memory_kind::device));
    function const& f = d.kernel(d.add("test", header + ".visible .entry k(.param .u64 p) { .reg .b64 %p; ld.param.u64 %p, [p]; st.global.u32 [%p], 1; ret; }"), "k");
    std::vector<u8> parameters(8);
    std::memcpy(parameters.data(), &p, 8);
    stream_id const a = d.streams.create(), b = d.streams.create();
    order(d, a, b, [&](stream_id in) { d.run(f, {}, {}, 1, parameters, in); });
    return d.found.has("race in global memory, write after write");
  };
  CHECK(found([](device&, stream_id a, stream_id b, auto const& run) { run(a), run(b); }));
  CHECK_FALSE(found([](device&, stream_id a, stream_id, auto const& run) { run(a), run(a); }));
  CHECK_FALSE(found([](device&, stream_id a, stream_id b, auto const& run) { run(a), run(0), run(b); }));
  CHECK_FALSE(found([](device& d, stream_id a, stream_id b, auto const& run) { run(a), d.streams.wait(a), run(b); }));
  CHECK(found([](device& d, stream_id a, stream_id b, auto const& run) { run(a), d.streams.wait(b), run(b); }));
  CHECK_FALSE(found([](device& d, stream_id a, stream_id b, auto const& run) {
    run(a);
    d.streams.wait(b, d.streams.after(a));  // an event
    run(b);
  }));
  CHECK(found([](device& d, stream_id a, stream_id b, auto const& run) {
    timeline::moment const before = d.streams.after(a);
    run(a);
    d.streams.wait(b, before);
    run(b);
  }));
  CHECK_FALSE(found([](device& d, stream_id a, stream_id b, auto const& run) { run(a), d.streams.wait_for_all(), run(b); }));
}

TEST_CASE("ptx: instructions that are left out are found", "[ptx]") {
  // The two halves of a warp part, and meet in line 4.
  std::string const parted = names + "setp.lt.u32 %p0, %t, 16; @%p0 bra $on; add.u32 %r1, %t, 1;\n$on: xor.b32 %r2, %t, 16;\n";
  auto const found = [&](std::string const& line, std::vector<u32> const& left_out) {
    return over_schedules(parted + line, 32, 1, 1, 256, left_out);
  };
  // One that brings a value is not left out: it waits for no other thread.
  std::string const shuffle = "shfl.sync.idx.b32 %r3, %t, %r2, 31, -1;";
  CHECK(clean(found(shuffle, {})));
  CHECK(found(shuffle, {4}).other);
  for (std::string const vote : {"vote.sync.any.pred %p1, %p0, -1;", "redux.sync.or.b32 %r3, %t, -1; setp.eq.u32 %p1, %r3, 31;",
                                 "mov.u32 %r3, 0; match.any.sync.b32 %r3, %r3, -1; setp.eq.u32 %p1, %r3, 0xffffffff;"}) {
    std::string const trapped = vote + "\n@!%p1 trap;";
    CHECK(clean(found(trapped, {})));
    CHECK_THAT(found(trapped, {4}).stopped, contains("trap"));
  }
  // A barrier is left out.
  std::string const barrier = ".shared .b32 s[32]; mov.u64 %x0, s; mad.wide.u32 %x1, %t, 4, %x0; mad.wide.u32 %x2, %r2, 4, %x0;\nst.shared.u32 [%x1], %t;\nbar.warp.sync -1;\nld.shared.u32 %r3, [%x2];";
  CHECK(clean(found(barrier, {})));
  CHECK(found(barrier, {6}).race);
  CHECK(found(barrier, {5}).undefined);
}

TEST_CASE("ptx: what -lineinfo adds", "[ptx]") {
  std::string const lines = ".loc 1 144 3\n.loc\t3 170 5, function_name $L__info_string58, inlined_at 1 144 3\nst.global.u64 [%out], 3; .loc 1 145 3\n";
  CHECK(small_program(lines).run()[0] == 3);
  device d;
  module& m = d.add("", header + ".entry k() { ret; }\n.file 1 \"k.cu\"\n.section .debug_str\n{\n$L__info_string0:\n.b8 95,90\n}\n");
  CHECK(m.functions.size() == 1);
}

TEST_CASE("ptx: barriers that not all reach", "[ptx]") {
  std::string const half = names + "setp.lt.u32 %p0, %t, 16; @%p0 bra $on; BARRIER\n$on: add.u32 %r0, %t, 1; vote.sync.ballot.b32 %r1, %p0, -1;";
  CHECK_THAT(over_schedules(with(half, "BARRIER", "bar.sync 0;"), 32).stopped, contains("threads wait for ever: k; 16 threads of block 0 warp 0 at a"));
  CHECK(clean(over_schedules(with(half, "BARRIER", ""), 32)));
  // Threads that have ended are not waited for.
  CHECK(clean(over_schedules(names + "setp.lt.u32 %p0, %t, 16; @%p0 exit; bar.sync 0; bar.warp.sync -1;", 64)));
  CHECK(over_schedules(names + "setp.lt.u32 %p0, %t, 16; @%p0 bra $there; bar.sync 0; ret;\n$there: bar.sync 0;", 32).other);
  CHECK_THAT(over_schedules(names + "setp.eq.u32 %p0, %t, 0; @%p0 bra $on; barrier.cluster.arrive; barrier.cluster.wait; ret;\n$on: bar.sync 0;", 2).stopped, contains("1 threads of block 0 warp 0 at a cluster's barrier"));
  CHECK_THAT(over_schedules(names + "barrier.cluster.wait;", 1).stopped, contains("has not arrived"));
  CHECK_THAT(over_schedules(names + "barrier.cluster.arrive; barrier.cluster.arrive;", 1).stopped, contains("arrives twice"));
}

TEST_CASE("ptx: threads of a warp that do not meet", "[ptx]") {
  std::string const body = names + "and.b32 %r0, %t, 1; setp.eq.u32 %p0, %r0, 0; @%p0 bra $even; shfl.sync.idx.b32 %r1, %t, 1, 31, ODD; bra $on;\n$even: shfl.sync.idx.b32 %r1, %t, 0, 31, EVEN;\n$on: add.u32 %r1, %r1, 1;";
  CHECK(clean(over_schedules(with(with(body, "ODD", "0xaaaaaaaa"), "EVEN", "0x55555555"), 32)));
  CHECK_THAT(over_schedules(with(with(body, "ODD", "-1"), "EVEN", "-1"), 32).stopped, contains("threads of a warp meet at different places"));
  CHECK_THAT(over_schedules(with(with(body, "ODD", "0xaaaaaaaa"), "EVEN", "0xaaaaaaaa"), 32).stopped, contains("a thread is not in its own mask"));
  CHECK_THAT(over_schedules(names + "setp.eq.u32 %p0, %t, 0; selp.u32 %r0, 3, 7, %p0; setp.gt.u32 %p1, %t, 2; @%p1 exit; bar.warp.sync %r0;", 32).stopped, contains("unequal masks"));
  // What a shuffle reads must come from a thread that takes part.
  CHECK(over_schedules(names + "setp.gt.u32 %p0, %t, 3; @%p0 exit; shfl.sync.idx.b32 %r0, %t, 5, 31, -1;", 32).other);
  CHECK(clean(over_schedules(names + "setp.gt.u32 %p0, %t, 3; @%p0 exit; shfl.sync.idx.b32 %r0, %t, 2, 31, -1;", 32)));
}

TEST_CASE("ptx: an instruction that is left out is missed", "[ptx]") {
  std::string const text = header + R"(.visible .entry k() { .reg .b32 %r<4>; .reg .b64 %x<4>; .shared .align 4 .b32 s[64];
    mov.u32 %r0, %tid.x; mov.u64 %x0, s; mad.wide.u32 %x1, %r0, 4, %x0; st.shared.u32 [%x1], %r0;
    bar.sync 0;
    xor.b32 %r1, %r0, 32; mad.wide.u32 %x2, %r1, 4, %x0; ld.shared.u32 %r2, [%x2]; ret; })";
  for (bool const deleted : {false, true}) {
    device d;
    d.how.races = true;
    module& m = d.add("test", text);
    if (deleted) m.without = {6};
    d.run(d.kernel(m, "k"), {}, {64, 1, 1}, 1, {});
    CHECK(d.found.has("race in shared memory, read after write") == deleted);
  }
}

TEST_CASE("ptx: programs that do not end", "[ptx]") {
  small_program p("$again: bra $again;");
  p.gpu.how.patience = 100000;
  CHECK_THAT(p.fault_of(), contains("it does not end: k"));
}

TEST_CASE("ptx: what is not known is named", "[ptx]") {
  CHECK_THAT(small_program(names + "frobnicate.u32 %r0, %r1;").fault_of(), contains("an instruction is not known: frobnicate.u32 %r0, %r1, line 8 of test"));
  CHECK_THAT(small_program(names + "add.f16 %r0, %r1, %r2;").fault_of(), contains("an instruction is not known: add.f16"));
  CHECK_THAT(small_program(names + "add.u32 %r0, %r1;").fault_of(), contains("the number of operands is not known"));
  CHECK_THAT(small_program(names + "add.u32 %r0, %r1, %q1;").fault_of(), contains("a name is not known: %q1"));
  CHECK_THAT(small_program(names + "mov.u32 %r0, %clock;").fault_of(), contains("a name is not known: %clock"));
  CHECK_THAT(small_program(names + "add.u32 %r0, %r1, %r99;").fault_of(), contains("a name is not known: %r99"));
  CHECK_THAT(small_program(names + "bra $nowhere;").fault_of(), contains("a label is not known: $nowhere"));
  CHECK_THAT(small_program(names + "call nobody, ();").fault_of(), contains("a function is not known: nobody"));
  CHECK_THAT(small_program(names + ".branchtargets a, b;").fault_of(), contains("a directive is not known: .branchtargets"));
  CHECK_THAT(small_program(names + "bar.sync 1;").fault_of(), contains("a barrier other than 0 is not known"));
  CHECK_THAT(small_program("", ".extern .shared .align 4 .b8 dynamic[];\n").fault_of(), contains("a directive is not known: .extern .shared"));
  device d;
  CHECK_THROWS_WITH(d.kernel(d.add("test", header), "k"), contains("no kernel k in test"));
}
