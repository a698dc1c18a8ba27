// expect: cppo reads views of rank 1, [N], and 2, [B, T]: lend a slice of that rank
// expect: cppo walks by strides: lend an mdspan whose layout is always strided and unique
// expect: cppo reads and writes memory itself and would pass over an accessor that scales, conjugates or locks
// expect: packed(cu_seqlens) reads offsets one after the other
#include <cppo/cppo.hpp>

// What std::mdspan says of itself, without one.
template <std::size_t Rank, bool Strided, class Reference, class Element = float>
struct view {
  using element_type = Element;
  using reference = Reference;
  static constexpr std::size_t rank() { return Rank; }
  static constexpr bool is_always_strided() { return Strided; }
  static constexpr bool is_always_unique() { return true; }
  static constexpr bool is_always_exhaustive() { return false; }
  Element* const& data_handle() const { return data; }
  int extent(std::size_t) const { return 1; }
  int stride(std::size_t) const { return 1; }
  Element* data = nullptr;
};

auto const scalar = cppo::log_prob(view<0, true, float&>{});
auto const cube = cppo::log_prob(view<3, true, float&>{});
auto const symmetric = cppo::advantage(view<2, false, float&>{});
auto const scaled = cppo::rollout_log_prob(view<2, true, float>{});
auto const gaps = cppo::packed(view<1, true, int&, int>{});
