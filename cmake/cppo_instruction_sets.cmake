# The instruction sets that programs of this project are compiled for, least first: `cppo_instruction_sets`. Here alone;
# a library compiled by its user has what the user's flags give.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(cppo_instruction_sets x86-64 x86-64-v3 x86-64-v4)
else()
  set(cppo_instruction_sets native)
endif()

function(cppo_compile_for target isa)
  target_compile_options(${target} PRIVATE -march=${isa})
  if(isa MATCHES "^(x86-64-v4|native)$" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
     AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # From the compiler's own AVX-512 headers.
    target_compile_options(${target} PRIVATE -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
endfunction()

# Sets `out` to true if this machine runs what is compiled for `isa`: always for `native`, `default` and the least.
function(cppo_runs_here isa out)
  set(${out} TRUE PARENT_SCOPE)
  if(isa MATCHES "^x86-64-v")
    file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/runs_here.cpp" @ONLY
      CONTENT "int main() { return __builtin_cpu_supports(\"${isa}\") ? 0 : 1; }\n")
    string(MAKE_C_IDENTIFIER "CPPO_RUNS_${isa}" runs)
    try_run(${runs} ${runs}_COMPILED "${CMAKE_CURRENT_BINARY_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/runs_here.cpp")
    if(NOT ${runs}_COMPILED OR NOT "${${runs}}" STREQUAL "0")
      set(${out} FALSE PARENT_SCOPE)
    endif()
  endif()
endfunction()
