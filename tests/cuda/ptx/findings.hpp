// What was found to be wrong without stopping a program, each thing once and how often it was seen.
#pragma once

#include "program.hpp"

namespace ptx {

class findings {
 public:
  // `what` is the kind, `where` and `rest` the words after it.
  void add(std::string const& what) { ++seen_[what]; }
  bool empty() const noexcept { return seen_.empty(); }
  std::map<std::string, u64> const& all() const noexcept { return seen_; }
  // Is there one that begins so?
  bool has(std::string_view kind) const {
    auto const i = seen_.lower_bound(std::string(kind));
    return i != seen_.end() && i->first.starts_with(kind);
  }
  void clear() { seen_.clear(); }

 private:
  std::map<std::string, u64> seen_;
};

}  // namespace ptx
