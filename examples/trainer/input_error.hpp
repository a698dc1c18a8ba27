// What a reader throws when a file cannot be used.
#pragma once

#include <stdexcept>

namespace trainer {

/// A file that cannot be used: one sentence that names the file and, where there is one, the line.
struct input_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trainer
