// A region as the interface hands it out: its bytes, sealed, so that bytes which are none are found. It is described,
// a rule, or compiled by its user.
#pragma once

#include "answer.hpp"
#include "compiled.hpp"

#include <cppo/described.hpp>
#include <cppo/described_rule/rule.hpp>

namespace c_api {

inline constexpr std::size_t region_words = sizeof(cppo_region) / 8;
static_assert(sizeof(cppo::described_region) <= 8 * (region_words - 1), "cppo_region has no room for the region");
static_assert(std::is_trivially_copyable_v<cppo::described_region>);
static_assert(sizeof(cppo::described_rule) <= 8 * (region_words - 1), "cppo_region has no room for a rule");
static_assert(std::is_trivially_copyable_v<cppo::described_rule>);
static_assert(sizeof(compiled_bytes) <= 8 * (region_words - 1), "cppo_region has no room for a compiled region");

/// Whose bytes these are.
enum class made_as : std::uint64_t { described, compiled, rule, advantage };
template <class Region>
inline constexpr made_as how_made = made_as::described;
template <>
inline constexpr made_as how_made<compiled_bytes> = made_as::compiled;
template <>
inline constexpr made_as how_made<cppo::described_rule> = made_as::rule;

/// A region of any kind.
struct lent_region {
  made_as how = made_as::described;
  cppo::described_region described;
  cppo::described_rule rule;
  compiled_bytes compiled;

  /// True if it is asked through a `compiled_region`, which rules are, too.
  bool is_asked() const noexcept { return how != made_as::described; }
  bool is_rule() const noexcept { return how == made_as::rule; }
  void const* bytes() const noexcept {
    if (is_rule()) return &rule;
    return is_asked() ? static_cast<void const*>(compiled.region) : &described;
  }
};

/// True if the region asks for a quantile of D.
inline bool calibrates(lent_region const& r) noexcept {
  if (r.is_rule()) return r.rule.asks_for(cppo::needs::quantile);
  return r.is_asked() ? r.compiled.by->calibrates : r.described.asks_for(cppo::needs::quantile);
}

/// The seal of what stands before it.
inline std::uint64_t seal_of(std::uint64_t const (&words)[region_words], made_as how) noexcept {
  constexpr std::uint64_t version = 0x10000U * CPPO_VERSION_MAJOR + 0x100U * CPPO_VERSION_MINOR + CPPO_VERSION_PATCH;
  std::uint64_t h = 0xcbf29ce484222325U + version + (static_cast<std::uint64_t>(how) << 32);
  for (std::size_t i = 0; i + 1 < region_words; ++i) h = (h ^ words[i]) * 0x100000001b3U;
  return h;
}
/// Writes a `described_region`, a `described_rule`, or `compiled_bytes` into a `cppo_region`; a `described_advantage`
/// into a `cppo_advantage_rule`.
template <class Value, class Into>
void write(Value const& value, Into& into) noexcept {
  static_assert(sizeof(Into) == 8 * region_words);
  std::uint64_t words[region_words] = {};
  std::memcpy(words, &value, sizeof value);
  words[region_words - 1] = seal_of(words, how_made<Value>);
  std::memcpy(into.opaque, words, sizeof words);
}
/// The region at `from`. `s` says why there is none.
inline bool take_region(cppo_region const* from, lent_region& into, cppo_status& s) noexcept {
  if (!given(from, "region", s)) return false;
  std::uint64_t words[region_words];
  std::memcpy(words, from->opaque, sizeof words);
  std::uint64_t const seal = words[region_words - 1];
  if (seal == seal_of(words, made_as::compiled)) {
    into.how = made_as::compiled;
    into.compiled = from_bytes<compiled_bytes>(words);
  } else if (seal == seal_of(words, made_as::rule)) {
    into.how = made_as::rule;
    into.rule = from_bytes<cppo::described_rule>(words);
  } else if (seal == seal_of(words, made_as::described)) {
    into.described = from_bytes<cppo::described_region>(words);
  } else {
    return refuse(s, cppo_bad_argument, cppo::argument::region,
                  word("region was not made by cppo_region_parse of this version of the library: parse its text"));
  }
  return true;
}
/// The same where a rule, and a region that its user compiled, is unknown.
inline bool take_region(cppo_region const* from, cppo::described_region& into, cppo_status& s) noexcept {
  lent_region r;
  if (!take_region(from, r, s)) return false;
  if (r.is_rule()) {
    return refuse(s, cppo_bad_argument, cppo::argument::region,
                  word("region is a rule with comparisons, folds or a loss of its own, which runs on the host alone: "
                       "pass tensors of the host, or a region of the other parts"));
  }
  if (r.is_asked()) {
    return refuse(s, cppo_bad_argument, cppo::argument::region,
                  word("region has a part that its user wrote, which is compiled for the host alone: pass tensors of "
                       "the host, or a region of the library's parts"));
  }
  into = r.described;
  return true;
}

}  // namespace c_api
