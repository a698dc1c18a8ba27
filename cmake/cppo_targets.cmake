# The targets a user links:
#   cppo::cppo   the library; the standard library only
#   cppo::simd   the same with the `simd` executor: CPPO_USE_XSIMD=1, xsimd's headers, threads
#   cppo::eigen  the same with the Eigen adaptors and theory/tabular.hpp: CPPO_USE_EIGEN=1, Eigen 3.4 or newer
# A feature is on by the macro its target sets, never because a header happens to be on the include path.

include("${CMAKE_CURRENT_LIST_DIR}/cppo_dependencies.cmake")

set(cppo_include_dir "${PROJECT_SOURCE_DIR}/include")
file(GLOB_RECURSE cppo_headers CONFIGURE_DEPENDS "${cppo_include_dir}/cppo/*.hpp")
file(GLOB_RECURSE cppo_device_headers CONFIGURE_DEPENDS "${cppo_include_dir}/cppo/*.cuh")
file(GLOB cppo_macro_files CONFIGURE_DEPENDS "${cppo_include_dir}/cppo/*.inc")  # every header includes them

# Headers that need more than the standard library belong to the target that brings it.
set(cppo_simd_headers ${cppo_headers})
list(FILTER cppo_simd_headers INCLUDE REGEX "/cppo/execution/(simd\\.hpp$|simd/)")
set(cppo_eigen_headers ${cppo_headers})
list(FILTER cppo_eigen_headers INCLUDE REGEX "/cppo/(interop/eigen|theory/tabular)[^/]*\\.hpp$")
set(cppo_core_headers ${cppo_headers})
if(cppo_simd_headers OR cppo_eigen_headers)
  list(REMOVE_ITEM cppo_core_headers ${cppo_simd_headers} ${cppo_eigen_headers})
endif()

add_library(cppo_cppo INTERFACE)
add_library(cppo::cppo ALIAS cppo_cppo)
set_target_properties(cppo_cppo PROPERTIES EXPORT_NAME cppo INTERFACE_HEADER_SETS_TO_VERIFY core)
target_compile_features(cppo_cppo INTERFACE cxx_std_20)
target_sources(cppo_cppo INTERFACE
  FILE_SET core TYPE HEADERS BASE_DIRS "${cppo_include_dir}" FILES ${cppo_core_headers}
  FILE_SET device TYPE HEADERS BASE_DIRS "${cppo_include_dir}" FILES ${cppo_device_headers} ${cppo_macro_files})

add_library(cppo_simd INTERFACE)
set_target_properties(cppo_simd PROPERTIES EXPORT_NAME simd)
target_link_libraries(cppo_simd INTERFACE cppo_cppo)
target_compile_definitions(cppo_simd INTERFACE CPPO_USE_XSIMD=1)
target_sources(cppo_simd INTERFACE
  FILE_SET simd TYPE HEADERS BASE_DIRS "${cppo_include_dir}" FILES ${cppo_simd_headers})
target_link_libraries(cppo_simd INTERFACE Threads::Threads)

add_library(cppo_eigen INTERFACE)
set_target_properties(cppo_eigen PROPERTIES EXPORT_NAME eigen)
target_link_libraries(cppo_eigen INTERFACE cppo_cppo Eigen3::Eigen)
target_compile_definitions(cppo_eigen INTERFACE CPPO_USE_EIGEN=1)
target_sources(cppo_eigen INTERFACE
  FILE_SET eigen TYPE HEADERS BASE_DIRS "${cppo_include_dir}" FILES ${cppo_eigen_headers})

# The name a user links exists only where what it needs was found, so that a missing dependency is an error that
# names the target, at configure time.
cppo_find_simd_dependencies(cppo_simd_found GLOBAL)
if(cppo_simd_found)
  target_include_directories(cppo_simd SYSTEM INTERFACE "$<BUILD_INTERFACE:${CPPO_XSIMD_INCLUDE_DIR}>")
  add_library(cppo::simd ALIAS cppo_simd)
else()
  message(STATUS "cppo: cppo::simd is not available: ${cppo_simd_found_reason}")
endif()
cppo_find_eigen_dependencies(cppo_eigen_found GLOBAL)
if(cppo_eigen_found)
  add_library(cppo::eigen ALIAS cppo_eigen)
else()
  message(STATUS "cppo: cppo::eigen is not available: ${cppo_eigen_found_reason}")
endif()
