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
  foreach(name IN ITEMS cuda_headers cuda_single_header cuda_builds.kernel)
    add_test(NAME ${name} COMMAND sh -c "echo '${reason}: skipped'; exit 77")
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
  endforeach()
  return()
endif()

set(device_flags -std=c++20 -arch=sm_90 -Werror all-warnings -Xcompiler "-Wall,-Wextra,-Werror"
                 "-I${cppo_include_dir}" -c)
function(cppo_add_cuda_test name source)  # the rest: more flags
  add_test(NAME ${name}
    COMMAND "${CPPO_NVCC}" ${device_flags} ${ARGN} "${source}" -o "${generated}/cuda/${name}.o")
endfunction()

execute_process(
  COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/cmake/check_layers.py" --list-up-to 4
  OUTPUT_VARIABLE names OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "([^\n]+)" "#include <cppo/\\1>" unit "${names}")
file(CONFIGURE OUTPUT "${generated}/cuda/cuda_headers.cu" CONTENT "${unit}\n" @ONLY)
cppo_add_cuda_test(cuda_headers "${generated}/cuda/cuda_headers.cu")

foreach(header IN LISTS cppo_device_headers)
  file(RELATIVE_PATH path "${cppo_include_dir}" "${header}")
  string(REGEX REPLACE "[/.]" "_" name "${path}")
  file(CONFIGURE OUTPUT "${generated}/cuda/${name}.cu" CONTENT "#include <${path}>\n" @ONLY)
  cppo_add_cuda_test(cuda_alone.${name} "${generated}/cuda/${name}.cu")
endforeach()

file(GLOB sources CONFIGURE_DEPENDS builds/*.cu)
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  cppo_add_cuda_test(cuda_builds.${name} "${source}")
endforeach()

# All of the single header, and the kernel with nothing else to include.
if(TARGET single_header_file)
  cppo_add_cuda_test(cuda_single_header "${CMAKE_CURRENT_SOURCE_DIR}/builds/kernel.cu"
                     "-DCPPO_SINGLE_HEADER=\"${single}\"")
endif()
