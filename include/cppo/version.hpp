/// @file
/// Version of the library, and the language it is written in. CMake reads the numbers from here.
#pragma once

// MSVC keeps __cplusplus at 199711. A missing include stops every compiler; after #error most would go on.
#if defined(_MSVC_LANG)
#define CPPO_DETAIL_LANGUAGE _MSVC_LANG
#else
#define CPPO_DETAIL_LANGUAGE __cplusplus
#endif
#if CPPO_DETAIL_LANGUAGE < 202002L || !defined(__cpp_concepts)
#error \
    "cppo needs C++20: compile with -std=c++20 (MSVC: /std:c++20; CMake: target_compile_features(... cxx_std_20)) and g++ 12, clang 14, nvcc 12 or newer"
#include <cppo: stopped, see the line above>
#endif

/// Major version.
#define CPPO_VERSION_MAJOR 0
/// Minor version.
#define CPPO_VERSION_MINOR 2
/// Patch version.
#define CPPO_VERSION_PATCH 0
