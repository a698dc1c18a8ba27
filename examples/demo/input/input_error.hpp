// The exception for a file that cannot be used.
#pragma once

#include "../trainer/input_error.hpp"

namespace demo {

using trainer::input_error;

}  // namespace demo
