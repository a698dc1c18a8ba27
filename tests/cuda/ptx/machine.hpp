// The state of a launch: threads in warps in blocks in clusters. Threads of a warp that are at the same place run an
// instruction together; each has a place, a stack and a state of its own.
#pragma once

#include "findings.hpp"
#include "memory.hpp"
#include "races.hpp"

namespace ptx {

struct dimension {
  u32 x = 1, y = 1, z = 1;
};

// What is counted of a kernel, over threads.
struct counters {
  u64 launches = 0, threads = 0;
  std::array<u64, works> instructions{};
  u64 global_read = 0, global_written = 0, shared_read = 0, shared_written = 0;  // bytes
  u64 all() const noexcept;
};

// How an interpreter runs: from the environment, or set by a test.
struct settings {
  bool races = false;     // look for races
  bool undefined = true;  // look for reads of what was never written
  u64 seed = 0;           // of random schedules; 0: in order
  int blocks = 4;         // that run at a time
  u64 patience = u64{1} << 33;  // instructions of warps in one launch, before it is taken to be endless
};

struct caller {
  function const* f = nullptr;
  instruction const* at = nullptr;
  s32 base = 0;
  s64 frame = 0;
};
struct thread_state {
  instruction const* at = nullptr;
  function const* here = nullptr;
  s32 base = 0;    // of its registers in the warp's
  s64 frame = 0;   // of its variables in its stack
  std::vector<caller> callers;
  lane_mask wanted = 0;  // whom it waits for
  bool arrived = false;  // at a cluster's barrier, and goes on
  u32 phase = 0;         // of the cluster when it arrived
};

struct block;
struct launch;

struct warp {
  static constexpr s64 stack_bytes = 1 << 16;
  block* home = nullptr;
  int index = 0;
  lane_mask all = 0, running = 0, at_warp = 0, at_block = 0, at_cluster = 0, ended = 0;
  std::array<thread_state, lanes> threads;
  std::vector<row> registers, special;
  std::unique_ptr<u8[]> stack_raw;
  u8* stack = nullptr;
  warp_order order;

  u8* stack_of(int lane) const noexcept { return stack + lane * stack_bytes; }
  // Thread `lane` of the warp in its block.
  int thread(int lane) const noexcept { return index * lanes + lane; }
};

// Memory that begins at a multiple of 256 bytes.
inline u8* aligned_in(std::unique_ptr<u8[]>& raw, u64 bytes) {
  raw.reset(new u8[bytes + 256]);
  return raw.get() + (256 - reinterpret_cast<u64>(raw.get()) % 256) % 256;
}

struct cluster;

struct block {
  cluster* home = nullptr;
  u32 index = 0, rank = 0;
  int threads = 0, alive = 0;
  u32 used = 0;  // by another block: its shared memory, before the cluster has passed so many barriers
  std::vector<std::unique_ptr<warp>> warps;
  block_order order;
};

struct cluster {
  launch* home = nullptr;
  u32 index = 0;
  u64 stride = 0;              // from the shared memory of a block to that of the next one; a power of two
  std::unique_ptr<u8[]> raw;
  u8* shared = nullptr;
  shadow marks;
  std::vector<std::unique_ptr<block>> blocks;
  u32 phase = 0;               // barriers passed
  int arrived = 0;
  u64 bytes() const noexcept { return stride * blocks.size(); }
};

// One launch of a kernel.
struct launch {
  u64 number = 0;
  function const* kernel = nullptr;
  dimension grid, threads;
  u32 cluster_size = 1;
  u8* parameters = nullptr;
  settings how;
  device_memory* memory = nullptr;
  findings* found = nullptr;
  race_detector* races = nullptr;
  counters* counts = nullptr;
  int block_threads() const noexcept { return static_cast<int>(threads.x * threads.y * threads.z); }
  u32 blocks() const noexcept { return grid.x * grid.y * grid.z; }
  // Runs it to its end. Throws `fault` where it cannot go on.
  void run();
};

// The threads of a warp that are about to run an instruction together.
struct step {
  warp& w;
  u64 number = 0;        // of the launch
  lane_mask group = 0;   // at the same place
  lane_mask active = 0;  // and whose guard holds
  s32 base = 0;
  function const* here = nullptr;     // whose instructions they run
  instruction const* next = nullptr;  // where the group goes on
  bool parted = false;                // the threads know where they go on, each for itself
  row* registers = nullptr;
  std::array<row, 5> scratch;         // addresses of variables

  step(warp& of, lane_mask threads);

  launch& run() const noexcept { return *w.home->home->home; }
  block& home() const noexcept { return *w.home; }
  cluster& near() const noexcept { return *w.home->home; }
  // The values of source operand k of i, and where the destination's go.
  u64 const* in(instruction const& i, int k) { return values(i.ops[static_cast<std::size_t>(k)], k); }
  u64* out(instruction const& i) noexcept { return registers[i.ops[0].index].data(); }
  u64 const* values(operand const& o, int k);
  // f(lane) for every thread that runs the instruction.
  template <class F>
  void each(F const& f) const {
    if (active == ~lane_mask{0}) {
      for (int l = 0; l < lanes; ++l) f(l);
    } else {
      for (lane_mask m = active; m != 0; m &= m - 1) f(std::countr_zero(m));
    }
  }
  // The same place for words of a finding.
  std::string place(instruction const& i) const { return place_of(*here, i); }
};

// Do the threads that wait for each other in a warp have all arrived? Then they go on.
void settle_warp(warp& w);
// The same for a block, and for a cluster; true if somebody goes on.
bool settle_block(block& b);
bool settle_cluster(cluster& c);
// Lets a thread end.
void end_threads(step& s, lane_mask which);

}  // namespace ptx
