# For the library's own tests and examples; not exported: a user's warnings are the user's.
add_library(cppo_warnings INTERFACE)
target_compile_options(cppo_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-Wall;-Wextra;-Wconversion;-Wshadow>
  $<$<AND:$<BOOL:${CPPO_WERROR}>,$<CXX_COMPILER_ID:GNU,Clang,AppleClang>>:-Werror>)
