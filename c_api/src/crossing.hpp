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

/// The folds of a rule over micro-batches: the states that are known, and where those of the next exchange go.
struct lent_folds {
  std::int64_t const* known = nullptr;
  std::int64_t known_words = 0;  // 0: the call is the whole batch
  std::int64_t* sums = nullptr;  // null: the call is `policy_loss`
  std::int64_t sum_words = 0;
};

/// What is done with rows of logits, where a call reads them.
enum class row_call : int { none, log_probs, find, gradient, divergences };

struct crossing {
  std::uint64_t tag;  // `layout_tag()` of the library
  int threads;
  void const* batch;
  void const* region;
  void const* outputs;
  void const* options;
  void* report;  // null: not asked for
  void* status;
  bool on_rule = false;  // the region is a described rule
  lent_folds folds = {};
  row_call rows = row_call::none;  // else `batch` is one of logits, and `outputs` are `row_arguments`
};

/// What a compiled region is asked for beside that, since the library's own code knows no such region.
struct errand : crossing {
  bool in_double = false;  // the batch, and D of its tokens
  bool on_seq = false;
  void const* how = nullptr;    // certify: its options
  void* found = nullptr;        // diagnose: what is wrong; certify: the certificate; weigh: w_1 to w_count
  std::int64_t piece = 0;       // pieces: which one, and the tokens before it
  std::int64_t tokens_before = 0;
  void const* totals = nullptr; // of the whole response
  void* sums = nullptr;         // what is written: totals or sums of the piece
  void* divergences = nullptr;  // D of its valid tokens, and how many there are
  std::int64_t count = 0;
  std::int64_t* written = nullptr;
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
