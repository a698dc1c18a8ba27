#include "streams.hpp"

namespace ptx {

timeline::moment timeline::after(stream_id in) {
  moment& now = knows_[in];
  join(now, host_);
  if (in == 0) {
    for (auto const& [s, m] : std::map(knows_)) join(now, m);
  } else {
    join(now, knows_[0]);
  }
  return now;
}

std::vector<bool> timeline::launch(stream_id in) {
  moment const before = after(in);
  std::vector<bool> ordered;
  ordered.reserve(launches_.size() + 1);
  for (place const& p : launches_) {
    auto const known = before.find(p.in);
    ordered.push_back(known != before.end() && known->second >= p.at);
  }
  ordered.push_back(true);
  u64 const at = ++knows_[in][in];
  launches_.push_back({in, at});
  return ordered;
}

void timeline::wait_for_all() {
  for (auto const& [s, m] : std::map(knows_)) join(host_, m);
}

}  // namespace ptx
