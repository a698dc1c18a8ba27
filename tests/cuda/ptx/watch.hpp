// What the threads of a step access, counted and told to the detectors.
#pragma once

#include "place.hpp"

namespace ptx {

class watcher {
 public:
  watcher(step& s, instruction const& i, bool write, bool atomic)
      : s_(s), i_(i), run_(s.run()), write_(write), atomic_(atomic) {}

  void see(found_bytes const& where, int lane, u64 n) {
    if (where.in == space::local || where.in == space::parameter) return;
    bool const shared = where.in == space::shared;
    counters& c = *run_.counts;
    if (write_) (shared ? c.shared_written : c.global_written) += n;
    if (!write_ || atomic_) (shared ? c.shared_read : c.global_read) += n;
    if (run_.how.undefined) see_defined(where, n, shared);
    if (run_.how.races) see_race(where, lane, n, shared);
  }

 private:
  shadow& marks(found_bytes const& where, bool shared) const { return shared ? s_.near().marks : where.of->marks; }
  u64 size(found_bytes const& where, bool shared) const { return shared ? s_.near().bytes() : where.of->size; }
  void see_defined(found_bytes const& where, u64 n, bool shared);
  void see_race(found_bytes const& where, int lane, u64 n, bool shared);

  step& s_;
  instruction const& i_;
  launch& run_;
  bool write_, atomic_;
  u32 record_ = 0;
};

}  // namespace ptx
