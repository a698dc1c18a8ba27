// What the library asks a rule as data for. It is asked as a compiled region is.
#pragma once

#include "compiled.hpp"

namespace c_api {

/// All but `make` and `certify`, which is not asked for: the bounds of theory/ are for regions.
compiled_region const& rule_object() noexcept;

}  // namespace c_api
