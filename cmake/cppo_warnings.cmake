# For the library's own tests and examples; not exported: a user's warnings are the user's.
add_library(cppo_warnings INTERFACE)
target_compile_options(cppo_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-Wall;-Wextra;-Wconversion;-Wshadow>
  $<$<AND:$<BOOL:${CPPO_WERROR}>,$<CXX_COMPILER_ID:GNU,Clang,AppleClang>>:-Werror>)

# What other projects add. For units that hold little but the library's own code: tests promote and cast as they like.
set(cppo_strict_flags -Wsign-conversion -Wold-style-cast)
add_library(cppo_strict_warnings INTERFACE)
target_link_libraries(cppo_strict_warnings INTERFACE cppo_warnings)
target_compile_options(cppo_strict_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:${cppo_strict_flags}>
  $<$<CXX_COMPILER_ID:GNU>:-Wuseless-cast;-Wdouble-promotion>)
