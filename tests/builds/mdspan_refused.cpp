// expect: cppo reads and writes memory itself and would pass over an accessor that scales, conjugates or locks
// expect: cppo reads views of rank 1, [N], and 2, [B, T]: lend a slice of that rank
// Real mdspans that cannot be lent; tests/compile_fail has views that are shaped like them.
#include <cppo/cppo.hpp>

#if defined(CUDA_MDSPAN)
#include <cuda/std/mdspan>
namespace md = cuda::std;
#else
#include <mdspan>
namespace md = std;
#endif

template <class Element>
struct doubled {
  using offset_policy = doubled;
  using element_type = Element;
  using reference = Element;
  using data_handle_type = Element*;
  constexpr reference access(data_handle_type p, std::size_t i) const { return 2 * p[i]; }
  constexpr data_handle_type offset(data_handle_type p, std::size_t i) const { return p + i; }
};

float x[6];
auto const scaled = cppo::log_prob(md::mdspan<float, md::dextents<int, 2>, md::layout_right, doubled<float>>(x, 2, 3));
auto const cube = cppo::advantage(md::mdspan<float, md::dextents<int, 3>>(x, 1, 2, 3));
