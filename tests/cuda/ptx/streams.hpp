// What comes after what: streams run in order, and apart from each other, unless a stream waits for an event, the host
// waits, or it is the default stream, which waits for all and all for it.
#pragma once

#include "value.hpp"

#include <map>
#include <vector>

namespace ptx {

using stream_id = int;  // 0: the default one

class timeline {
 public:
  // Positions in streams that something comes after.
  using moment = std::map<stream_id, u64>;

  stream_id create() { return ++last_; }
  // A kernel is put into a stream: does it come after each earlier one?
  std::vector<bool> launch(stream_id in);
  // The host waits for a stream; for all.
  void wait(stream_id in) { join(host_, after(in)); }
  void wait_for_all();
  // What a stream has reached; the stream waits for it.
  moment after(stream_id in);
  void wait(stream_id in, moment const& m) { join(knows_[in], m); }
  void wait_on_host(moment const& m) { join(host_, m); }

 private:
  static void join(moment& a, moment const& b) {
    for (auto const& [s, n] : b) a[s] = std::max(a[s], n);
  }
  struct place {
    stream_id in;
    u64 at;
  };
  stream_id last_ = 0;
  std::map<stream_id, moment> knows_;
  moment host_;
  std::vector<place> launches_;
};

}  // namespace ptx
