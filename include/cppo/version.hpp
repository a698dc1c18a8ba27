/// @file
/// Version of the library. CMake reads the numbers from here.
#pragma once

/// Major version.
#define CPPO_VERSION_MAJOR 0
/// Minor version.
#define CPPO_VERSION_MINOR 1
/// Patch version.
#define CPPO_VERSION_PATCH 0
