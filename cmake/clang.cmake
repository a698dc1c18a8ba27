# Toolchain file of the preset `clang`: the newest clang++ that is installed.
find_program(CPPO_CLANG NAMES clang++-20 clang++-19 clang++-18 clang++-17 clang++-16 clang++ REQUIRED)
set(CMAKE_CXX_COMPILER "${CPPO_CLANG}")
