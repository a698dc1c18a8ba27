/// @file
/// Every gate.
#pragma once

#include <cppo/gate/gates.hpp>
