// Names for settings: the same text, the same sixteen hexadecimal digits, on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trainer {

/// FNV-1a of 64 bits. It tells settings apart; it guards against nobody.
inline std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (char const c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  std::string digits(16, '0');
  for (auto d = digits.rbegin(); d != digits.rend(); ++d, hash >>= 4U) *d = "0123456789abcdef"[hash & 15U];
  return digits;
}

}  // namespace trainer
