/// @file
/// Where the tokens of a response are, from its response mask.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/column.hpp>
#include <cppo/execution/simd/elements.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// 64 slots of a response mask from slot i as bits; `binary` becomes false where a value is neither 0 nor 1.
CPPO_ALWAYS_INLINE std::uint64_t mask_word(column const& m, index_t base, index_t i, index_t end,
                                           bool& binary) noexcept {
  int const n = end - i < 64 ? static_cast<int>(end - i) : 64;
  if (m.token_stride == 1) return elements_to_bits(element_place(m.data, m.type, base + i), m.type, n, binary);
  std::uint64_t bits = 0;
  for (int k = 0; k < n; ++k) {
    std::uint8_t const active = load_mask(m.data, m.type, base + (i + k) * m.token_stride);
    binary = binary && active < 2;
    bits |= std::uint64_t{active != 0} << k;
  }
  return bits;
}

/// Where the tokens of a response are.
struct token_map {
  index_t tokens = 0;
  index_t first = 0;    ///< slot of the first one
  index_t end = 0;      ///< slot past the last one
  bool binary = true;   ///< the mask holds 0 and 1 only

  /// True if no excluded slot lies between tokens.
  bool in_one_run() const noexcept { return end - first == tokens; }
};

inline token_map map_tokens(column const& mask, layout const& l, index_t b) noexcept {
  index_t const slots = l.slots(b);
  token_map map;
  if (!mask.lent()) {
    map.tokens = map.end = slots;
    return map;
  }
  index_t const base = mask.offset(l, b, 0);
  for (index_t i = 0; i < slots; i += 64) {
    std::uint64_t const bits = mask_word(mask, base, i, slots, map.binary);
    if (bits == 0) continue;
    if (map.tokens == 0) map.first = i + std::countr_zero(bits);
    map.end = i + 64 - std::countl_zero(bits);
    map.tokens += std::popcount(bits);
  }
  return map;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
