// Where results go: found wrong before the work is done, not after.
#pragma once

#include <string>

namespace demo {

/// Makes the folder of a file that is to be written. Throws `input_error`, naming `what`, if it could not be written.
void prepare_output(std::string const& path, std::string const& what);

}  // namespace demo
