// Shows how far training is while it runs.
#pragma once

#include "run/training.hpp"

namespace demo {

/// On a terminal, one line that is rewritten after each step; elsewhere, one line for each finished run.
class live_line {
 public:
  /// `terminal`: the line may be rewritten.
  explicit live_line(bool terminal) : terminal_(terminal) {}
  live_line(live_line const&) = delete;
  live_line& operator=(live_line const&) = delete;
  ~live_line() { clear(); }

  void show(training_progress const& p);
  /// Erases the line.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};

}  // namespace demo
