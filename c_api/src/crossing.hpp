// What passes between the library and a build of the call: the C++ library's structures, as bytes. To the compiler
// these are other types for each instruction set, because the inline namespace differs; but one source and one compiler
// lay them out alike.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace c_api {

struct crossing {
  std::uint64_t tag;  // `layout_tag()` of the library
  int threads;
  void const* batch;
  void const* region;
  void const* outputs;
  void const* options;
  void* report;  // null: not asked for
  void* status;
};

/// How a call on a build ended, beside its status.
enum class ending : int { done, no_memory, failed, other_version };

template <class T>
T from_bytes(void const* bytes) noexcept {
  std::array<std::byte, sizeof(T)> copy;
  std::memcpy(copy.data(), bytes, sizeof copy);
  return std::bit_cast<T>(copy);
}
template <class T>
void to_bytes(void* bytes, T const& x) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(bytes, &x, sizeof x);
}

}  // namespace c_api

// Marks what a build exports, under the name that CMake gives its instruction set.
#define CPPO_C_BUILD extern "C" __attribute__((visibility("default")))
#define CPPO_C_JOIN_(a, b) a##b
#define CPPO_C_JOIN(a, b) CPPO_C_JOIN_(a, b)
#define CPPO_C_CALL(isa) CPPO_C_JOIN(cppo_c_call_, isa)
