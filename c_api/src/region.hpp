// A region as the interface hands it out: its bytes, sealed, so that bytes which are none are found.
#pragma once

#include "answer.hpp"
#include "crossing.hpp"

#include <cppo/described.hpp>

namespace c_api {

inline constexpr std::size_t region_words = sizeof(cppo_region) / 8;
static_assert(sizeof(cppo::described_region) <= 8 * (region_words - 1), "cppo_region has no room for the region");
static_assert(std::is_trivially_copyable_v<cppo::described_region>);

/// The seal of what stands before it.
inline std::uint64_t seal_of(std::uint64_t const (&words)[region_words]) noexcept {
  constexpr std::uint64_t version = 0x10000U * CPPO_VERSION_MAJOR + 0x100U * CPPO_VERSION_MINOR + CPPO_VERSION_PATCH;
  std::uint64_t h = 0xcbf29ce484222325U + version;
  for (std::size_t i = 0; i + 1 < region_words; ++i) h = (h ^ words[i]) * 0x100000001b3U;
  return h;
}
inline void write(cppo::described_region const& region, cppo_region& into) noexcept {
  std::uint64_t words[region_words] = {};
  std::memcpy(words, &region, sizeof region);
  words[region_words - 1] = seal_of(words);
  std::memcpy(into.opaque, words, sizeof words);
}
/// The region at `from`. `s` says why there is none.
inline bool take_region(cppo_region const* from, cppo::described_region& into, cppo_status& s) noexcept {
  if (!given(from, "region", s)) return false;
  std::uint64_t words[region_words];
  std::memcpy(words, from->opaque, sizeof words);
  if (words[region_words - 1] != seal_of(words)) {
    return refuse(s, cppo_bad_argument, cppo::argument::region,
                  word("region was not made by cppo_region_parse of this version of the library: parse its text"));
  }
  into = from_bytes<cppo::described_region>(words);
  return true;
}

}  // namespace c_api
