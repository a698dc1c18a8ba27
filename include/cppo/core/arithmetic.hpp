/// @file
/// Run-time checks that arithmetic keeps the numeric contract; compilers show only part of what breaks it by macros.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exponential.hpp>
#include <cppo/core/prefix_sums.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// x in every lane, hidden from the compiler, which cannot compute with it in advance.
template <class V>
CPPO_HOST_DEVICE V unknown(typename V::value_type x) noexcept {
  typename V::value_type volatile seen = x;
  return V(static_cast<typename V::value_type>(seen));
}

/// True if the mask is set in every lane.
template <class V>
CPPO_HOST_DEVICE bool every_lane(typename V::mask m) noexcept {
  bool all = true;
  (void)map_lanes(select(m, V(1), V(0)), [&all](auto x) {
    all = all && x == decltype(x)(1);
    return x;
  });
  return all;
}

/// True if sums, products and quotients of V are each rounded to nearest, in the order in which they are written.
template <class V>
CPPO_ONCE_PER_CALL CPPO_HOST_DEVICE typename V::mask rounds_as_written() noexcept {
  using T = typename V::value_type;
  constexpr T step = special<T>::epsilon;
  // equivalent: any number below half a step is rounded away from 1 like a quarter of it
  V const one = unknown<V>(T(1)), less = unknown<V>(step / 4), more = unknown<V>(step * T(0.75));
  V const up = unknown<V>(T(1) + step), x = unknown<V>(T(9)), y = unknown<V>(T(13)), seven = unknown<V>(T(7));
  // equivalent: rounding upward, which it would miss, shows in the quotients two lines below too
  // elsewhere: rounding modes show in what follows too, reordering in tests/builds/relaxed_arithmetic.cpp
  auto good = ((one + less) - one == V(0)) & ((one + more) - one == V(step));  // not reordered, neither up nor down
  // elsewhere: shows where a compiler fuses in spite of CPPO_ROUNDED, which none of those tested does
  good = good & (up * up - (one + V(2 * step)) == V(0));                       // not fused
  // elsewhere: shows under parts of -ffast-math, in tests/builds/relaxed_arithmetic.cpp
  good = good & (x / V(7) == V(T(9) / T(7)));                                 // no reciprocal of a constant ...
  return good & (x / seven == V(T(9) / T(7))) & (y / seven == V(T(13) / T(7)));  // ... nor one that is shared
}

/// True if NaN, infinity and the sign of zero behave as IEEE arithmetic says.
template <class V>
CPPO_HOST_DEVICE typename V::mask knows_special_values() noexcept {
  using T = typename V::value_type;
  // elsewhere: shows under -fno-signed-zeros, in tests/builds/relaxed_arithmetic.cpp
  V const nan = unknown<V>(special<T>::nan), zero = unknown<V>(T(-0.0));
  V const far = unknown<V>(special<T>::infinity);
  auto const knows_far = (far == V(special<T>::infinity)) & !(far <= V(special<T>::largest));
  // equivalent x2: any positive number shows its sign; it is 1 or -1
  // elsewhere: shows under -fno-signed-zeros, in tests/builds/relaxed_arithmetic.cpp
  return (nan != nan) & knows_far & (flip_sign(V(1), zero + V(0)) > V(0));
}

/// True if the library's own exponential has the same bits at run time as at compile time.
template <class V>
CPPO_ONCE_PER_CALL CPPO_HOST_DEVICE typename V::mask exp_is_itself() noexcept {
  using T = typename V::value_type;
  constexpr T x = T(-1.3);
  constexpr exp_parts<lane<T>> want = exp_core(lane<T>(x));
  exp_parts<V> const got = exp_core(unknown<V>(x));
  return (got.e == V(want.e.raw())) & (got.s == V(want.s.raw()));
}

/// True if the conversion to the grid of exact sums rounds each limb to nearest.
template <class T>
CPPO_HOST_DEVICE bool grid_is_itself() noexcept {
  constexpr exact_sum want = to_grid(T(0.7));
  exact_sum const got = to_grid(unknown<lane<T>>(T(0.7)).raw());
  return got.high == want.high && got.low == want.low;
}

/// True if arithmetic on V keeps the contract. Takes some 30 ns. Macros do not tell all of it: some compilers have one
/// for each part of -ffast-math, others for the whole only, and none has one for the rounding mode, which is a
/// thread's. Always true where CPPO_ALLOW_FAST_MATH is set.
template <class V>
CPPO_ONCE_PER_CALL CPPO_HOST_DEVICE bool keeps_arithmetic() noexcept {
  if constexpr (allows_fast_math) return true;
  else {
    return grid_is_itself<typename V::value_type>() &&
           every_lane<V>(rounds_as_written<V>() & knows_special_values<V>() & exp_is_itself<V>());
  }
}

/// True if scalar arithmetic, on which `seq` runs, keeps the contract.
inline bool scalars_keep_arithmetic() noexcept {
  // uncovered: a rounding mode is one for float and double, and a test program is compiled with one set of flags
  return keeps_arithmetic<float_lane>() && keeps_arithmetic<double_lane>();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
