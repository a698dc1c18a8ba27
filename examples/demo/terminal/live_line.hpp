// One line that shows where training stands while it works.
#pragma once

#include "run/training.hpp"

namespace demo {

/// On a terminal one line that is written again and again; elsewhere one line a finished run.
class live_line {
 public:
  /// `terminal`: may the line be written over itself?
  explicit live_line(bool terminal) : terminal_(terminal) {}
  live_line(live_line const&) = delete;
  live_line& operator=(live_line const&) = delete;
  ~live_line() { clear(); }

  void show(training_progress const& p);
  /// Takes the line away.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};

}  // namespace demo
