/// @file
/// The lane type with which the concepts try a part. It computes as a float does; what it refuses to compile is what
/// the part asks of a token and has not declared.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The inputs that a part says it reads. `either` is of parts that name theirs at run time.
enum class lent_inputs : unsigned { none = 0, divergence = 1, top_k = 2, either = 3, entropy = 4, reference = 8 };

CPPO_HOST_DEVICE constexpr lent_inputs operator|(lent_inputs a, lent_inputs b) noexcept {
  return static_cast<lent_inputs>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

/// True if all of `wanted` are among `lent`.
CPPO_HOST_DEVICE constexpr bool holds(lent_inputs lent, lent_inputs wanted) noexcept {
  return (lent | wanted) == lent;
}

/// Whether D_t, and what follows from it, is known when a part is asked.
enum class divergence_is : std::uint8_t { unknown, known };

/// The register type on which a part is checked. The part declares `Declared` and reads `Lent`; `Known` says whether
/// D_t is known when it is asked.
template <needs Declared, lent_inputs Lent, divergence_is Known>
struct probe_register {};

template <needs Declared, lent_inputs Lent, divergence_is Known>
struct register_ops<probe_register<Declared, Lent, Known>> : register_ops<float> {};

/// What a part may ask a token of V: everything, except on the lane on which parts are checked.
template <class V>
struct permitted {
  static constexpr bool knows_divergence = true, measures = true;
  CPPO_HOST_DEVICE static constexpr bool lent(lent_inputs) noexcept { return true; }
  CPPO_HOST_DEVICE static constexpr bool declared(needs) noexcept { return true; }
};
template <needs Declared, lent_inputs Lent, divergence_is Known>
struct permitted<lane<probe_register<Declared, Lent, Known>>> {
  static constexpr bool knows_divergence = Known == divergence_is::known, measures = !knows_divergence;
  CPPO_HOST_DEVICE static constexpr bool lent(lent_inputs wanted) noexcept { return holds(Lent, wanted); }
  CPPO_HOST_DEVICE static constexpr bool declared(needs wanted) noexcept {
    return knows_divergence && (Declared | wanted) == Declared;
  }
};

/// False on the lanes on which parts are tried.
template <class Register>
inline constexpr bool on_real_tokens = true;
template <needs Declared, lent_inputs Lent, divergence_is Known>
inline constexpr bool on_real_tokens<probe_register<Declared, Lent, Known>> = false;

// Refused on the lane on which a part is tried, so that it is said once.
template <class Register>
CPPO_HOST_DEVICE constexpr void refuse_short_circuit() noexcept {
  static_assert(on_real_tokens<Register>, "a mask of lanes has a truth value for each token: join masks by & and |, "
                                          "since && and || take one bool");
}

}  // namespace detail

/// Overloads for && and || of masks of lanes in a part: they do not compile where the part is tried, and say what to
/// write. They are & and | elsewhere.
/// @{
template <class Register, class Other>
CPPO_HOST_DEVICE constexpr lane_mask<Register> operator&&(lane_mask<Register> a, Other const& b) noexcept {
  detail::refuse_short_circuit<Register>();
  return a & b;
}
template <class Register, class Other>
CPPO_HOST_DEVICE constexpr lane_mask<Register> operator||(lane_mask<Register> a, Other const& b) noexcept {
  detail::refuse_short_circuit<Register>();
  return a | b;
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
