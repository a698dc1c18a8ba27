/// @file
/// Four float tokens as a lane register, without SIMD. With it a part can be compared on one lane and on many.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// Four floats.
struct four_floats {
  float at[4] = {};  ///< lane by lane
};
/// Four truth values.
struct four_bools {
  bool at[4] = {};  ///< lane by lane
};

}}}  // namespace cppo::testing

namespace cppo { inline namespace CPPO_ABI { namespace detail {

template <>
struct register_ops<testing::four_floats> {
  using reg = testing::four_floats;
  using one = register_ops<float>;
  using value_type = float;
  using mask_type = testing::four_bools;
  static constexpr int size = 4;

  template <class To, class F>
  static constexpr To each(F const& f) noexcept {
    To r;
    for (int k = 0; k < size; ++k) r.at[k] = f(k);
    return r;
  }
  static constexpr reg broadcast(float x) noexcept { return {{x, x, x, x}}; }
  static constexpr reg load(float const* p) noexcept { return {{p[0], p[1], p[2], p[3]}}; }
  static constexpr reg add(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::add(a.at[k], b.at[k]); });
  }
  static constexpr reg sub(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::sub(a.at[k], b.at[k]); });
  }
  static constexpr reg mul(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::mul(a.at[k], b.at[k]); });
  }
  static constexpr reg exact_mul(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::exact_mul(a.at[k], b.at[k]); });
  }
  static constexpr reg div(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::div(a.at[k], b.at[k]); });
  }
  static constexpr reg min(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::min(a.at[k], b.at[k]); });
  }
  static constexpr reg max(reg a, reg b) noexcept {
    return each<reg>([&](int k) { return one::max(a.at[k], b.at[k]); });
  }
  static constexpr mask_type lt(reg a, reg b) noexcept {
    return each<mask_type>([&](int k) { return a.at[k] < b.at[k]; });
  }
  static constexpr mask_type le(reg a, reg b) noexcept {
    return each<mask_type>([&](int k) { return a.at[k] <= b.at[k]; });
  }
  static constexpr mask_type eq(reg a, reg b) noexcept {
    return each<mask_type>([&](int k) { return a.at[k] == b.at[k]; });
  }
  static constexpr reg select(mask_type m, reg a, reg b) noexcept {
    return each<reg>([&](int k) { return m.at[k] ? a.at[k] : b.at[k]; });
  }
  static constexpr reg only(mask_type m, reg a) noexcept { return select(m, a, broadcast(0.0F)); }
  static constexpr mask_type both(mask_type a, mask_type b) noexcept {
    return each<mask_type>([&](int k) { return a.at[k] && b.at[k]; });
  }
  static constexpr mask_type either(mask_type a, mask_type b) noexcept {
    return each<mask_type>([&](int k) { return a.at[k] || b.at[k]; });
  }
  static constexpr bool any(mask_type a) noexcept { return a.at[0] || a.at[1] || a.at[2] || a.at[3]; }
  static constexpr mask_type negate(mask_type a) noexcept {
    return each<mask_type>([&](int k) { return !a.at[k]; });
  }
  static constexpr reg flip_sign(reg x, reg by) noexcept {
    return each<reg>([&](int k) { return one::flip_sign(x.at[k], by.at[k]); });
  }
  static constexpr reg magnitude(reg x) noexcept { return each<reg>([&](int k) { return one::magnitude(x.at[k]); }); }
  static constexpr reg to_exponent(reg t) noexcept {
    return each<reg>([&](int k) { return one::to_exponent(t.at[k]); });
  }
  template <class F>
  static constexpr reg map(reg x, F const& f) noexcept {
    return each<reg>([&](int k) { return f(x.at[k]); });
  }
  template <class F>
  static constexpr reg map(reg x, reg y, F const& f) noexcept {
    return each<reg>([&](int k) { return f(x.at[k], y.at[k]); });
  }
  static constexpr reg iota(index_t first) noexcept {
    return each<reg>([&](int k) { return static_cast<float>(first + k); });
  }
  template <class F>
  static constexpr reg generate(F const& f) noexcept {
    return each<reg>([&](int k) { return f(index_t{k}); });
  }
};

}}}  // namespace cppo::detail

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// A lane of four emulated tokens.
using emulated_lane = lane<four_floats>;

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
