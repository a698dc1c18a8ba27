# Copies the single header FROM to TO under the next minor version.
file(READ "${FROM}" text)
if(NOT text MATCHES "#define CPPO_VERSION_MINOR ([0-9]+)")
  message(FATAL_ERROR "${FROM}: no CPPO_VERSION_MINOR")
endif()
math(EXPR next "${CMAKE_MATCH_1} + 1")
string(REPLACE "${CMAKE_MATCH_0}" "#define CPPO_VERSION_MINOR ${next}" text "${text}")
file(WRITE "${TO}" "${text}")
