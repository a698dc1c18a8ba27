// A number on its way into a part.
#pragma once

#include <type_traits>

namespace c_api {

/// Becomes what the member is. A fraction does not fit a whole number: then `cut` says so.
struct number {
  double value = 0.0;
  inline static thread_local bool cut = false;
  template <class T>
    requires std::is_arithmetic_v<T>
  constexpr operator T() const noexcept {
    auto const x = static_cast<T>(value);
    if constexpr (!std::is_floating_point_v<T>) cut = cut || static_cast<double>(x) != value;
    return x;
  }
};

}  // namespace c_api
