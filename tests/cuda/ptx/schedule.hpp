// Who runs next: in order, so that threads that parted come together again soon, or at random by a seed.
#pragma once

#include "machine.hpp"

namespace ptx {

class schedule {
 public:
  explicit schedule(u64 seed) noexcept : random_(seed != 0), state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  bool at_random() const noexcept { return random_; }
  // A number below n.
  u64 below(u64 n) noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 11) % n;
  }
  // Some of n things, from where to begin.
  int first(int n) noexcept { return random_ ? static_cast<int>(below(static_cast<u64>(n))) : 0; }
  // How many instructions a warp runs before it is another one's turn; 0: not now.
  u64 turn() noexcept {
    if (!random_) return 100000;
    return below(4) == 0 ? 0 : 1 + below(below(2) == 0 ? 16 : 600);
  }
  // Threads of a warp at the same place that go on together: those that are behind, or any.
  lane_mask pick(warp const& w) noexcept;

 private:
  lane_mask together(warp const& w, int leader) const noexcept;
  bool random_;
  u64 state_;
};

// Runs a warp for up to `turn` instructions; how many it has run.
u64 run_warp(warp& w, u64 turn, schedule& order);

}  // namespace ptx
