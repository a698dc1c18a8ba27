// What is known of each byte of a memory beside its value: was it ever written, and who has accessed it last.
#pragma once

#include "program.hpp"

namespace ptx {

// Who has accessed a byte: numbers of the race detector's records, 0 is nobody. Two readers of different warps are
// kept: a write races with one of them, whichever warp it comes from.
struct mark {
  u32 write = 0;
  u32 read[2] = {0, 0};
  lane_mask read_lanes[2] = {0, 0};
  u8 write_lane = 0;
};

class shadow {
 public:
  // Bytes from `offset` on are written: by a copy, from outside.
  void define(u64 size, u64 offset, u64 n) {
    if (defined_.size() < size) defined_.resize(size, 0);
    std::memset(defined_.data() + offset, 1, n);
  }
  bool is_defined(u64 offset) const noexcept { return offset < defined_.size() && defined_[offset] != 0; }
  // The marks of all `size` bytes.
  mark* marks(u64 size) {
    if (marks_.size() < size) marks_.resize(size);
    return marks_.data();
  }
  // The bytes that tell which ones are written.
  u8* defined(u64 size) {
    if (defined_.size() < size) defined_.resize(size, 0);
    return defined_.data();
  }
  void forget() {
    defined_.clear();
    marks_.clear();
  }

 private:
  std::vector<u8> defined_;
  std::vector<mark> marks_;
};

}  // namespace ptx
