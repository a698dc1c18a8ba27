// The exception for a file that cannot be used.
#pragma once

#include <stdexcept>

namespace trainer {

/// One sentence that names the file and, if there is one, the line.
struct input_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trainer
