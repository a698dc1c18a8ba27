# How cppo finds what its optional targets need. Used by the build and, installed, by the package's config file.
# Each function sets <out> to TRUE or FALSE and, if FALSE, <out>_reason to one sentence; further arguments go to
# find_package (the build passes GLOBAL, so that a parent project sees the imported targets too).

# xsimd: any version, headers only. Its CMake target may name further packages that its headers do not need
# (xtl), so only the include directory is taken.
function(cppo_find_simd_dependencies out)
  set(${out} FALSE PARENT_SCOPE)
  set(dir "")
  if(TARGET xsimd)
    set(dir "$<TARGET_PROPERTY:xsimd,INTERFACE_INCLUDE_DIRECTORIES>")
  else()
    find_path(CPPO_XSIMD_INCLUDE_DIR NAMES xsimd/xsimd.hpp HINTS "${xsimd_ROOT}" "$ENV{xsimd_ROOT}"
              PATH_SUFFIXES include DOC "Directory that holds xsimd/xsimd.hpp")
    mark_as_advanced(CPPO_XSIMD_INCLUDE_DIR)
    if(CPPO_XSIMD_INCLUDE_DIR)
      set(dir "${CPPO_XSIMD_INCLUDE_DIR}")
    endif()
  endif()
  if(NOT dir)
    set(${out}_reason "xsimd/xsimd.hpp was not found (Debian: libxsimd-dev); set CPPO_XSIMD_INCLUDE_DIR" PARENT_SCOPE)
    return()
  endif()
  find_package(Threads QUIET ${ARGN})
  if(NOT Threads_FOUND)
    set(${out}_reason "no thread library was found" PARENT_SCOPE)
    return()
  endif()
  set(CPPO_XSIMD_INCLUDE_DIR "${dir}" PARENT_SCOPE)
  set(${out} TRUE PARENT_SCOPE)
endfunction()

# Eigen: 3.4 or newer. Asked for without a version and compared here, because Eigen 5 refuses a request for 3.4.
function(cppo_find_eigen_dependencies out)
  set(${out} FALSE PARENT_SCOPE)
  if(NOT TARGET Eigen3::Eigen)
    find_package(Eigen3 QUIET CONFIG ${ARGN})
    if(NOT TARGET Eigen3::Eigen)
      set(${out}_reason "Eigen3 was not found (Debian: libeigen3-dev)" PARENT_SCOPE)
      return()
    endif()
  endif()
  if(DEFINED Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
    set(${out}_reason "Eigen ${Eigen3_VERSION} was found, 3.4 or newer is needed" PARENT_SCOPE)
    return()
  endif()
  set(${out} TRUE PARENT_SCOPE)
endfunction()
