#include "watch.hpp"

namespace ptx {

void watcher::see_defined(found_bytes const& where, u64 n, bool shared) {
  u8* const defined = marks(where, shared).defined(size(where, shared)) + where.offset;
  bool const by_the_host = where.of != nullptr && where.of->kind != memory_kind::device;
  if ((!write_ || atomic_) && !by_the_host) {
    bool all = true;
    for (u64 k = 0; k < n; ++k) all = all && (defined[k] != 0 || (i_.used_bytes >> k & 1) == 0);
    std::string const name = shared ? "shared" : "global";
    if (!all) run_.found->add("read of " + name + " memory that was never written: " + s_.place(i_));
  }
  if (write_) std::memset(defined, 1, n);
}

void watcher::see_race(found_bytes const& where, int lane, u64 n, bool shared) {
  if (record_ == 0) {
    thread_state const& t = s_.w.threads[static_cast<std::size_t>(lane)];
    record_ = run_.races->record(s_.w, *s_.here, i_, atomic_, t.arrived ? t.phase + 1 : s_.near().phase);
  }
  mark* const m = marks(where, shared).marks(size(where, shared)) + where.offset;
  run_.races->access(s_.w, m, static_cast<int>(n), record_, lane, write_, shared ? "shared" : "global");
  if (write_ && !shared && !atomic_) s_.w.order.unfenced |= lane_mask{1} << lane;
}

}  // namespace ptx
