// Checks where results are to be written, before the work is done.
#pragma once

#include <string>

namespace demo {

/// Makes the folder of a file that is to be written. Throws `input_error`, which names `what`, if the file cannot be
/// written.
void prepare_output(std::string const& path, std::string const& what);

}  // namespace demo
