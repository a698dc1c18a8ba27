// What a reader throws when a file cannot be used.
#pragma once

#include "../trainer/input_error.hpp"

namespace demo {

using trainer::input_error;

}  // namespace demo
