// Bytes turned into choices and numbers; past the end they are 0.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

namespace fuzz {

class byte_source {
 public:
  byte_source(std::uint8_t const* data, std::size_t size) : data_(data), size_(size) {}

  std::uint8_t byte() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
  std::uint32_t word() {
    std::uint32_t w = 0;
    for (int i = 0; i < 4; ++i) w = (w << 8U) | byte();
    return w;
  }
  /// Below n, n <= 256.
  int below(int n) { return byte() % n; }
  bool coin() { return (byte() & 1U) != 0; }
  template <class T, std::size_t N>
  T one_of(T const (&choices)[N]) {
    return choices[byte() % N];
  }
  /// Any bit pattern, or one of those that break things.
  float any_float() {
    constexpr float inf = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    constexpr float special[] = {0.0F, -0.0F, 1.0F, -1.0F, inf, -inf, nan, -nan, 1e-45F, -1e-45F, 3e38F, -3e38F,
                                 -86.5F, -87.0F, -103.0F, -1e10F, -1000.0F, -9999.0F, 1e-7F, 0.5F, -20.0F, 20.0F};
    std::uint8_t const which = byte();
    return which < 128 ? special[which % std::size(special)] : std::bit_cast<float>(word());
  }
  /// A valid log-prob: often near 0, at times far below.
  float log_prob() {
    std::uint8_t const which = byte();
    if (which < 16) return 0.0F;
    if (which < 32) return -static_cast<float>(byte()) * 3.0F;
    return -static_cast<float>(which) / static_cast<float>(1U << (byte() % 12));
  }

 private:
  std::uint8_t const* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace fuzz
