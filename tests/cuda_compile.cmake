# Compiles for the device with nvcc, if there is one. A GPU is not needed, and nothing is run.

find_program(CPPO_NVCC NAMES nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin DOC "nvcc, for the CUDA tests")
mark_as_advanced(CPPO_NVCC)

set(reason "")
if(NOT CPPO_NVCC)
  set(reason "nvcc was not found")
else()
  execute_process(COMMAND "${CPPO_NVCC}" --version OUTPUT_VARIABLE text ERROR_QUIET)
  if(NOT text MATCHES "release ([0-9]+\\.[0-9]+)" OR CMAKE_MATCH_1 VERSION_LESS 12.0)
    set(reason "nvcc 12.0 or newer is needed for C++20")
  endif()
endif()
if(reason)
  foreach(name IN ITEMS cuda_headers cuda_single_header cuda_builds.kernel cuda_resources cuda_cost cuda_programs
                        cuda_relaxed cuda_interpreted.sm_90 cuda_interpreted.logits.sm_90 example.16_gpu)
    cppo_add_skipped_test(${name} "${reason}")
  endforeach()
  return()
endif()

# What is compiled and interpreted: one architecture, or all of them in a long run.
set(architectures 90)
if(CPPO_LONG_TESTS)
  set(architectures 80 90 100)
endif()

set(device_flags -std=c++20 -arch=sm_90 -Werror all-warnings -Xcompiler "-Wall,-Wextra,-Werror"
                 "-I${cppo_include_dir}")
# Less optimized device code in a fifth of the time, where nvcc offers it.
execute_process(COMMAND "${CPPO_NVCC}" --help OUTPUT_VARIABLE text ERROR_QUIET)
set(fast "")
if(text MATCHES "--Ofast-compile")
  set(fast -Ofc=mid)
endif()
function(cppo_add_cuda_test name source)  # the rest: more flags
  add_test(NAME ${name}
    COMMAND "${CPPO_NVCC}" ${device_flags} -c ${ARGN} "${source}" -o "${generated}/cuda/${name}.o")
endfunction()

execute_process(
  COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/cmake/check_layers.py" --list-up-to 6
  OUTPUT_VARIABLE names OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "([^\n]+)" "#include <cppo/\\1>" unit "${names}")
file(CONFIGURE OUTPUT "${generated}/cuda/cuda_headers.cu" CONTENT "${unit}\n" @ONLY)
cppo_add_cuda_test(cuda_headers "${generated}/cuda/cuda_headers.cu")

foreach(header IN LISTS cppo_device_headers)
  file(RELATIVE_PATH path "${cppo_include_dir}" "${header}")
  string(REGEX REPLACE "[/.]" "_" name "${path}")
  file(CONFIGURE OUTPUT "${generated}/cuda/${name}.cu" CONTENT "#include <${path}>\n" @ONLY)
  # Both front ends read it; the host's compiler would once more.
  add_test(NAME cuda_alone.${name}
    COMMAND "${CPPO_NVCC}" ${device_flags} -cuda "${generated}/cuda/${name}.cu" -o "${generated}/cuda/${name}.ii")
endforeach()

cppo_add_cuda_test(cuda_builds.kernel "${CMAKE_CURRENT_SOURCE_DIR}/builds/kernel.cu")

if(TARGET single_header_file)
  add_test(NAME single_header_has_the_same_tokens.nvcc
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/scripts/same_tokens.py" --include "${cppo_include_dir}"
            --single "${single}" -- "${CPPO_NVCC}" -std=c++20 -x cu -DCPPO_USE_CUDA=1)
endif()

# The programs that compare a device with seq and measure it. Without a device they say so: skipped, not passed.
function(cppo_add_cuda_programs fixture out)  # the rest: architectures and options of tests/cuda/build.sh
  add_test(NAME ${fixture}
    COMMAND "${CMAKE_COMMAND}" -E env "CPPO_NVCC=${CPPO_NVCC}" "CPPO_PTX_LIBRARY=$<TARGET_FILE:ptx_interpreter>" JOBS=1
            "${CMAKE_CURRENT_SOURCE_DIR}/cuda/build.sh" "${out}" --fast ${ARGN})
  set_tests_properties(${fixture} PROPERTIES FIXTURES_SETUP ${fixture} COST 1000)
endfunction()
cppo_add_cuda_programs(cuda_interpreted "${CMAKE_BINARY_DIR}/cuda/interpreted" ${architectures} --ptx --only equality
                       --only logits)
foreach(program IN ITEMS equality logits)
  add_test(NAME cuda_programs.${program} COMMAND "${CMAKE_BINARY_DIR}/cuda/interpreted/${program}")
  set_tests_properties(cuda_programs.${program} PROPERTIES FIXTURES_REQUIRED cuda_interpreted SKIP_RETURN_CODE 77)
endforeach()

# The same programs in the interpreter: PTX of each architecture, schedules at random, all detectors.
foreach(architecture IN LISTS architectures)
  foreach(program IN ITEMS equality logits)
    set(name cuda_interpreted.${program}.sm_${architecture})
    if(program STREQUAL equality)
      set(name cuda_interpreted.sm_${architecture})
    endif()
    add_test(NAME ${name}
      COMMAND "${CMAKE_COMMAND}" -E env PTX_ARCH=${architecture} PTX_RACES=1 PTX_SEED=${architecture}
              "${CMAKE_BINARY_DIR}/cuda/interpreted/${program}.interpreted" --quick)
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED cuda_interpreted COST 500)
  endforeach()
endforeach()

# The example with a region of one's own; it runs without a device too.
if(CPPO_BUILD_EXAMPLES)
  list(TRANSFORM architectures REPLACE "(.+)" "-gencode=arch=compute_\\1,code=sm_\\1" OUTPUT_VARIABLE for_each)
  add_test(NAME cuda_example
    COMMAND "${CPPO_NVCC}" -std=c++20 ${fast} -Werror all-warnings -Xcompiler -Wall,-Wextra
            "-I${cppo_include_dir}" -DCPPO_USE_XSIMD=1 ${for_each}
            "${PROJECT_SOURCE_DIR}/examples/16_gpu.cu" -o "${generated}/cuda/16_gpu")
  set_tests_properties(cuda_example PROPERTIES FIXTURES_SETUP cuda_example)
  add_test(NAME example.16_gpu COMMAND "${generated}/cuda/16_gpu")
  set_tests_properties(example.16_gpu PROPERTIES FIXTURES_REQUIRED cuda_example)
endif()

# All of the single header, and the kernel with nothing else to include; and the executor out of it, built as it must
# not be: with --use_fast_math, which a device finds out.
if(TARGET single_header_file)
  cppo_add_cuda_test(cuda_single_header "${CMAKE_CURRENT_SOURCE_DIR}/builds/kernel.cu"
                     "-DCPPO_SINGLE_HEADER=\"${single}\"")
  if(CPPO_LONG_TESTS)
    add_test(NAME cuda_relaxed.build
      COMMAND "${CPPO_NVCC}" -std=c++20 ${fast} -Werror all-warnings -Xcompiler -Wall,-Wextra,-Werror --use_fast_math
              -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
              "-DCPPO_SINGLE_HEADER=\"${single}\"" "${CMAKE_CURRENT_SOURCE_DIR}/cuda/relaxed.cu"
              -o "${generated}/cuda/relaxed")
    set_tests_properties(cuda_relaxed.build PROPERTIES FIXTURES_SETUP cuda_relaxed COST 200)
    add_test(NAME cuda_relaxed COMMAND "${generated}/cuda/relaxed")
    set_tests_properties(cuda_relaxed PROPERTIES FIXTURES_REQUIRED cuda_relaxed SKIP_RETURN_CODE 77)
  endif()
endif()

# Minutes of the compiler: kernels as they are shipped, fully optimised, and the program that measures them.
if(CPPO_LONG_TESTS)
  # The registers, stack and spills of the kernels against a stored table; `./run test-cuda --compile` looks at
  # sm_80 and sm_100 too.
  add_test(NAME cuda_resources
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/cuda/resources.py" --nvcc "${CPPO_NVCC}" --only 90)
  set_tests_properties(cuda_resources PROPERTIES COST 1000)

  cppo_add_cuda_programs(cuda_programs "${CMAKE_BINARY_DIR}/cuda" 90 --only bench --only bench_logits)
  foreach(program IN ITEMS bench bench_logits)
    add_test(NAME cuda_programs.${program} COMMAND "${CMAKE_BINARY_DIR}/cuda/${program}")
    set_tests_properties(cuda_programs.${program} PROPERTIES FIXTURES_REQUIRED cuda_programs SKIP_RETURN_CODE 77)
  endforeach()

  # Regions that are data, in the interpreter: what the Python package's op for CUDA runs.
  cppo_add_cuda_programs(cuda_described "${CMAKE_BINARY_DIR}/cuda/described" 90 --ptx --only described)
  add_test(NAME cuda_interpreted.described
    COMMAND "${CMAKE_COMMAND}" -E env PTX_ARCH=90 "${CMAKE_BINARY_DIR}/cuda/described/described.interpreted" --quick)
  set_tests_properties(cuda_interpreted.described PROPERTIES FIXTURES_REQUIRED cuda_described COST 500)

  # Regions with folds.
  cppo_add_cuda_programs(cuda_folds "${CMAKE_BINARY_DIR}/cuda/folds" 90 --ptx --only folds)
  add_test(NAME cuda_interpreted.folds
    COMMAND "${CMAKE_COMMAND}" -E env PTX_ARCH=90 PTX_RACES=1 PTX_SEED=90
            "${CMAKE_BINARY_DIR}/cuda/folds/folds.interpreted" --quick)
  set_tests_properties(cuda_interpreted.folds PROPERTIES FIXTURES_REQUIRED cuda_folds COST 500)

  # What a call costs, counted there, against a stored table: kernels as they are shipped, fully optimised.
  add_test(NAME cuda_cost
    COMMAND "${CMAKE_COMMAND}" -E env "CPPO_NVCC=${CPPO_NVCC}" "CPPO_PTX_LIBRARY=$<TARGET_FILE:ptx_interpreter>"
            "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/cuda/cost.py" "${CMAKE_BINARY_DIR}/cuda/interpreted")
  set_tests_properties(cuda_cost PROPERTIES FIXTURES_REQUIRED cuda_interpreted COST 500)
endif()
