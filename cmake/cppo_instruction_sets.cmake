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
