# The headers in other people's hands: another language standard, other warnings, other sanitizers, their macros, their
# views, their flags. Included by CMakeLists.txt, at the end, since it asks what was found.

# ---- the language ------------------------------------------------------------------------------------------------

# Every header may be the first of a unit; the umbrella and the single header stand for all with other compilers.
set(language "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/scripts/language_test.py")
set(umbrellas "${umbrella}" "${cppo_include_dir}/cppo/execution/cuda.cuh" "${single}")
add_test(NAME F44_language COMMAND ${language} "${CMAKE_CXX_COMPILER}" -- ${cppo_headers} "${single}")
if(second_compiler)
  add_test(NAME F44_language.clang COMMAND ${language} "${CPPO_CLANG}" -- ${umbrellas})
else()
  cppo_add_skipped_test(F44_language.clang "there is no second compiler")
endif()
if(CPPO_NVCC)
  add_test(NAME F44_language.nvcc COMMAND ${language} "${CPPO_NVCC}" -- ${umbrellas})
else()
  cppo_add_skipped_test(F44_language.nvcc "there is no nvcc")
endif()

# ---- warnings and the integer sanitizer --------------------------------------------------------------------------

add_executable(F44_warnings builds/whole_call.cpp)
target_link_libraries(F44_warnings PRIVATE cppo::simd cppo_strict_warnings)
target_compile_definitions(F44_warnings PRIVATE CPPO_NO_FORCED_INLINING)
target_compile_options(F44_warnings PRIVATE $<$<CONFIG:Release>:-O2>)  # all that warnings need, for a fifth less time
add_test(NAME F44_warnings COMMAND F44_warnings)

# clang's sanitizer takes it for an error that unsigned numbers wrap round, and that a conversion changes a value.
if(CPPO_CLANG)
  add_test(NAME F44_integer_sanitizer
    COMMAND sh -c "\"$0\" \"$@\" -o F44_integer_sanitizer && ./F44_integer_sanitizer" "${CPPO_CLANG}" -std=c++20
            -fsanitize=integer -fno-sanitize-recover=all -pthread -Wall -Wextra -Wconversion -Wshadow
            ${cppo_strict_flags} -Wdouble-promotion -Werror -DCPPO_USE_XSIMD=1 -DCPPO_NO_FORCED_INLINING -idirafter
            "${CPPO_XSIMD_INCLUDE_DIR}" "-I${cppo_include_dir}" "${CMAKE_CURRENT_SOURCE_DIR}/builds/whole_call.cpp")
else()
  cppo_add_skipped_test(F44_integer_sanitizer "there is no clang++")
endif()

# ---- other people's macros ---------------------------------------------------------------------------------------

# The umbrella and calls, after macros of a hundred names and after the headers of platforms; headers_alone has each
# header.
set(hostile "${CMAKE_CURRENT_SOURCE_DIR}/builds/hostile")
add_executable(F43_macros "${hostile}/call.cpp")
target_link_libraries(F43_macros PRIVATE cppo::cppo cppo_strict_warnings)
target_compile_definitions(F43_macros PRIVATE CPPO_NO_FORCED_INLINING)
add_test(NAME F43_macros COMMAND F43_macros)
file(CONFIGURE OUTPUT "${generated}/hostile_single.cpp" @ONLY
  CONTENT "#include \"${hostile}/macros.hpp\"\n#include \"${single}\"\nauto const l = cppo::padded(1, 2);\n")
set(with_simd -DCPPO_USE_XSIMD=1 -idirafter "${CPPO_XSIMD_INCLUDE_DIR}")
add_test(NAME F43_macros_simd
  COMMAND ${compile_check} --passes "${hostile}/call.cpp" -- ${compile_command} ${with_simd})
add_test(NAME F43_macros_single_header
  COMMAND ${compile_check} --passes "${generated}/hostile_single.cpp" -- ${compile_command} ${with_simd})
add_test(NAME F43_real_headers
  COMMAND ${compile_check} --passes "${hostile}/call.cpp" -- ${compile_command} ${with_simd} -DREAL_HEADERS)
find_program(CPPO_WINDOWS_COMPILER NAMES x86_64-w64-mingw32-g++-posix x86_64-w64-mingw32-g++
             DOC "A compiler for Windows, for one test")
mark_as_advanced(CPPO_WINDOWS_COMPILER)
if(CPPO_WINDOWS_COMPILER)
  add_test(NAME F43_windows_h
    COMMAND ${compile_check} --passes "${hostile}/call.cpp" -- "${CPPO_WINDOWS_COMPILER}" ${compile_flags}
            -DREAL_HEADERS)
else()
  cppo_add_skipped_test(F43_windows_h "there is no x86_64-w64-mingw32-g++")
endif()

# ---- other people's views and elements ----------------------------------------------------------------------------

# Compiled and run by a compiler that need not be the one of the build.
function(cppo_add_program_test name source)  # the rest: compiler and flags
  add_test(NAME ${name} COMMAND sh -c "\"$0\" \"$@\" -o ${name} && ./${name}" ${ARGN} -Wall -Wextra -Werror
           -DCPPO_NO_FORCED_INLINING "-I${cppo_include_dir}" "${CMAKE_CURRENT_SOURCE_DIR}/builds/${source}")
endfunction()

# A standard library with <mdspan>: the build's own, or libc++ under the second compiler.
set(mdspan_flags "")
foreach(flags IN ITEMS "${CMAKE_CXX_COMPILER};-std=c++23" "${CPPO_CLANG};-std=c++23;-stdlib=libc++")
  execute_process(COMMAND ${flags} -fsyntax-only -include mdspan -x c++ /dev/null
                  RESULT_VARIABLE missing OUTPUT_QUIET ERROR_QUIET)
  if(missing EQUAL 0 AND NOT mdspan_flags)
    set(mdspan_flags ${flags})
  endif()
endforeach()
if(mdspan_flags)
  cppo_add_program_test(F42_mdspan mdspan.cpp ${mdspan_flags})
  add_test(NAME F42_mdspan_refused
    COMMAND ${compile_check} --fails "${CMAKE_CURRENT_SOURCE_DIR}/builds/mdspan_refused.cpp" -- ${mdspan_flags}
            "-I${cppo_include_dir}" -fsyntax-only)
else()
  cppo_add_skipped_test(F42_mdspan "no standard library here has <mdspan>")
  cppo_add_skipped_test(F42_mdspan_refused "no standard library here has <mdspan>")
endif()
find_path(CPPO_CUDA_INCLUDE_DIR NAMES cuda_fp16.h PATHS /usr/local/cuda/include /opt/cuda/include
          DOC "CUDA's headers, for tests that a host compiler makes")
find_path(CPPO_CCCL_INCLUDE_DIR NAMES cuda/std/mdspan PATHS "${CPPO_CUDA_INCLUDE_DIR}/cccl" "${CPPO_CUDA_INCLUDE_DIR}"
          DOC "CUDA's C++ library, for a test that a host compiler makes")
mark_as_advanced(CPPO_CUDA_INCLUDE_DIR CPPO_CCCL_INCLUDE_DIR)
set(cuda_headers -isystem "${CPPO_CCCL_INCLUDE_DIR}" -isystem "${CPPO_CUDA_INCLUDE_DIR}")
if(CPPO_CUDA_INCLUDE_DIR AND CPPO_CCCL_INCLUDE_DIR)
  cppo_add_program_test(F42_cuda_mdspan mdspan.cpp "${CMAKE_CXX_COMPILER}" -std=c++20 -DCUDA_MDSPAN ${cuda_headers})
  cppo_add_program_test(F45_cuda_half half_types.cpp "${CMAKE_CXX_COMPILER}" -std=c++20 -DCUDA_HALF ${cuda_headers})
else()
  cppo_add_skipped_test(F42_cuda_mdspan "there are no headers of CUDA")
  cppo_add_skipped_test(F45_cuda_half "there are no headers of CUDA")
endif()
cppo_add_program_test(F45_half_types half_types.cpp "${CMAKE_CXX_COMPILER}" -std=c++20)
if(second_compiler)  # which has _Float16 and __bf16
  cppo_add_program_test(F45_half_types.clang half_types.cpp "${CPPO_CLANG}" -std=c++20)
else()
  cppo_add_skipped_test(F45_half_types.clang "there is no second compiler")
endif()

# ---- units with exceptions and units without ----------------------------------------------------------------------

# As in tests/builds/link_order: the linker must find no function of the library that both define.
foreach(unit IN ITEMS with without)
  add_library(exceptions_${unit} OBJECT builds/exceptions/unit.cpp)
  target_link_libraries(exceptions_${unit} PRIVATE cppo::cppo cppo_strict_warnings)
  target_compile_definitions(exceptions_${unit} PRIVATE CPPO_NO_FORCED_INLINING UNIT=${unit}_exceptions
                                                        NAME=name_${unit}_exceptions)
  target_compile_options(exceptions_${unit} PRIVATE -O0)  # nothing is inlined: every function is a symbol
endforeach()
target_compile_options(exceptions_without PRIVATE -fno-exceptions)
foreach(order IN ITEMS "with without" "without with")
  string(REPLACE " " ";" order "${order}")
  list(GET order 0 first)
  list(GET order 1 second)
  add_executable(F46_exceptions_${first}_first builds/exceptions/main.cpp
    $<TARGET_OBJECTS:exceptions_${first}> $<TARGET_OBJECTS:exceptions_${second}>)
  target_link_libraries(F46_exceptions_${first}_first PRIVATE cppo::cppo cppo_warnings Threads::Threads)
  add_test(NAME F46_exceptions_${first}_first COMMAND F46_exceptions_${first}_first)
endforeach()
add_test(NAME F46_no_shared_symbols
  COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/scripts/shared_symbols.py" "${CMAKE_NM}"
          $<TARGET_OBJECTS:exceptions_with> $<TARGET_OBJECTS:exceptions_without>)

# A unit with `simd` and one without: what check_region runs on is part of its name.
foreach(flag IN ITEMS "" -DCPPO_USE_XSIMD=1)
  string(MAKE_C_IDENTIFIER "F46_tested_on${flag}" name)
  add_test(NAME ${name} COMMAND ${compile_check} --passes "${CMAKE_CURRENT_SOURCE_DIR}/builds/tested_on.cpp" --
           ${compile_command} ${flag} -idirafter "${CPPO_XSIMD_INCLUDE_DIR}")
endforeach()
