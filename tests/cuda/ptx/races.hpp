// Which accesses are ordered, and which race: two of one byte, at least one a write, not both atomic, and nothing that
// makes one come before the other.
//
// Ordered are accesses of one thread; of threads of a warp by bar.warp.sync, of a block by its barrier, of a cluster by
// arrive and wait; of blocks by what one has published (a fence, then an atomic operation) and another has taken (an
// atomic operation there, then a fence); of launches by their streams.
#pragma once

#include "findings.hpp"
#include "shadow.hpp"

namespace ptx {

struct warp;
struct block;
struct launch;

// What one thread knows to have happened in other blocks: accesses of a block before its barrier n, of a thread before
// time n.
class knowledge {
 public:
  static u64 of_block(u32 b) noexcept { return u64{b} << 16 | 0xffff; }
  static u64 of_thread(u32 b, int thread) noexcept { return u64{b} << 16 | static_cast<u64>(thread); }
  void note(u64 whom, u32 until);
  void learn(knowledge const& other);
  u32 until(u64 whom) const;
  bool empty() const noexcept { return known_.empty(); }

 private:
  std::map<u64, u32> known_;
};

// What one thread has to tell, and has been told.
struct thread_order {
  u32 fenced_barrier = 0;  // barriers of the block that its last fence comes after
  u32 fenced_time = 0;     // of the warp at its last fence
  knowledge told;          // by atomic operations: taken by the next fence
  knowledge knows;
};
struct warp_order {
  u32 time = 1;               // counts what orders accesses of its threads
  u32 joined = 0;             // the time of the last barrier of all of them
  lane_mask unfenced = 0;     // threads with writes after their last fence
  std::map<std::pair<int, int>, u32> pairs;  // the last barrier of some of them, for each two
  std::array<thread_order, lanes> threads;
};
struct block_order {
  u32 barrier = 1;    // counts barriers
  u32 published = 0;  // all accesses before that barrier are fenced
  bool talks = false; // has a thread told or been told anything?
  knowledge told, knows;
};

// An access that others are compared with.
struct access_record {
  u32 block = 0, cluster = 0;
  int warp = 0;
  bool atomic = false;
  u32 time = 0, barrier = 0, phase = 0;
  instruction const* at = nullptr;
  function const* f = nullptr;
};

class race_detector {
 public:
  // A launch begins; `ordered(earlier)`: does it come after that earlier one?
  void begin(launch const& now, std::vector<bool> ordered);
  // A number for the accesses that threads of a warp make now, by an instruction.
  u32 record(warp const& w, function const& f, instruction const& i, bool atomic, u32 phase);
  // Thread `lane` accesses n bytes, whose marks begin at m.
  void access(warp const& w, mark* m, int n, u32 record, int lane, bool write, char const* space);

  // A fence; an atomic operation on global memory.
  void fence(warp& w, lane_mask who);
  void meet(warp& w, int lane, u64 address);
  // A barrier was passed: by these threads of a warp, by a block.
  static void pass(warp& w, lane_mask who);
  static void pass(block& b);

 private:
  void note_read(warp const& w, mark& m, u32 record, int lane);
  bool ordered(u32 record, int lane, warp const& w, int now) const;
  void report(char const* space, char const* kind, u32 earlier, u32 now);
  access_record const& at(u32 record) const { return records_[record - first_]; }

  findings* found_ = nullptr;
  u32 first_ = 1;                       // record of this launch
  std::vector<access_record> records_;  // of this launch
  std::vector<u32> firsts_;             // of each launch
  std::vector<bool> after_;             // does this launch come after each earlier one?
  bool after_all_ = true;
  std::vector<std::string> names_;      // of kernels, by launch
  std::map<u64, knowledge> places_;     // of atomic operations
  // The last record of an instruction in a warp. By numbers: where a warp has ended, another block's may lie.
  struct cached {
    u32 block = 0;
    int warp = 0;
    instruction const* i = nullptr;
    u32 time = 0, phase = 0, number = 0;
  };
  std::vector<cached> cache_;
};

}  // namespace ptx
