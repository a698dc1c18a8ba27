/// @file
/// Arrays one after the other in memory that is given.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <cstddef>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Places of arrays one after the other from `base` on, which may be null.
class array_places {
 public:
  explicit array_places(void* base) noexcept : base_(static_cast<unsigned char*>(base)) {}
  /// Sets p to room for n elements.
  template <class T>
  void take(T*& p, index_t n) noexcept {
    p = base_ != nullptr && n > 0 ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (static_cast<std::size_t>(n) * sizeof(T) + 255) / 256 * 256;
  }
  /// The bytes that they take.
  std::size_t used() const noexcept { return used_; }

 private:
  unsigned char* base_;
  std::size_t used_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
