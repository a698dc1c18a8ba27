#include <cppo/execution/simd/past_caches.hpp>

#include "support/catch_compat.hpp"

#include <algorithm>
#include <vector>

TEST_CASE("stream_bytes copies n bytes, wherever they begin, and no others", "[simd]") {
  std::vector<unsigned char> from(400);
  for (std::size_t k = 0; k < from.size(); ++k) from[k] = static_cast<unsigned char>(k * 37 + 1);
  for (std::size_t const first : {0U, 1U, 4U, 63U, 64U}) {
    for (std::size_t n = 0; n < 300; n += 7) {
      std::vector<unsigned char> to(400, 0);
      cppo::detail::stream_bytes(to.data() + first, from.data() + 3, n);
      cppo::detail::end_of_stream();
      std::vector<unsigned char> want(400, 0);
      std::copy_n(from.begin() + 3, n, want.begin() + static_cast<std::ptrdiff_t>(first));
      CHECK(to == want);
    }
  }
}
